"""What a connection costs that is made: processor time of the hub, of several hubs in turns.

    python3 benches/connecting.py [--hub target/release/clown-hub ...] [--connections 3000] [--rounds 9] [--set KEY=VALUE ...]

Each client signs in by WebSocket with name and password and, if it `subscribes`, says `config/set` with one filter and waits for the answer.
It stays until all are there (`ulimit -n` has to allow that many), so that no end of a connection is in the figure. The hub is on core 0, and
the clients, one after the other, on core 1. All threads of the hub are counted, also what its store writes of sign-ins. Another --hub
may be an older one: nothing is needed of it but `server.listen` and the simulator's account.
"""

import argparse
import base64
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FRAME = b'["clown.talk/-/config/set", {"filters": ["x/+/y"]}]'


def processor(pid):
    """Processor time of all threads of a process so far, in seconds."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def connect(port, subscribes):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    account = base64.b64encode(b"clown:bigclown").decode()
    stream.sendall(
        f"GET /auth/clown-talk-server_nodes_bridge_0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Authorization: Basic {account}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    read(stream, b"\r\n\r\n")
    if subscribes:
        stream.sendall(bytes([0x81, 0x80 | len(FRAME), 0, 0, 0, 0]) + FRAME)
        read(stream, b"config/ok")
    return stream


def read(stream, wanted):
    heard = b""
    while wanted not in heard:
        got = stream.recv(4096)
        if not got:
            raise SystemExit(f"the hub has ended the connection: {heard!r}")
        heard += got


def clients(port, number, subscribes):
    """In a process of its own: connects, says so, and stays until it is told to go."""
    os.sched_setaffinity(0, {1})
    kept = [connect(port, subscribes) for _ in range(number)]
    print(len(kept), flush=True)
    sys.stdin.readline()


def measure(hub, settings, number, subscribes):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        words = [word for setting in [f"server.listen=127.0.0.1:{port}", *settings] for word in ("--set", setting)]
        process = subprocess.Popen(
            ["taskset", "-c", "0", os.path.abspath(hub), *words], cwd=folder, env=os.environ | {"HOME": folder},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(1)
            # The first ones make room that later ones find.
            for stream in [connect(port, subscribes) for _ in range(300)]:
                stream.close()
            time.sleep(1.5)
            before = processor(process.pid)
            words = [sys.executable, __file__, "--clients", str(port), str(number), str(int(subscribes))]
            many = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if many.stdout.readline().strip() != str(number):
                raise SystemExit("not all clients were let in")
            # The store writes once a second.
            time.sleep(1.5)
            spent = processor(process.pid) - before
            many.communicate("go\n")
            return spent / number * 1e6
        finally:
            process.terminate()
            process.wait(60)


def main():
    if sys.argv[1:2] == ["--clients"]:
        return clients(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", action="append")
    parser.add_argument("--connections", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    hubs = args.hub or ["target/release/clown-hub"]
    for subscribes in (False, True):
        taken = {hub: [] for hub in hubs}
        for _ in range(args.rounds):
            for hub in hubs:
                taken[hub].append(measure(hub, args.set, args.connections, subscribes))
        print("signs in and subscribes" if subscribes else "signs in", "µs of processor time a connection", sep=", ")
        for hub, times in taken.items():
            print(f"  {statistics.median(times):6.1f}, least {min(times):.1f}, most {max(times):.1f}   {hub}")


if __name__ == "__main__":
    main()

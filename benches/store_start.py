"""How long a hub takes from its start until it listens, with so many last values in its store; and what each takes on the disk.

    python3 benches/store_start.py [--hub target/release/clown-hub] [--values 1000000] [--rounds 3]

Topic and payload have 68 bytes together. The last start is one after kill -9. After each start the hub looks through the whole
file, beside its work.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import time


def start(args, store):
    settings = {
        "simulator.run": "off",
        "server.line_listen": "127.0.0.1:0",
        "store.directory": str(store),
        "store.keep_free_bytes": "0",
        "retained.topics": str(args.values + 1000),
        "retained.bytes": str(1 << 32),
        "limits.messages_per_second": "0",
        "log.filter": "error",
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    began = time.monotonic()
    hub = subprocess.Popen([args.hub, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
    where = {}
    while "TCP lines" not in where:
        line = hub.stdout.readline()
        if not line:
            raise SystemExit("the hub did not start")
        for word in ("WebSocket", "TCP lines"):
            if line.strip().startswith(word):
                where[word] = line.strip().removeprefix(word).strip()
    took = time.monotonic() - began
    processor = [ticks(f"/proc/{hub.pid}/stat"), ticks(f"/proc/{hub.pid}/task/{hub.pid}/stat")]
    print(f"  {took:.2f} s, processor {processor[0]:.2f} s, of which reading {processor[1]:.2f} s")
    split = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    return hub, took, split(where["WebSocket"].split("@")[1].split("/")[0]), split(where["TCP lines"])


def ticks(stat):
    """Processor time, in seconds."""
    fields = pathlib.Path(stat).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def values(http):
    with socket.create_connection(http) as web:
        web.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: web.recv(65536), b"")).decode()
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("clown_hub_"))
    return int(found["clown_hub_store_values"]), int(found["clown_hub_store_state"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    store = pathlib.Path(tempfile.mkdtemp()) / "store"
    hub, _, http, lines = start(args, store)
    node = socket.create_connection(lines)
    opening = {"user": "clown", "password": "bigclown", "base": "house", "side": "node", "filters": []}
    node.sendall(f'["clown.talk/-/config/set", {json.dumps(opening)}]\n'.encode())
    for first in range(0, args.values, 1000):
        topics = range(first, min(first + 1000, args.values))
        said = (f'["thermometer/{number:08}/temperature", {{"temperature": [20.01, "C"]}}]\n' for number in topics)
        node.sendall("".join(said).encode())
    while values(http)[0] < args.values or values(http)[1] != 1:
        time.sleep(0.2)
    node.close()

    def ends(how):
        hub.send_signal(how)
        hub.wait(60)

    ends(signal.SIGTERM)
    size, took = (store / "hub.db").stat().st_size, []
    for _ in range(args.rounds):
        hub, seconds, http, _ = start(args, store)
        took.append(seconds)
        assert values(http)[0] >= args.values, values(http)
        ends(signal.SIGTERM)
    hub, _, http, _ = start(args, store)
    ends(signal.SIGKILL)
    hub, after_kill, http, _ = start(args, store)
    ends(signal.SIGTERM)
    print(f"values            {args.values}, {size / args.values:.0f} bytes each on the disk")
    print(f"listening after   {statistics.median(took):.2f} s, {min(took):.2f} to {max(took):.2f}; after kill -9 {after_kill:.2f} s")


main()

"""What readers of Server-Sent Events cost the hub, beside as many WebSockets, in turns.

    python3 benches/streams.py [--hub target/release/clown-hub] [--readers 1000] [--messages 300] [--rounds 3]

One publisher says messages one at a time, as every reader has to have one before the next is said. The figure is CPU time of the hub's
process for each delivery, its kernel's share included. Every reader's bytes are counted: one that misses a message ends the run.
"""

import argparse
import base64
import os
import pathlib
import re
import resource
import select
import socket
import statistics
import subprocess
import tempfile

KEY = base64.b64encode(os.urandom(16)).decode()
SIGN_IN = "Authorization: Basic " + base64.b64encode(b"clown:bigclown").decode()
PAYLOAD = b'{"temperature": [20.5, "\\u2103"]}'


class Hub:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        settings = {
            "store.directory": "",
            "simulator.run": "off",
            "limits.connections_per_network": 0,
            "limits.messages_per_second": 0,
            "log.filter": "error",
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        program = str(pathlib.Path(program).absolute())
        self.process = subprocess.Popen(
            [program, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True, cwd=self.folder.name
        )
        for line in self.process.stdout:
            if found := re.search(r"ws://[^@]*@127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                return
        raise SystemExit("the hub did not start")

    def nanoseconds(self):
        """CPU time of all its threads, as the scheduler counts it."""
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)

    def opened(self, request, sign):
        """A connection after its request, up to this sign of the answer."""
        stream = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        stream.sendall(request.encode())
        answer = b""
        while sign not in answer:
            part = stream.recv(4096)
            if not part:
                raise SystemExit(f"refused: {answer!r}")
            answer += part
        return stream

    def websocket(self):
        stream = self.opened(
            f"GET /talk HTTP/1.1\r\nHost: localhost:{self.port}\r\n{SIGN_IN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            b"\r\n\r\n",
        )
        return stream

    def reader_of_a_socket(self):
        stream = self.websocket()
        say(stream, b'["clown.talk/-/config/set", {"filters": ["bench"]}]')
        heard = b""
        while b"config/ok" not in heard:
            heard += stream.recv(4096)
        return stream

    def reader_of_a_stream(self):
        # The first event, or the first comment, says that the subscription holds.
        return self.opened(
            f"GET /api/stream?filter=bench HTTP/1.1\r\nHost: localhost:{self.port}\r\n{SIGN_IN}\r\n"
            "Accept: text/event-stream\r\n\r\n",
            b"\n\n",
        )


def say(stream, text):
    """One text of a WebSocket client, with a mask of zeros."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else bytes([0x80 | 126]) + len(text).to_bytes(2, "big")
    stream.sendall(b"\x81" + length + bytes(4) + text)


def cost(program, kind, number, messages):
    """Microseconds of the hub for each delivery."""
    hub = Hub(program)
    try:
        readers = [getattr(hub, kind)() for _ in range(number)]
        publisher = hub.websocket()
        poll = select.epoll()
        for reader in readers:
            reader.setblocking(False)
            poll.register(reader.fileno(), select.EPOLLIN)
        by_number = {reader.fileno(): reader for reader in readers}
        began = None
        for message in range(messages + 20):
            if message == 20:
                began = hub.nanoseconds()
            say(publisher, b'["bench", ' + PAYLOAD + b"]")
            missing = set(by_number)
            while missing:
                for descriptor, _ in poll.poll(30) or [(None, None)]:
                    if descriptor is None:
                        raise SystemExit(f"{len(missing)} of {number} readers missed message {message}")
                    if b"temperature" in by_number[descriptor].recv(4096):
                        missing.discard(descriptor)
        return (hub.nanoseconds() - began) / messages / number / 1000
    finally:
        hub.process.kill()
        hub.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--readers", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    kinds = {"reader_of_a_socket": [], "reader_of_a_stream": []}
    for _ in range(args.rounds):
        for kind, costs in kinds.items():
            costs.append(cost(args.hub, kind, args.readers, args.messages))
    sockets, streams = (statistics.median(costs) for costs in kinds.values())
    print(f"a WebSocket           {sockets:.2f} us a delivery, rounds {[round(one, 2) for one in kinds['reader_of_a_socket']]}")
    print(f"a stream of events    {streams:.2f} us a delivery, rounds {[round(one, 2) for one in kinds['reader_of_a_stream']]}")
    print(f"ratio                 {streams / sockets:.2f}")


main()

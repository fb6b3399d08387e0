"""Measures for benches/bridge.sh what a message costs whoever carries it over a bridge.

A publisher and a subscriber, both in this one thread, one at the process that bridges and one at the broker. Each message
is sent when it is due, alone, and looked for on the other side: every one must come once and in the order of its topic.
"""

import argparse
import base64
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOPICS = 100
PATIENCE = 20
PEERS = {"hub": "hub", "mosquitto": "Mosquitto"}


class Mqtt:
    """A client of MQTT 3.1.1."""

    def __init__(self, port, name, qos):
        self.qos, self.unread, self.next_id = qos, b"", 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(name))
        if self.socket.recv(4) != b"\x20\x02\x00\x00":
            sys.exit("the broker refuses the client of the measurement")

    def send(self, first, body):
        length, left = b"", len(body)
        while True:
            left, low = left // 128, left % 128
            length += bytes([low | (0x80 if left else 0)])
            if not left:
                break
        self.socket.sendall(bytes([first]) + length + body)

    def subscribe(self, topic):
        self.send(0x82, b"\x00\x01" + text(topic) + bytes([self.qos]))

    def publish(self, topic, payload):
        self.next_id = self.next_id % 65535 + 1
        number = self.next_id.to_bytes(2, "big") if self.qos else b""
        self.send(0x30 | self.qos << 1, text(topic) + number + payload.encode())

    def read(self):
        """What came: pairs of topic and payload."""
        self.unread += self.socket.recv(65536)
        messages, answers, at = [], b"", 0
        while (packet := next_packet(self.unread, at)) is not None:
            first, start, at = packet
            if first >> 4 != 3:
                continue
            end = start + 2 + int.from_bytes(self.unread[start : start + 2], "big")
            topic = self.unread[start + 2 : end].decode()
            if first & 6:
                answers += b"\x40\x02" + self.unread[end : end + 2]
                end += 2
            messages.append((topic, self.unread[end:at].decode()))
        self.unread = self.unread[at:]
        if answers:
            self.socket.sendall(answers)
        return messages


def text(word):
    return len(word.encode()).to_bytes(2, "big") + word.encode()


def next_packet(data, at):
    """First byte, and where the body begins and ends; none where it is not all there."""
    length, shift, start = 0, 0, at + 1
    while True:
        if start >= len(data):
            return None
        byte, start = data[start], start + 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return (data[at], start, start + length) if start + length <= len(data) else None


class Talk:
    """A client of the hub, over WebSocket."""

    def __init__(self, port, filters):
        self.unread = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = [
            "GET /talk HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(),
            "Authorization: Basic " + base64.b64encode(b"clown:bigclown").decode(),
        ]
        self.socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.unread:
            self.unread += self.socket.recv(65536)
        answer, _, self.unread = self.unread.partition(b"\r\n\r\n")
        if b" 101 " not in answer:
            sys.exit(f"the hub refuses the client of the measurement: {answer.decode()}")
        self.send(1, f'["clown.talk/-/config/set", {{"filters": {filters}}}]'.encode())

    def send(self, kind, payload):
        # A mask of zeros leaves the payload as it is.
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self.socket.sendall(bytes([0x80 | kind]) + length + bytes(4) + payload)

    def publish(self, topic, payload):
        self.send(1, f'["{topic}", {payload}]'.encode())

    def read(self):
        self.unread += self.socket.recv(65536)
        messages = []
        while len(self.unread) >= 2:
            kind, length, start = self.unread[0] & 15, self.unread[1], 2
            if length == 126:
                length, start = int.from_bytes(self.unread[2:4], "big"), 4
            if len(self.unread) < start + length:
                break
            frame, self.unread = self.unread[start : start + length], self.unread[start + length :]
            if kind == 9:
                self.send(10, frame)
            elif kind == 8:
                sys.exit(f"the hub closes the connection of the measurement: {frame[2:].decode()}")
            elif frame.startswith(b'["bench/'):
                topic, _, payload = frame.decode()[2:-1].partition('", ')
                messages.append((topic, payload))
        return messages


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(command, folder, port):
    """The process, once it takes connections."""
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            time.sleep(0.02)
    process.kill()
    sys.exit(f"{command[0]} does not start: {(folder / 'log').read_text()}")


def mosquitto(folder, port, bridge=""):
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    (folder / "conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
        f"max_inflight_messages 1000\nmax_queued_messages 0\nlog_type error\nuser {user}\n{bridge}"
    )
    return started(["mosquitto", "-c", "conf"], folder, port)


def bridging(peer, folder, port, broker, qos, options):
    """The process that is measured, with one link to the broker."""
    if peer == "mosquitto":
        version = "mqttv50" if options.mqtt == "5" else "mqttv311"
        bridge = (
            f"connection measured\naddress 127.0.0.1:{broker}\ntopic # both {qos}\nbridge_protocol_version {version}\n"
            "notifications false\ncleansession true\nrestart_timeout 1\n"
        )
        return mosquitto(folder, port, bridge)
    (folder / "bridges").mkdir()
    (folder / "bridges/measured.toml").write_text(
        f'url = "mqtt://127.0.0.1:{broker}"\nversion = "{options.mqtt}"\ninflight = 1000\n\n[[rule]]\ndirection = "both"\n'
        f'filter = "#"\nqos = {qos}\nretain = "never"\n'
    )
    command = [options.hub, "--listen", f"127.0.0.1:{port}", "--set", "simulator.run=off"]
    return started(command, folder, port)


def cpu_seconds(process):
    words = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_link(publisher, subscriber):
    """Until a message passes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        publisher.publish("bench/ready", "0")
        while select.select([subscriber.socket], [], [], 0.05)[0]:
            if subscriber.read():
                settle(publisher, subscriber)
                return
    sys.exit("no message passes the bridge")


def settle(publisher, subscriber):
    """Reads what is left until it is quiet."""
    while readable := select.select([publisher.socket, subscriber.socket], [], [], 0.3)[0]:
        for client in (publisher, subscriber):
            if client.socket in readable:
                client.read()


def carry(publisher, subscriber, messages, rate):
    """Sends them all, and returns what is wrong with what arrived, in words."""
    next_of, arrived, again, gaps, sent = [0] * TOPICS, 0, 0, 0, 0
    began = last = time.monotonic()
    while arrived < messages and time.monotonic() < last + PATIENCE:
        now = time.monotonic()
        if sent < messages and now >= began + sent / rate:
            publisher.publish(f"bench/{sent % TOPICS}", f"{sent // TOPICS}")
            sent += 1
            continue
        wait = max(0, began + sent / rate - now) if sent < messages else 1
        for readable in select.select([subscriber.socket, publisher.socket], [], [], wait)[0]:
            if readable is publisher.socket:
                publisher.read()
                continue
            last = time.monotonic()
            for topic, payload in subscriber.read():
                number, at = int(payload), int(topic.removeprefix("bench/"))
                if number < next_of[at]:
                    again += 1
                    continue
                gaps += number - next_of[at]
                next_of[at] = number + 1
                arrived += 1
    wrong = {"lost": messages - arrived, "out of order": gaps, "twice": again}
    return ", ".join(f"{count} {what}" for what, count in wrong.items() if count)


def measure(peer, way, qos, options):
    """Microseconds for each message."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("broker", "bridging"):
            (folder / name).mkdir()
        ports = free_port(), free_port()
        broker = mosquitto(folder / "broker", ports[1])
        process = bridging(peer, folder / "bridging", ports[0], ports[1], qos, options)
        try:
            there = Mqtt(ports[1], "there", qos)
            if peer == "mosquitto":
                here = Mqtt(ports[0], "here", qos)
                subscribe_here = lambda: here.subscribe("bench/#")
            else:
                here = Talk(ports[0], '["bench/#"]' if way == "in" else "[]")
                subscribe_here = lambda: None
            if way == "in":
                subscribe_here()
                publisher, subscriber = there, here
            else:
                there.subscribe("bench/#")
                publisher, subscriber = here, there
            wait_for_link(publisher, subscriber)
            messages = int(options.rate * options.seconds)
            before = cpu_seconds(process)
            wrong = carry(publisher, subscriber, messages, options.rate)
            spent = cpu_seconds(process) - before
            if wrong:
                sys.exit(f"{PEERS[peer]}, {way}, QoS {qos}: of {messages} messages {wrong}")
            return 1e6 * spent / messages
        finally:
            for child in (process, broker):
                child.terminate()
                child.wait()


def main():
    parser = argparse.ArgumentParser(prog="benches/bridge.sh")
    parser.add_argument("hub")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--mqtt", choices=["5", "3.1.1"], default="5")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 0.3
    # Children inherit it.
    os.sched_setaffinity(0, {options.core})
    cells = [(way, qos) for qos in (0, 1) for way in ("out", "in")]
    found = {}
    for round_ in range(1, options.rounds + 1):
        for way, qos in cells:
            for peer in PEERS:
                if sys.stderr.isatty():
                    what = f"{PEERS[peer]}, {way}, QoS {qos}: round {round_} of {options.rounds}"
                    print(f"\r\x1b[K{what}", end="", file=sys.stderr)
                found.setdefault((peer, way, qos), []).append(measure(peer, way, qos, options))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    words = {"out": "a client here → the broker", "in": "the broker → a client here"}
    print(f"| µs / message, MQTT {options.mqtt}, {options.rate:,} a second | hub | Mosquitto | ratio |\n|---|---|---|---|")
    for way, qos in cells:
        hub, other = (statistics.median(found[peer, way, qos]) for peer in PEERS)
        ratio = f"{hub / other:.2f}" if other else ""
        print(f"| {words[way]}, QoS {qos} | {hub:.1f} | {other:.1f} | {ratio} |")


if __name__ == "__main__":
    main()

"""What it costs that several hubs are one: time from hub to hub, and processor time a message.

    python3 benches/cluster.py [--hub target/release/clown-hub] [--hubs 5] [--rate 2000] [--seconds 10]
    python3 benches/cluster.py --floor target/release/floor [--rounds 3]

Starts three servers of NATS as one cluster (`config/nats/three-nodes`), and that many hubs, in turns at the servers, all on this machine and
without a store. Everything is said by one client of the first hub, over TCP lines:

* `from hub to hub`: --rate messages a second, each on its own, for a reader at the second hub, which is at another server; and for a reader
  at the first hub, for comparison. How long each is under way. The clients are Python, whose own time is in both.
* `a message`: processor time of the first hub, of the one with the reader, of the servers, for messages that nobody wants, that a reader at
  the first hub wants, or one at the second; one by one, and in bursts of 100. And the same at a hub that is in no cluster.
* `with so many hubs`: the same for a reader at the second hub, with 2 hubs up to all. The others do not want what is said: what it costs
  them, and whether it costs the first two more.

With --floor only this, over WebSockets, as the floor of docs/performance.md speaks nothing else: processor time a message of the floor with
one reader, of a hub in no cluster with one reader, and of a hub in a cluster for a message that another hub wants, in turns; as ratios to the
floor, with what the servers of NATS take beside. Of commands, which pass, and of readings, which are kept and go to the servers twice.
"""

import argparse
import atexit
import base64
import json
import os
import pathlib
import select
import socket
import statistics
import subprocess
import tempfile
import time

from store_storm import Hub

ROOT = pathlib.Path(__file__).resolve().parent.parent


def free_ports(number):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def processor(pid):
    """Processor time of all threads of a process so far, in seconds."""
    spent = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            spent += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return spent / 1e9


class Server:
    """One server of NATS, as docs/scaling.md has it."""

    def __init__(self, number, ports, folder):
        http, client, route = ports[number::3]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports[6:])
        environment = {
            "NATS_NAME": f"node-{number}", "NATS_HOST": "127.0.0.1", "NATS_PORT": str(client), "NATS_HTTP": f"127.0.0.1:{http}",
            "NATS_STORE": f"{folder}/{number}", "NATS_CLUSTER": f"127.0.0.1:{route}", "NATS_ROUTES": f"[{routes}]",
            "NATS_PASSWORD": os.environ["HUB_PASSWORD"], "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }
        words = ["nats-server", "-c", str(ROOT / "config/nats/node.conf")]
        self.process = subprocess.Popen(words, env=os.environ | environment, stderr=subprocess.DEVNULL)
        # Not left behind by a measurement that breaks off.
        atexit.register(self.process.kill)


def hub(program, number, server):
    settings = {
        "cluster.servers": f"nats://127.0.0.1:{server}", "cluster.name": f"h{number}", "cluster.user": "hub",
        "cluster.password_env": "HUB_PASSWORD",
        # What the reader of the measurement before has asked for is not to be heard any more.
        "cluster.linger_seconds": "0",
    }
    return Hub(program, "", more=[f"{key}={value}" for key, value in settings.items()])


def client(of, filters, side="dashboard"):
    """A client that has been told that its subscription is in effect."""
    stream = socket.create_connection(of.lines)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    start = {"user": "clown", "password": "bigclown", "side": side, "filters": filters}
    stream.sendall(f'["clown.talk/-/config/set", {json.dumps(start)}]\n'.encode())
    heard = b""
    while b"config/ok" not in heard or not heard.endswith(b"\n"):
        got = stream.recv(65536)
        if not got:
            raise SystemExit(f"the hub has ended the connection: {heard!r}")
        heard += got
    return stream


def frame(text):
    """A text as a client sends it, masked with nothing."""
    size = len(text)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + text


def web(address, path, opening):
    """A WebSocket, after the answer to its first frame."""
    stream = socket.create_connection(address)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sign_in = base64.b64encode(b"clown:bigclown").decode()
    key = base64.b64encode(bytes(16)).decode()
    stream.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nAuthorization: Basic {sign_in}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    heard = b""
    for wanted, said in ((b"\r\n\r\n", frame(opening)), (b"config/ok", b"")):
        while wanted not in heard:
            got = stream.recv(65536)
            if not got:
                raise SystemExit(f"the connection was ended: {heard!r}")
            heard += got
        stream.sendall(said)
    return stream


class Floor:
    """The program of docs/performance.md that understands nothing."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        host, port = self.process.stdout.readline().split("//")[1].strip().rsplit(":", 1)
        self.http = (host, int(port))


def over_web(of, side, filters):
    opening = b'["clown.talk/-/config/set", ' + json.dumps({"filters": filters}).encode() + b"]"
    return web(of.http, f"/talk?side={side}", opening)


def until(what, holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise SystemExit(f"{what} did not come in a minute")


def start(args, folder):
    ports = free_ports(9)
    servers = [Server(number, ports, folder) for number in range(3)]
    until("the cluster of NATS", lambda: all(is_open(port) for port in ports[3:6]))
    hubs = [hub(args.hub, number, ports[3 + number % 3]) for number in range(args.hubs)]
    for one in hubs:
        until("the cluster", lambda: one.figures().get("cluster_connected") == 1)
    return servers, hubs


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def how_long(speaker, reader, rate, seconds):
    """How long each message is under way, in seconds."""
    took, left, began, said, wanted = [], b"", time.perf_counter(), 0, int(rate * seconds)
    reader.setblocking(False)
    while len(took) < wanted:
        now = time.perf_counter()
        due = min(wanted, int((now - began) * rate) + 1)
        if said < due:
            speaker.sendall(b'["under/way", %.9f]\n' % time.perf_counter())
            said += 1
        wait = max(0, began + said / rate - time.perf_counter()) if said < wanted else 5
        if not select.select([reader], [], [], 0 if said < due else wait)[0]:
            if said == wanted:
                break
            continue
        try:
            left += reader.recv(65536)
        except BlockingIOError:
            continue
        now = time.perf_counter()
        *lines, left = left.split(b"\n")
        took += [now - json.loads(line)[1] for line in lines if line.startswith(b'["under/way"')]
    reader.setblocking(True)
    return took, wanted - len(took)


def drain(reader):
    """Reads what is there already."""
    reader.setblocking(False)
    try:
        while reader.recv(1 << 20):
            pass
    except BlockingIOError:
        pass
    reader.setblocking(True)


def cost(processes, speaker, reader, burst, messages, rate, line=None):
    """Processor time a message of each process, in microseconds."""
    line = line or (lambda number: b'["cost/of/it", %d]\n' % number)
    time.sleep(1)
    before = [processor(one.process.pid) for one in processes]
    began, said, heard, left = time.perf_counter(), 0, 0, b""
    while said < messages:
        speaker.sendall(b"".join(line(said + number) for number in range(burst)))
        said += burst
        until_next = began + said / rate
        while (wait := until_next - time.perf_counter()) > 0:
            if reader is None:
                time.sleep(wait)
            elif select.select([reader], [], [], wait)[0]:
                heard += reader.recv(1 << 20).count(b"]")
    time.sleep(1)
    if reader is not None:
        while select.select([reader], [], [], 0.5)[0]:
            heard += reader.recv(1 << 20).count(b"]")
        if heard != said:
            print(f"                  {heard} of {said} messages were heard")
    return [(processor(one.process.pid) - start) / said * 1e6 for one, start in zip(processes, before)]


def idle(processes):
    """What each process takes a second when nothing is said."""
    before = [processor(one.process.pid) for one in processes]
    time.sleep(3)
    return [(processor(one.process.pid) - start) / 3 for one, start in zip(processes, before)]


def at_work(processes, *words):
    """Processor time a message of each process, less what it takes at rest."""
    _, _, burst, messages, rate, *_ = words
    rest = idle(processes)
    seconds = messages / rate + 2.5
    return [spent - each * seconds / messages * 1e6 for spent, each in zip(cost(processes, *words), rest)]


def beside_the_floor(args, servers, hubs):
    """What a message costs that another hub wants, beside the floor."""
    floor, plain = Floor(args.floor), Hub(args.hub, "")
    ways = [("the floor, a reader", floor, floor), ("no cluster, a reader", plain, plain),
            ("a reader here", hubs[0], hubs[0]), ("one at another hub", hubs[0], hubs[1])]
    print("a message, in µs of processor time: the hub (or floor) where it is said, as a ratio to the floor; the hub of the reader; the servers "
          "together. Medians.")
    for topic, kind in (("cost/of/it/set", "passes"), ("cost/of/it", "kept")):
        line = lambda number: frame(b'["%s", %d]' % (topic.encode(), number))
        for burst, rate, messages in ((1, 1000, 5000), (100, 10_000, 50_000)):
            found = {name: [] for name, _, _ in ways}
            for _ in range(args.rounds):
                for name, first, other in ways:
                    reader, speaker = over_web(other, "dashboard", ["cost/#"]), over_web(first, "node", [])
                    watched = [first, hubs[1], *servers]
                    found[name].append(at_work(watched, speaker, reader, burst, messages, rate, line))
                    reader.close()
                    speaker.close()
                    time.sleep(0.5)
            middle = {name: [statistics.median(one) for one in zip(*all)] for name, all in found.items()}
            least = middle["the floor, a reader"][0]
            for name, _, _ in ways:
                first, second, *rest = middle[name]
                how = "one by one" if burst == 1 else f"bursts of {burst}"
                print(f"  {kind:<7} {how:<14} {name:<20} {first:7.2f}  {first / least:5.2f} ×  {second:7.2f}  {sum(rest):7.2f}", flush=True)
            here, there, alone = (middle[name][0] for name in ("a reader here", "one at another hub", "no cluster, a reader"))
            print(f"  {kind:<7} {'':<14} what the way out adds to a delivery here: {here - alone:.2f} µs, {(here - alone) / least:.2f} × the floor; in its place: "
                  f"{there - alone:.2f} µs, {(there - alone) / least:.2f} ×", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--hubs", type=int, default=5)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--floor", help="the program of bench/src/bin/floor.rs: only what is beside it")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.environ["HUB_PASSWORD"] = "benches"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        args.hubs = 2 if args.floor else args.hubs
        servers, hubs = start(args, folder)
        if args.floor:
            return beside_the_floor(args, servers, hubs)
        speaker = client(hubs[0], [])
        print(f"from hub to hub, {args.rate} messages a second")
        for name, one in (("a reader here", hubs[0]), ("one at another hub", hubs[1])):
            reader = client(one, ["under/#"])
            time.sleep(1)
            took, missing = how_long(speaker, reader, args.rate, args.seconds)
            reader.close()
            print(f"  {name:<20} p50 {quantile(took, 0.5):.3f} ms, p99 {quantile(took, 0.99):.3f} ms, "
                  f"p99.9 {quantile(took, 0.999):.3f} ms, missing {missing}")
        resting = idle([*hubs, *servers])
        print(f"at rest: a hub {sum(resting[:len(hubs)]) / len(hubs) * 1000:.2f} ms of processor time a second, "
              f"a server {sum(resting[len(hubs):]) / 3 * 1000:.2f} ms")
        plain = Hub(args.hub, "")
        print("a message, in µs of processor time: the hub where it is said, the hub of the reader, the servers together")
        for burst, rate, messages in ((1, 1000, 8000), (100, 10_000, 80_000)):
            ways = [("nobody wants it", hubs[0], None), ("a reader here", hubs[0], hubs[0]),
                    ("one at another hub", hubs[0], hubs[1]), ("no cluster, a reader", plain, plain)]
            for name, first, one in ways:
                reader = client(one, ["cost/#"]) if one else None
                speaker.close()
                speaker = client(first, [])
                watched = [first, hubs[1], *servers]
                rest = idle(watched)
                seconds = messages / rate + 2.5
                spent = [one - each * seconds / messages * 1e6
                         for one, each in zip(cost(watched, speaker, reader, burst, messages, rate), rest)]
                kind = "one by one" if burst == 1 else f"bursts of {burst}"
                print(f"  {kind:<14} {name:<20} {spent[0]:6.2f} {spent[1]:6.2f} {sum(spent[2:]):6.2f}")
                if reader:
                    reader.close()
                time.sleep(1)
        print("with so many hubs, in bursts of 100: where it is said, the hub of the reader, each of the others, the servers together")
        reader = client(hubs[1], ["cost/#"])
        speaker.close()
        for number in range(args.hubs, 1, -1):
            speaker = client(hubs[0], [])
            some = hubs[:number]
            rest = idle([*some, *servers])
            messages = 80_000
            spent = [one - each * (messages / 10_000 + 2.5) / messages * 1e6
                     for one, each in zip(cost([*some, *servers], speaker, reader, 100, messages, 10_000), rest)]
            others = spent[2:number]
            each = f"{sum(others) / len(others):6.2f}" if others else "     -"
            print(f"  {number} hubs  {spent[0]:6.2f} {spent[1]:6.2f} {each} {sum(spent[number:]):6.2f}")
            speaker.close()
            if number > 2:
                hubs.pop().end()


if __name__ == "__main__":
    main()

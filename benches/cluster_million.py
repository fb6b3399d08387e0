"""A million last values in a cluster: how long until all hubs have them, and what that takes.

    python3 benches/cluster_million.py [--hub target/release/clown-hub] [--topics 1000000] [--rate 5000]

Starts three servers of NATS as one cluster (`config/nats/node.conf`) and three hubs, one at each, all on this machine and without a store. A client of the
first hub says --topics readings, each of a topic of its own, --rate a second, while nobody at the others asks for them. Then somebody at the second hub and
at the third asks for all of them, each topic has to come once, and so they do at a fourth hub that is started then. Then all is said once more
while they are heard at the fourth hub. Memory is that of the processes, `VmRSS`; what it was at most is `VmHWM`.
"""

import argparse
import os
import pathlib
import re
import socket
import tempfile
import time

from cluster import Server, client, free_ports, is_open, processor, until
from store_storm import Hub

WANTED = "million/#"
NUMBER = re.compile(rb'"million/\d+/(\d+)/temperature", (\d+)')


def hub(program, number, server, topics):
    settings = {
        "cluster.servers": f"nats://127.0.0.1:{server}", "cluster.name": f"h{number}", "cluster.user": "hub",
        "cluster.password_env": "HUB_PASSWORD", "cluster.topics": str(topics + 1000), "retained.topics": str(topics + 1000),
        "retained.bytes": str(2 << 30), "cluster.last_values_bytes": str(4 << 30), "log.filter": "warn",
    }
    one = Hub(program, "", more=[f"{key}={value}" for key, value in settings.items()])
    until("the cluster", lambda: one.figures().get("cluster_last_values_shared") == 1)
    return one


def say(stream, topics, value, rate):
    """Says one reading of each topic. Returns how long that took."""
    began, said = time.perf_counter(), 0
    while said < topics:
        due = min(topics, int((time.perf_counter() - began) * rate) + 1)
        stream.sendall(b"".join(b'["million/%d/%d/temperature", %d]\n' % (n // 1000, n, value) for n in range(said, due)))
        said = due
        time.sleep(0.01)
    return time.perf_counter() - began


def ask(of):
    """A client that asks for all of them, and what it has heard before the answer."""
    stream = socket.create_connection(of.lines)
    stream.sendall(b'["clown.talk/-/config/set", {"user": "clown", "password": "bigclown", "filters": ["%s"]}]\n' % WANTED.encode())
    return stream


def heard(stream, topics, value, silence=120):
    """Waits until each topic has come with this value. Returns how long that took, until the first one, and how often one came twice."""
    began, first, left, found, again, count = time.perf_counter(), None, b"", bytearray(topics), 0, 0
    stream.settimeout(silence)
    lines = b""
    while count < topics:
        try:
            got = stream.recv(1 << 20)
        except TimeoutError:
            break
        if not got:
            raise SystemExit(f"the hub has ended the connection after {count}: {lines[-300:]!r}")
        lines, _, left = (left + got).rpartition(b"\n")
        for number, said in NUMBER.findall(lines):
            if int(said) != value:
                continue
            first = first or time.perf_counter() - began
            number = int(number)
            again += found[number]
            count += not found[number]
            found[number] = 1
    return time.perf_counter() - began, first or 0, again, topics - count


def memory(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+)", status)[1]) // 1024 for name in ("VmRSS", "VmHWM")]


def figure(of, name):
    figures = of.figures()
    return figures.get(f"cluster_{name}", figures.get(f"cluster_{name}_total", 0))


def on_disk(folder):
    return sum(file.stat().st_blocks * 512 for file in pathlib.Path(folder).rglob("*") if file.is_file()) // 3


def told(what, processes):
    print(f"  {what:<34}" + "".join(f"  {name} {now:,} ({most:,})" for name, now, most in ((name, *memory(one.process.pid)) for name, one in processes)),
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--topics", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=5_000)
    args = parser.parse_args()
    os.environ["HUB_PASSWORD"] = "benches"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ports = free_ports(9)
        servers = [Server(number, ports, folder) for number in range(3)]
        until("the cluster of NATS", lambda: all(is_open(port) for port in ports[3:6]))
        hubs = [hub(args.hub, number, ports[3 + number], args.topics) for number in range(3)]
        names = [(f"hub {number + 1}", one) for number, one in enumerate(hubs)] + [(f"server {n + 1}", one) for n, one in enumerate(servers)]
        print("memory now and at most, in MiB")
        told("at the start", names)
        before = [processor(one.process.pid) for _, one in names]
        speaker = client(hubs[0], [], "node")
        took = say(speaker, args.topics, 1, args.rate)
        said = time.perf_counter()
        while figure(hubs[0], "last_values_waiting") or figure(hubs[0], "last_values_stored") < args.topics:
            if time.perf_counter() > said + 1200:
                raise SystemExit(f"they are not put: {hubs[0].figures()}")
            time.sleep(0.1)
        print(f"{args.topics:,} last values were said in {took:.0f} s, and all were at the servers {time.perf_counter() - said:.1f} s after the last one")
        spent = [(processor(one.process.pid) - start) / args.topics * 1e6 for (_, one), start in zip(names, before)]
        print(f"  processor time a value, µs: {' '.join(f'{name} {one:.0f}' for (name, _), one in zip(names, spent))}")
        lost = {name: figure(hubs[0], name) for name in ("messages_lost", "last_values_refused", "messages_skipped") if figure(hubs[0], name)}
        print(f"  what is lost or refused: {lost or 'nothing'}; on the disk of each server {on_disk(folder) >> 20:,} MiB")
        told("all were put", names)
        for number in (1, 2, 1):
            stream = ask(hubs[number])
            took, first, again, missing = heard(stream, args.topics, 1)
            print(f"somebody at hub {number + 1} has all after {took:.1f} s, the first after {first:.2f} s; twice {again}, missing {missing}")
            stream.close()
        told("they were read", names)
        began = time.perf_counter()
        hubs.append(hub(args.hub, 3, ports[3], args.topics))
        ready = time.perf_counter() - began
        stream = ask(hubs[3])
        took, first, again, missing = heard(stream, args.topics, 1)
        names.insert(3, ("hub 4", hubs[3]))
        print(f"a fourth hub is ready after {ready:.1f} s, and who asks there has all {took:.1f} s later, the first after {first:.2f} s; "
              f"twice {again}, missing {missing}")
        told("a fourth hub has them", names)
        began = time.perf_counter()
        if os.fork() == 0:
            say(speaker, args.topics, 2, args.rate)
            os._exit(0)
        took, _, again, missing = heard(stream, args.topics, 2)
        os.wait()
        print(f"all were said anew, and who listens at the fourth hub had all {took:.0f} s after the first word; twice {again}, missing {missing}")
        told("all were said anew", names)
        for name, one in names[:4]:
            print(f"  {name}: " + ", ".join(f"{key} {figure(one, key):.0f}" for key in (
                "messages_missing", "messages_lost", "messages_skipped", "messages_overtaken", "last_values_refused", "late", "slow")))


if __name__ == "__main__":
    main()

"""What a storm costs the store: many readings a second on many topics, to a hub with a store and to one without, side by side.

    python3 benches/store_storm.py [--hub target/release/clown-hub] [--rate 20000] [--topics 10000] [--seconds 900]
                                   [--set KEY=VALUE ...]

Each topic has one number that changes. --set is for the hub with the store. Once a second the sizes of the file and of its journal and the memory of both hubs are
looked at. At the end the hub with the store is asked for the history of every topic: each reading has to be there.
"""

import argparse
import atexit
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time

# Topics in one question.
ASKED = 100


class Hub:
    def __init__(self, program, store, base="storm", more=()):
        self.base = base
        settings = {
            "simulator.run": "off",
            "server.line_listen": "127.0.0.1:0",
            "store.directory": str(store),
            "limits.messages_per_second": "0",
            "log.filter": "error",
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        words += [word for setting in more for word in ("--set", setting)]
        self.process = subprocess.Popen([program, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
        # Not left behind by a measurement that breaks off.
        atexit.register(self.process.kill)
        where = {}
        while "TCP lines" not in where:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("the hub did not start")
            for word in ("WebSocket", "TCP lines"):
                if line.strip().startswith(word):
                    where[word] = line.strip().removeprefix(word).strip()
        split = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
        self.http, self.lines = split(where["WebSocket"].split("@")[1].split("/")[0]), split(where["TCP lines"])

    def client(self, side):
        stream = socket.create_connection(self.lines)
        start = {"user": "clown", "password": "bigclown", "base": self.base, "side": side, "filters": []}
        stream.sendall(f'["clown.talk/-/config/set", {json.dumps(start)}]\n'.encode())
        return stream

    def figures(self):
        with socket.create_connection(self.http) as web:
            web.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: web.recv(65536), b"")).decode()
        lines = (line.split() for line in text.splitlines() if line.startswith("clown_hub_"))
        return {line[0].removeprefix("clown_hub_"): float(line[1]) for line in lines}

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def processor(self):
        """Processor time of all threads, and of the one that writes, in seconds."""
        spent = {}
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            name = (task / "comm").read_text().strip()
            spent[name] = spent.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return sum(spent.values()), spent.get("store", 0)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def told(hub, topics):
    """How many readings of each topic history tells, and its gaps."""
    client, counts, gaps = hub.client("dashboard"), {}, []
    answers = client.makefile(encoding="utf-8")
    for first in range(0, topics, ASKED):
        asked = {"filters": [f"sensor/{number}/reading" for number in range(first, min(first + ASKED, topics))], "step": 86400}
        while asked:
            client.sendall(f'["clown.talk/-/history/get", {json.dumps(asked)}]\n'.encode())
            while True:
                topic, answer = json.loads(next(answers))[:2]
                if topic == "clown.talk/-/history/ok":
                    break
                if topic.endswith("/error"):
                    raise SystemExit(f"{topic}: {answer}")
            for series in answer["series"]:
                counts[series["topic"]] = counts.get(series["topic"], 0) + sum(series["count"])
            gaps += answer["gaps"]
            asked = answer["more"]
    return counts, gaps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--topics", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=900)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    store = pathlib.Path(tempfile.mkdtemp()) / "store"
    hubs = [Hub(args.hub, store, more=args.set), Hub(args.hub, "")]
    nodes = [hub.client("node") for hub in hubs]
    values, rng, said = [2000] * args.topics, random.Random(1), 0
    largest, journal, more, queue = 0, 0, 0, 0
    began, before = time.monotonic(), [hub.processor() for hub in hubs]
    for second in range(args.seconds):
        for step in range(20):
            lines = []
            for _ in range(args.rate // 20):
                number = said % args.topics
                values[number] += rng.randrange(-3, 4)
                lines.append('["sensor/%d/reading", {"temperature": [%.2f, "C"]}]\n' % (number, values[number] / 100))
                said += 1
            text = "".join(lines).encode()
            for node in nodes:
                node.sendall(text)
            time.sleep(max(0, began + second + (step + 1) / 20 - time.monotonic()))
        largest = max(largest, sum(file.stat().st_size for file in store.iterdir()))
        found = hubs[0].figures()
        journal, queue = max(journal, found["store_journal_bytes"]), max(queue, found["store_queue"])
        more = max(more, hubs[0].memory() - hubs[1].memory())
    took = time.monotonic() - began
    spent = [[after - start for after, start in zip(hub.processor(), first)] for hub, first in zip(hubs, before)]
    time.sleep(3)
    found, memory = hubs[0].figures(), [hub.memory() for hub in hubs]
    counts, gaps = told(hubs[0], args.topics)
    for hub in hubs:
        hub.end()
    print(f"said              {said} on {args.topics} topics in {took:.0f} s, {said / took:.0f} a second")
    print(f"in history        {sum(counts.values())} readings of {len(counts)} series, gaps {gaps}")
    print(f"left out          skipped {found['store_skipped_total']:.0f}, unwritten {found['store_unwritten_total']:.0f}, greatest queue {queue:.0f}")
    print(f"the writer        {spent[0][1] / took * 100:.1f} % of a core, {spent[0][1] / said * 1e6:.2f} us a message")
    print(f"the hub           {(spent[0][0] - spent[0][1]) / said * 1e6:.2f} us a message but for that, without a store {spent[1][0] / said * 1e6:.2f}")
    print(f"longest write     {found['store_longest_write_microseconds'] / 1000:.1f} ms")
    print(f"file and journal  {largest / 1e6:.1f} MB at most, of which the journal {journal / 1e6:.1f} MB")
    print(f"memory            {memory[0] / 1e6:.1f} MB, without a store {memory[1] / 1e6:.1f} MB, at most {more / 1e6:.1f} MB more")


if __name__ == "__main__":
    main()

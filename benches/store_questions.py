"""What questions about the past cost, and whether others notice them, while many readings come in.

    CLOWN_WEEK=/tmp/week.db cargo test --release --lib a_week_of_a_house -- --ignored
    python3 benches/store_questions.py --week /tmp/week.db [--hub target/release/clown-hub] [--rate 5000] [--topics 5000] [--seconds 20]

The file has seven days of 20 sensors that spoke each second, up to the moment when it was made. A hub takes a copy of it, and is
told --rate readings a second on other topics. A bystander is told something 100 times a second and looks how long that takes:
first without questions, then while one client asks without a break, then while eight do. Cold is a file of which the system has no
page in memory any more.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import tempfile
import threading
import time

from store_storm import Hub

ASKED = {"24 h": "-24h", "7 days": "-7d"}


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000 if times else float("nan")


class Asking:
    """Somebody who asks for 500 points of one sensor after the other."""

    def __init__(self, hub):
        self.client = hub.client("dashboard")
        self.lines, self.rng = self.client.makefile(encoding="utf-8"), random.Random(1)

    def ask(self, since):
        question = {"filters": [f"house/sensor/{self.rng.randrange(20)}/reading"], "since": since, "points": 500}
        began = time.perf_counter()
        self.client.sendall(f'["clown.talk/-/history/get", {json.dumps(question)}]\n'.encode())
        while True:
            topic, answer = json.loads(next(self.lines))[:2]
            if topic.endswith("history/ok"):
                took = time.perf_counter() - began
                points = max((len(series["t"]) for series in answer["series"]), default=0)
                if not 300 <= points <= 500:
                    raise SystemExit(f"{points} points in {answer}")
                return took
            if topic.endswith("/error"):
                raise SystemExit(f"{topic}: {answer}")


class Storm(threading.Thread):
    """Many readings, until it is told to end."""

    def __init__(self, hub, rate, topics):
        super().__init__(daemon=True)
        self.node, self.rate, self.topics, self.ends, self.said = hub.client("node"), rate, topics, False, 0

    def run(self):
        began, step, rng = time.monotonic(), 0, random.Random(2)
        while not self.ends:
            lines = []
            for _ in range(self.rate // 50):
                lines.append('["storm/%d", {"temperature": [%.2f, "C"]}]\n' % (self.said % self.topics, rng.random() * 40))
                self.said += 1
            self.node.sendall("".join(lines).encode())
            step += 1
            time.sleep(max(0, began + step / 50 - time.monotonic()))


def bystander(hub, seconds):
    """How long a message of a node takes to a dashboard."""
    node, dashboard, times = hub.client("node"), hub.client("dashboard"), []
    lines = dashboard.makefile(encoding="utf-8")
    dashboard.sendall(b'["clown.talk/-/subscription/add", {"filters": ["bystander"]}]\n')
    while json.loads(next(lines))[0] != "clown.talk/-/subscription/ok":
        pass
    for number in range(int(seconds * 100)):
        began = time.perf_counter()
        node.sendall(f'["bystander", {number}]\n'.encode())
        while json.loads(next(lines))[:2] != ["bystander", number]:
            pass
        times.append(time.perf_counter() - began)
        time.sleep(max(0, 0.01 - times[-1]))
    return times


def beside(hub, seconds, askers, since):
    """The times of the bystander, and those of so many who ask meanwhile."""
    # They are processes of their own: threads of one program would wait for each other, and not for the hub.
    fork = multiprocessing.get_context("fork")
    ends, answers = fork.Event(), fork.Queue()

    def ask():
        # What they take for themselves is not to be noticed: the machine may have few cores.
        os.nice(19)
        asking, took = Asking(hub), []
        while not ends.is_set():
            took.append(asking.ask(since))
        answers.put(took)

    processes = [fork.Process(target=ask, daemon=True) for _ in range(askers)]
    for process in processes:
        process.start()
    times = bystander(hub, seconds)
    ends.set()
    took = [time for _ in processes for time in answers.get(timeout=60)]
    for process in processes:
        process.join()
    return times, took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--week", required=True)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--topics", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    store = pathlib.Path(tempfile.mkdtemp()) / "store"
    store.mkdir(mode=0o700)
    shutil.copy(args.week, store / "hub.db")
    hub = Hub(args.hub, store, base="")
    storm = Storm(hub, args.rate, args.topics)
    storm.start()
    time.sleep(3)
    asking, cold = Asking(hub), {}
    for name, since in ASKED.items():
        cold[name] = []
        for _ in range(10):
            with open(store / "hub.db", "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            cold[name].append(asking.ask(since))
    warm = {name: [asking.ask(since) for _ in range(200)] for name, since in ASKED.items()}
    alone = bystander(hub, args.seconds)
    told = {askers: beside(hub, args.seconds, askers, "-7d") for askers in (1, 8)}
    storm.ends = True
    storm.join()
    found = hub.figures()
    hub.end()
    shutil.rmtree(store.parent)
    print(f"said meanwhile    {storm.said} readings, skipped {found['store_skipped_total']:.0f}")
    for name in ASKED:
        print(f"500 of {name:<10} warm {quantile(warm[name], 0.5):.2f} ms, p99 {quantile(warm[name], 0.99):.2f} ms; cold {quantile(cold[name], 0.5):.2f} ms, at most {max(cold[name]) * 1000:.2f} ms")
    print(f"bystander         p50 {quantile(alone, 0.5):.2f} ms, p99 {quantile(alone, 0.99):.2f} ms without questions")
    for askers, (times, took) in told.items():
        print(f"beside {askers} who ask   p50 {quantile(times, 0.5):.2f} ms, p99 {quantile(times, 0.99):.2f} ms; {len(took) / args.seconds:.0f} questions a second, each {quantile(took, 0.5):.2f} ms, p99 {quantile(took, 0.99):.2f} ms")


if __name__ == "__main__":
    main()

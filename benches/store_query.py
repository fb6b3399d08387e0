"""What a question about the past takes while others speak, with the file in memory and with nothing of it there, and what the others notice.

    CLOWN_WEEK=week.db cargo test --release --lib a_week_of_a_house -- --ignored --nocapture
    python3 benches/store_query.py --week week.db [--hub target/release/clown-hub] [--rate 5000] [--rounds 5] [--seconds 20]

A cold question is the first one that a hub is asked; before it the kernel lets go of the pages of the file. So nothing of it is in
the cache of SQLite or of the system; what was read from the disk for it is printed. As root the file lies on a file system of its
own, on a loop device, and the kernel lets go of the pages of the image, too. Processor time is that of the thread that answers.
What the others notice is how long a message takes from one client to another, each 10 ms one, in turns with questions and without.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

DAY = 86_400_000
# The week of `a_week_of_a_house`.
END = 1_795_132_800_000 + 7 * DAY
QUESTIONS = {
    "500 points of 24 h": {"since": END - DAY, "points": 500},
    "500 points of 7 days": {"since": END - 7 * DAY, "points": 500},
}


class Place:
    """Where the file lies."""

    def __init__(self, week):
        self.folder, self.image, self.device = pathlib.Path(tempfile.mkdtemp()), None, None
        if os.geteuid() == 0:
            run = lambda *words: subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
            with tempfile.NamedTemporaryFile(delete=False) as image:
                image.truncate(week.stat().st_size + (256 << 20))
            self.image = image.name
            run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
            self.device = run("losetup", "--find", "--show", self.image)
            run("mount", self.device, str(self.folder))
        self.store = self.folder / "store"
        self.store.mkdir(mode=0o700)
        shutil.copy(week, self.store / "hub.db")
        (self.store / "hub.db").chmod(0o600)

    def chills(self):
        """The kernel lets go of the pages of the files."""
        os.sync()
        for name in [*self.store.iterdir(), *filter(None, [self.device, self.image])]:
            file = os.open(name, os.O_RDONLY)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)

    def end(self):
        if self.device:
            subprocess.run(["umount", str(self.folder)], check=False)
            subprocess.run(["losetup", "-d", self.device], check=False)
            os.unlink(self.image)


class Hub:
    def __init__(self, program, store):
        settings = {
            "simulator.run": "off",
            "server.line_listen": "127.0.0.1:0",
            "store.directory": str(store),
            "limits.messages_per_second": "0",
            # The week may be some time ago.
            "history.raw_days": "3650",
            "history.minute_days": "3650",
            "history.quarter_days": "3650",
            "log.filter": "error",
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        self.process = subprocess.Popen([program, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.strip().startswith("TCP lines"):
                host, port = line.split()[-1].rsplit(":", 1)
                self.lines = (host, int(port))
                break

    def client(self, side, filters=()):
        stream = socket.create_connection(self.lines)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = {"user": "clown", "password": "bigclown", "base": "", "side": side, "filters": list(filters), "retained": False}
        stream.sendall(f'["clown.talk/-/config/set", {json.dumps(start)}]\n'.encode())
        return stream, stream.makefile(encoding="utf-8")

    def answering(self):
        """Processor time of the thread that answers, in milliseconds, and bytes that were read from the disk."""
        spent = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == "history":
                spent += int((task / "schedstat").read_text().split()[0]) / 1e6
        lines = pathlib.Path(f"/proc/{self.process.pid}/io").read_text().splitlines()
        return spent, next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))

    def looks_through(self):
        threads = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return any((task / "comm").read_text().strip() == "check" for task in threads)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def ask(client, sensor, question):
    """How long an answer takes, in milliseconds."""
    stream, answers = client
    asked = {"filters": [f"house/sensor/{sensor}/reading"], "until": END, **question}
    began = time.monotonic()
    stream.sendall(f'["clown.talk/-/history/get", {json.dumps(asked)}]\n'.encode())
    while True:
        topic, answer = json.loads(next(answers))[:2]
        if topic == "clown.talk/-/history/ok":
            took = (time.monotonic() - began) * 1000
            assert answer["series"] and len(answer["series"][0]["t"]) > 100, answer
            return took
        if topic.endswith("/error"):
            raise SystemExit(f"{topic}: {answer}")


def speak(hub, rate, end):
    """So many messages a second, on 1,000 topics."""
    (stream, _), began, number = hub.client("node"), time.monotonic(), 0
    while not end.is_set():
        lines = [f'["storm/{(number + at) % 1000}", {(number + at) % 977 / 10}]\n' for at in range(rate // 50)]
        stream.sendall("".join(lines).encode())
        number += len(lines)
        end.wait(max(0, began + number / rate - time.monotonic()))


def delays(hub, seconds):
    """How long messages take from one client to another, in milliseconds."""
    (sender, _), (_, receiver) = hub.client("node"), hub.client("dashboard", ["quick"])
    next(receiver)
    found, began = [], time.monotonic()
    for turn in range(seconds * 100):
        time.sleep(max(0, began + turn / 100 - time.monotonic()))
        said = time.monotonic()
        sender.sendall(b'["quick", 1]\n')
        while not next(receiver).startswith('["quick"'):
            pass
        found.append((time.monotonic() - said) * 1000)
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--week", type=pathlib.Path, required=True)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    place = Place(args.week)
    try:
        measure(args, place)
    finally:
        place.end()


def measure(args, place):
    for name, question in QUESTIONS.items():
        cold, warm = [], []
        for _ in range(args.rounds):
            hub, end = Hub(args.hub, place.store), threading.Event()
            threading.Thread(target=speak, args=(hub, args.rate, end), daemon=True).start()
            client = hub.client("dashboard")
            time.sleep(2)
            while hub.looks_through():
                time.sleep(0.1)
            place.chills()
            for into, sensors in ((cold, [0]), (warm, [0] * 5)):
                for sensor in sensors:
                    before = hub.answering()
                    took = ask(client, sensor, question)
                    into.append((took, *(after - start for after, start in zip(hub.answering(), before))))
            end.set()
            hub.end()
        for what, found in (("cold", cold), ("warm", warm)):
            took, spent, read = (statistics.median(column) for column in zip(*found))
            worst = max(row[0] for row in found)
            print(f"{name}, {what}: {took:.2f} ms, worst {worst:.2f}; processor {spent:.2f} ms; {read / 1024:.0f} KiB from the disk")
    hub, end = Hub(args.hub, place.store), threading.Event()
    threading.Thread(target=speak, args=(hub, args.rate, end), daemon=True).start()
    asked, quiet, beside = 0, [], []
    for _ in range(3):
        quiet += delays(hub, args.seconds)
        stop, counts = threading.Event(), []

        def asks(sensor):
            client, count = hub.client("dashboard"), 0
            while not stop.is_set():
                ask(client, sensor, QUESTIONS["500 points of 7 days"])
                count += 1
            counts.append(count)

        askers = [threading.Thread(target=asks, args=(sensor,)) for sensor in range(4)]
        [asker.start() for asker in askers]
        beside += delays(hub, args.seconds)
        stop.set()
        [asker.join() for asker in askers]
        asked += sum(counts)
    end.set()
    hub.end()
    for what, found in (("without questions", sorted(quiet)), (f"beside {asked / 3 / args.seconds:.0f} questions a second", sorted(beside))):
        print(f"a message, {what}: p50 {found[len(found) // 2]:.2f} ms, p99 {found[len(found) * 99 // 100]:.2f} ms")


main()

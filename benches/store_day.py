"""What the store writes to its disk for a house of 200 sensors, each of which speaks once a second.

    python3 benches/store_day.py [--hub target/release/clown-hub] [--speed 10] [--seconds 86400]
                                 [--after 1500] [--write 1] [--sync 10] [--clock] [--directory DIR]

The house runs faster than the clock: with --speed 10 the hub is told 2,000 values a second, and the intervals of the store
are a tenth. With --clock these are as they are, in seconds of the clock: 2,000 values share a write that 200 share else. What is
written in the first --after seconds is not counted, in which the journal grows to its size. --write and --sync are what they
stand for, in seconds of the house; no interval of the hub may come out below its least one. As root the store lies on a file
system of its own, on a loop device, whose sectors are counted; elsewhere, and with --directory, it is the bytes that the kernel
counts for the process. The readings are those of the simulated nodes in their text: temperatures, light, air pressure and
humidity, with noise and slow change.
"""

import argparse
import json
import math
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

SENSORS = 200
DAY = 86_400


def payloads(number, rng):
    """The readings of one sensor, one after the other."""
    kind, phase, noise = number % 10, rng.random() * math.tau, rng.gauss
    second = 0
    while True:
        slow = math.sin(phase + second / 3000) + 0.3 * math.sin(phase * 3 + second / 400)
        if kind < 6:
            yield '{"temperature": [%.2f, "\\u2103"]}' % (20.6 + 2 * slow + noise(0, 0.06))
        elif kind < 8:
            yield '{"illuminance": [%.1f, "lux"]}' % (400 + 300 * slow + noise(0, 4))
        elif kind < 9:
            altitude = 340 + 10 * slow + noise(0, 0.4)
            pressure = 97300 - 110 * slow + noise(0, 4)
            yield '{"altitude": [%.1f, "m"], "pressure": [%.2f, "kPa"]}' % (altitude, pressure / 1000)
        else:
            yield '{"relative-humidity": [%.1f, "%%"]}' % (45 + 8 * slow + noise(0, 0.2))
        second += 1


class Disk:
    """A file system of its own, if this may make one."""

    def __init__(self, directory):
        self.place, self.device, self.mounted = pathlib.Path(directory or tempfile.mkdtemp()), None, False
        if directory or os.geteuid() != 0:
            return
        image = tempfile.NamedTemporaryFile(delete=False)
        image.truncate(1 << 30)
        self.image = image.name
        run = lambda *words: subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.device = run("losetup", "--find", "--show", self.image)
        run("mount", self.device, str(self.place))
        self.mounted = True

    def written(self, pid):
        if self.device:
            stat = pathlib.Path("/sys/block", self.device.removeprefix("/dev/"), "stat").read_text().split()
            return int(stat[6]) * 512
        lines = pathlib.Path(f"/proc/{pid}/io").read_text().split("\n")
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))

    def close(self):
        if self.mounted:
            subprocess.run(["umount", str(self.place)], check=False)
            subprocess.run(["losetup", "-d", self.device], check=False)
            os.unlink(self.image)


def seconds_of_the_store(pid):
    """Processor time of the thread that writes."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "store":
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    sys.exit("the hub has no store")


def figures(address):
    with socket.create_connection(address) as http:
        http.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: http.recv(65536), b"")).decode()
    lines = (line.split() for line in text.splitlines() if line.startswith("clown_hub_store_"))
    return {line[0].removeprefix("clown_hub_store_"): float(line[1]) for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--speed", type=float, default=10)
    parser.add_argument("--seconds", type=int, default=DAY)
    parser.add_argument("--after", type=int, default=0)
    parser.add_argument("--write", type=float, default=1)
    parser.add_argument("--sync", type=float, default=10)
    parser.add_argument("--clock", action="store_true")
    parser.add_argument("--directory")
    args = parser.parse_args()
    faster = 1 if args.clock else args.speed
    write, sync = 1000 * args.write / faster, args.sync / faster
    if write < 10 or sync < 1:
        print(f"the intervals are {write:.0f} ms and {sync:.1f} s, less than the hub has: the least are taken", file=sys.stderr)
    disk = Disk(args.directory)
    settings = {
        "simulator.run": "off",
        "server.line_listen": "127.0.0.1:0",
        "store.directory": str(disk.place / "store"),
        "store.write_milliseconds": str(max(10, round(write))),
        "store.sync_seconds": str(max(1, round(sync))),
        "limits.messages_per_second": "0",
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    hub = subprocess.Popen([args.hub, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
    try:
        where = {}
        while "TCP lines" not in where:
            line = hub.stdout.readline()
            if not line:
                sys.exit("the hub did not start")
            line = line.strip()
            for word in ("WebSocket", "TCP lines"):
                if line.startswith(word):
                    where[word] = line.removeprefix(word).strip()
        split = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
        http = split(where["WebSocket"].split("@")[1].split("/")[0])
        node = socket.create_connection(split(where["TCP lines"]))
        start = {"user": "clown", "password": "bigclown", "base": "house", "side": "node", "filters": []}
        node.sendall(f'["clown.talk/-/config/set", {json.dumps(start)}]\n'.encode())
        rng = random.Random(1)
        sensors = [(f"sensor/{number}/reading", payloads(number, rng)) for number in range(SENSORS)]
        began = time.monotonic()
        for second in range(args.after + args.seconds):
            if second == args.after:
                before, cpu = disk.written(hub.pid), seconds_of_the_store(hub.pid)
            # Each has its own moment in the second, in five steps.
            for step in range(5):
                said = (f'["{topic}", {next(values)}]\n' for topic, values in sensors[step::5])
                node.sendall("".join(said).encode())
                due = began + (second + (step + 1) / 5) / args.speed
                time.sleep(max(0, due - time.monotonic()))
        took = time.monotonic() - began
        found = figures(http)
        cpu, written = seconds_of_the_store(hub.pid) - cpu, disk.written(hub.pid) - before
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.wait(30)
    size = sum(file.stat().st_size for file in (disk.place / "store").iterdir())
    disk.close()
    said, days = SENSORS * args.seconds, args.seconds / DAY
    print(f"counted at        {disk.device or 'the process'}")
    pace = took / (args.after + args.seconds) * args.speed
    print(f"of the house      {args.seconds} s after {args.after} s, in {took:.0f} s, {pace:.2f} of its pace")
    print(f"readings          {said}, skipped {found['skipped_total']:.0f}")
    print(f"written           {written / 1e6:.1f} MB, {written / said:.1f} bytes a reading, {written / days / 1e6:.0f} MB a day")
    print(f"writes, syncs     {found['writes_total']:.0f}, {found['syncs_total']:.0f}")
    print(f"the writer        {cpu / said * 1e6:.2f} us a reading")
    print(f"file, at the end  {size / 1e6:.1f} MB")


main()

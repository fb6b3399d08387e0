"""Thousands of handshakes over TLS that begin and never go on: what an honest client notices, and what each of them takes.

    python3 benches/handshakes.py [--hub target/release/clown-hub] [--strangers 10000]

All of them have a place (`limits.handshakes`), so that nothing but the hub's patience ends them. An honest client makes a whole
handshake after each thousand, and then again and again until the last stranger is gone.
"""

import argparse
import os
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import tempfile
import time

# A hello of 512 bytes, of which the first nine are sent.
BEGUN = bytes([22, 3, 1, 2, 0, 1, 0, 1, 252])


class Hub:
    def __init__(self, program, folder, strangers):
        subprocess.run([program, "cert", "make", "--directory", folder], check=True, stdout=subprocess.DEVNULL)
        settings = {
            "server.tls_listen": "127.0.0.1:0",
            "server.tls_certificate": f"{folder}/hub.pem",
            "server.tls_key": f"{folder}/hub.key",
            "store.directory": "",
            "simulator.run": "off",
            "limits.handshakes": strangers + 100,
            "limits.connections": strangers + 200,
            "limits.connections_per_network": 0,
            "log.filter": "error",
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        self.process = subprocess.Popen([program, "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
        self.context = ssl.create_default_context(cafile=f"{folder}/authority.pem")
        for line in self.process.stdout:
            if found := re.search(r"https://[^:/]+:(\d+)/", line):
                self.port = int(found[1])
                return
        raise SystemExit("the hub did not start")

    def kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def honest(self):
        """Milliseconds for a client that connects, and asks whether the hub is there."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost") as stream:
                stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if b" 200 " not in stream.recv(100):
                    raise SystemExit("the honest client was not served")
        return (time.monotonic() - began) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub", default="target/release/clown-hub")
    parser.add_argument("--strangers", type=int, default=10_000)
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(args.hub, folder, args.strangers)
        try:
            measure(hub, args.strangers)
        finally:
            hub.process.terminate()
            hub.process.wait()


def measure(hub, strangers):
    alone = max(hub.honest() for _ in range(20))
    before, open_before = hub.kib(), hub.descriptors()
    held, times = [], []
    began = time.monotonic()
    for number in range(strangers):
        held.append(socket.create_connection(("127.0.0.1", hub.port)))
        held[-1].sendall(BEGUN)
        if number % 1000 == 999:
            times.append(hub.honest())
    took = time.monotonic() - began
    most, memory = hub.descriptors() - open_before, hub.kib() - before
    while hub.descriptors() > open_before + 2:
        times.append(hub.honest())
    print(f"begun             {strangers} in {took:.2f} s, at once {most}")
    print(f"memory            {memory / most:.1f} KiB each")
    print(f"honest client     {alone:.0f} ms at worst alone, {max(times):.0f} ms beside them, {len(times)} times")
    print(f"all were ended    {time.monotonic() - began:.1f} s after the first began")


main()

"""Clown.Talk for a small board: everything that goes over the socket, and nothing of the board.

Runs under MicroPython 1.20 or newer and under CPython.
"""

import binascii
import json
import os
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 4096  # A message of the hub that is longer ends the connection; a board has little memory.


class Link:
    """A WebSocket (RFC 6455) over a connected socket."""

    def __init__(self, socket, host, path, user="", password=""):
        self.socket = socket
        self.bytes = b""
        key = binascii.b2a_base64(os.urandom(16)).strip().decode()
        login = binascii.b2a_base64(("%s:%s" % (user, password)).encode()).strip().decode()
        lines = [
            "GET %s HTTP/1.1" % path,
            "Host: %s" % host,
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: %s" % key,
        ]
        if user:
            lines.append("Authorization: Basic %s" % login)
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.bytes:
            self._read()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise OSError("refused: " + head.split(b"\r\n")[0].decode())

    def send(self, text, opcode=TEXT):
        """Sends one message; a client has to mask it."""
        data = text.encode() if isinstance(text, str) else text
        mask = os.urandom(4)
        if len(data) < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | len(data))
        else:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, len(data))
        self._write(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def receive(self):
        """The next text. Raises OSError when the socket's timeout is over, and when the hub has gone."""
        while True:
            opcode, data = self._frame()
            if opcode == TEXT:
                return data.decode()
            if opcode == PING:
                self.send(data, PONG)
            if opcode == CLOSE:
                self.send(data[:2], CLOSE)
                raise OSError("closed: " + data[2:].decode())

    def _frame(self):
        """Takes a frame when all of it is there, so that a timeout in between loses nothing."""
        while True:
            size, start = (self.bytes[1] if len(self.bytes) > 1 else 0), 2
            if size == 127:
                size = LONGEST + 1
            if size == 126:
                size, start = (struct.unpack("!H", self.bytes[2:4])[0] if len(self.bytes) > 3 else 0), 4
            if size > LONGEST:
                raise OSError("the hub's message is too long for this board")
            if len(self.bytes) >= start + size and len(self.bytes) > 1:
                opcode = self.bytes[0] & 15
                data, self.bytes = self.bytes[start:start + size], self.bytes[start + size:]
                return opcode, data
            self._read()

    def _read(self):
        data = self.socket.recv(512)
        if not data:
            raise OSError("the hub has gone")
        self.bytes += data

    def _write(self, data):
        while data:
            data = data[self.socket.send(data):]


def echoes(link, text="Hello, hub"):
    """Whether the link to /echo brings back what goes in."""
    link.send(text)
    return link.receive() == text


class Device:
    """A thermometer and a relay, on a link to /auth/clown-talk-client_BASE."""

    def __init__(self, link, switch):
        self.link = link
        self.switch = switch
        self.is_on = False
        self.say("clown.talk/-/config/set", {"filters": ["relay/0/set", "relay/0/get"]})
        self.tell_state()

    def say(self, topic, payload):
        self.link.send(json.dumps([topic, payload]))

    def tell_state(self):
        self.say("relay/0", {"state": self.is_on})

    def tell_temperature(self, celsius):
        self.say("thermometer/0", {"temperature": [celsius, "\u2103"]})

    def obey(self):
        """Waits for one message and does what it says."""
        topic, payload = json.loads(self.link.receive())[:2]
        if topic == "relay/0/set":
            self.is_on = payload.get("state") is True
            self.switch(self.is_on)
        if topic.startswith("relay/0/"):
            self.tell_state()
        if topic == "clown.talk/-/config/error":
            raise ValueError(payload.get("reason"))

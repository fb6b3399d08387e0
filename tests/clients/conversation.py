"""The conversation of a dashboard with the hub, held by the Python library websockets.

Each function below is one step; what it is called is what it shows. The last line says how many passed.
"""

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import traceback

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../samples/clown-talk.txt")
SEEN = "/auth/clown-talk-server_nodes_bridge_0"


class Hub:
    """The binary on a free port, with a fast simulated bridge."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.tls = os.path.join(self.dir.name, "tls")
        subprocess.run([os.environ["HUB_BIN"], "cert", "make", "--directory", self.tls], check=True, capture_output=True)
        self.process = subprocess.Popen(
            [os.environ["HUB_BIN"], "--listen", "127.0.0.1:0", "--set", "simulator.speed=20",
             "--set", "simulator.towers=0", "--set", "server.tls_listen=127.0.0.1:0",
             "--set", "server.line_tls_listen=127.0.0.1:0",
             "--set", f"server.tls_certificate={self.tls}/hub.pem", "--set", f"server.tls_key={self.tls}/hub.key"],
            cwd=self.dir.name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for line in self.process.stdout:
            found = re.search(r"WebSocket +ws://[^@]*@([^/]+)/", line)
            if found:
                self.address = found[1]
            found = re.search(r"with TLS +https://[^:]*:(\d+)/", line)
            if found:
                self.tls_port = found[1]
            found = re.search(r"TLS lines +[^:]*:(\d+)", line)
            if found:
                self.tls_line_port = found[1]
                return self
        raise RuntimeError("the hub did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.dir.cleanup()

    def url(self, path, user="clown:bigclown@"):
        return f"ws://{user}{self.address}{path}"


async def heard(socket, wanted):
    """The payload of the next frame whose topic is wanted; every frame on the way has two elements."""
    async with asyncio.timeout(PATIENCE):
        async for message in socket:
            topic, payload = json.loads(message)
            if topic == wanted:
                return payload
    raise AssertionError(f"closed before {wanted}")


async def opened(socket, **settings):
    await socket.send(json.dumps(["clown.talk/-/config/set", settings]) + "\n")
    topic, payload = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
    assert topic == "clown.talk/-/config/ok", (topic, payload)
    return payload


async def credentials_in_the_url_open_the_door_and_wrong_ones_do_not(hub):
    async with connect(hub.url(SEEN)):
        pass
    for user in ["", "clown:wrong@"]:
        try:
            async with connect(hub.url(SEEN, user)):
                raise AssertionError("came in")
        except InvalidStatus as refused:
            assert refused.response.status_code == 401
            assert refused.response.headers["WWW-Authenticate"].startswith('Basic realm="clown-hub"')


async def the_subprotocol_is_confirmed(hub):
    async with connect(hub.url(SEEN), subprotocols=["clown.talk"]) as socket:
        assert socket.subprotocol == "clown.talk"


async def config_set_is_answered_first_with_the_five_keys(hub):
    async with connect(hub.url(SEEN)) as socket:
        answer = await opened(socket)
        five = ["ack", "device", "capabilities", "firmware-datetime", "firmware-release"]
        assert list(answer)[:5] == five, answer
        assert answer["ack"] is False and answer["capabilities"] == 1


async def the_values_of_the_simulated_bridge_arrive(hub):
    async with connect(hub.url(SEEN)) as socket:
        await opened(socket)
        value, unit = (await heard(socket, "thermometer/i2c0-48"))["temperature"]
        assert -40 < value < 80 and unit == "\u2103"


async def a_relay_that_is_set_reports_its_state(hub):
    async with connect(hub.url(SEEN)) as socket:
        await opened(socket, retained=False)
        for state in [True, False, False]:
            await socket.send(json.dumps(["relay/i2c0-3b/set", {"state": state}]))
            assert await heard(socket, "relay/i2c0-3b") == {"state": state}


async def a_bad_frame_is_answered_and_the_connection_stays(hub):
    async with connect(hub.url(SEEN)) as socket:
        await opened(socket, filters=[])
        await socket.send('["relay/i2c0-3b/set", {"state": true}')
        answer = await heard(socket, "clown.talk/-/publish/error")
        assert isinstance(answer["reason"], str) and isinstance(answer["at"], int)
        await socket.send('["relay/i2c0-3b/get", {}, {"id": 7}]')
        assert await heard(socket, "clown.talk/-/publish/ok") == {"id": 7}


async def a_wildcard_names_every_thermometer(hub):
    async with connect(hub.url("/talk/nodes")) as socket:
        await opened(socket, filters=[])
        await socket.send(json.dumps(["clown.talk/-/subscription/set", {"filters": ["+/+/thermometer/+"]}]))
        answer = await heard(socket, "clown.talk/-/subscription/ok")
        assert answer == {"filters": ["+/+/thermometer/+"]}
        topics = set()
        async with asyncio.timeout(PATIENCE):
            while len(topics) < 2:
                topic, _ = json.loads(await socket.recv())
                assert topic.startswith("bridge/0/thermometer/"), topic
                topics.add(topic)


async def a_binary_message_is_closed_with_1003(hub):
    async with connect(hub.url(SEEN)) as socket:
        await opened(socket, filters=[])
        await socket.send(b"[]")
        try:
            async with asyncio.timeout(PATIENCE):
                await socket.recv()
            raise AssertionError("not closed")
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 1003, closed


async def a_ping_is_answered(hub):
    async with connect(hub.url(SEEN)) as socket:
        await asyncio.wait_for(await socket.ping(b"clown"), PATIENCE)


async def a_client_that_trusts_the_authority_comes_over_tls_and_another_one_does_not(hub):
    url = f"wss://clown:bigclown@localhost:{hub.tls_port}{SEEN}"
    trusting = ssl.create_default_context(cafile=f"{hub.tls}/authority.pem")
    async with connect(url, ssl=trusting) as socket:
        await opened(socket)
        await heard(socket, "thermometer/i2c0-48")
    try:
        async with connect(url, ssl=ssl.create_default_context()):
            raise AssertionError("a stranger was trusted")
    except ssl.SSLCertVerificationError:
        pass


async def every_line_of_the_vendor_goes_over_tls_and_arrives(hub):
    with open(SAMPLE, encoding="utf-8") as file:
        lines = [line.lstrip("<> ").rstrip("\n") for line in file]
    assert len(lines) > 20
    trusting = ssl.create_default_context(cafile=f"{hub.tls}/authority.pem")
    url = f"wss://clown:bigclown@localhost:{hub.tls_port}"
    async with connect(url + "/talk/nodes", ssl=trusting) as reader, connect(url + SEEN, ssl=trusting) as device:
        await opened(reader, filters=["bridge/0/#"], retained=False)
        for line in lines:
            await device.send(line)
            topic, payload = json.loads(line)
            if topic == "clown.talk/-/config/set":
                await heard(device, "clown.talk/-/config/ok")
                continue
            # The simulated bridge is there, too, and answers commands.
            async with asyncio.timeout(PATIENCE):
                while json.loads(await reader.recv()) != ["bridge/0/" + topic, payload]:
                    pass


STEPS = [
    credentials_in_the_url_open_the_door_and_wrong_ones_do_not,
    the_subprotocol_is_confirmed,
    config_set_is_answered_first_with_the_five_keys,
    the_values_of_the_simulated_bridge_arrive,
    a_relay_that_is_set_reports_its_state,
    a_bad_frame_is_answered_and_the_connection_stays,
    a_wildcard_names_every_thermometer,
    a_binary_message_is_closed_with_1003,
    a_ping_is_answered,
    a_client_that_trusts_the_authority_comes_over_tls_and_another_one_does_not,
    every_line_of_the_vendor_goes_over_tls_and_arrives,
]


def run_steps(steps):
    """Runs one step after the other with one hub, and says how each went; the exit code."""
    passed = failed = 0
    with Hub() as hub:
        for step in steps:
            name = step.__name__.replace("_", " ")
            try:
                asyncio.run(step(hub))
                passed += 1
                print(f"ok      {name}")
            except Exception:
                failed += 1
                print(f"FAILED  {name}")
                traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_steps(STEPS))

"""The examples for Python and MicroPython, run as they stand in examples/.

Each function below is one step; what it is called is what it shows.
"""

import asyncio
import json
import pathlib
import socket
import sys
import threading

from websockets.asyncio.client import connect

from conversation import PATIENCE, heard, opened, run_steps

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES / "micropython"))
sys.dont_write_bytecode = True

import clown  # noqa: E402


async def the_dashboard_in_python_sees_its_relay_switched(hub):
    program = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "dashboard.py", hub.url("").rstrip("/"), stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(program.communicate(), PATIENCE)
    assert program.returncode == 0, printed
    assert b"the relay is on\n" in printed and b"thermometer/i2c0-48 {'temperature': [" in printed, printed


def link(hub, path, *login):
    host, port = hub.address.split(":")
    plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
    return clown.Link(plain, hub.address, path, *login)


async def the_board_finds_the_echo(hub):
    def board():
        found = link(hub, "/echo")
        assert clown.echoes(found) and clown.echoes(found, "\u2103" * 100)
    await asyncio.to_thread(board)


async def the_board_is_told_why_it_is_refused(hub):
    for path, login, status in [("/nothing", (), "404"), ("/talk/home/attic?side=node", ("clown", "wrong"), "401")]:
        try:
            await asyncio.to_thread(link, hub, path, *login)
            raise AssertionError("came in")
        except OSError as error:
            assert status in str(error), error


async def the_board_refuses_what_it_has_no_room_for(hub):
    def board(text):
        found = link(hub, "/socket")
        found.send(text)
        return found.receive()
    assert await asyncio.to_thread(board, "x" * 4000) == "server: " + "x" * 4000
    for size in [4090, 65_535]:
        try:
            await asyncio.to_thread(board, "x" * size)
            raise AssertionError("took it")
        except OSError as error:
            assert "too long for this board" in str(error), error


async def the_board_tells_its_temperature_and_obeys_its_relay(hub):
    switched, ready, is_over = [], threading.Event(), threading.Event()

    def board():
        device = clown.Device(link(hub, "/auth/clown-talk-client_home_attic", "clown", "bigclown"), switched.append)
        device.tell_temperature(20.5)
        ready.set()
        while not is_over.is_set():
            device.obey()

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    assert await asyncio.to_thread(ready.wait, PATIENCE)
    async with connect(hub.url("/talk/home/attic")) as dashboard:
        await opened(dashboard, filters=["thermometer/0", "relay/0"])
        assert await heard(dashboard, "thermometer/0") == {"temperature": [20.5, "\u2103"]}
        for state in [True, False]:
            await dashboard.send(json.dumps(["relay/0/set", {"state": state}]))
            while (await heard(dashboard, "relay/0")) != {"state": state}:
                pass
        assert switched == [True, False]
        is_over.set()
        await dashboard.send(json.dumps(["relay/0/get", {}]))
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()


STEPS = [
    the_dashboard_in_python_sees_its_relay_switched,
    the_board_finds_the_echo,
    the_board_is_told_why_it_is_refused,
    the_board_refuses_what_it_has_no_room_for,
    the_board_tells_its_temperature_and_obeys_its_relay,
]


if __name__ == "__main__":
    sys.exit(run_steps(STEPS))

"""What the tutorials' clients say to their servers, held by the Python library websockets with the hub as the server.

Each function below is one step; what it is called is what it shows.
"""

import asyncio
import re
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from conversation import PATIENCE, run_steps


async def said(socket):
    return await asyncio.wait_for(socket.recv(), PATIENCE)


async def the_echo_brings_back_text_and_bytes(hub):
    async with connect(hub.url("/echo", ""), max_size=None) as socket:
        for message in ["Hello World", "", "\u2103", b"", bytes(range(256)), "x" * 2_000_000]:
            await socket.send(message)
            assert await said(socket) == message


async def a_message_in_fragments_comes_back_as_one(hub):
    async with connect(hub.url("/echo", "")) as socket:
        await socket.send(["Hel", "lo ", "mbed"])
        assert await said(socket) == "Hello mbed"


async def the_server_of_mbed_and_tornado_greets_and_reverses(hub):
    async with connect(hub.url("/ws?greet", "")) as socket:
        assert await said(socket) == "Hello World"
        for message in ["sensor 1: 21.5 \u2103", "olleh", "e\u0301"]:
            await socket.send(message)
            assert await said(socket) == message[::-1]


async def the_server_of_sockets_puts_a_word_in_front(hub):
    async with connect(hub.url("/socket", "")) as socket:
        await socket.send("Hello")
        assert await said(socket) == "server: Hello"


async def who_says_connected_is_welcome_and_who_pokes_is_told_off(hub):
    async with connect(hub.url("/poke", "")) as socket:
        for message, answer in [("CONNECTED", "Welcome"), ("POKE", "Quit poking me!"), ("POKE", "Quit poking me!")]:
            await socket.send(message)
            assert await said(socket) == answer


async def the_stream_has_one_growing_number_and_goes_on_when_a_listener_dies(hub):
    async with connect(hub.url("/streaming", "")) as one, connect(hub.url("/streaming", "")) as other:
        async with connect(hub.url("/streaming", "")) as dying:
            await said(dying)
            dying.transport.abort()
        texts = [{await said(socket) for _ in range(3)} for socket in (one, other)]
        numbers = [sorted(int(re.fullmatch(r"message: (\d+)", text)[1]) for text in heard) for heard in texts]
        for heard in numbers:
            assert heard == list(range(heard[0], heard[0] + 3)), numbers
        assert set(numbers[0]) & set(numbers[1]), numbers


async def an_unknown_path_is_refused_with_those_that_there_are(hub):
    try:
        async with connect(hub.url("/unknown", "")):
            raise AssertionError("came in")
    except InvalidStatus as refused:
        assert refused.response.status_code == 404
        body = refused.response.body.decode()
        assert body.startswith("Unsupported Request-URI") and "/streaming" in body, body


STEPS = [
    the_echo_brings_back_text_and_bytes,
    a_message_in_fragments_comes_back_as_one,
    the_server_of_mbed_and_tornado_greets_and_reverses,
    the_server_of_sockets_puts_a_word_in_front,
    who_says_connected_is_welcome_and_who_pokes_is_told_off,
    the_stream_has_one_growing_number_and_goes_on_when_a_listener_dies,
    an_unknown_path_is_refused_with_those_that_there_are,
]


if __name__ == "__main__":
    sys.exit(run_steps(STEPS))

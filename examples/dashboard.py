"""A dashboard in Python: prints temperatures, switches a relay on and waits until the relay says so.

    pip install websockets
    python dashboard.py ws://clown:bigclown@127.0.0.1:8080
"""

import asyncio
import json
import sys

import websockets

HUB = sys.argv[1] if len(sys.argv) > 1 else "ws://clown:bigclown@127.0.0.1:8080"
RELAY = "relay/i2c0-3b"


async def main():
    # websockets takes the name and the password out of the URL.
    async with websockets.connect(f"{HUB}/auth/clown-talk-server_nodes_bridge_0") as hub:
        settings = {"filters": ["thermometer/#", RELAY], "retained": False}
        await hub.send(json.dumps(["clown.talk/-/config/set", settings]))
        await hub.send(json.dumps([f"{RELAY}/set", {"state": True}]))
        seen = set()
        async for message in hub:
            topic, payload = json.loads(message)
            print(topic, payload, flush=True)
            seen.add(topic.split("/")[0])
            if payload == {"state": True} and topic == RELAY:
                print("the relay is on", flush=True)
            if {"thermometer", "relay"} <= seen:
                return


asyncio.run(main())

"""A hub on uWebSockets, to be held against ours: `clown-hub-bench fanout --target "PYTHON bench/uws_hub.py"`.

The sockets, the frames and who gets what are uWebSockets' own (C++, as the package socketify brings it); a connection's
opening and the topic of each publication pass through Python, once a message and not once a delivery. There are no
credentials, rights, bounds of its own, last values or limits, and a message is heard at the base it was said at.

uWebSockets knows no wildcards any more. A filter with `+` is therefore a topic of that name, and a publication goes to
the topics that its own becomes when levels are replaced as some filter of so many levels has them replaced. `#` is not
there, and who has two filters that match hears a message twice.
"""

import json

from socketify import App, OpCode

OPENING = '["clown.talk/-/config/set", '
# For each number of levels the places of `+` that filters have.
shapes: dict[int, list[tuple[int, ...]]] = {}

app = App()


def upgrade(response, request, context):
    base = request.get_url().removeprefix("/talk/")
    key = request.get_header("sec-websocket-key")
    response.upgrade(key, "", "", context, base)


def subscribe(socket, base, filters):
    for name in filters:
        levels = name.split("/")
        if "#" in levels:
            return '["clown.talk/-/config/error", {"message": "# is not there"}]'
        known = shapes.setdefault(len(levels), [])
        places = tuple(place for place, level in enumerate(levels) if level == "+")
        if places not in known:
            known.append(places)
        socket.subscribe(f"{base} {name}")
    return '["clown.talk/-/config/ok", {}]'


def message(socket, text, _opcode):
    base = socket.get_user_data()
    if text.startswith(OPENING):
        config = json.loads(text)[1]
        socket.send(subscribe(socket, base, config.get("filters", [])), OpCode.TEXT)
        return
    topic = text[2 : text.index('"', 2)]
    levels = topic.split("/")
    for places in shapes.get(len(levels), ()):
        named = [("+" if place in places else level) for place, level in enumerate(levels)]
        app.publish(f"{base} {'/'.join(named)}", text, OpCode.TEXT)


def listening(options):
    print(f"uws ws://127.0.0.1:{options.port}", flush=True)


app.ws("/*", {"upgrade": upgrade, "message": message, "send_pings_automatically": True})
app.listen({"port": 0, "host": "127.0.0.1"}, listening)
# Not `app.run()`, which asks the sockets again and again instead of waiting for them.
app.loop.uv_loop.run()

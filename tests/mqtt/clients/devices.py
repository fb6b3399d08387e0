"""paho-mqtt and aiomqtt at the hub's door. HUB_MQTT and HUB_HTTP say where it is."""

import asyncio
import os
import queue

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOST, PORT = os.environ["HUB_MQTT"].rsplit(":", 1)
HTTP_HOST, HTTP_PORT = os.environ["HUB_HTTP"].rsplit(":", 1)
PATIENCE = 30


class Client:
    """A client of paho-mqtt whose messages stand in a queue."""

    def __init__(self, name, protocol, transport="tcp", **options):
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol, transport=transport)
        self.client.username_pw_set("clown", "bigclown")
        self.messages, self.ready, self.subscribed = queue.Queue(), queue.Queue(), queue.Queue()
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_connect = lambda _client, _data, flags, code, _properties: self.ready.put((code, flags))
        self.client.on_subscribe = lambda _client, _data, _id, codes, _properties: self.subscribed.put(codes)
        if transport == "websockets":
            self.client.ws_set_options(path="/mqtt")
            self.client.connect(HTTP_HOST, int(HTTP_PORT), **options)
        else:
            self.client.connect(HOST, int(PORT), **options)
        self.client.loop_start()
        code, self.flags = self.ready.get(timeout=PATIENCE)
        assert code == 0, code

    def subscribe(self, *args, **options):
        self.client.subscribe(*args, **options)
        return [code.value for code in self.subscribed.get(timeout=PATIENCE)]

    def publish(self, *args, **options):
        self.client.publish(*args, **options).wait_for_publish(PATIENCE)

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def with_paho(protocol, transport):
    name = f"paho-{protocol}-{transport}"
    reader = Client(f"{name}-reader", protocol, transport)
    writer = Client(f"{name}-writer", protocol, transport)
    assert reader.subscribe(f"{name}/#", qos=2) == [2]
    payloads = [b"ON", b"21.5", b'{"a": 1}', b"\xff\x00", b"", "dvě\nřádky".encode(), b"x" * 100_000]
    for qos in (0, 1, 2):
        for payload in payloads:
            writer.publish(f"{name}/a", payload, qos=qos)
            heard = reader.message()
            assert (heard.payload, heard.qos, heard.retain) == (payload, qos, False), (heard.payload[:40], payload[:40])
    writer.publish(f"{name}/kept", b"1", qos=1, retain=True)
    reader.message()
    late = Client(f"{name}-late", protocol, transport)
    late.subscribe(f"{name}/#", qos=1)
    heard = late.message()
    assert (heard.payload, heard.retain) == (b"1", True)
    for client in (reader, writer, late):
        client.leave()


def properties_of_5():
    reader = Client("paho-properties", paho.MQTTv5)
    reader.subscribe("ask/#", qos=1)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "answers/1"
    properties.CorrelationData = b"\x00\xff"
    properties.UserProperty = [("a", "1"), ("a", "2")]
    properties.ContentType = "text/plain"
    properties.MessageExpiryInterval = 100
    reader.publish("ask/1", "?", qos=1, properties=properties)
    heard = reader.message().properties
    assert heard.ResponseTopic == "answers/1" and heard.CorrelationData == b"\x00\xff"
    assert heard.UserProperty == [("a", "1"), ("a", "2")] and heard.ContentType == "text/plain"
    assert 0 < heard.MessageExpiryInterval <= 100
    reader.leave()


def a_session():
    asked = Properties(PacketTypes.CONNECT)
    asked.SessionExpiryInterval = 100
    options = {"clean_start": False, "properties": asked}
    reader = Client("paho-session", paho.MQTTv5, **options)
    assert not reader.flags.session_present
    reader.subscribe("session/#", qos=1)
    reader.leave()
    writer = Client("paho-writer", paho.MQTTv5)
    for number in range(50):
        writer.publish("session/set", str(number), qos=1)
    # What waits comes before a callback could be set: it stands in the queue.
    reader = Client("paho-session", paho.MQTTv5, **options)
    assert reader.flags.session_present
    assert [reader.message().payload for _ in range(50)] == [str(number).encode() for number in range(50)]
    reader.leave()
    writer.leave()


async def with_aiomqtt():
    options = {"hostname": HOST, "port": int(PORT), "username": "clown", "password": "bigclown"}
    for protocol in (aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5):
        will = aiomqtt.Will("aiomqtt/will", "gone", qos=1)
        async with aiomqtt.Client(identifier="aiomqtt", protocol=protocol, will=will, **options) as client:
            await client.subscribe("aiomqtt/#", qos=2)
            for qos in (0, 1, 2):
                await client.publish("aiomqtt/a", f"{qos}", qos=qos)
            heard = set()
            async for message in client.messages:
                heard.add((message.payload, message.qos))
                if len(heard) == 3:
                    break
            assert heard == {(b"0", 0), (b"1", 1), (b"2", 2)}, heard
    try:
        async with aiomqtt.Client(**{**options, "password": "wrong"}):
            raise AssertionError("it was let in")
    except aiomqtt.MqttError:
        pass


for protocol in (paho.MQTTv311, paho.MQTTv5):
    for transport in ("tcp", "websockets"):
        with_paho(protocol, transport)
properties_of_5()
a_session()
asyncio.run(asyncio.wait_for(with_aiomqtt(), PATIENCE))
print("paho-mqtt and aiomqtt: ok")

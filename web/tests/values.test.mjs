// What the page makes of a message, without a page.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { frames, payloadText } from "../src/core/frame.js";
import { Values, TOPICS_AT_MOST } from "../src/core/values.js";
import { baseOf, isEvent } from "../src/core/topic.js";

const START = Date.parse("2026-11-21T10:00:00Z");
const frame = (topic, payload, seconds = 0) =>
  frames(JSON.stringify([topic, payload, { retained: false, time: new Date(START + seconds * 1000).toISOString() }]))[0];

test("several frames arrive in one message, and a line that is none harms no other", () => {
  const found = frames('["a", 1]\nnonsense\n{}\n["b"]\n["c", {"x": 2}, {"retained": true}]\n');
  assert.deepEqual(found.map(({ topic }) => topic), ["a", "c"]);
  assert.equal(found[1].options.retained, true);
});

test("a payload is told as it was sent", () => {
  for (const payload of ['20.10', '{"a,]": [1, "}\\""], "b": 12345678901234567890}', '"x\\\\"', "null", '[[], {}]']) {
    assert.equal(payloadText(`["topic, \\"quoted\\"]", ${payload}]`), payload);
    assert.equal(payloadText(`["t",${payload} , {"time": "now"}]`), payload);
  }
});

test("topics belong to their node", () => {
  const cases = { "nodes/bridge/0/relay/1": "nodes/bridge/0", "node/836d/led/-/state": "node/836d", "house/attic/x": "house", "nodes/x": "nodes", alone: "alone" };
  for (const [topic, base] of Object.entries(cases)) assert.equal(baseOf(topic), base);
});

test("commands, answers and notifications are no values", () => {
  const events = [
    "a/set", "a/relay/1/get", "a/x/config/interval", "a/x/config/error", "a/boot", "a/-/-/config/list", "a/-/-/config/list/ok",
    "nodes/bridge/0/boot", "nodes/bridge/0/i2c/0/config/scan/ok", "node/836d1983718a/lcd/-/screen/clear", "gateway//pairing-mode/start",
    "plugin/led-strip/data/set/error", "gateway//found", "gateway/usb-dongle/alias/set/ok",
  ];
  for (const event of events) assert.ok(isEvent(event), event);
  const values = [
    "a/relay/1", "a/led/-/state", "settings/x", "a/temperature", "a/press/error", "node/836d1983718a/soil-sensor/-/error",
    "a/shopping/list", "a/pump/start", "a/press/boot", "temperature", "set", "boots",
  ];
  for (const value of values) assert.ok(!isEvent(value), value);
});

test("a reading that is called like a request is a value of its node, whose base its presence tells", () => {
  const readings = new Values();
  readings.take(frame("home/attic/presence", { state: "online", since: new Date(START).toISOString() }));
  assert.equal(readings.take(frame("home/attic/shopping/list", 3)).reading.base, "home/attic");
  assert.equal(readings.take(frame("home/attic/press/error", "E12 paper")).reading.base, "home/attic");
  assert.equal(readings.take(frame("home/attic/set", 1)), null);
  assert.equal(readings.take(frame("home/attic/boot", {})), null);
});

test("pressure stands before altitude, whatever their order", () => {
  const readings = new Values();
  const { reading } = readings.take(frame("n/barometer/1", { altitude: [217, "m"], pressure: [98.7, "kPa"] }));
  assert.deepEqual(reading.quantities.map(({ key }) => key), ["pressure", "altitude"]);
  assert.equal(readings.take(frame("n/odd/1", { deep: [{ er: 1 }] })).reading.quantities, null);
});

test("a value is stale after three times the interval that the hub tells, and five seconds at least", () => {
  const readings = new Values();
  const said = (every, second) => {
    const [{ topic, payload, options, line }] = [frame("n/thermometer/1", 20, second)];
    return readings.take({ topic, payload, options: { ...options, ...every }, line }).reading;
  };
  assert.equal(said({}, 0).patience, null, "without an interval nothing is stale");
  const cases = [[10, 30], [0.5, 5], [900, 2700]];
  for (const [every, patience] of cases) {
    const reading = said({ every }, 0);
    assert.equal(reading.patience, patience * 1000);
    assert.deepEqual([patience, patience + 0.1].map((second) => reading.isStale(START + second * 1000)), [false, true]);
  }
  assert.equal(said({}, 1).patience, null, "what the hub does not tell any more does not hold any more");
  for (const every of [0, -1, null, "10"]) assert.ok(!said({ every }, 2).isStale(START + 4000));
});

test("a clock that is set forward is found in seconds, and one that was wrong at a reconnect at once", () => {
  const readings = new Values();
  const hear = (second, here) => readings.take(frame("n/thermometer/1", 20, second), START + here * 1000);
  const off = (here) => Math.round((START + here * 1000 - readings.now(START + here * 1000)) / 1000);
  for (let second = 0; second < 5; second += 1) hear(second, second + 0.1);
  assert.equal(off(5), 0);
  // What is late, alone or together with others, is late.
  hear(5, 12);
  for (const second of [6, 7, 8, 9]) hear(second, 12.1);
  assert.equal(off(12), 0);
  for (let second = 13; second < 18; second += 1) hear(second, second + 3600.1);
  assert.equal(off(3618), 3600);
  hear(18, 18.1);
  assert.equal(off(18), 0, "and back");
  readings.setClock(-500);
  assert.equal(off(18), 0, "less than a second is no news");
  readings.setClock(86_400_000);
  assert.equal(off(18), 86_400);
});

test("a node that comes later gets its topics", () => {
  const readings = new Values();
  const { reading } = readings.take(frame("home/attic/thermometer/1", 20));
  assert.equal(reading.base, "home");
  const { moved } = readings.take(frame("home/attic/presence", { state: "online", since: "2026-11-21T10:00:00Z" }));
  assert.deepEqual(moved, [reading]);
  assert.deepEqual([reading.base, reading.name], ["home/attic", "thermometer/1"]);
  assert.deepEqual([...readings.nodes].map(([base, { size }]) => [base, size]), [["home/attic", 1]], "and the other one has none any more");
});

test("there is an end to topics, and it is told", () => {
  const readings = new Values();
  for (let topic = 0; topic <= TOPICS_AT_MOST; topic += 1) readings.take(frame(`n/counter/${topic}`, topic));
  assert.equal(readings.topics.size, TOPICS_AT_MOST);
  assert.ok(readings.overflown);
  readings.take({ ...frame("n/counter/1", null), options: { retain: true } });
  assert.equal(readings.topics.size, TOPICS_AT_MOST - 1, "a value that was cleared is gone");
});

test("what the hub does not tell again over the next connection is gone, if it had kept it or if it may not be read any more", () => {
  const readings = new Values();
  const hear = (topic, payload, options = {}) => readings.take({ ...frame(topic, payload), options });
  readings.round += 1;
  const online = { state: "online", since: "2026-11-21T10:00:00Z" };
  for (const base of ["home/attic", "home/cellar"]) hear(`${base}/presence`, online, { kept: true });
  hear("home/attic/info", { firmware: "x" }, { kept: true });
  hear("home/attic/thermometer", 20, { kept: true });
  hear("home/attic/hygrometer", 40, { retained: true });
  hear("home/cellar/thermometer", 10, { kept: true });
  hear("home/bell", 1);
  hear("bank/bell", 1);
  readings.round += 1;
  hear("home/cellar/presence", online, { retained: true });
  hear("home/cellar/thermometer", 10, { retained: true });
  assert.deepEqual([...readings.drop((topic) => topic.startsWith("home/"))], ["home/attic/thermometer", "home/attic/hygrometer", "bank/bell", "home/attic/presence", "home/attic/info"]);
  assert.deepEqual([...readings.topics.keys()], ["home/cellar/thermometer", "home/bell"]);
  assert.deepEqual([[...readings.presences.keys()], [...readings.infos.keys()], [...readings.nodes.keys()]], [["home/cellar"], [], ["home/cellar", "home"]]);
});

test("a gateway that says nothing itself is told with its nodes, and a node that only is there is told", () => {
  const readings = new Values();
  const online = { state: "online", since: "2026-11-21T10:00:00Z" };
  for (const base of ["node", "home/attic"]) readings.take(frame(`${base}/presence`, online));
  readings.take(frame("node/836d/thermometer/0:0/temperature", 20));
  assert.deepEqual(readings.bases(), ["node/836d", "home/attic"]);
  assert.deepEqual([readings.presenceOf("node/836d").isGateway, readings.presenceOf("home/attic").isGateway, readings.presenceOf("home")], [true, false, null]);
});

test("what is silent for twenty times as long as is normal is silent, and not only stale", () => {
  const readings = new Values();
  const { topic, payload, options, line } = frame("n/thermometer/1", 20);
  const { reading } = readings.take({ topic, payload, options: { ...options, every: 10 }, line });
  assert.deepEqual([30, 31, 600, 601].map((second) => reading.freshness(START + second * 1000)), ["fresh", "stale", "stale", "silent"]);
});

test("a title is that of the first value, and of a device with many values that of the device", () => {
  const readings = new Values();
  const titleAt = (topic, payload) => readings.take(frame(topic, payload)).reading.title;
  assert.equal(titleAt("n/co2-sensor/1", { concentration: [500, "ppm"] }), "CO₂");
  assert.equal(titleAt("tele/plug/SENSOR", { Time: "2026-11-21T10:00:00", ENERGY: { Power: 5, Voltage: 230 } }), "Power");
  assert.equal(titleAt("tele/plug/STATE", { Uptime: "1T", Heap: 25 }), "STATE");
  assert.equal(titleAt("n/relay/i2c0-3b", { state: true }), "Relay 3b");
});

test("a board that tells Home Assistant what it has names its units, before and after its values", () => {
  const readings = new Values();
  const config = (topic, state, more) => frame(`homeassistant/sensor/board/${topic}/config`, { uniq_id: topic, stat_t: state, unit_of_meas: "°C", ...more });
  readings.take(config("a", "board/sensor/a/state"));
  for (const name of ["a", "b", "c"]) readings.take(frame(`board/sensor/${name}/state`, 4.5));
  const { reading } = readings.take(config("b", "board/sensor/b/state"));
  assert.equal(reading.topic, "board/sensor/b/state");
  // The number is in some place of the payload: the template says where, and that is not read here.
  assert.equal(readings.take(config("c", "board/sensor/c/state", { val_tpl: "{{ value_json.x }}" })), null);
  const told = [...readings.topics.values()].map(({ title, quantities: [{ value, unit }] }) => `${title} ${value} ${unit}`);
  assert.deepEqual(told, ["A 4.5 ℃", "B 4.5 ℃", "C 4.5 "], "and such a message is no value");
});

test("a switch of ESPHome is switched where its board listens", () => {
  const { reading } = new Values().take(frame("board/switch/heater/state", "OFF"));
  assert.deepEqual([reading.title, reading.place, reading.actuator.set, reading.actuator.command(true)], ["Switch heater", "switch/heater", "board/switch/heater/command", "ON"]);
});

test("plugs of Zigbee2MQTT and Shelly are switched where they listen, and their readings stay readings", () => {
  const told = (topic, payload) => {
    const { reading } = new Values().take(frame(topic, payload));
    const { actuator, quantities, title } = reading;
    return [title, actuator?.set, actuator?.command(true), actuator?.stateOf(payload), (quantities ?? []).map(({ key }) => key).join(" ")];
  };
  assert.deepEqual(told("zigbee2mqtt/hall/lamp", { state: "ON", brightness: 180, linkquality: 90 }), ["Lamp", "zigbee2mqtt/hall/lamp/set", { state: "ON" }, true, "brightness linkquality"]);
  assert.deepEqual(told("shellies/boiler/relay/0", "off"), ["Relay 0", "shellies/boiler/relay/0/command", "on", false, ""]);
  assert.deepEqual(told("plug-1/status/switch:0", { id: 0, output: false, apower: 0 }), ["Switch 0", "plug-1/command/switch:0", "on", false, "apower id"]);
  // What only looks like it is read, and not switched.
  for (const [topic, payload] of [["zigbee2mqtt/blind", { state: "OPEN", linkquality: 90 }], ["hall/lamp", { state: "ON" }], ["plug-1/status/input:0", { id: 0, state: false }], ["hall/status/lamp", { output: true }]]) {
    assert.equal(told(topic, payload)[1], undefined, topic);
  }
});

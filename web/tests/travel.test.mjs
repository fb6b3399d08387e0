import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { BACK_TO, eventBeside, momentOf, paceOf, payloadText, then } from "../src/core/travel.js";
import { Values } from "../src/core/values.js";

const NOW = 1795770000000;
const HOUR = 3600e3;

const numbers = (topic, path, unit, t, value) => ({ topic, path, unit, step: 0, t, value, count: null, min: [], mean: [], max: [], last: [], gaps: [] });

test("a moment is within the last day, and the end of the slider is now", () => {
  assert.equal(momentOf(NOW - HOUR + 0.4, NOW), NOW - HOUR);
  assert.equal(momentOf(NOW, NOW), null);
  assert.equal(momentOf(NOW + HOUR, NOW), null);
  assert.equal(momentOf(0, NOW), NOW - BACK_TO);
  assert.equal(momentOf(momentOf(0, NOW), NOW + 5000), NOW - BACK_TO, "it stays where it is while somebody looks");
  assert.equal(momentOf(Number.NaN, NOW), null);
});

test("a payload is put together from its leaves", () => {
  const leaf = (path, value, unit = "") => ({ path, value, unit });
  const made = (...leaves) => JSON.parse(payloadText(leaves));
  assert.deepEqual(made(leaf("/temperature/0", 20.5, "℃")), { temperature: [20.5, "℃"] });
  assert.deepEqual(made(leaf("/pressure/0", 97.1, "kPa"), leaf("/altitude/0", 331, "m")), { pressure: [97.1, "kPa"], altitude: [331, "m"] });
  assert.deepEqual(made(leaf("", true)), true);
  assert.deepEqual(made(leaf("/0", 5, "V")), [5, "V"]);
  assert.deepEqual(made(leaf("/a~1b/~0", "x")), { "a/b": { "~": "x" } });
  assert.deepEqual(made(leaf("/l/1", 2), leaf("/l/0", 1)), { l: [1, 2] });
  assert.deepEqual(made(leaf("/l/2", 2)), { l: { 2: 2 } });
  assert.deepEqual(made(leaf("/a", 1), leaf("/a/b", 2)), { a: 1 }, "the newer one stands first");
  assert.equal(payloadText([leaf("/__proto__/x", 1)]), '{"__proto__":{"x":1}}');
  assert.equal({}.x, undefined);
  assert.equal(payloadText([]), "null");
});

test("values, switches, nodes and the log are as they were", () => {
  const present = new Values();
  const say = (topic, payload, time, every) => present.take({ topic, payload, line: JSON.stringify([topic, payload]), options: { time: new Date(time).toISOString(), retained: true, every } });
  say("nodes/a/0/presence", { state: "online", since: new Date(NOW - 2 * HOUR).toISOString() }, NOW);
  say("nodes/b/0/presence", { state: "offline", since: new Date(NOW - HOUR / 2).toISOString() }, NOW);
  say("nodes/a/0/thermometer/0", { temperature: [25, "℃"] }, NOW, 60);
  const at = NOW - HOUR;
  const told = [
    numbers("nodes/a/0/thermometer/0", "/temperature/0", "℃", [at - 120e3, at - 60e3, at + 5], [20, 21.5, 99]),
    numbers("nodes/a/0/relay/1", "/state", "", [at - 6 * HOUR], [true]),
    numbers("nodes/b/0/presence", "/state", "", [at - HOUR], ["online"]),
    numbers("nodes/a/0/new/0", "/x", "", [at + 10], [1]),
  ];
  const events = [
    { number: 2, time: at - 30e3, kind: "command", topic: "nodes/a/0/relay/1/set", user: "jana", payload: { state: true }, result: "confirmed" },
    { number: 1, time: at - 90e3, kind: "sign-in", topic: "", user: "jana", payload: undefined, result: "ok" },
  ];
  const { values, traffic } = then(at, told, 30, present, events);
  assert.equal(values.now(), at);
  assert.deepEqual(values.topics.get("nodes/a/0/thermometer/0").payload, { temperature: [21.5, "℃"] });
  assert.equal(values.topics.get("nodes/a/0/thermometer/0").every, null, "two readings are no pace");
  assert.equal(values.topics.get("nodes/a/0/relay/1").actuator.stateOf(values.topics.get("nodes/a/0/relay/1").payload), true);
  assert.equal(values.topics.has("nodes/a/0/new/0"), false, "what came later was not there");
  assert.equal(values.presences.get("nodes/a/0").isOnline, true);
  assert.equal(values.presences.get("nodes/b/0").isOnline, true, "it went offline after that");
  assert.deepEqual(traffic.log().map(({ topic, time }) => [topic, (time - at) / 1000]), [
    ["nodes/a/0/relay/1", -21600], ["nodes/b/0/presence", -3600], ["nodes/a/0/thermometer/0", -120], ["nodes/a/0/thermometer/0", -60], ["nodes/a/0/relay/1/set", -30],
  ]);
  assert.equal(present.topics.get("nodes/a/0/thermometer/0").payload.temperature[0], 25, "now is not touched");
});

test("the log begins where it is whole: a series of which only some readings are told may have had more before", () => {
  const at = NOW;
  const told = [numbers("fast", "", "", [at - 3000, at - 2000, at - 1000], [1, 2, 3]), numbers("slow", "", "", [at - 60e3, at - 2500], [1, 2])];
  const { traffic, values } = then(at, told, 3, new Values(), []);
  assert.deepEqual(traffic.log().map(({ topic, time }) => [topic, at - time]), [["fast", 3000], ["slow", 2500], ["fast", 2000], ["fast", 1000]]);
  assert.equal(values.topics.size, 2);
});

test("a value was stale for the pace that its topic had then", () => {
  const times = (...seconds) => seconds.map((second) => NOW + second * 1000);
  assert.equal(paceOf(times(0, 10, 20, 30, 40)), 10e3);
  assert.equal(paceOf(times(0, 10, 20, 30, 40, 50, 600)), 10e3, "one pause is a pause");
  assert.equal(paceOf(times(0, 10, 200, 210, 600)), null, "not regular");
  assert.equal(paceOf(times(0, 10, 20, 30)), null);
  const told = [numbers("a/t", "", "", times(0, 10, 20, 30, 40), [1, 2, 3, 4, 5]), numbers("b/door", "", "", times(0, 10, 20, 30, 40), ["open", "closed", "open", "closed", "open"])];
  const topics = (second) => then(NOW + second * 1000, told, 30, new Values(), []).values;
  assert.equal(topics(50).topics.get("a/t").isStale(topics(50).now()), false);
  assert.equal(topics(90).topics.get("a/t").isStale(topics(90).now()), true);
  assert.equal(topics(90).topics.get("b/door").isStale(topics(90).now()), false, "a door that stays open says nothing");
});

test("from a moment there is an event before and one after", () => {
  const events = [3000, 2000, 1000].map((ago, at) => ({ number: 9 - at, time: NOW - ago * 100 })).reverse();
  assert.equal(eventBeside(events, NOW, false).time, NOW - 100e3);
  assert.equal(eventBeside(events, NOW - 100e3, false).time, NOW - 200e3);
  assert.equal(eventBeside(events, NOW - 300e3, true).time, NOW - 200e3);
  assert.equal(eventBeside(events, NOW - 300e3, false), null);
  assert.equal(eventBeside([], NOW, true), null);
});

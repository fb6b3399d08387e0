// Names, rooms, order, limits and alarms, as far as they need no browser.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { alarmOf, arranged, byOrder, nodeName, parseLayout, roomOf, roomOrder, roomsOf } from "../src/core/layout.ts";
import { parseSearch } from "../src/core/search.ts";
import { Values } from "../src/core/values.ts";
import { GROUPINGS, parseView, viewText, withoutToken } from "../src/core/view.ts";

/** The answer of a hub. JSON is the way that it comes, so that `__proto__` is a key like any other. */
const answer = (layout, more = "") => parseLayout(JSON.parse(`{"version": 3, "stored": true, "may_change": true, ${more}"layout": ${layout}}`));
const ATTIC = `{"rooms": ["Cellar"], "nodes": {"home/box": {"name": "Box", "room": "Attic"}},
  "values": {"home/box/thermometer/0": {"name": "Beam", "limits": {"/temperature/0": {"high": 28, "low": 5}}, "silent": 60}}}`;

function reading(payload, topic = "home/box/thermometer/0") {
  const values = new Values();
  values.take({ topic: "home/box/presence", payload: { state: "online" }, options: {}, line: "" }, 1e12);
  values.take({ topic, payload, options: { time: new Date(1e12).toISOString() }, line: JSON.stringify([topic, payload]) }, 1e12);
  return values.topics.get(topic);
}

test("names stand in place of topics, and are found by the search as the topics are", () => {
  arranged.layout = answer(ATTIC);
  const beam = reading({ temperature: [20, "℃"] });
  assert.deepEqual([beam.title, beam.kindTitle, nodeName(arranged.layout, "home/box"), nodeName(arranged.layout, "home/other")], ["Beam", "Temperature", "Box", "home/other"]);
  const about = { now: 1e12, isOffline: false, isFavourite: false };
  for (const [words, isFound] of [["beam", true], ["box", true], ["attic", true], ["room:att", true], ["room:cellar", false], ["room:", false], ["temperature", true], ["thermometer", true]]) {
    assert.equal(parseSearch(words).matches(beam, about), isFound, words);
  }
  // What has another name is found by that at once.
  arranged.layout = { ...answer(ATTIC.replace("Beam", "Rafter")), version: 4 };
  assert.equal(parseSearch("beam").matches(beam, about), false);
  assert.equal(parseSearch("rafter").matches(beam, about), true);
});

test("a value beyond a limit, or silent for too long, is an alarm, and says why", () => {
  const layout = (arranged.layout = answer(ATTIC));
  const told = (payload, after = 0) => alarmOf(layout, reading(payload), 1e12 + after)?.sentence ?? null;
  assert.equal(told({ temperature: [28, "℃"] }), null);
  assert.equal(told({ temperature: [28.04, "℃"] }), "Beam, Temperature: 28.0 ℃, over 28.0 ℃");
  assert.equal(told({ temperature: [-1, "℃"] }), "Beam, Temperature: −1 ℃, under 5 ℃");
  assert.equal(told({ temperature: [null, "℃"] }), null);
  assert.equal(told({ temperature: [20, "℃"] }, 60_000), null);
  assert.equal(told({ temperature: [20, "℃"] }, 61_000), "Beam: silent for 1 min, 1 min at most");
  assert.equal(parseSearch("is:alarm").matches(reading({ temperature: [30, "℃"] }), { now: 1e12, isOffline: false, isFavourite: false }), true);
});

test("silence counts from when the page hears the hub, and an alarm that stands does not end because the page was away", (t) => {
  const layout = (arranged.layout = answer('{"values": {"home/box/thermometer/0": {"silent": 60}}}'));
  t.after(() => (arranged.since = -Infinity));
  const [away, late] = [reading({ temperature: [20, "℃"] }), reading({ temperature: [20, "℃"] })];
  const past = reading({ temperature: [20, "℃"] });
  for (const one of [away, late]) one.round = 1;
  const kind = (one, after) => alarmOf(layout, one, 1e12 + after * 1000)?.kind ?? null;
  assert.deepEqual([kind(late, 60), kind(late, 61)], [null, "silent"]);
  arranged.since = Infinity;
  assert.deepEqual([kind(away, 3600), kind(late, 3600)], [null, "silent"], "while nothing is heard all stays as it is");
  arranged.since = 1e12 + 4000e3;
  assert.deepEqual([kind(away, 4001), kind(away, 4060), kind(away, 4061), kind(late, 4001)], [null, null, "silent", "silent"]);
  assert.equal(kind(past, 61), "silent", "in the past all was as it was, whatever the page has missed since");
});

test("an alarm does not flap: it ends when the value is back by a margin", () => {
  const layout = (arranged.layout = answer('{"values": {"home/box/thermometer/0": {"limits": {"/temperature/0": {"high": 28, "low": 3}}}}}'));
  const values = new Values();
  const told = (number) => {
    values.take({ topic: "home/box/thermometer/0", payload: { temperature: [number, "℃"] }, options: { time: new Date(1e12).toISOString() }, line: "" }, 1e12);
    return alarmOf(layout, values.topics.get("home/box/thermometer/0"), 1e12);
  };
  // Two hundredths of 25 ℃ are half a degree.
  const kinds = (...numbers) => numbers.map((number) => told(number)?.kind ?? null);
  assert.deepEqual(kinds(27.9, 28.1, 27.9, 28.1, 27.51, 27.5, 28, 28.01), [null, "high", "high", "high", "high", null, null, "high"]);
  assert.equal(told(27.9).sentence, "Temperature: 27.9 ℃, was over 28.00 ℃, ends at 27.50 ℃".replaceAll(".00", ".0").replaceAll(".50", ".5"));
  assert.deepEqual(kinds(20, 2.9, 3.4, 3.5, 3), [null, "low", "low", null, null]);
  // From one edge to the other it is another alarm.
  assert.deepEqual(kinds(29, 2, 27.9, 28.5, 27.4), ["high", "low", null, "high", null]);
  assert.equal(kinds(28.3)[0], "high");
  const wider = answer('{"values": {"home/box/thermometer/0": {"limits": {"/temperature/0": {"high": 28.2, "low": 3}}}}}');
  values.take({ topic: "home/box/thermometer/0", payload: { temperature: [28.1, "℃"] }, options: { time: new Date(1e12).toISOString() }, line: "" }, 1e12);
  assert.equal(alarmOf(wider, values.topics.get("home/box/thermometer/0"), 1e12), null, "a limit that was moved is another one");
});

test("the margin is at least the step of the sensor, and never beyond the middle of the limits", () => {
  const kinds = (limits, ...numbers) => {
    const layout = answer(JSON.stringify({ values: { "a/count": { limits: { "": limits } } } }));
    const values = new Values();
    return numbers.map((number) => {
      values.take({ topic: "a/count", payload: number, options: {}, line: "" }, 1e12);
      return alarmOf(layout, values.topics.get("a/count"), 1e12)?.kind ?? null;
    });
  };
  assert.deepEqual(kinds({ high: 10 }, 11, 10, 9, 10), ["high", "high", null, null], "whole numbers come back by one");
  assert.deepEqual(kinds({ high: 1000 }, 1001, 981, 980), ["high", "high", null], "a limit alone: two hundredths of it");
  assert.deepEqual(kinds({ high: 0 }, 1, 0, -1), ["high", "high", null], "of nothing two hundredths are nothing: the step counts");
  assert.deepEqual(kinds({ low: 0, high: 1 }, 2, 1, 0.5), ["high", "high", null]);
  assert.deepEqual(kinds({ low: -5 }, -6, -5, -4), ["low", "low", null]);
});

test("rooms stand as people want them, others by their names, and no room last", () => {
  const layout = answer('{"rooms": ["Kitchen", "Attic"], "nodes": {"a": {"room": "Zoo"}, "b": {"room": "Bath"}}, "values": {"a/t": {"room": "Attic"}}}');
  assert.deepEqual(["", "Zoo", "Attic", "Bath", "Kitchen"].sort(roomOrder(layout)), ["Kitchen", "Attic", "Bath", "Zoo", ""]);
  assert.deepEqual(roomsOf(layout), ["Kitchen", "Attic", "Bath", "Zoo"]);
  assert.deepEqual([roomOf(layout, "a/t", "a"), roomOf(layout, "a/u", "a"), roomOf(layout, "c/u", "c")], ["Attic", "Zoo", ""]);
});

test("what has a place stands first, and the rest keeps its order", () => {
  const entries = { b: { order: 1 }, d: { order: 0 } };
  assert.deepEqual(["a", "b", "c", "d"].sort((one, other) => byOrder(entries[one], entries[other])), ["d", "b", "a", "c"]);
});

test("keys such as __proto__ are keys like others, and change no other object", () => {
  const layout = answer('{"nodes": {"__proto__": {"name": "evil"}, "constructor": {"name": "too"}}, "values": {"__proto__": {"limits": {"__proto__": {"high": 1}, "": {"high": 2}}}}}');
  assert.deepEqual([...layout.nodes.keys()], ["__proto__", "constructor"]);
  assert.equal({}.name, undefined);
  assert.equal(nodeName(layout, "toString"), "toString");
  assert.deepEqual(Object.keys(layout.values.get("__proto__").limits), [""]);
  assert.equal(alarmOf(layout, reading(3, "__proto__"), 1e12)?.word, "High");
});

test("what is no layout is none, and what is odd in one is left out", () => {
  for (const odd of [null, [], "x", { version: "1", layout: {} }, { version: 1 }, { version: 1, layout: [] }]) assert.equal(parseLayout(odd), null);
  const layout = answer('{"rooms": [1, "A"], "nodes": {"a": 5, "b": {"name": 7, "order": "x", "icon": ""}}, "values": []}');
  assert.deepEqual([layout.rooms, [...layout.nodes], layout.values.size], [["A"], [["b", {}]], 0]);
});

test("the grouping by room is in the address", () => {
  for (const by of GROUPINGS) assert.equal(parseView(viewText(parseView(`#/?by=${by}`))).by, by);
});

test("the token of a link leaves the address, and the rest of it stays", () => {
  const address = "#/charts?s=a%2Fb%3A&r=6h&kiosk=1";
  assert.deepEqual(withoutToken(`${address}&k=cht_x-y_z`), [address, "cht_x-y_z"]);
  assert.deepEqual(withoutToken("#/?k=cht_x"), ["#/", "cht_x"]);
  assert.deepEqual(withoutToken(address), [address, null]);
  assert.equal(viewText(parseView("#/admin/events?topic=a%2Fb&k=cht_x")), "#/admin/events?topic=a%2Fb");
  assert.deepEqual([parseView(address).isKiosk, viewText(parseView(address)), parseView("#/admin?kiosk=1").isKiosk], [true, address, false]);
});

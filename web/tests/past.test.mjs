// The last hour: what is asked for, and what of it is drawn.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { frames } from "../src/core/frame.js";
import { drawn, Hour, Past } from "../src/core/past.js";
import { Values } from "../src/core/values.js";

const MINUTE = 60_000;
const START = Date.parse("2026-11-21T10:00:00Z");

/** An hour with one reading in each of these minutes. */
function hour(minutes, gaps = [], topic = "n/thermometer/1") {
  const values = minutes.map((minute) => 20 + minute / 10);
  const series = { topic, path: "/temperature/0", t: minutes.map((minute) => START + minute * MINUTE), count: minutes.map(() => 60) };
  return new Hour({ ...series, min: values, mean: values, max: values }, gaps);
}

const lengths = (pieces) => pieces.map(({ length }) => length);

test("nothing is drawn across a pause or a gap, and a minute alone is a dot", () => {
  const end = START + 59 * MINUTE;
  assert.deepEqual(lengths(hour([1, 2, 3, 20, 30, 31]).pieces(end)), [3, 1, 2]);
  assert.deepEqual(lengths(hour([1, 16, 31, 46]).pieces(end)), [4], "every quarter of an hour is a pace too");
  assert.deepEqual(lengths(hour([1, 2, 17, 18, 19], [], "node/1/thermometer/0:0/temperature").pieces(end)), [5], "a radio node may be silent");
  assert.deepEqual(lengths(hour([1, 30]).pieces(end)), [1, 1], "two readings tell no pace");
  const gap = { from: START + 5 * MINUTE, to: START + 7 * MINUTE, why: "hub stopped" };
  assert.deepEqual(lengths(hour([1, 16, 31, 46], [gap]).pieces(end)), [1, 3]);
  assert.match(drawn(hour([1, 2, 20]).pieces(end), end).path, /^M[\d.]+ [\d.]+L[\d.]+ [\d.]+M[\d.]+ [\d.]+h0\.01$/);
});

test("what comes is added to its minute, and what is older than an hour goes", () => {
  const known = hour([0, 1]);
  known.add(START + MINUTE + 1000, 30);
  known.add(START + 2 * MINUTE, 25);
  known.add(START, 99);
  assert.deepEqual(known.within(START + 2 * MINUTE).map(({ max }) => max), [20, 30, 25]);
  known.add(START + 62 * MINUTE, 21);
  assert.deepEqual(known.within(START + 62 * MINUTE).map(({ max }) => max), [25, 21]);
});

test("a thousand tiles ask a hundred at a time, one question after the other, and no second time", async () => {
  const asked = [];
  const past = new Past((topic, payload) => asked.push(payload));
  const readings = new Values();
  const line = (topic) => JSON.stringify([topic, { temperature: [20, "℃"] }, { retained: false, time: new Date(START).toISOString() }]);
  const all = Array.from({ length: 1000 }, (_, at) => readings.take(frames(line(`n/thermometer/${at}`))[0]).reading);
  for (const reading of all) assert.equal(past.of(reading), null);
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let at = 0; at < 10; at += 1) {
    assert.equal(asked.length, at + 1, "the next question waits for the answer");
    const { filters, id } = asked[at];
    assert.equal(filters.length, 100);
    const series = filters.map((topic) => ({ topic, path: "/temperature/0", t: [START], count: [1], min: [20], mean: [20], max: [20] }));
    past.take({ topic: "clown.talk/-/history/ok", payload: { id, series, gaps: [], more: null } }, (topic) => readings.topics.get(topic));
  }
  for (const reading of all) assert.ok(past.of(reading).isKept);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(asked.length, 10);
});

// The last hour in the tiles, and how old a value is that the hub had kept.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { drawn, Hour, Past } from "../../web/src/past.js";
import { frames } from "../../web/src/frame.js";
import { Readings } from "../../web/src/readings.js";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { folder, startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const MINUTE = 60_000;
const START = Date.parse("2026-11-21T10:00:00Z");

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

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
  const readings = new Readings();
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

test("the tile of a number shows the last hour, also what was said before the hub started again", async (t) => {
  const store = folder(t);
  const first = await startHub(t, { simulator: "off", store });
  const before = await connect(t, first, "home/attic", "node");
  await before.publish("thermometer/0", { temperature: [20.1, "℃"] });
  await first.stop();
  const hub = await startHub(t, { simulator: "off", store });
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [21.4, "℃"] });
  await node.publish("door/0", { state: "open" });
  const page = await signedIn(t, browser, hub);
  const inside = tile(page, "home/attic", "Temperature", "thermometer/0");
  await inside.getByRole("img", { name: "last hour: 20.1 to 21.4 ℃" }).waitFor();
  const height = (await inside.boundingBox()).height;
  await node.publish("thermometer/0", { temperature: [23.5, "℃"] });
  await inside.getByRole("img", { name: "last hour: 20.1 to 23.5 ℃" }).waitFor();
  assert.equal((await inside.boundingBox()).height, height, "nothing moves");
  assert.equal(await page.locator(".sparkline").count(), 1, "a word has no line");
  assertQuiet(page, hub);
});

test("without history there is no line, and the page asks for it once", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.1, "℃"] });
  const page = await newPage(t, browser);
  const asked = [];
  const refused = page.waitForEvent("websocket").then((socket) => {
    socket.on("framesent", ({ payload }) => payload.includes("history/get") && asked.push(payload));
    return socket.waitForEvent("framereceived", ({ payload }) => payload.includes("history/error"));
  });
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.1/);
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  assert.equal(await page.locator('.sparkline[aria-hidden="true"] path:not([d])').count(), 1);
  assert.match((await refused).payload, /history is off/);
  // Every tile is drawn again, also that of a device that has just come, long after a page that asks would have asked.
  await page.evaluate((ahead) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + ahead;
  }, 2 * MINUTE);
  await node.publish("thermometer/1", { temperature: [21.5, "℃"] });
  await says(tile(page, "home/attic", "Temperature", "thermometer/1"), /21\.5/);
  await node.publish("thermometer/0", { temperature: [22.5, "℃"] });
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /22\.5/);
  // The page collects what it asks for during 200 ms: its timers go off in their order.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
  assert.equal(asked.length, 1);
  assertQuiet(page, hub);
});

test("a value from before the hub's start says of when it is, until the device speaks", async (t) => {
  const store = folder(t);
  const first = await startHub(t, { simulator: "off", store });
  const before = await connect(t, first, "home/attic", "node");
  await before.publish("thermometer/0", { temperature: [20.1, "℃"] });
  await first.stop();
  const hub = await startHub(t, { simulator: "off", store });
  const page = await signedIn(t, browser, hub);
  const inside = tile(page, "home/attic", "Temperature", "thermometer/0");
  await says(inside, /\d s ago|just now/);
  // A clock that is set on is all that differs from waiting for two minutes.
  await page.evaluate((ahead) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + ahead;
  }, 2 * MINUTE);
  await says(inside, /as of \d\d:\d\d/);
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await says(inside, /20\.5\s*℃.*2 min ago/);
  assertQuiet(page, hub);
});

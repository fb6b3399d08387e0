// What the search box understands, and what stands in the address.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { frames } from "../src/core/frame.js";
import { parseSearch } from "../src/core/search.js";
import { topicTrouble } from "../src/core/payload.js";
import { matches } from "../src/core/topic.js";
import { Values } from "../src/core/values.js";
import { START, parseView, viewText } from "../src/core/view.js";

const NOW = Date.parse("2026-11-21T10:10:00Z");
const AT = "2026-11-21T10:00:00Z";

const HOUSE = [
  ["nodes/bridge/0/thermometer/i2c0-48", { temperature: [21.5, "℃"] }],
  ["nodes/bridge/0/relay/i2c0-3b", { state: true }],
  ["nodes/bridge/1/co2-sensor/i2c0-38", { concentration: [800, "ppm"] }],
  ["node/836d/hygrometer/0:4/relative-humidity", 43],
  ["home/attic/door", "open"],
  ["home/attic/raw", [1, 2, 3]],
];

/** The topics that a search finds, by their last level. */
function found(text, { options = {}, about = {} } = {}) {
  const values = new Values();
  for (const [topic, payload] of HOUSE) values.take(frames(JSON.stringify([topic, payload, { retained: true, time: AT, ...options }]))[0]);
  const search = parseSearch(text);
  const readings = [...values.topics.values()].filter((reading) => search.matches(reading, { now: NOW, isOffline: reading.base === "home", isFavourite: false, ...about }));
  return readings.map(({ topic }) => topic.slice(topic.lastIndexOf("/") + 1));
}

test("a word without a colon is a word, also where it begins like a key", () => {
  for (const word of ["room1", "rooms", "unit1", "units", "key1", "iso"]) {
    const { trouble, matchesTopic } = parseSearch(word);
    assert.equal(trouble, null, word);
    assert.equal(matchesTopic(`hotel/${word}/temp`, ""), true, word);
  }
});

test("words are looked for in what was said, and not in what the hub says of it", () => {
  const line = '["a/b", {"on": true}, {"retained": false, "time": "2026-12-01T10:00:00.000Z", "from": "gateway", "kept": true}]';
  assert.deepEqual(["on", "true", "gateway", "kept", "12"].map((word) => parseSearch(word).matchesTopic("a/b", line)), [true, true, false, false, false]);
  assert.equal(parseSearch("-is:offline").matchesTopic("a/b", line), false, "what looks at values says nothing of a topic alone");
  assert.equal(parseSearch("-on").matchesTopic("a/b", line), false);
});

test("words are looked for in topics, titles, values and units, large or small, and all have to be there", () => {
  assert.deepEqual(found("ATTIC"), ["door", "raw"]);
  assert.deepEqual(found("bridge 800"), ["i2c0-38"]);
  assert.deepEqual(found("co₂"), ["i2c0-38"]);
  assert.deepEqual(found("humidity"), ["relative-humidity"]);
  assert.deepEqual(found('"relay 3b"'), ["i2c0-3b"]);
  assert.deepEqual(found("bridge -relay -ppm"), ["i2c0-48"]);
  assert.equal(found("").length, HOUSE.length);
  assert.deepEqual(found("nothing"), []);
});

test("filters and regular expressions look at topics", () => {
  assert.deepEqual(found("nodes/+/0/#"), ["i2c0-48", "i2c0-3b"]);
  assert.deepEqual(found("/^home.*r$/"), ["door"]);
  assert.deepEqual(found("-nodes/#"), ["relative-humidity", "door", "raw"]);
  const wrong = parseSearch("/(/ attic");
  assert.equal(wrong.trouble, "/(/ is no regular expression.");
  assert.deepEqual(found("/(/"), []);
});

test("names, units, numbers and ages are asked for by key", () => {
  assert.deepEqual(found("key:temp"), ["i2c0-48"]);
  assert.deepEqual(found("unit:°C"), ["i2c0-48"]);
  assert.deepEqual(found("unit:C"), ["i2c0-48"]);
  assert.deepEqual(found("value>43"), ["i2c0-38"]);
  assert.deepEqual(found("value>=43 value<100"), ["relative-humidity"]);
  assert.deepEqual(found("temperature=21.5"), ["i2c0-48"]);
  assert.equal(found("age>9m").length, HOUSE.length);
  assert.deepEqual(found("age>11m"), []);
  assert.equal(parseSearch("age>2y").trouble, "age is told in s, m, h or d, not in y.");
});

test("states are asked for with is", () => {
  assert.deepEqual(found("is:offline"), ["door", "raw"]);
  assert.deepEqual(found("is:on"), ["i2c0-3b", "door"]);
  assert.deepEqual(found("is:control"), ["i2c0-3b"]);
  assert.deepEqual(found("is:favourite"), []);
  assert.deepEqual(found("is:favourite door", { about: { isFavourite: true } }), ["door"]);
  assert.deepEqual(found("is:stale", { options: { every: 10 } }), ["i2c0-48", "i2c0-3b", "i2c0-38", "relative-humidity"], "what is offline is not called stale, too");
  assert.match(parseSearch("is:fast").trouble, /^is:fast is not known\. There are is:stale,/);
});

test("any text is a search, and none takes long", () => {
  for (const text of ["", " ", "-", "//", '"', "unit:", "is:", "value>", "+", "#", "a:b:c", "\\", "/[/", "x".repeat(10_000), "\u0000", "🙂"]) {
    const search = parseSearch(text);
    assert.ok(search.text.length <= 400);
    found(text);
    search.matchesTopic("a/b", "[1]");
  }
});

test("filters match as the hub's do", () => {
  for (const [filter, topic] of [["#", "a/b"], ["a/#", "a"], ["a/#", "a/b/c"], ["+/b", "a/b"], ["a/+", "a/"], ["a", "a"]]) assert.ok(matches(filter, topic), `${filter} ${topic}`);
  for (const [filter, topic] of [["#", "$SYS/x"], ["+/x", "$SYS/x"], ["a/+", "a/b/c"], ["a", "b"], ["a/b", "a"], ["+", "a/b"]]) assert.ok(!matches(filter, topic), `${filter} ${topic}`);
});

test("why nobody can publish to a topic is told", () => {
  assert.equal(topicTrouble("relay/1/set"), null);
  for (const topic of ["", "a/+", "#", "a\0", "clown.talk/-/x", "ž".repeat(40_000)]) assert.ok(topicTrouble(topic));
});

test("a view goes into the address and comes back", () => {
  const views = [START, { ...START, screen: "explorer", search: "a&b=c #/é", by: "quantity", topic: "a/b ?" }, { ...START, search: "is:stale" }];
  for (const view of views) assert.deepEqual(parseView(viewText(view)), view);
  assert.equal(viewText(START), "#/");
  for (const odd of ["", "#", "#/nowhere?by=x", "#?%E0%A4%A", "#/explorer?topic=a&topic=b"]) assert.ok(viewText(parseView(odd)).startsWith("#/"));
});

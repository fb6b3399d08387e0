// The tree of all topics, the log of messages, and payloads as they are typed.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { frames } from "../src/core/frame.js";
import { checkPayload, formatted } from "../src/core/payload.js";
import { CHARACTERS_AT_MOST, MESSAGES_AT_MOST, TOPICS_AT_MOST, Traffic } from "../src/core/traffic.js";
import { rows } from "../src/core/tree.js";

const said = (traffic, topic, payload, time = 1000) => traffic.take(frames(JSON.stringify([topic, payload]))[0], time);
const seen = (traffic, isOpen, fits = null) => rows(traffic.root, isOpen, fits).map(({ branch, depth }) => `${" ".repeat(depth)}${branch.level}`);

test("topics stand in a tree, a topic may have topics below it, and the last message of each is kept", () => {
  const traffic = new Traffic();
  for (const topic of ["b", "a/x", "a/x/10", "a/x/9", "/y"]) said(traffic, topic, topic);
  said(traffic, "b", { state: 20.10 });
  assert.deepEqual(seen(traffic, () => false), ["", "a", "b"]);
  assert.deepEqual(seen(traffic, () => true), ["", " y", "a", " x", "  9", "  10", "b"]);
  assert.deepEqual([traffic.find("b").text, traffic.find("b").count, traffic.find("a").isTopic, traffic.find("c")], ['{"state":20.1}', 2, false, null]);
  assert.equal(traffic.topics, 5);
});

test("what is gone leaves the tree with the levels that only led there, and stays in the log", () => {
  const traffic = new Traffic();
  for (const topic of ["a/x", "a/x/10", "b/y/z", "c"]) said(traffic, topic, topic);
  traffic.drop((topic) => ["a/x", "b/y/z"].includes(topic));
  assert.deepEqual(seen(traffic, () => true), ["a", " x", "  10", "c"]);
  assert.deepEqual([traffic.topics, traffic.find("a/x").isTopic, traffic.log().length], [2, false, 4]);
  said(traffic, "b/y/z", 1);
  assert.equal(traffic.topics, 3);
});

test("a search opens the way to what fits, and shows nothing else", () => {
  const traffic = new Traffic();
  for (const topic of ["a/b/c", "a/d", "e/f"]) said(traffic, topic, 1);
  assert.deepEqual(seen(traffic, () => false, ({ topic }) => topic.endsWith("c")), ["a", " b", "  c"]);
  assert.deepEqual(seen(traffic, () => false, () => false), []);
});

test("a rate is that of the last ten whole seconds, of a topic and of all below a level", () => {
  const traffic = new Traffic();
  for (let second = 1; second <= 5; second += 1) for (const topic of ["a/b", "a/c"]) said(traffic, topic, 1, second * 1000);
  assert.deepEqual(["a/b", "a"].map((topic) => traffic.find(topic).rate(6)), [0.5, 1]);
  assert.equal(traffic.find("a").rate(13), 0.6);
  assert.equal(traffic.find("a").rate(1000), 0);
});

test("topics, messages and their characters have an end", () => {
  const traffic = new Traffic();
  for (let at = 0; at <= TOPICS_AT_MOST; at += 1) said(traffic, `t/${at}`, at);
  assert.deepEqual([traffic.topics, traffic.overflown, traffic.log().length], [TOPICS_AT_MOST, true, MESSAGES_AT_MOST]);
  assert.equal(traffic.log().at(-1).topic, `t/${TOPICS_AT_MOST}`, "also what has no place in the tree is in the log");
  const long = "x".repeat(30_000);
  for (let at = 0; at < 300; at += 1) said(traffic, "long", long);
  const characters = traffic.log().reduce((sum, { line }) => sum + line.length, 0);
  assert.ok(characters <= CHARACTERS_AT_MOST && characters > CHARACTERS_AT_MOST - 2 * long.length);
  traffic.clearLog();
  said(traffic, "long", 1);
  assert.equal(traffic.log().length, 1);
});

test("where a payload stops being JSON is told, and a word is told that it needs quotes", () => {
  assert.deepEqual(checkPayload('{"state": true}'), { trouble: null, bytes: 15 });
  assert.equal(checkPayload("ž").bytes, 2);
  assert.match(checkPayload("{'state': true}").trouble, /^This is no JSON: line 1, column 2 has '/);
  assert.match(checkPayload('{\n "a": 1,\n}').trouble, /line 3, column 1 has }/);
  assert.equal(checkPayload("on").trouble, 'This is no JSON. A text has quotes: "on"');
  assert.match(checkPayload("[1, 2").trouble, /its end is missing|no JSON/);
  assert.match(checkPayload("  ").trouble, /^A payload is JSON/);
});

test("a payload is set out in lines without a change to its numbers and texts", () => {
  assert.equal(formatted('{"a":20.10,"b":[1,{}],"c, {":"x: [\\""}'), '{\n  "a": 20.10,\n  "b": [\n    1,\n    {}\n  ],\n  "c, {": "x: [\\""\n}');
  for (const text of ["true", '"x"', "[]", "12345678901234567890"]) assert.equal(formatted(text), text);
});

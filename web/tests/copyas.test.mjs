// A message as a command: whatever stands in it comes out as it was. tests/browser/explorer.test.mjs runs the commands of the page.

import "./english.mjs";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { FORM_NAMES, copiedAs } from "../src/core/copyas.ts";

const HOSTILE = [
  ["relay/1/set", '{"state":true}'], ["it's/$HOME/`id`/\"x\"/!!", '"it\'s $(id) `id` \\\\ \\" !! $HOME"'], ["-t/--help", "-1"], ["a b/č/℃/😀", '"č\\u2103 😀"'], ["a//b/", "null"], ["a/../b/.", "[1,  2.50]"], ["x;rm -rf #?&%2e\\n", '{"\'":"\'"}'], ["@file", '"@file"'],
];
const message = (topic, payload, more = {}) => ({ hub: "http://hub.local:8080/", user: "ja'na", topic, payload, isRetained: false, ...more });

/** What a shell makes of a command: its words, and what came in by the pipe. */
function words(command, program) {
  const script = `${program}() { for word in "$@"; do printf '%s\\0' "$word"; done; }\n${command}`;
  return execFileSync("sh", ["-c", script], { env: { PATH: process.env.PATH, HUB_PASSWORD: "p'w $x" } }).toString().split("\0").slice(0, -1);
}

test("curl gets the topic level by level, and the payload as it was sent", () => {
  for (const [topic, payload] of HOSTILE) {
    const given = words(copiedAs("curl", message(topic, payload)), "curl");
    const address = given.at(-1);
    assert.deepEqual(given.slice(-5, -1), ["-u", "ja'na:p'w $x", "--json", payload], topic);
    assert.deepEqual(address.slice("http://hub.local:8080/api/topics/".length).split("/").map(decodeURIComponent), topic.split("/"));
    assert.equal(given.includes("--path-as-is"), topic.includes("/../"), topic);
  }
  assert.ok(copiedAs("curl", message("a", "1", { isRetained: true })).endsWith("a?retain=true'"));
});

test("mosquitto_pub gets topic and payload as they are", () => {
  for (const [topic, payload] of HOSTILE) {
    const given = words(copiedAs("mosquitto_pub", message(topic, payload, { isRetained: true })), "mosquitto_pub");
    assert.deepEqual(given, ["-h", "hub.local", "-p", "1883", "-u", "ja'na", "-P", "p'w $x", "-r", "-t", topic, "-m", payload]);
  }
  assert.match(copiedAs("mosquitto_pub", message("a", "1", { hub: "https://hub.local/x/" })), /-p 8883 --cafile authority\.pem/);
});

test("websocat gets one frame on one line", () => {
  for (const [topic, payload] of HOSTILE) {
    const script = `websocat() { cat; printf '%s\\0' "$@"; }\n${copiedAs("websocat", message(topic, payload))}`;
    const told = execFileSync("sh", ["-c", script], { env: { PATH: process.env.PATH, HUB_PASSWORD: "p'w $x" } }).toString();
    const end = told.indexOf("\n");
    assert.equal(told.slice(0, end), `[${JSON.stringify(topic)},${payload}]`);
    assert.deepEqual(told.slice(end + 1).split("\0").slice(0, -1), ["--basic-auth", "ja'na:p'w $x", "ws://hub.local:8080/talk/"]);
  }
});

test("no password is in any of them, and a lone surrogate breaks none", () => {
  for (const form of FORM_NAMES) {
    const text = copiedAs(form, message("a\ud800/b", '"\\ud800"'));
    assert.match(text, /HUB_PASSWORD/);
    assert.doesNotMatch(text, /bigclown|p'w/);
  }
  assert.equal(copiedAs("__proto__", message("a", "1")), copiedAs("curl", message("a", "1")));
});

test("a payload of several lines becomes one", () => {
  assert.doesNotMatch(copiedAs("curl", message("a", '{\n  "a": 1\r\n}')), /[\r\n]/);
});

// The self-check says what is in the way, and tries nothing that rests on what does not work.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, report } from "../src/core/check.ts";

const OK = { status: 200, body: { status: "ok" }, took: 12, ahead: 300 };
const IN = { status: 200, body: { name: "jana" }, took: 9, ahead: 300 };
const SENT = { status: 400, body: { error: "body" }, took: 5, ahead: 0 };
const AROUND = {
  origin: "http://hub.lan:8080", hasCookies: true, isSecure: true, keeps: true,
  ask: async (method, path) => (path === "healthz" ? OK : method === "POST" ? SENT : IN), openSocket: async () => ({ took: 8, echo: 4 }),
};

async function run(more) {
  const steps = [];
  for await (const step of check({ ...AROUND, ...more })) steps.push(step);
  return steps;
}

/** The looks of the steps, and the sentence of one. */
const looks = (steps) => steps.map(({ name, look }) => `${name} ${look}`).join(", ");
const sentence = (steps, name) => steps.find((step) => step.name === name)?.sentence;
const answers = (health, session, sent = SENT) => ({ ask: async (method, path) => (path === "healthz" ? health : method === "POST" ? sent : session) });

test("where everything works, each step says so", async () => {
  const steps = await run({});
  assert.equal(looks(steps), "http ok, origin ok, session ok, socket ok, echo ok, clock ok, browser ok");
  assert.match(sentence(steps, "session"), /as jana/);
});

test("no hub, or something else in its place, is told, and nothing more is tried", async () => {
  assert.match(sentence(await run(answers(null, null)), "http"), /Nothing answers at http:\/\/hub\.lan:8080/);
  const steps = await run(answers({ ...OK, status: 502, body: {} }, IN));
  assert.equal(looks(steps), "http bad");
  assert.match(steps[0].sentence, /502/);
  assert.equal(looks(await run(answers({ ...OK, body: {} }, IN))), "http bad");
});

test("an origin that the hub refuses is told with the key that lets it in", async () => {
  const steps = await run(answers(OK, IN, { status: 403, body: { error: "origin" }, took: 5, ahead: 0 }));
  assert.equal(looks(steps), "http ok, origin bad");
  assert.match(steps[1].sentence, /server\.origins = \["http:\/\/hub\.lan:8080"\]/);
});

test("a proxy that lets HTTP through and no WebSocket is told with what it needs", async () => {
  const steps = await run({ openSocket: async () => null });
  assert.equal(looks(steps), "http ok, origin ok, session ok, socket bad, clock ok, browser ok");
  assert.match(sentence(steps, "socket"), /Upgrade \$http_upgrade/);
  assert.equal(looks(await run({ openSocket: async () => ({ took: 5, echo: null }) })), "http ok, origin ok, session ok, socket ok, echo bad, clock ok, browser ok");
});

test("without a sign-in the socket is not tried, and cookies that are off are told", async () => {
  const out = { status: 401, body: { error: "session" }, took: 5, ahead: 0 };
  assert.equal(looks(await run({ ...answers(OK, out), openSocket: () => assert.fail("tried") })), "http ok, origin ok, session note, socket note, clock ok, browser ok");
  assert.match(sentence(await run({ ...answers(OK, out), hasCookies: false }), "session"), /keeps no cookies/);
});

test("clocks that differ, and what the browser lacks, are told", async () => {
  const ahead = (ahead) => answers({ ...OK, ahead }, { ...IN, ahead });
  assert.match(sentence(await run(ahead(3_600_000)), "clock"), /60 min ahead of/);
  assert.match(sentence(await run(ahead(-90_000)), "clock"), /90 s behind/);
  assert.match(sentence(await run(ahead(null)), "clock"), /does not tell/);
  const steps = await run({ isSecure: false, keeps: false });
  assert.match(sentence(steps, "browser"), /favourites are forgotten\. Over plain http/);
  assert.match(report(steps, ["Clown Hub"]), /^Clown Hub\n\[ok\] HTTP: [^\n]+\n(\[(ok|note|bad)\] [^\n]+\n?)+$/);
});

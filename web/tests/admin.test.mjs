// What the pages of the operator ask and understand, without a browser.

import "./english.mjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bodyOf, EMPTY, lines, parseAccount } from "../src/core/admin/accounts.ts";
import { askedText, isQuestion, parseAsked, parseEvents, pathOf as eventsPath, resultText } from "../src/core/admin/events.ts";
import { bytesText, linksOf, parseFigures, pathOf, Trail, toldAt, uptimeText } from "../src/core/admin/figures.ts";
import { addressOf, codeOf, isLocal, SNIPPETS } from "../src/core/admin/snippets.ts";
import { EVENTS } from "../src/core/text.ts";
import { parseView, viewText } from "../src/core/view.ts";

test("an account goes back as it came, and what was emptied is left out", () => {
  const told = { name: "jana", token: false, has_password: true, role: "operator", base: "nodes", subscribe: ["a/#", "b"], publish: [], retain: true, admin: false, certificate: false, from: ["10.0.0.0/8"], valid_until: null, note: "x", rights: { subscribe: ["nodes/#"], publish: [], retain: true, admin: false }, connections: 2 };
  const account = parseAccount(told);
  assert.deepEqual(bodyOf(account, false), { subscribe: ["a/#", "b"], publish: [], from: ["10.0.0.0/8"], role: "operator", base: "nodes", retain: true, note: "x" });
  assert.deepEqual(bodyOf({ ...account, role: "admin", password: "p", note: " " }, false), { subscribe: ["a/#", "b"], publish: [], from: ["10.0.0.0/8"], role: "admin", retain: true, password: "p" });
  assert.deepEqual(bodyOf({ ...EMPTY, admin: true, certificate: true, password: "p" }, true), { subscribe: [], publish: [], from: [] }, "a token is no admin and has no password");
  assert.deepEqual(lines(" a \n\n b/# "), ["a", "b/#"]);
  for (const [told, day] of [["2027-01-01T00:00:00Z", "2026-12-31"], ["2026-12-31T12:00:00Z", "2026-12-31T12:00:00Z"], [null, ""]]) {
    assert.equal(parseAccount({ name: "x", valid_until: told }).validUntil, day, "the last day is that which somebody has typed");
  }
  for (const odd of [null, 1, [], {}, { name: 3 }]) assert.equal(parseAccount(odd), null);
  assert.deepEqual(parseAccount({ name: "x", subscribe: "no", rights: 7 }).rights, { subscribe: [], publish: [], retain: false, admin: false });
});

test("a question about events is in the address, and comes back from it", () => {
  const asked = { topic: "a/relay/1/#", user: "jana", when: "2026-11-29T03:12" };
  assert.deepEqual(parseAsked(askedText(asked)), asked);
  assert.equal(askedText({ topic: "", user: "", when: "24h" }), "");
  assert.equal(parseAsked("when=__proto__").when, "24h");
  const view = parseView(viewText({ ...parseView("#/admin"), admin: `events?${askedText(asked)}` }));
  assert.deepEqual(parseAsked(view.admin.split("?")[1]), asked);
  const path = new URL(eventsPath(asked, 17), "http://hub/");
  const moment = Date.parse(asked.when);
  assert.deepEqual([...path.searchParams], [["limit", "100"], ["filter", "a/relay/1/#"], ["by", "jana"], ["since", String(moment - 900e3)], ["until", String(moment + 900e3)], ["before", "17"]]);
  assert.equal(eventsPath({ topic: " ", user: "", when: "all" }, null), "api/events?limit=100");
});

test("events are read whatever stands in them, and questions are told from commands", () => {
  const { events, hasMore } = parseEvents({ events: [{ number: 3, time: "2026-11-21T03:12:00.123Z", kind: "command", user: "jana", topic: "a/relay/1/set", payload: { state: true }, delivered: 2, result: "confirmed", after: 0.124 }, "odd", { kind: 7 }], more: { before: 3 } });
  assert.equal(hasMore, true);
  assert.deepEqual([events.length, events[0].payload, events[0].more], [2, '{"state":true}', [["delivered", "2"], ["after", "0.124"]]]);
  const is = (kind, topic) => isQuestion({ ...events[0], kind, topic });
  assert.deepEqual([is("command", "a/relay/1/set"), is("command", "a/relay/1/get"), is("command", "n/-/config/list"), is("answer", "n/-/config/list/ok"), is("answer", "a/relay/1")], [false, true, true, true, false]);
  for (const odd of [null, [], { events: 1 }, { more: null }]) assert.deepEqual(parseEvents(odd), { events: [], hasMore: false });
});

test("figures become links, lines and words", () => {
  const figures = parseFigures([{ topic: "$SYS/hub/bridge/house/state", payload: { state: "away", since: "2026-11-29T10:00:00Z", reason: "no" } }, { topic: "$SYS/hub/bridge/house/queue/messages", payload: 7 }, { topic: "$SYS/hub/uptime", payload: 5 }, { topic: "other", payload: 1 }, 3]);
  const [link, ...others] = linksOf(figures);
  assert.deepEqual([others.length, link.name, link.state, link.reason, link.figure("queue/messages"), link.figure("messages/lost")], [0, "house", "away", "no", 7, 0]);
  assert.equal(toldAt([{ topic: "$SYS/hub/uptime", payload: 5, time: "2026-11-29T10:00:00.500Z" }]), Date.parse("2026-11-29T10:00:00.500Z"));
  for (const odd of [null, [], [{ topic: "$SYS/hub/uptime" }]]) assert.ok(Number.isNaN(toldAt(odd)));
  const trail = new Trail();
  for (const [time, value] of [[0, 100], [10_000, 150], [10_000, 160], [20_000, 20], [30_000, 30]]) trail.take(new Map([["x", value], ["text", "a"]]), time);
  assert.deepEqual(trail.of("x").map(({ value }) => value), [100, 150, 20, 30]);
  assert.deepEqual(trail.rates("x").map(({ value }) => value), [5, 1], "a restart is no negative rate");
  assert.equal(pathOf(trail.of("x")), "M0.0 9.7L33.3 2.0L66.7 22.0L100.0 20.5");
  assert.equal(pathOf(trail.of("text")), null);
  for (let time = 40; time < 900; time += 1) trail.take(new Map([["x", time]]), time * 1000);
  assert.equal(trail.of("x").length, 360);
  assert.deepEqual([0, 1023, 1024, 1536 * 1024, 3 * 1024 ** 4].map(bytesText), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "3.0 TiB"]);
  assert.deepEqual([9, 720, 15_120, 273_600].map(uptimeText), ["9 s", "12 min", "4 h 12 min", "3 d 4 h"]);
});

test("programs and the code carry what a device needs, whatever its name is", () => {
  const device = { hub: "https://hub.example/house/", name: `it's "por\\ch"`, token: "cht_abc", base: "home/a b/č" };
  assert.equal(addressOf(device), "wss://hub.example/house/talk/home/a%20b/%C4%8D?side=node");
  const code = new URL(codeOf(device));
  assert.deepEqual([decodeURIComponent(code.username), code.password, code.host, code.pathname], [device.name, "cht_abc", "hub.example", "/house/talk/home/a%20b/%C4%8D"]);
  const programs = Object.fromEntries(SNIPPETS.map(([key, , make]) => [key, make(device)]));
  assert.ok(programs.arduino.includes('hub.beginSSL("hub.example", 443, "/house/talk/home/a%20b/%C4%8D?side=node")') && programs.arduino.includes(String.raw`hub.setAuthorization("it's \"por\\ch\"", "cht_abc")`));
  assert.ok(programs.micropython.includes('ssl.wrap_socket(wire, server_hostname="hub.example")'));
  assert.ok(programs.curl.includes("'https://hub.example/house/api/topics/home/a%20b/%C4%8D/temperature?retain=true'"));
  assert.ok(programs.mqtt.includes(`mosquitto_pub -h 'hub.example' -p 8883 --cafile authority.pem -u 'it'\\''s "por\\ch"' -P 'cht_abc' -t 'home/a b/č/temperature' -m 21.5`));
  assert.deepEqual(["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:8080/", "http://192.168.1.9/"].map(isLocal), [true, true, true, false]);
});

test("what came of an event is told in words, whatever its kind, and what is unknown as the hub calls it", () => {
  const told = (one) => resultText(parseEvents({ events: [one] }).events[0]);
  const results = {
    "command": ["waiting", "confirmed", "refused", "timeout", "offline", "superseded", "unknown"],
    "sign-in": ["ok", "wrong", "locked", "busy", "token", "certificate", "address", "over", "changed", "forbidden"],
    "sign-out": ["revoked"], "presence": ["online", "offline"], "lease": ["over", "unstored"], "layout": ["changed", "replaced"],
    "account": ["added", "removed", "password", "rights", "over", "token-added", "token-revoked", "token-renewed"],
  };
  // As the protocol lists them: each is there, and is told by more than one word or by another kind's.
  const protocol = readFileSync("../docs/protocol.md", "utf8").split("**7.7 Events.**")[1].split("**7.8")[0];
  const named = new Set([...protocol.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word));
  for (const [kind, words] of Object.entries(results)) {
    assert.ok(named.has(kind) && kind in EVENTS.kinds, kind);
    for (const result of words) {
      assert.ok(named.has(result), `${kind} ${result}`);
      assert.ok(`${kind} ${result}` in EVENTS.results || result in EVENTS.results, `${kind} ${result}`);
    }
  }
  for (const kind of ["answer", "refused", "lost"]) assert.ok(kind in EVENTS.kinds, kind);
  for (const door of ["page", "websocket", "lines", "http", "mqtt"]) assert.ok(named.has(door) && door in EVENTS.doors, door);
  assert.equal(told({ kind: "sign-in", result: "ok", door: "websocket", base: "home/attic", side: "node" }), "let in · by WebSocket · home/attic");
  assert.equal(told({ kind: "sign-in", result: "wrong", reason: "wrong name or password", door: "page", left_out: 12 }), "wrong name or password · on the page · and 12 more like it");
  assert.equal(told({ kind: "sign-in", result: "forbidden", reason: "emil may not be here", door: "mqtt", base: "", side: "dashboard" }), "not allowed there · emil may not be here · by MQTT");
  assert.equal(told({ kind: "account", result: "token-revoked", account: "porch" }), "token revoked · account porch");
  assert.equal(told({ kind: "command", result: "confirmed", after: 0.124 }), "confirmed after 0.124 s");
  assert.equal(told({ kind: "lost", count: 3, reason: "the disk was full" }), "3 · the disk was full");
  assert.equal(told({ kind: "presence", result: "__proto__", door: "constructor" }), "__proto__ · constructor");
});

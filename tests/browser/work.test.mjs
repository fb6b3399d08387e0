// How much work the page has, counted and not timed: what budgets.mjs measures on a quiet machine has to do with this.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, signedIn, startBrowser } from "./support/browser.mjs";
import { life } from "./support/hours.mjs";
import { startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { speaker } from "./support/speaker.mjs";

/** What is drawn beside what is in sight in one picture. */
const ASIDE = 25;
/** What a node with something of everything says. */
const KIT = [
  ["thermometer/0", { temperature: [22.4, "℃"] }], ["thermometer/1", { temperature: [19.1, "℃"] }], ["lux-meter/0", { illuminance: [12.4, "lux"] }],
  ["hygrometer/0", { "relative-humidity": [43.1, "%"] }], ["barometer/0", { pressure: [96.1, "kPa"], altitude: [412.3, "m"] }], ["co2-sensor/0", { concentration: [500, "ppm"] }],
  ["relay/0", { state: true }], ["relay/1", { state: null }], ["led/-", { state: "on" }], ["door/0", { contact: "ajar", battery: null }],
];

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

test("of a thousand numbers that change all the time those in sight are written, each once a picture, and nothing that is as before", async (t) => {
  const hub = await startHub(t, { simulator: "off", settings: ["limits.messages_per_second=1000000"] });
  const all = await speaker(t, hub, { nodes: 8, numbers: 125 });
  await all.say(0);
  const page = await signedIn(t, browser, hub, { viewport: { width: 1280, height: 800 } });
  // All tiles are there once somebody has looked at each.
  const tiles = () => page.evaluate(() => document.querySelectorAll(".tile").length);
  for (let top = 0; (await tiles()) < 1000; top += 600) {
    await page.evaluate((top) => scrollTo(0, top % document.documentElement.scrollHeight), top);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  }
  await page.evaluate(() => scrollTo(0, 0));
  const first = page.locator(".tile .number").first();
  await all.say(1);
  await first.filter({ hasText: /^1$/ }).waitFor();
  await page.evaluate(() => {
    globalThis.seen = { pictures: [], same: 0, started: performance.now() };
    new MutationObserver((records) => {
      const written = new Set();
      for (const { type, target, oldValue } of records) {
        if (type === "characterData" && target.data === oldValue) seen.same += 1;
        const tile = target.parentElement?.closest(".tile");
        if (tile) written.add(tile);
      }
      const near = [...written].filter((tile) => tile.getBoundingClientRect().top < innerHeight + 400).length;
      seen.pictures.push({ near, far: written.size - near });
    }).observe(document.getElementById("board"), { subtree: true, childList: true, characterData: true, characterDataOldValue: true });
  });
  const ROUNDS = 30;
  for (let round = 2; round < 2 + ROUNDS; round += 1) {
    await all.say(round);
    await first.filter({ hasText: new RegExp(`^${round}$`) }).waitFor();
  }
  const { pictures, same, seconds, near } = await page.evaluate(() => ({
    ...seen, seconds: (performance.now() - seen.started) / 1000,
    near: [...document.querySelectorAll(".tile")].filter((tile) => tile.getBoundingClientRect().top < innerHeight + 400).length,
  }));
  const far = pictures.reduce((sum, picture) => sum + picture.far, 0);
  t.diagnostic(`${near} of 1000 tiles are near; ${pictures.length} pictures; ${far} tiles were written out of sight in ${seconds.toFixed(0)} s`);
  assert.equal(same, 0, "what is as before is not written");
  assert.ok(near < 120 && Math.max(...pictures.map((picture) => picture.near)) <= near);
  // Out of sight a round of all is due every ten seconds, a few in each picture.
  assert.ok(Math.max(...pictures.map((picture) => picture.far)) <= ASIDE, `${Math.max(...pictures.map((picture) => picture.far))} out of sight in one picture`);
  assert.ok(far <= 1000 * (Math.ceil(seconds / 10) + 1), `${far} writes out of sight`);
  assertQuiet(page, hub);
});

test("the explorer has all of 10,000 topics, those that come and those that were there, and stays small, also while it is searched", async (t) => {
  // With the limits that a hub has from the start: nobody is held back.
  const hub = await startHub(t, { simulator: "off" });
  const page = await signedIn(t, browser, hub, { viewport: { width: 1280, height: 800 } });
  await page.getByRole("link", { name: "Explorer" }).click();
  const tree = page.getByRole("tree", { name: "Topics" });
  await tree.waitFor();
  const all = await speaker(t, hub, { nodes: 100, numbers: 100 });
  await all.say(1);
  // One more is the presence of the gateway.
  const count = page.getByRole("heading", { name: /^Topics 10,001 / });
  await count.waitFor({ timeout: 60_000 });
  await page.reload();
  await count.waitFor({ timeout: 60_000 });
  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  await tree.press("Home");
  await tree.press("*");
  await tree.press("ArrowRight");
  await tree.press("*");
  assert.ok(await elements() < 3000, `${await elements()} elements`);
  await page.getByLabel("Find").fill("99/thermometer/99");
  await tree.getByRole("treeitem", { name: /^99/ }).first().waitFor();
  assert.ok(await elements() < 3000, `${await elements()} elements`);
  await page.getByLabel("Find").fill("house");
  await tree.press("End");
  await tree.getByRole("treeitem", { name: /^99/ }).last().waitFor();
  assert.ok(await elements() < 3000, `${await elements()} elements`);
  assertQuiet(page, hub);
});

/** Sums up what moves without anybody's doing, and remembers what it was. */
function watchShifts() {
  globalThis.moved = { sum: 0, what: [] };
  const name = (node) => (node === null ? "gone" : node.nodeType === Node.TEXT_NODE ? `text of ${name(node.parentElement)}` : `${node.localName}.${node.getAttribute("class") ?? ""}#${node.id}`);
  const at = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, startTime, sources } of list.getEntries()) {
      if (hadRecentInput) continue;
      moved.sum += value;
      moved.what.push(`${value.toFixed(4)} after ${startTime.toFixed(0)} ms: ${sources.map(({ node, previousRect, currentRect }) => `${name(node)} from ${at(previousRect)} to ${at(currentRect)}`).join("; ")}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
}

for (const [screen, viewport] of Object.entries({ desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } })) {
  test(`nothing jumps away from the finger while the page opens, on a slow machine: ${screen}`, async (t) => {
    const hub = await startHub(t, { simulator: "off" });
    // All that will be said is said before: a device that is new has to get its place.
    for (const node of ["bridge/0", "bridge/1", "attic/0"]) {
      const gateway = await connect(t, hub, `nodes/${node}`, "node", { filters: [] });
      for (const [topic, payload] of KIT) await gateway.publish(topic, payload);
    }
    const layout = {
      nodes: { "nodes/attic/0": { name: "Roof", icon: "sun", order: 1 } },
      values: { "nodes/attic/0/thermometer/0": { name: "Beam", icon: "heat", limits: { "/temperature/0": { high: 20 } } }, "nodes/attic/0/hygrometer/0": { order: 1 } },
    };
    const headers = { "authorization": `Basic ${Buffer.from("clown:bigclown").toString("base64")}`, "content-type": "application/json", "if-match": "*" };
    assert.equal((await fetch(`${hub.origin}/api/layout`, { method: "PATCH", headers, body: JSON.stringify(layout) })).status, 200);
    const page = await signedIn(t, browser, hub, { viewport, before: (page) => page.addInitScript(watchShifts) });
    await page.locator(".tile .number").first().waitFor();
    await (await page.context().newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate: 6 });
    await page.reload();
    await page.locator(".tile .number").first().waitFor({ timeout: 60_000 });
    // What comes beside the first picture: the small lines, alarms, icons.
    await page.locator(".tile .sparkline").first().waitFor({ state: "attached" });
    await page.locator(".alarms").waitFor();
    await page.waitForTimeout(1500);
    const { sum, what } = await page.evaluate(() => moved);
    t.diagnostic(`layout shift ${sum.toFixed(4)}${process.env.SHIFTS ? `\n${what.join("\n")}` : ""}`);
    assert.ok(sum <= 0.05, what.join("\n"));
    assertQuiet(page, hub);
  });
}

test("a page that stays open keeps no more elements and listeners, whatever passes and whoever goes through its screens", async (t) => {
  const { page, hub, minutes, counts } = await life(t, browser);
  await minutes(5);
  await minutes(1);
  const first = await counts();
  await minutes(5);
  await minutes(1);
  const last = await counts();
  t.diagnostic(`at first ${JSON.stringify(first)}, at last ${JSON.stringify(last)}`);
  for (const what of ["nodes", "listeners", "documents", "elements"]) assert.ok(last[what] <= first[what] * 1.02 + 20, `${what}: ${first[what]} at first, ${last[what]} at last`);
  assertQuiet(page, hub);
});

// The last hour in the tiles, and how old a value is that the hub had kept.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { folder, startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const MINUTE = 60_000;

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

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

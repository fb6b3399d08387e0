// Time travel, in a real browser: everything as it was at a moment of the last day, locked, and back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { HOUR, MINUTE, hubWithPast } from "./support/past.mjs";

const NODE = "nodes/attic/0";

let browser, hub, gateway, dashboard;
let ends = [];
before(async () => {
  browser = await startBrowser();
  const test = { after: (end) => ends.push(end) };
  // 20 ℃ and off until six hours ago, 25 ℃ and on since then.
  ({ hub, gateway } = await hubWithPast(test, {
    from: 26 * HOUR, step: 30 * MINUTE,
    readingsAt: (time) => {
      const isLate = Date.now() - time < 6 * HOUR + 60_000;
      return [[`${NODE}/thermometer/0`, { temperature: [isLate ? 25.5 : 20.5, "℃"] }], [`${NODE}/relay/0`, { state: isLate }]];
    },
  }));
  dashboard = await connect(test, hub, "", "dashboard");
});
after(async () => {
  await browser.close();
  for (const end of ends) await end();
});

const ago = (hours) => new Date(Date.now() - hours * HOUR).toISOString();

/** The page of a hub at a moment of the past. */
async function at(t, hours, screen = "", options) {
  const page = await signedIn(t, browser, hub, options);
  await page.evaluate((hash) => (location.hash = hash), `#/${screen}?at=${ago(hours)}`);
  await page.locator("main[data-past]").waitFor();
  return page;
}

test("the slider sets values and switches to how they were, and one click goes back to now", async (t) => {
  const page = await signedIn(t, browser, hub);
  const temperature = tile(page, NODE, "Temperature", "thermometer/0");
  const relay = tile(page, NODE, "Relay 0", "relay/0");
  await says(temperature, /25\.5/);
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "true");
  await page.getByRole("button", { name: "Look back" }).click();
  const slider = page.getByRole("slider", { name: "Moment" });
  await slider.fill(String(-10 * 3600));
  await says(temperature, /20\.5/);
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "false");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-disabled"), "true");
  await says(relay, "Locked: this is the past.");
  await says(page.locator("#pill"), "The past");
  assert.match(await page.title(), /^The past/);
  const sent = [];
  gateway.on("frame", ([topic]) => sent.push(topic));
  await relay.getByRole("switch").click({ force: true });
  // A reading of now changes nothing in the past.
  await gateway.publish(`${NODE}/thermometer/0`, { temperature: [26.5, "℃"] });
  await slider.press("ArrowRight");
  await page.waitForFunction(() => /at=/.test(location.hash));
  await says(temperature, /20\.5/);
  await page.getByRole("button", { name: "Back to now" }).click();
  await says(temperature, /26\.5/);
  await says(page.locator("#pill"), "Live");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "true");
  assert.ok(!page.url().includes("at="));
  assert.deepEqual(sent.filter((topic) => topic.endsWith("/set")), [], "nothing was switched");
  await gateway.publish(`${NODE}/thermometer/0`, { temperature: [25.5, "℃"] });
  assertQuiet(page, hub);
});

test("the moment is in the address: a link leads there, and Back leads home", async (t) => {
  const page = await at(t, 10);
  const address = page.url();
  await says(tile(page, NODE, "Temperature", "thermometer/0"), /20\.5/);
  const other = await newPage(t, browser);
  await other.goto(address);
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await says(tile(other, NODE, "Temperature", "thermometer/0"), /20\.5/);
  await other.reload();
  await says(tile(other, NODE, "Temperature", "thermometer/0"), /20\.5/);
  await other.getByRole("button", { name: "One hour later" }).click();
  await other.waitForURL((url) => url.href !== address);
  await other.getByLabel("Date and time").fill("2001-01-01T00:00:00");
  await says(other.locator(".travel-problem"), "longer ago than a day. This is the oldest one that can be shown.");
  await says(other.locator("#travel-says"), "This is the past:");
  await other.waitForFunction((day) => Math.abs(Date.now() - Date.parse(new URLSearchParams(location.hash.split("?")[1]).get("at")) - day) < 60_000, 24 * HOUR);
});

test("the log and the tree are of that moment, and nothing can be published", async (t) => {
  const page = await at(t, 10, "explorer");
  const log = page.getByRole("region", { name: "Messages" });
  await says(log.locator(".message").first(), /"temperature":\[20\.5,"℃"\]|"state":false/);
  assert.equal(await log.getByText("25.5").count(), 0);
  const form = page.getByRole("region", { name: "Publish" });
  await form.getByLabel("Topic").fill("lamp/1/set");
  await form.getByLabel("Payload").fill("true");
  assert.equal(await form.getByRole("button", { name: "Send" }).getAttribute("aria-disabled"), "true");
  await says(form, "Locked: this is the past.");
  await page.getByRole("button", { name: "Back to now" }).click();
  await form.getByRole("button", { name: "Send" }).click();
  await says(form, "Sent.");
});

test("charts end at that moment, too", async (t) => {
  const page = await at(t, 10, "charts");
  await page.getByRole("button", { name: /^Temperature/ }).click();
  await says(page.locator("#chart-summary"), /^Temperature, last 6 h: 20\.5 ℃, now 20\.5, steady/);
  // A range that goes on beyond it ends there as well.
  await page.evaluate(([from, to, at, series]) => (location.hash = `#/charts?s=${encodeURIComponent(series)}&r=${from}-${to}&at=${at}`), [Date.now() - 20 * HOUR, Date.now() - HOUR, ago(10), `${NODE}/thermometer/0:/temperature/0`]);
  await page.waitForFunction(() => /20\.5/.test(document.getElementById("chart-summary").textContent) && !/last 6 h/.test(document.getElementById("chart-summary").textContent));
  assert.doesNotMatch(await page.locator("#chart-summary").textContent(), /25\.5/);
});

test("what was switched is a mark: from one event to the next", async (t) => {
  await dashboard.publish(`${NODE}/relay/0/set`, { state: false });
  const page = await signedIn(t, browser, hub);
  await page.getByRole("button", { name: "Look back" }).click();
  const told = page.locator(".travel").filter({ hasText: /clown: nodes\/attic\/0\/relay\/0\/set \{"state":false\}|lamp/ });
  // The marks are asked for when somebody begins to look back, and again every half a minute.
  const before = page.getByRole("button", { name: "Event before" });
  const until = Date.now() + 60_000;
  while (Date.now() < until && !(await told.isVisible())) {
    if (await before.isEnabled()) await before.click();
    await page.waitForTimeout(500);
  }
  await told.waitFor();
  await page.locator("main[data-past]").waitFor();
});

test("the hub is gone for a while in the past: the page stays there", async (t) => {
  const store = folder(t);
  const first = await startHub(t, { simulator: "off", store });
  const node = await connect(t, first, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  const page = await signedIn(t, browser, first);
  const said = Date.now();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  // A moment is at least a second ago.
  await page.waitForFunction((time) => Date.now() - time > 5000, said);
  await node.publish("thermometer/0", { temperature: [30.5, "℃"] });
  await page.evaluate((time) => (location.hash = `#/?at=${new Date(time).toISOString()}`), said + 2000);
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  await first.stop();
  await page.locator("#bar").waitFor();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  const again = await startHub(t, { simulator: "off", store, port: first.port });
  await page.locator("#bar").waitFor({ state: "detached", timeout: 60_000 });
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  await page.getByRole("button", { name: "Back to now" }).click();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /30\.5/);

  // Without the hub there is no other moment; but one click is back.
  await page.evaluate((time) => (location.hash = `#/?at=${new Date(time).toISOString()}`), said + 2000);
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5/);
  await again.stop();
  await page.locator("#bar").waitFor();
  const shown = await page.locator("#travel-says").textContent();
  await page.getByRole("button", { name: "One minute earlier" }).click();
  await says(page.locator(".travel-problem"), "The hub does not answer.");
  assert.equal(await page.locator("#travel-says").textContent(), shown, "it names what is shown");
  await page.getByRole("button", { name: "Back to now" }).click();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /30\.5/);
  await page.locator("main:not([data-past])").waitFor();
});

test("who may read only some topics sees their past", async (t) => {
  const users = usersFile(t, [{ name: "emil", subscribe: ["lamp/#"], publish: [] }, { name: "anna", subscribe: ["#"], publish: ["#"], admin: true }]);
  const guarded = await startHub(t, { simulator: "off", users, store: folder(t) });
  const node = await connect(t, guarded, "", "node", { auth: "anna:correct horse" });
  await node.publish("lamp/brightness", 55);
  const page = await newPage(t, browser);
  await page.goto(`${guarded.origin}/`);
  await page.getByLabel("Name").fill("emil");
  await page.getByLabel("Password").fill("correct horse");
  await page.getByLabel("Password").press("Enter");
  const brightness = page.getByRole("listitem").filter({ hasText: "Brightness" });
  await says(brightness, /55/);
  const said = Date.now();
  await page.waitForFunction((time) => Date.now() - time > 5000, said);
  await node.publish("lamp/brightness", 99);
  await says(brightness, /99/);
  await page.evaluate((time) => (location.hash = `#/?at=${new Date(time).toISOString()}`), said + 2000);
  await page.locator("main[data-past]").waitFor();
  await says(brightness, /55/);
});

for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "dark", forcedColors: "active" }]) {
  test(`everybody can use it: no axe violation and no overflow, ${Object.values(options).join(", ")}`, async (t) => {
    const page = await at(t, 10, "", options);
    for (const screen of ["#/", "#/explorer"]) {
      await assertForEverybody(page, `the past of ${screen} ${Object.values(options).join(" ")}`);
      await page.evaluate((hash) => (location.hash = hash), `#/explorer?at=${ago(10)}`);
      await page.getByRole("tree").waitFor();
    }
    assertQuiet(page, hub);
  });
}

// Names, rooms, icons, order and limits: kept by the hub, changed by who may, seen by all at once.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const PASSWORD = "correct horse";
const EVIL = '<img src=x onerror="globalThis.hit=1">';
const USERS = [
  { name: "root", subscribe: ["#"], publish: ["#"], admin: true },
  { name: "jana", subscribe: ["home/#"], publish: ["home/#", "$SYS/layout"] },
  { name: "emil", subscribe: ["home/#"], publish: [] },
];
const ATTIC = "home/attic";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A hub with a node that has said something, and what else it says. */
async function house(t, more = {}) {
  const hub = await startHub(t, { simulator: "off", users: usersFile(t, USERS), ...more });
  const node = await connect(t, hub, ATTIC, "node", { auth: `root:${PASSWORD}`, filters: [] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await node.publish("hygrometer/0", { "relative-humidity": [40, "%"] });
  return { hub, node };
}

async function open(t, hub, name = "root", { hash = "", ...options } = {}) {
  const page = await newPage(t, browser, options);
  await page.goto(`${hub.origin}/${hash}`);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

async function arrange(page) {
  await page.getByRole("button", { name: /^(Arrange|Done)$/ }).waitFor();
  const begin = page.getByRole("button", { name: "Arrange", exact: true });
  if (await begin.isVisible()) await begin.click();
}

/** Opens the dialog of a node or a value. */
async function edit(page, title) {
  await arrange(page);
  await page.getByRole("button", { name: `Edit ${title}`, exact: true }).click();
  const dialog = page.getByRole("dialog", { name: `Edit ${title}` });
  await dialog.waitFor();
  return dialog;
}

async function fill(dialog, fields) {
  for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label).fill(value);
}

async function save(dialog) {
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

const layoutOf = async (hub, name = "root") => (await (await fetch(`${hub.origin}/api/layout`, { headers: { authorization: `Basic ${Buffer.from(`${name}:${PASSWORD}`).toString("base64")}` } })).json());
const group = (page, name) => page.getByRole("region", { name, exact: true });
function assertCalm(page, ...expected) {
  const isExpected = (complaint) => /401.*\/api\/session$/.test(complaint) || expected.some((pattern) => pattern.test(complaint));
  assert.deepEqual(page.complaints.filter((complaint) => !isExpected(complaint)), []);
}

test("a name and a room that one person gives are seen by all others at once, found and grouped", async (t) => {
  const { hub } = await house(t);
  const [page, viewer] = [await open(t, hub, "jana"), await open(t, hub, "emil")];
  await group(viewer, ATTIC).waitFor();
  assert.equal(await viewer.getByRole("button", { name: "Arrange", exact: true }).count(), 0);
  let dialog = await edit(page, ATTIC);
  await fill(dialog, { Name: "Under the roof", Room: "Top floor" });
  await dialog.getByLabel("Icon").selectOption("window");
  await save(dialog);
  await group(viewer, "Under the roof").waitFor();
  await says(group(viewer, "Under the roof"), ATTIC);
  dialog = await edit(page, "Temperature");
  assert.equal(await dialog.getByLabel("Room (empty is that of the node: Top floor)").count(), 1);
  await fill(dialog, { Name: "Beam", Room: "Store room" });
  await save(dialog);
  await says(tile(viewer, "Under the roof", "Beam", "thermometer/0"), "Temperature");

  const search = viewer.getByRole("searchbox");
  for (const [words, count] of [["beam", 1], ["roof", 2], ["room:store", 1], ['room:top', 1], ["room:", 0]]) {
    await search.fill(words);
    await says(viewer.locator("#search-says"), new RegExp(`^${count} value`));
  }
  await search.fill("");
  await viewer.getByRole("button", { name: "By room" }).click();
  await says(group(viewer, "Store room"), "Under the roof · Temperature · thermometer/0");
  await says(group(viewer, "Top floor"), "Humidity");
  assert.match(viewer.url(), /by=room/);
  // And when the page is opened anew.
  await viewer.reload();
  await group(viewer, "Store room").waitFor();
  for (const one of [page, viewer]) assertCalm(one);
});

test("of two who edit the same the second one is told, and chooses", async (t) => {
  const { hub } = await house(t);
  const [one, two] = [await open(t, hub, "root"), await open(t, hub, "jana")];
  const [first, second] = [await edit(one, ATTIC), await edit(two, ATTIC)];
  await fill(second, { Name: "Second" });
  await fill(first, { Name: "First" });
  await save(first);
  await says(second.getByRole("alert"), "Somebody else has changed this meanwhile");
  await second.getByRole("button", { name: "Take theirs" }).click();
  assert.equal(await second.getByLabel("Name").inputValue(), "First");
  await fill(second, { Name: "Second" });
  await save(second);
  await group(one, "Second").waitFor();
  // Who changes something else is not disturbed.
  const third = await edit(one, "Temperature");
  await fill(third, { Name: "Beam" });
  const fourth = await edit(two, "Humidity");
  await fill(fourth, { Name: "Air" });
  await save(fourth);
  await save(third);
  await tile(two, "Second", "Beam", "thermometer/0").waitFor();
  await tile(one, "Second", "Air", "hygrometer/0").waitFor();
  for (const page of [one, two]) assertCalm(page, /412.*\/api\/layout$/);
});

test("who edits a value goes on, also when its tile goes away", async (t) => {
  const { hub, node } = await house(t);
  await node.publish("thermometer/0", { temperature: [55, "℃"] });
  const page = await open(t, hub);
  await page.getByRole("searchbox").fill("value>50");
  await arrange(page);
  await page.getByRole("button", { name: "Edit Temperature", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Edit Temperature" });
  await fill(dialog, { Name: "Beam" });
  await node.publish("thermometer/0", { temperature: [20, "℃"] });
  await page.locator(".tile").first().waitFor({ state: "detached" });
  assert.equal(await dialog.getByLabel("Name").inputValue(), "Beam");
  await save(dialog);
  await page.getByRole("searchbox").fill("");
  await tile(page, ATTIC, "Beam", "thermometer/0").waitFor();
  assertCalm(page);
});

test("a value beyond its limits is an alarm in its tile, in the title and the icon of the tab, and in the list", async (t) => {
  const { hub, node } = await house(t);
  const page = await open(t, hub);
  const dialog = await edit(page, "Temperature");
  await fill(dialog, { "Temperature (℃), high limit": "warm" });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await says(dialog.getByRole("alert"), "Temperature, high limit: this is no number.");
  await fill(dialog, { "Temperature (℃), high limit": "25,5" });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await says(dialog.getByRole("alert"), "Temperature, high limit: this is no number. One is 1250.5.");
  await fill(dialog, { "Temperature (℃), high limit": "25.5", "Temperature (℃), low limit": "1,000" });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await says(dialog.getByRole("alert"), "low (1000) must be less than high (25.5)");
  await fill(dialog, { "Temperature (℃), low limit": "30" });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await says(dialog.getByRole("alert"), "low (30) must be less than high (25.5)");
  await fill(dialog, { "Temperature (℃), low limit": "" });
  await save(dialog);
  assert.deepEqual((await layoutOf(hub)).layout.values[`${ATTIC}/thermometer/0`], { limits: { "/temperature/0": { high: 25.5 } } });
  await says(page.locator(".alarms"), "All values with limits are as they should be.");
  const icon = () => page.locator('link[rel="icon"]').getAttribute("href");
  assert.equal(await icon(), "icon.svg");

  const viewer = await open(t, hub, "emil");
  await node.publish("thermometer/0", { temperature: [25.6, "℃"] });
  await says(tile(viewer, ATTIC, "Temperature", "thermometer/0"), "High: Temperature: 25.6 ℃, over 25.5 ℃");
  await viewer.waitForFunction(() => document.title === "(1) Temperature: 25.6 ℃, over 25.5 ℃ – Clown Hub");
  assert.match(await viewer.locator('link[rel="icon"]').getAttribute("href"), /^data:image\/svg/);
  await says(viewer.locator("#announce"), "Alarm. Temperature: 25.6 ℃, over 25.5 ℃.");
  await viewer.getByRole("button", { name: "1 alarm" }).click();
  await says(viewer.locator("#search-says"), /^1 value/);
  await viewer.locator(".alarms summary").click();
  await viewer.getByLabel("Sound").check();
  await viewer.reload();
  await viewer.locator(".alarms summary").click();
  await viewer.waitForFunction(() => document.querySelector(".alarms input").checked);

  // Back by two hundredths of the limit.
  await node.publish("thermometer/0", { temperature: [24.9, "℃"] });
  await viewer.waitForFunction(() => document.title === "Clown Hub");
  await viewer.getByText("All values with limits are as they should be.").waitFor();
  assert.equal(await viewer.locator('link[rel="icon"]').getAttribute("href"), "icon.svg");
  // Nobody has touched the page since it was loaded again: then the browser may let it sound, or not.
  assertCalm(viewer, /AudioContext was not allowed/);
  assertCalm(page, /400.*\/api\/layout$/);
});

test("a value that is silent for longer than it may be is an alarm", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  const dialog = await edit(page, "Humidity");
  await fill(dialog, { "Alarm when it is silent for (minutes)": "0.02" });
  await save(dialog);
  await says(tile(page, ATTIC, "Humidity", "hygrometer/0"), /Silent: Humidity: silent for \d+ s, 1 s at most/);
  await page.waitForFunction(() => document.title.startsWith("(1) Humidity: silent for"));
});

test("limits are lines in the chart, which has the names, too", async (t) => {
  const { hub } = await house(t, { store: folder(t) });
  const page = await open(t, hub);
  const dialog = await edit(page, "Temperature");
  await fill(dialog, { Name: "Beam", "Temperature (℃), high limit": "21.6", "Temperature (℃), low limit": "21.4" });
  await save(dialog);
  await tile(page, ATTIC, "Beam", "thermometer/0").locator(".to-chart").click();
  await says(page.locator("#chart-summary"), "Beam, ");
  await page.getByRole("table").getByText("Beam").waitFor();
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "layout-limits.png") });
  // Both limits are near enough to be in sight, so there is a dashed line over the whole width twice.
  const dashes = await page.waitForFunction(() => {
    const canvas = document.querySelector(".plot canvas");
    if (!canvas || canvas.width === 0) return false;
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    // A line may lie between two rows: then both are half as dark.
    const isLine = (y) => {
      let dark = 0;
      for (let x = 0; x < width; x += 1) if (data[(y * width + x) * 4 + 3] > 60 && data[(y * width + x) * 4] < 60) dark += 1;
      return dark > width * 0.35;
    };
    return Array.from({ length: height }, (_, y) => isLine(y) && !isLine(y - 1)).filter(Boolean).length === 2;
  });
  assert.ok(dashes);
});

test("things move among their neighbours, and stay there for everybody", async (t) => {
  const { hub, node } = await house(t);
  const other = await connect(t, hub, "home/bath", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await other.publish("door", true);
  await node.publish("lux-meter/0", { illuminance: [5, "lux"] });
  const [page, viewer] = [await open(t, hub, "jana"), await open(t, hub, "emil")];
  const titles = (one) => group(one, ATTIC).getByRole("list", { name: "sensors" }).getByRole("heading").allTextContents();
  await arrange(page);
  assert.deepEqual(await titles(page), ["Temperature", "Humidity", "Light"]);
  const forward = page.getByRole("button", { name: "Move Light forward" });
  await forward.focus();
  await page.keyboard.press("Enter");
  await viewer.waitForFunction(() => [...document.querySelectorAll("h3")].slice(0, 3).map((one) => one.textContent).join() === "Temperature,Light,Humidity");
  // The focus is still there, so it moves on.
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Move Light forward");
  await page.keyboard.press("Enter");
  await viewer.waitForFunction(() => document.querySelector("h3").textContent === "Light");
  await page.getByRole("button", { name: "Move home/bath forward" }).click();
  await viewer.waitForFunction(() => document.querySelector(".board h2").textContent === "home/bath");
  await viewer.reload();
  await group(viewer, ATTIC).waitFor();
  assert.deepEqual(await titles(viewer), ["Light", "Temperature", "Humidity"]);
  assertCalm(page);
});

test("without a store the page says that names are lost, and with one they are there after a restart", async (t) => {
  const lost = await house(t);
  const page = await open(t, lost.hub);
  await arrange(page);
  await page.getByText("This hub has no store: what you change here is lost when it stops.").waitFor();

  const store = folder(t);
  const kept = await house(t, { store });
  const other = await open(t, kept.hub);
  const dialog = await edit(other, ATTIC);
  await fill(dialog, { Name: "Roof" });
  await save(dialog);
  assert.equal(await other.getByText("This hub has no store").count(), 0);
  await kept.hub.stop();
  const again = await startHub(t, { simulator: "off", users: usersFile(t, USERS), store });
  const after = await open(t, again, "emil");
  await group(after, "Roof").waitFor();
});

test("all of it goes into one file, and comes back from one; a file that is none is told", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  const dialog = await edit(page, ATTIC);
  await fill(dialog, { Name: "Roof", Room: "Top" });
  await save(dialog);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
  const file = await saved.path();
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { rooms: [], nodes: { [ATTIC]: { name: "Roof", room: "Top" } }, values: {} });
  const choose = async (name, text) => {
    const path = join(folder(t), name);
    writeFileSync(path, text);
    await page.locator('input[type="file"]').setInputFiles(path);
    await page.getByText("Put what stands in the file in the place of").waitFor();
    await page.getByRole("button", { name: "Yes, replace them" }).click();
  };
  await choose("photo.json", "\u0089PNG");
  await says(page.getByRole("alert"), "This file is no JSON.");
  await choose("other.json", '{"nodes": {"home/attic": {"nam": "x"}}}');
  await says(page.getByRole("alert"), "unknown field `nam`");
  await group(page, "Roof").waitFor();
  await choose("layout.json", readFileSync(file, "utf8").replace("Roof", "Loft"));
  await page.getByText("The file is in force.").first().waitFor();
  await group(page, "Loft").waitFor();
  assertCalm(page, /400.*\/api\/layout$/);
});

test("names are text, whatever stands in them, and keys such as __proto__ are keys", async (t) => {
  const { hub } = await house(t);
  const odd = await connect(t, hub, "__proto__", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await odd.publish("constructor", 7);
  const page = await open(t, hub);
  let dialog = await edit(page, "__proto__");
  await fill(dialog, { Name: EVIL, Room: "<b>x</b>" });
  await save(dialog);
  await group(page, EVIL).waitFor();
  dialog = await edit(page, "Constructor");
  await fill(dialog, { Name: "ř".repeat(65) });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await says(dialog.getByRole("alert"), "name: it has more than 64 characters");
  await fill(dialog, { Name: "ř".repeat(64), "Constructor, high limit": "5" });
  await save(dialog);
  await says(tile(page, EVIL, "ř".repeat(64), "constructor"), "High");
  await page.getByRole("button", { name: "By room" }).click();
  await group(page, "<b>x</b>").waitFor();
  assert.deepEqual((await layoutOf(hub)).layout.nodes, JSON.parse(`{"__proto__": ${JSON.stringify({ name: EVIL, room: "<b>x</b>" })}}`));
  assert.equal(await page.evaluate(() => globalThis.hit ?? {}.name ?? null), null);
  const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(width, 0);
  assertCalm(page, /400.*\/api\/layout$/);
});

test("what one user may see is not there for the next one at this screen", async (t) => {
  const { hub } = await house(t);
  const secret = await connect(t, hub, "bank", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await secret.publish("door", true);
  const page = await open(t, hub);
  const dialog = await edit(page, "bank");
  await fill(dialog, { Name: "Gold" });
  await save(dialog);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Name", { exact: true }).fill("emil");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await group(page, ATTIC).waitFor();
  assert.equal(await page.getByText("Gold").count(), 0);
  assert.deepEqual((await layoutOf(hub, "emil")).layout.nodes, {});
});

test("axe finds nothing while things are arranged, in any theme and width, and nothing is wider than the screen", async (t) => {
  const { hub, node } = await house(t);
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(t, hub, "root", { viewport: { width: 1280, height: 800 }, colorScheme });
    if (colorScheme === "light") {
      const dialog = await edit(page, "Temperature");
      await fill(dialog, { Name: "Beam", Room: "Top floor", "Temperature (℃), high limit": "20" });
      await dialog.getByLabel("Icon").selectOption("heat");
      await save(dialog);
      await node.publish("thermometer/0", { temperature: [22, "℃"] });
    }
    await tile(page, ATTIC, "Beam", "thermometer/0").waitFor();
    await page.locator(".alarms summary").click();
    await arrange(page);
    await page.getByRole("button", { name: "Edit Beam" }).waitFor();
    await assertForEverybody(page, `arranging ${colorScheme}`);
    await edit(page, "Beam");
    await assertForEverybody(page, `editor ${colorScheme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Edit Beam");
  }
});

/** Gives the page the texts of its later parts as `answer` says: all of them stand in one file, with this sentence. */
const withLaterTexts = (page, answer) => page.route(/\.js$/, async (route) => {
  const response = await route.fetch();
  if ((await response.text()).includes("Names, rooms, order and limits are kept by the hub")) await answer(route, response);
  else await route.fulfill({ response });
});

test("where texts come late, what they are for is drawn when they are there, and once", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  let come;
  const areHere = new Promise((resolve) => (come = resolve));
  let asked;
  const isAsked = new Promise((resolve) => (asked = resolve));
  await withLaterTexts(page, async (route, response) => {
    asked();
    await areHere;
    await route.fulfill({ response });
  });
  await page.getByRole("button", { name: "Arrange", exact: true }).click();
  await isAsked;
  // Everything else of that part is there by then.
  await page.waitForTimeout(500);
  come();
  await page.getByRole("button", { name: `Edit ${ATTIC}`, exact: true }).waitFor();
  await page.getByRole("button", { name: "Done", exact: true }).click();
  assert.equal(await page.locator("#board").count(), 1);
  assertCalm(page);
});

test("where a part cannot be drawn the page says so, and the rest of it goes on", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  await withLaterTexts(page, (route) => route.fulfill({ contentType: "text/javascript", body: "export default {}" }));
  await page.getByRole("button", { name: "Arrange", exact: true }).click();
  const broken = page.getByRole("alert").filter({ hasText: "A part of the page could not be shown." });
  await broken.waitFor();
  assert.equal(await page.locator("#board").count(), 0);
  assert.match(page.complaints.join("\n"), /undefined/, "what went wrong is told to who looks for it");
  await page.getByRole("button", { name: "Look back" }).click();
  await page.unrouteAll();
  await broken.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Arrange", exact: true }).click();
  await page.getByRole("button", { name: `Edit ${ATTIC}`, exact: true }).waitFor();
  assert.equal(await page.locator("#board").count(), 1);
});

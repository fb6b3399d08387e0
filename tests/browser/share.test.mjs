// Links to what is on the screen, for people with an account and without one, and screens on walls.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const PASSWORD = "correct horse";
const USERS = [
  { name: "root", subscribe: ["#"], publish: ["#"], admin: true },
  { name: "emil", subscribe: ["home/#"], publish: ["home/#"] },
];
const ATTIC = "home/attic";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

async function house(t, more = {}) {
  const users = usersFile(t, USERS);
  const hub = await startHub(t, { simulator: "off", users, store: folder(t), ...more });
  const node = await connect(t, hub, ATTIC, "node", { auth: `root:${PASSWORD}`, filters: ["relay/#"] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await node.publish("relay/0", { state: false });
  return { hub, node, users };
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

async function share(page) {
  await page.getByRole("button", { name: "Share", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Share this view" });
  await dialog.waitFor();
  return dialog;
}

/** Makes a link without an account for what is on the screen, and returns it. */
async function linkFrom(page, { isWall = false, filters } = {}) {
  const dialog = await share(page);
  const guest = dialog.getByRole("region", { name: "Link without an account" });
  if (filters) await guest.getByLabel("Shows (filters, one a line)").fill(filters);
  if (isWall) await guest.getByLabel("For a screen on a wall").check();
  await guest.getByRole("button", { name: "Make the link" }).click();
  await guest.getByText("It is shown once").waitFor();
  return { dialog, guest, link: await guest.locator(".secret").textContent() };
}

function assertCalm(page, ...expected) {
  const isExpected = (complaint) => /401.*\/api\/session$/.test(complaint) || expected.some((pattern) => pattern.test(complaint));
  assert.deepEqual(page.complaints.filter((complaint) => !isExpected(complaint)), []);
}

test("a link shows its view to whoever has it, and nothing else, until it is revoked", async (t) => {
  const { hub, node } = await house(t);
  const page = await open(t, hub, "root", { hash: "#/?q=thermometer" });
  const { dialog, guest, link } = await linkFrom(page);
  assert.match(link, new RegExp(`^${hub.origin}/#/\\?q=thermometer&k=cht_[\\w-]{43}$`));
  await guest.getByRole("img", { name: "Code of the link" }).locator('path[d^="M"]').waitFor();
  await says(guest.getByRole("list", { name: "Links that work" }), /home\/attic\/thermometer\/0, home\/attic\/presence.*#\/\?q=thermometer.*until \d{4}-\d\d-\d\d/);

  const visitor = await newPage(t, browser);
  await visitor.goto(link);
  await visitor.getByText("Live", { exact: true }).waitFor();
  // The token is gone from the address, and stands in no request.
  assert.equal(visitor.url(), `${hub.origin}/#/?q=thermometer`);
  assert.deepEqual(visitor.asked.filter((url) => url.includes("cht_")), []);
  await says(tile(visitor, ATTIC, "Temperature", "thermometer/0"), "21.5");
  await visitor.getByText("View only", { exact: true }).waitFor();
  await visitor.getByRole("searchbox").fill("");
  await visitor.getByRole("region", { name: ATTIC, exact: true }).waitFor();
  assert.equal(await visitor.getByRole("switch").count(), 0);
  await node.publish("thermometer/0", { temperature: [22.5, "℃"] });
  await says(tile(visitor, ATTIC, "Temperature", "thermometer/0"), "22.5");
  const asVisitor = (path) => visitor.evaluate(async (path) => (await fetch(path)).status, path);
  assert.deepEqual([await asVisitor(`/api/topics/${ATTIC}/thermometer/0`), await asVisitor(`/api/topics/${ATTIC}/relay/0`), await asVisitor("/api/config")], [200, 403, 403]);

  await guest.getByRole("button", { name: "Revoke" }).click();
  await guest.getByRole("button", { name: "Yes, revoke it" }).click();
  await says(dialog, "The link is revoked.");
  await visitor.getByRole("heading", { name: "Sign in" }).waitFor();
  await visitor.goto("about:blank");
  await visitor.goto(link);
  await says(visitor.getByRole("alert"), "This link lets nobody in any more: it was revoked, or its time is over.");
  assertCalm(page);
  assertCalm(visitor, /403/);
});

test("a chart that is shared shows its past, and no other topic's", async (t) => {
  const { hub } = await house(t);
  const series = `s=${encodeURIComponent(`${ATTIC}/thermometer/0:/temperature/0`)}`;
  const page = await open(t, hub, "root", { hash: `#/charts?${series}&r=1h` });
  const { link } = await linkFrom(page);
  const visitor = await newPage(t, browser);
  await visitor.goto(link);
  await says(visitor.locator("#chart-summary"), /Temperature, last/);
  await visitor.evaluate((hash) => (location.hash = hash), `#/charts?s=${encodeURIComponent(`${ATTIC}/relay/0:/state`)}`);
  await visitor.getByText(`Your account may not read ${ATTIC}/relay/0.`).first().waitFor();
});

test("who has signed in by a name keeps that, whatever link is opened", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  const { link } = await linkFrom(page);
  const emil = await open(t, hub, "emil");
  await emil.goto("about:blank");
  await emil.goto(link);
  await emil.getByText("Live", { exact: true }).waitFor();
  assert.equal(await emil.locator("#user-name").textContent(), "emil");
  assert.equal(new URL(emil.url()).hash, "#/");
});

test("a link that is opened where the page is already lets one in, and its token leaves the address", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub);
  const { link } = await linkFrom(page, { filters: `${ATTIC}/#` });
  const visitor = await newPage(t, browser, { permissions: ["clipboard-read", "clipboard-write"] });
  await visitor.goto(`${hub.origin}/`);
  await visitor.getByRole("heading", { name: "Sign in" }).waitFor();
  await visitor.goto(`${hub.origin}/#/?k=cht_${"x".repeat(43)}`);
  await says(visitor.getByRole("alert"), "This link lets nobody in any more: it was revoked, or its time is over.");
  const { hash } = new URL(link);
  await visitor.goto(`${hub.origin}/#/charts?s=${encodeURIComponent(`${ATTIC}/thermometer/0:/temperature/0`)}&r=1h&${hash.slice(hash.indexOf("k="))}`);
  await visitor.getByText("Live", { exact: true }).waitFor();
  await says(visitor.locator("#chart-summary"), /Temperature, last/);
  assert.equal(visitor.url().includes("cht_"), false);
  await visitor.getByRole("button", { name: "Copy link" }).click();
  await visitor.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await visitor.evaluate(() => navigator.clipboard.readText()), visitor.url());

  // Who has signed in by a name keeps that, and the address is clean there, too.
  const emil = await open(t, hub, "emil");
  await emil.goto(link);
  await emil.waitForFunction(() => !location.hash.includes("k="));
  await emil.waitForTimeout(500);
  assert.equal(await emil.locator("#user-name").textContent(), "emil");
  assert.deepEqual(visitor.asked.filter((url) => url.includes("cht_")), []);
});

test("who is no admin shares the address, and is told who can make other links", async (t) => {
  const { hub } = await house(t);
  const page = await open(t, hub, "emil", { permissions: ["clipboard-read", "clipboard-write"], hash: "#/?by=quantity" });
  const dialog = await share(page);
  await dialog.getByText("Admins can make links that need no account.").waitFor();
  await dialog.getByRole("button", { name: "Copy link" }).click();
  await dialog.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${hub.origin}/#/?by=quantity`);
  await dialog.getByRole("button", { name: "Close" }).click();
  assertCalm(page);
});

test("a wall has nothing but what is shown, keeps the screen awake, and Esc leaves it", async (t) => {
  const { hub } = await house(t);
  const page = await newPage(t, browser);
  await page.addInitScript(() => {
    globalThis.locks = [];
    const request = navigator.wakeLock.request.bind(navigator.wakeLock);
    navigator.wakeLock.request = async (kind) => {
      const lock = await request(kind);
      locks.push(lock);
      return lock;
    };
  });
  await page.goto(`${hub.origin}/#/?kiosk=1`);
  await page.getByLabel("Name", { exact: true }).fill("emil");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await tile(page, ATTIC, "Temperature", "thermometer/0").waitFor();
  assert.deepEqual([await page.getByRole("banner").count(), await page.getByRole("searchbox").count()], [0, 0]);
  await page.waitForFunction(() => locks.length === 1 && !locks[0].released);
  await page.keyboard.press("Escape");
  await page.getByRole("banner").waitFor();
  assert.equal(new URL(page.url()).hash, "#/");
  await page.waitForFunction(() => locks[0].released);
  assertCalm(page);
});

test("a wall comes back by itself from a hub that has forgotten it, and not from one that revoked it", async (t) => {
  const { hub, users } = await house(t, { store: "" });
  const page = await open(t, hub);
  const { link } = await linkFrom(page, { isWall: true, filters: `${ATTIC}/#` });
  assert.match(link, /#\/\?kiosk=1&k=cht_/);
  const wall = await newPage(t, browser);
  await wall.goto(link);
  await tile(wall, ATTIC, "Temperature", "thermometer/0").waitFor();
  // Without a store a new hub knows no sign-ins.
  await hub.stop();
  await says(wall.locator("#bar"), "Next try");
  const again = await startHub(t, { simulator: "off", users, port: hub.port });
  const node = await connect(t, again, ATTIC, "node", { auth: `root:${PASSWORD}`, filters: [] });
  await node.publish("thermometer/0", { temperature: [19.5, "℃"] });
  await says(tile(wall, ATTIC, "Temperature", "thermometer/0"), "19.5");

  const admin = await open(t, again);
  const dialog = await share(admin);
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByRole("button", { name: "Yes, revoke it" }).click();
  await wall.getByRole("heading", { name: "Sign in" }).waitFor();
  await wall.waitForFunction(() => !Object.entries(localStorage).some(([, value]) => value.includes("cht_")));
});

test("the page can be installed: its manifest and icons are there", async (t) => {
  const { hub } = await house(t);
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  const manifest = await page.evaluate(async () => {
    const address = new URL(document.querySelector('link[rel="manifest"]').href);
    const manifest = await (await fetch(address)).json();
    const sizes = await Promise.all(manifest.icons.map(async ({ src }) => {
      const image = new Image();
      image.src = new URL(src, address).href;
      await image.decode();
      return image.naturalWidth;
    }));
    return { name: manifest.name, display: manifest.display, sizes };
  });
  assert.deepEqual([manifest.name, manifest.display, manifest.sizes.slice(1)], ["Clown Hub", "standalone", [192, 512, 512]]);
  assertCalm(page);
});

test("axe finds nothing where something is shared or hangs on a wall, in any theme and width", async (t) => {
  const { hub } = await house(t);
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(t, hub, "root", { viewport: { width: 1280, height: 800 }, colorScheme });
    const { dialog } = await linkFrom(page);
    await dialog.locator('.qr path[d^="M"]').waitFor();
    await assertForEverybody(page, `share ${colorScheme}`);
    await dialog.getByRole("button", { name: "Start" }).click();
    await page.getByRole("button", { name: "Leave the wall view" }).waitFor();
    await assertForEverybody(page, `wall ${colorScheme}`);
  }
});

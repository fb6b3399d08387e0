// The overview: folding, searching, favourites, and what stays in sight.

import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { folder, startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A hub where so many nodes have said a temperature, by way of one gateway. */
async function houseOf(t, nodes) {
  const hub = await startHub(t, { simulator: "off" });
  const gateway = await connect(t, hub, "nodes/house", "node");
  for (let node = 1; node < nodes; node += 1) gateway.send(`${node}/thermometer/0`, { temperature: [20 + node / 100, "℃"] });
  await gateway.publish(`${nodes}/thermometer/0`, { temperature: [20 + nodes / 100, "℃"] });
  return { hub, gateway };
}

const groups = (page) => page.locator("#board > .group");
const count = async (page, number) => page.waitForFunction((wanted) => document.querySelectorAll("#board > .group").length === wanted, number);

test("60 nodes are a line each, with their numbers, and fit into three screens of a desktop", async (t) => {
  const { hub } = await houseOf(t, 60);
  const page = await signedIn(t, browser, hub, { viewport: { width: 1280, height: 800 } });
  await count(page, 60);
  const first = page.getByRole("region", { name: "nodes/house/1", exact: true });
  await says(first, /gateway online since \d\d:\d\d · 1 value.*20\.0 ℃/);
  assert.equal(await page.locator(".tile").count(), 0);
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight) <= 3 * 800);
  await page.getByRole("button", { name: "nodes/house/1", exact: true }).press("Enter");
  await says(tile(page, "nodes/house/1", "Temperature", "thermometer/0"), /20\.0\s*℃/);
  await page.reload();
  await count(page, 60);
  assert.equal(await page.locator(".tile").count(), 1, "the browser remembers what is open");
  await page.getByRole("button", { name: "Open all" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".tile").length === 60);
  await page.getByRole("button", { name: "Fold all" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".tile").length === 0);
  assertQuiet(page, hub);
});

test("the width of a large screen is used, and no width overflows", async (t) => {
  const { hub } = await houseOf(t, 12);
  const page = await signedIn(t, browser, hub, { viewport: { width: 2560, height: 1300 } });
  await count(page, 12);
  const columns = () => page.evaluate(() => new Set([...document.querySelectorAll("#board > .group")].map((group) => group.getBoundingClientRect().left)).size);
  assert.equal(await columns(), 4);
  for (const [width, expected] of [[1280, 2], [390, 1], [320, 1]]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(await columns(), expected, `${width} px`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
  }
});

test("on a large screen the nodes of a kit stand beside each other, and all are in sight", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub, { viewport: { width: 2560, height: 1440 } });
  await count(page, 4);
  const places = () => page.evaluate(() => [...document.querySelectorAll("#board > .group")].map((group) => group.getBoundingClientRect()).map(({ left, top, bottom }) => ({ left, top, bottom })));
  await page.waitForFunction(() => document.querySelectorAll("#board .tile").length === 25);
  const [first, second, ...others] = await places();
  assert.ok(second.left > first.left && second.top === first.top, "the second stands beside the first");
  assert.ok(others.every(({ bottom }) => bottom < 1440), "all are in sight");
  await page.setViewportSize({ width: 1280, height: 800 });
  const [above, below] = await places();
  assert.ok(below.left === above.left && below.top > above.bottom, "on a smaller one it stands below");
});

test("among a thousand nodes one is found, and the page stays small", async (t) => {
  const { hub } = await houseOf(t, 1000);
  const page = await signedIn(t, browser, hub);
  await count(page, 1000);
  assert.ok(await page.evaluate(() => document.querySelectorAll("*").length) < 15_000);
  await page.keyboard.press("/");
  await page.keyboard.type("house/777/ unit:℃ value>27");
  await count(page, 1);
  await says(tile(page, "nodes/house/777", "Temperature", ""), /27\.8\s*℃/);
  await says(page.locator("#search-says"), "1 value");
  await page.reload();
  await count(page, 1);
  assert.equal(await page.getByLabel("Find").inputValue(), "house/777/ unit:℃ value>27", "the search is in the address");
  await page.getByLabel("Find").press("Escape");
  await count(page, 1000);
  await page.getByLabel("Find").fill("/(/");
  await says(page.locator("#search-says"), "is no regular expression");
  assertQuiet(page, hub);
});

test("the key / leads to the search from the moment when its box is there", async (t) => {
  const { hub } = await houseOf(t, 2);
  const before = (page) => page.addInitScript(() => {
    // It runs right after the change that it waits for, and before any picture of it.
    new MutationObserver((_, observer) => {
      if (!document.getElementById("search")) return;
      observer.disconnect();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true }));
      window.focusedAtOnce = document.activeElement?.id;
    }).observe(document, { childList: true, subtree: true });
  });
  const page = await signedIn(t, browser, hub, { before });
  await count(page, 2);
  assert.equal(await page.evaluate(() => window.focusedAtOnce), "search");
});

test("what is offline is counted at the top, and the count is a filter", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const here = await connect(t, hub, "home/attic", "node");
  await here.publish("thermometer/0", { temperature: [20.5, "℃"] });
  const gone = await connect(t, hub, "home/cellar", "node");
  await gone.publish("relay/1", { state: false });
  const page = await signedIn(t, browser, hub);
  await count(page, 2);
  assert.ok(await page.getByRole("button", { name: "0 offline" }).isDisabled());
  gone.leave();
  await page.getByRole("button", { name: "1 offline" }).click();
  await count(page, 1);
  const cellar = page.getByRole("region", { name: "home/cellar", exact: true });
  await says(cellar, "offline since");
  await says(tile(page, "home/cellar", "Relay 1", ""), "The node is offline.");
  await page.getByRole("button", { name: "1 offline" }).click();
  await count(page, 2);
  assertQuiet(page, hub);
});

test("values stand together by quantity, and a favourite stands first, also after a reload", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await node.publish("thermometer/1", { temperature: [3.5, "℃"] });
  await node.publish("relay/1", { state: false });
  const page = await signedIn(t, browser, hub);
  const second = tile(page, "home/attic", "Temperature", "thermometer/1");
  await second.locator("summary").click();
  await second.getByRole("button", { name: "Make a favourite" }).click();
  const favourite = page.getByRole("region", { name: "Favourites" }).getByRole("listitem");
  await says(favourite, /home\/attic · thermometer\/1.*3\.5/);
  await page.getByRole("button", { name: "By quantity" }).click();
  await page.getByRole("region", { name: "Switches", exact: true }).waitFor();
  assert.equal(await page.getByRole("region", { name: "Temperature", exact: true }).getByRole("listitem").count(), 2);
  await page.reload();
  await page.getByRole("region", { name: "Switches", exact: true }).waitFor();
  await favourite.locator("summary").click();
  await favourite.getByRole("button", { name: "Favourite" }).click();
  await page.getByRole("region", { name: "Favourites" }).waitFor({ state: "detached" });
  assertQuiet(page, hub);
});

test("nested JSON is told leaf by leaf, states in texts are states, and what is not zero is not shown as zero", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const plug = await connect(t, hub, "tele/plug", "node");
  await plug.publish("SENSOR", { ENERGY: { Power: 5.25, Factor: "0.0004", Today: [1.5, "kWh"] } });
  await plug.publish("door", "OPEN");
  const page = await signedIn(t, browser, hub);
  await says(page.locator(".tile").filter({ hasText: "ENERGY Factor" }), /5\.25 W.*ENERGY Today 1\.5 kWh.*ENERGY Factor 0\.0004/);
  await says(tile(page, "tele/plug", "Door", ""), "Open");
});

test("a plug of Tasmota has a switch, which sends what it understands", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const plug = await connect(t, hub, "", "dashboard", { filters: ["cmnd/#"] });
  await plug.publish("stat/plug/POWER", "OFF", { retain: true });
  const page = await signedIn(t, browser, hub);
  const inside = page.locator(".tile").filter({ hasText: "plug/POWER" });
  await inside.getByRole("switch").click();
  await plug.next(([topic, payload]) => topic === "cmnd/plug/POWER" && payload === "ON");
  await says(inside, "Turning on…");
  await plug.publish("stat/plug/POWER", "ON", { retain: true });
  await says(inside, "Confirmed");
});

test("a lost connection is told in the title, and its bar stays in sight", async (t) => {
  const { hub } = await houseOf(t, 200);
  const page = await signedIn(t, browser, hub);
  await count(page, 200);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await hub.stop("SIGKILL");
  await page.waitForFunction(() => document.title === "Offline – Clown Hub");
  assert.match(await page.locator('link[rel="icon"]').getAttribute("href"), /^data:image\/svg/);
  const bar = page.getByText(/Values below are from/);
  await bar.waitFor();
  assert.ok((await bar.boundingBox()).y >= 0);
});

test("a part of the page that does not come is told, and comes when it is asked for again", async (t) => {
  const store = folder(t);
  const hub = await startHub(t, { store });
  const page = await signedIn(t, browser, hub);
  const missing = page.getByRole("alert").filter({ hasText: "A part of the page could not be shown." });
  // As it is when the hub was updated meanwhile: what the page knows by its old name is not there.
  let isGone = true;
  await page.route(/\/part-[^/]*\.js$/, (route) => (isGone ? route.fulfill({ status: 404 }) : route.fallback()));
  await page.getByRole("link", { name: "Explorer" }).click();
  await missing.waitFor();
  assert.equal(await page.getByText("Loading…").count(), 0);
  // Where everything is there, nothing is said.
  await page.getByRole("link", { name: "Values", exact: true }).click();
  await page.locator(".tile").first().waitFor();
  await missing.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Share" }).click();
  await missing.waitFor();
  isGone = false;
  await missing.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await missing.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByRole("dialog").waitFor();
  await page.getByRole("button", { name: "Close" }).click();

  // While the hub is away nothing comes, and then all of it without a hand.
  isGone = true;
  await hub.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Explorer" }).click();
  await missing.waitFor();
  isGone = false;
  await startHub(t, { port: hub.port, store });
  await page.getByRole("tree", { name: "Topics" }).waitFor();
  await missing.waitFor({ state: "detached" });
});

test("a page whose first script does not come says so in plain words, and comes when it is asked for again", async (t) => {
  const hub = await startHub(t);
  for (const [what, path] of [["its first script", "start"], ["what that loads", "part"]]) {
    const page = await newPage(t, browser);
    let isGone = true;
    await page.route(new RegExp(`/${path}-[^/]*\\.js$`), (route) => (isGone ? route.abort() : route.fallback()));
    await page.goto(`${hub.origin}/`);
    const late = page.getByText("This page could not be loaded, or comes very slowly.");
    assert.equal(await late.isVisible(), false, "who waits for a moment is told nothing");
    const place = async () => {
      const { x, y } = await page.getByRole("heading", { name: "Clown Hub" }).locator("img").boundingBox();
      return [x, y];
    };
    const before = await place();
    await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
    assert.equal(await late.isVisible(), true, what);
    await page.getByText("Stránku se nepodařilo načíst, nebo přichází velmi pomalu.").waitFor();
    isGone = false;
    await page.getByRole("link", { name: "Try again" }).click();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    assert.equal(await late.isVisible(), false);
    assert.deepEqual(await place(), before, "the name was there before any script, and where it stays");
  }
});

/** What a browser loads, compressed in the way that every browser knows: bytes by path. */
async function weights(page, hub) {
  const found = new Map();
  for (const url of new Set(page.asked.filter((url) => !url.includes("/api/")))) {
    const { headers } = await new Promise((done) => http.get(url.replace(/#.*/, ""), { headers: { "accept-encoding": "gzip" } }, (answer) => done(answer.resume())));
    found.set(url.slice(hub.origin.length), { size: Number(headers["content-length"]), headers });
  }
  return found;
}

test("the first view with what comes beside it is at most 44 KB and all of the page 110 KB, compressed, and what has a hash is kept for ever", { skip: Boolean(process.env.PAGE) && "the page is not from the hub" }, async (t) => {
  // With devices, as usual: where there are none, what to do then comes as well.
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const sum = (all) => [...all.values()].reduce((total, { size }) => total + size, 0);
  const first = await weights(page, hub);
  // The first picture takes 40 kB, which the build of the page holds; small lines and the search come beside it.
  assert.ok(first.size <= 20, `${first.size} requests`);
  assert.ok(first.size >= 4 && sum(first) <= 44 * 1024, `${sum(first)} bytes`);
  for (const [path, { headers }] of first) {
    assert.equal(headers["content-encoding"], "gzip", path);
    assert.equal(headers["cache-control"], /-[A-Z0-9]{8}\.(js|css)$/.test(path) ? "public, max-age=31536000, immutable" : "no-cache", path);
  }
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("tree").waitFor();
  const all = await weights(page, hub);
  assert.ok(all.size > first.size, "the explorer comes when somebody goes there");
  assert.ok(sum(all) <= 110 * 1024, `${sum(all)} bytes`);
});

// The screens where the system chooses the colours, where texts take more room, and where nothing may move.
// What each screen is like in light and dark is in the file of that screen; the way by keyboard and at 400 % is in tour.test.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const PASSWORD = "correct horse";
const AUTH = `root:${PASSWORD}`;
const ATTIC = "home/attic";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A hub with one node, which has a thermometer, a relay that answers nothing, and a lamp of five states. One more node has gone. */
async function house(t) {
  const users = usersFile(t, [{ name: "root", subscribe: ["#"], publish: ["#"], admin: true }]);
  const hub = await startHub(t, { simulator: "off", users, store: folder(t), settings: ["diagnostics.enabled=true"] });
  const node = await connect(t, hub, ATTIC, "node", { auth: AUTH, filters: ["#"] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await node.publish("relay/0", { state: false });
  await node.publish("led/0", { state: "on" });
  const gone = await connect(t, hub, "home/cellar", "node", { auth: AUTH, filters: [] });
  await gone.publish("hygrometer/0", { "relative-humidity": [64, "%"] });
  gone.leave();
  return { hub, node };
}

async function signIn(page) {
  await page.getByLabel("Name", { exact: true }).fill("root");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "1 offline" }).waitFor();
}

const go = (page, hash) => page.evaluate((hash) => (location.hash = hash), hash);

/** Goes through the screens that have no such test of their own, and calls `look` on each. */
async function walk(page, hub, look) {
  await page.goto(`${hub.origin}/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await look("sign-in");
  await signIn(page);
  const relay = tile(page, ATTIC, "Relay 0", "relay/0");
  await relay.locator("summary").click();
  await relay.getByText("Interval").waitFor();
  await look("values");
  await page.getByRole("button", { name: "By quantity" }).click();
  await page.getByRole("button", { name: "1 offline" }).click();
  await page.getByRole("region", { name: "Humidity" }).waitFor();
  await look("search");
  await page.getByRole("button", { name: "1 offline" }).click();
  await page.getByRole("button", { name: "By node" }).click();
  await page.getByRole("button", { name: "Arrange" }).click();
  await page.getByRole("button", { name: "Edit Temperature" }).click();
  await page.getByRole("dialog").waitFor();
  await look("arrange");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Share" }).click();
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.locator('.qr path[d^="M"]').waitFor();
  await look("share");
  await page.getByRole("button", { name: "Close" }).click();
  for (const [name, there] of Object.entries({
    accounts: () => page.getByRole("list", { name: "Accounts" }).getByRole("button").first().click(),
    tokens: () => page.getByRole("button", { name: "Make a token" }).click(),
    device: async () => {
      if (await page.getByLabel("Name of the device").count() === 0) return;
      await page.getByLabel("Name of the device").fill("porch");
      await page.getByRole("button", { name: "Make its token" }).click();
      await page.locator("main").getByLabel("Language").waitFor();
    },
    events: () => page.getByRole("row").nth(1).waitFor(),
    links: () => page.getByRole("heading", { name: "Links" }).first().waitFor(),
    hub: () => page.getByRole("heading").nth(1).waitFor(),
  })) {
    await go(page, `#/admin/${name}`);
    await page.locator(`.pages a[href="#/admin/${name}"][aria-current]`).waitFor();
    await there();
    await look(name);
  }
  await go(page, "#/?kiosk=1");
  await page.getByRole("button", { name: "Leave the wall view" }).waitFor();
  await look("wall");
  for (const [path, heading] of [["check", "Self-check"], ["diagnostics", "Diagnostics"]]) {
    await page.goto(`${hub.origin}/${path}`);
    await page.getByRole("heading", { name: heading, exact: true }).waitFor();
    await look(path);
  }
}

for (const options of [{ colorScheme: "light", forcedColors: "active" }, { colorScheme: "dark", contrast: "more" }]) {
  test(`axe finds nothing on any screen, and nothing is wider than the screen: ${Object.values(options).join(", ")}`, async (t) => {
    const { hub } = await house(t);
    const page = await newPage(t, browser, options);
    await walk(page, hub, (name) => assertForEverybody(page, `${name} ${Object.values(options).join(" ")}`));
  });
}

test("where texts take more room, as some people need it, none is cut off", async (t) => {
  const { hub } = await house(t);
  const page = await newPage(t, browser, { viewport: { width: 1280, height: 800 }, bypassCSP: true });
  await walk(page, hub, async (name) => {
    // As WCAG 2.2 has it in 1.4.12.
    await page.addStyleTag({ content: "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }" });
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 });
      const [overflow, cut] = await page.evaluate(() => [
        document.documentElement.scrollWidth - document.documentElement.clientWidth,
        [...document.querySelectorAll("button, a, label, h2, h3, legend, th, .status, .alarm")].filter((one) => one.checkVisibility() && !one.closest(".hidden") && getComputedStyle(one).textOverflow !== "ellipsis" && one.clientWidth > 1 && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1) && getComputedStyle(one).overflow !== "visible").map((one) => one.outerHTML.slice(0, 200)),
      ]);
      const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((one) => one.outerHTML.slice(0, 120)).slice(-4));
      assert.equal(overflow, 0, `${name}: overflow at ${width} px: ${wide}`);
      assert.deepEqual(cut, [], `${name}: cut off at ${width} px`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  });
});

test("where the system chooses the colours, what is pressed, chosen or on looks it", async (t) => {
  const { hub, node } = await house(t);
  const page = await newPage(t, browser, { viewport: { width: 1280, height: 800 }, forcedColors: "active" });
  await page.goto(`${hub.origin}/`);
  await signIn(page);
  const picture = async (what) => {
    await page.evaluate(() => document.activeElement?.blur());
    await page.mouse.move(2, 400);
    return what.screenshot();
  };
  const changes = async (what, how) => {
    const before = await picture(what);
    await how();
    assert.notEqual(Buffer.compare(before, await picture(what)), 0, `it looks as before: ${what}`);
  };
  const button = (name) => page.getByRole("button", { name, exact: true });
  const byRoom = button("By room");
  await changes(byRoom, async () => {
    await byRoom.click();
    await page.getByRole("region", { name: "No room" }).waitFor();
  });
  await changes(button("By node"), () => button("By node").click());
  await changes(button("1 offline"), async () => {
    await button("1 offline").click();
    await page.getByText("1 value", { exact: true }).first().waitFor();
  });
  await button("1 offline").click();
  const relay = tile(page, ATTIC, "Relay 0", "relay/0").getByRole("switch");
  await changes(relay, async () => {
    await node.publish("relay/0", { state: true });
    await says(tile(page, ATTIC, "Relay 0", "relay/0").locator(".state"), "On");
  });
  await changes(tile(page, ATTIC, "LED 0", "led/0").locator("label").filter({ hasText: "Off" }), async () => {
    await node.publish("led/0", { state: "off" });
    await page.waitForFunction(() => document.querySelector(".choices input:checked")?.value === "off");
  });
  const explorer = page.getByRole("link", { name: "Explorer", exact: true });
  await changes(explorer, async () => {
    await explorer.click();
    await page.getByRole("tree", { name: "Topics" }).waitFor();
  });
  const branch = page.getByRole("treeitem").first();
  await changes(branch, () => page.getByRole("tree", { name: "Topics" }).press("Home"));
  const keeps = page.getByLabel("Have the hub keep it (retain)");
  await changes(keeps, () => keeps.check());
  await page.getByRole("link", { name: "Charts", exact: true }).click();
  await page.getByRole("group", { name: "Range" }).waitFor();
  await changes(button("7 d"), () => button("7 d").click());
  const look = button("Look back");
  await changes(look, async () => {
    await look.click();
    await page.getByRole("slider", { name: "Moment" }).waitFor();
  });
});

test("who wants less motion sees a switch wait without any", async (t) => {
  const { hub } = await house(t);
  const moving = async (reducedMotion) => {
    const page = await newPage(t, browser, { reducedMotion });
    await page.goto(`${hub.origin}/`);
    await signIn(page);
    const relay = tile(page, ATTIC, "Relay 0", "relay/0");
    await relay.getByRole("switch").click();
    // What one asks of it is seen by all: the second one asks for the opposite.
    await says(relay, /Turning (on|off)…/);
    return page.evaluate(() => document.getAnimations().filter((animation) => animation.effect.getComputedTiming().duration > 0).length);
  };
  assert.ok(await moving("no-preference") > 0);
  assert.equal(await moving("reduce"), 0);
});

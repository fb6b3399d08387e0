import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const BRIDGE = "nodes/bridge/0";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

test("readings of both generations are there, and change", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const inside = tile(page, BRIDGE, "Temperature", "thermometer/i2c0-48");
  await says(inside, /\d+\.\d\s*℃/);
  await says(tile(page, BRIDGE, "Pressure", "barometer/i2c0-60"), /kPa.*Altitude \d+\.\d m/s);
  await page.getByRole("region", { name: /^node\/836d/ }).first().getByText("thermometer/0:0", { exact: true }).waitFor();
  await inside.locator("summary").click();
  const seen = inside.locator("dd").last();
  const payload = inside.locator("dd.code").last();
  const before = await seen.textContent();
  await page.waitForFunction(([node, text]) => node.textContent !== text, [await seen.elementHandle(), before]);
  assert.match(await payload.textContent(), /^\{"temperature": \[\d+\.\d\d, "(℃|\\u2103)"\]\}$/);
  await page.getByText(/\d messages\/s/).waitFor();
  assertQuiet(page, hub);
});

test("a relay that does not know its state is switched on, and the switch is confirmed by the relay", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const relay = tile(page, BRIDGE, "Relay 3b", "relay/i2c0-3b");
  await says(relay, "Its state is not known.");
  await relay.getByRole("button", { name: "On", exact: true }).click();
  await says(relay, "Confirmed");
  const toggle = relay.getByRole("switch", { name: "Relay 3b" });
  assert.equal(await toggle.getAttribute("aria-checked"), "true");
  await toggle.press("Space");
  await relay.locator('[role="switch"][aria-checked="false"]').waitFor();
  await says(page.getByRole("status"), "Relay 3b: Off, confirmed");
  assertQuiet(page, hub);
});

test("the LED shows each of its five states as the bridge reports it, and one that is none as not known", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const led = tile(page, BRIDGE, "LED", "led/-");
  for (const name of ["On", "1 dot", "2 dots", "3 dots", "Off"]) {
    await led.getByRole("radio", { name, exact: true }).click();
    await led.locator(".state").filter({ hasText: new RegExp(`^${name}$`) }).waitFor({ state: "attached" });
    assert.equal(await led.getByRole("radio", { name, exact: true }).isChecked(), true);
  }
  const node = await connect(t, hub, "nodes/odd/0", "node", { filters: [] });
  await node.publish("led/0", { state: null });
  const odd = tile(page, "nodes/odd/0", "LED 0", "led/0");
  await says(odd, "not known");
  assert.equal(await odd.getByRole("radio", { checked: true }).count(), 0);
});

test("signing out in one tab is told in the other ones", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const other = await page.context().newPage();
  await other.goto(`${hub.origin}/`);
  await other.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await says(other.locator("#sign-in-why"), "Your session ended. Sign in again.");
  await says(page.locator("#sign-in-why"), "You are signed out.");
});

test("a relay of a radio node takes bare values", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  const relay = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Relay", exact: true }), hasText: "relay/-" });
  await relay.getByRole("switch").click();
  await says(relay, "Confirmed");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "true");
});

test("a wrong password is told, the name stays and the password is selected", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  await page.getByText(/runs as a demo/).waitFor();
  const password = page.getByLabel("Password");
  await password.fill("bigclowns");
  await password.press("Enter");
  await says(page.getByRole("alert"), "do not match");
  assert.equal(await password.getAttribute("aria-invalid"), "true");
  assert.equal(await page.getByLabel("Name").inputValue(), "clown");
  const selected = await password.evaluate((field) => document.activeElement === field && field.selectionEnd - field.selectionStart);
  assert.equal(selected, "bigclowns".length);
  await page.getByRole("button", { name: "Show" }).click();
  assert.equal(await password.getAttribute("type"), "text");
  await password.fill("bigclown");
  await password.press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  assertQuiet(page, hub);
});

test("after too many wrong passwords the form waits as long as the hub wants", async (t) => {
  const hub = await startHub(t, { settings: ["users.failures_per_minute=1"] });
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByText(/runs as a demo/).waitFor();
  const password = page.getByLabel("Password");
  for (const expected of [/do not match/, /Too many wrong passwords\. Try again in \d+ s\./]) {
    await password.fill("wrong");
    await password.press("Enter");
    await says(page.getByRole("alert"), expected);
  }
  assert.ok(await page.locator("#enter").isDisabled());
  await page.clock.fastForward(120_000);
  await page.locator("#enter:enabled").waitFor();
});

test("a page opened with name and password in its address signs in, and they leave the address", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.goto(`http://clown:bigclown@${hub.host}/`);
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.baseURI), `${hub.origin}/`);
  assert.ok(!page.url().includes("bigclown"));
});

test("signing out closes the sockets of the session and empties the page", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  await page.getByRole("listitem").first().waitFor();
  await page.evaluate(() => {
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/talk/`);
    const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
    globalThis.ending = new Promise((resolve) => socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason })));
    return opened;
  });
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.deepEqual(await page.evaluate(() => globalThis.ending), { code: 1008, reason: "session ended" });
  await says(page.locator("#sign-in-why"), "You are signed out.");
  assert.equal(await page.locator(".tile").count(), 0);
  assertQuiet(page, hub);
});

test("who may only look is told so, and sees the state in words", async (t) => {
  const users = usersFile(t, [
    { name: "box", subscribe: ["nodes/#"], publish: ["nodes/#"] },
    { name: "guest", subscribe: ["nodes/#"], publish: [] },
  ]);
  const hub = await startHub(t, { simulator: "off", users });
  const node = await connect(t, hub, BRIDGE, "node", { auth: "box:correct horse" });
  await node.publish("relay/1", { state: true });
  await node.publish("led/-", { state: "1-dot" });
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  await page.getByLabel("Name").fill("guest");
  await page.getByLabel("Password").fill("correct horse");
  assert.equal(await page.getByText(/runs as a demo/).isVisible(), false);
  await page.getByLabel("Password").press("Enter");
  const relay = tile(page, BRIDGE, "Relay 1", "");
  await says(relay, /On.*View only/);
  await says(tile(page, BRIDGE, "LED", ""), /1 dot.*View only/);
  assert.equal(await page.locator("#board :is([role=switch], fieldset, .pair)").count(), 0);
  await page.getByRole("banner").getByText("View only").waitFor();
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByText("your account may publish nothing").waitFor();
  assertQuiet(page, hub);
});

test("what devices say is text, whatever it looks like", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, encodeURIComponent("<b>house"), "node");
  const evil = '<img src=x onerror="globalThis.hit=1"><script>globalThis.hit=1</script>';
  await node.publish("<i onclick=hit()>sensor/1", evil);
  await node.publish("sensor/2", { [evil]: [1.5, "<u>m"] });
  await node.publish("sensor/3", { deep: { payload: [evil] } });
  await node.publish("relay/<s>4", { state: true });
  await node.publish("sensor/5", "x".repeat(50_000));
  await node.publish("presence", { state: "<b>online" });
  const page = await signedIn(t, browser, hub);
  await page.getByText('{"deep":{"payload":').waitFor();
  await page.getByText("<i onclick=hit()>sensor/1").first().waitFor();
  const relay = page.getByRole("listitem").filter({ hasText: "relay/<s>4" });
  await relay.locator("summary").click();
  assert.equal(await page.locator("#board :is(img, script, b, i, u, s)").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
  assert.ok((await page.locator("#board").textContent()).length < 20_000, "long texts are cut in tiles");
  assert.equal(await overflow(page), 0);
  assertQuiet(page, hub);
});

test("a hub where nobody speaks says what to do", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await signedIn(t, browser, hub);
  await page.getByRole("heading", { name: "No device has spoken yet" }).waitFor();
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), /20\.5\s*℃/);
  await page.getByRole("heading", { name: "No device has spoken yet" }).waitFor({ state: "hidden" });
});

const TARGETS = "button, summary, input, .choices label";

for (const colorScheme of ["light", "dark"]) {
  test(`everybody can use it: no axe violation and no overflow, ${colorScheme}`, async (t) => {
    const hub = await startHub(t, { store: folder(t) });
    const page = await newPage(t, browser, { colorScheme });
    await page.goto(`${hub.origin}/`);
    await page.getByText(/runs as a demo/).waitFor();
    await assertForEverybody(page, `the demo, signed out, ${colorScheme}`, { targets: TARGETS });
    assert.deepEqual(page.complaints, [], "who is not signed in finds nothing in the console");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await says(tile(page, BRIDGE, "Relay 3f", ""), "not known");
    await tile(page, BRIDGE, "Relay 3b", "").getByRole("button", { name: "On", exact: true }).click();
    await says(tile(page, BRIDGE, "Relay 3b", ""), "Confirmed");
    await tile(page, BRIDGE, "LED", "").locator("summary").click();
    await page.getByRole("img", { name: /^last hour: / }).first().waitFor();
    await assertForEverybody(page, `the demo ${colorScheme}`, { targets: TARGETS });
    const lines = await page.getByRole("img", { name: /^last hour: / }).evaluateAll((all) =>
      all.map((line) => ({ hasTitle: Boolean(line.querySelector("title").textContent), colour: getComputedStyle(line.querySelector("path")).stroke })));
    assert.ok(lines.length > 0 && lines.every(({ hasTitle, colour }) => hasTitle && colour !== "none"), "what was looked at has drawn lines");
    assertQuiet(page, hub);
  });
}

function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

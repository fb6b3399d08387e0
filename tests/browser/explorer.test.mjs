// The explorer: every topic, the last message of each, the log, and publishing by hand.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { assertQuiet, newPage, says, signedIn, startBrowser } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** The explorer of a hub. */
async function explorer(t, hub, options) {
  const page = await signedIn(t, browser, hub, options);
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.getByRole("tree").waitFor();
  return page;
}

const branch = (page, name) => page.getByRole("treeitem").filter({ has: page.locator(".level", { hasText: new RegExp(`^${name}$`) }) });

test("topics are a tree that the keyboard walks through, and the last message stands beside it as it was sent", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await node.publish("relay/1", { state: false });
  const page = await explorer(t, hub);
  await branch(page, "attic").waitFor();
  await page.getByRole("tree").focus();
  for (const key of ["Home", "ArrowDown", "ArrowRight", "ArrowRight", "*", "End"]) await page.keyboard.press(key);
  const current = page.locator('[aria-selected="true"]');
  await says(current, /^0.*\{"temperature":\[20\.5,"℃"\]\}/);
  await page.getByRole("heading", { name: "home/attic/thermometer/0" }).waitFor();
  assert.match(await page.getByLabel("Payload", { exact: true }).first().textContent(), /20\.5,\n/);
  assert.ok(page.url().endsWith("#/explorer?topic=home%2Fattic%2Fthermometer%2F0"));
  await page.keyboard.press("ArrowLeft");
  await says(current, "thermometer");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction(() => document.querySelector('[aria-selected="true"]').getAttribute("aria-expanded") === "false");
  await page.getByLabel("Find").fill("relay");
  await says(branch(page, "1"), "false");
  assert.equal(await branch(page, "thermometer").count(), 0);
  await page.goBack();
  await page.getByRole("region", { name: "home/attic", exact: true }).waitFor();
  assertQuiet(page, hub);
});

test("what is typed is checked, goes out as it was written, and its answer is told", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const reader = await connect(t, hub, "", "dashboard", { filters: ["#"] });
  const page = await explorer(t, hub);
  const form = page.getByRole("region", { name: "Publish" });
  const [topic, payload, send] = [form.getByLabel("Topic"), form.getByLabel("Payload"), form.getByRole("button", { name: "Send" })];
  await topic.fill("lamp/+/set");
  await says(form, "has no + and no #");
  assert.equal(await send.getAttribute("aria-disabled"), "true");
  await topic.fill("lamp/1/set");
  await says(form, "Nobody has said anything at this topic yet.");
  await payload.fill("{'on': true}");
  await says(form, "line 1, column 2 has ' where it does not belong");
  await payload.fill("on");
  await says(form, 'A text has quotes: "on"');
  await payload.fill('{"level": 20.10, "big": 12345678901234567890}');
  await says(form, "JSON, 45 bytes");
  const raw = new Promise((resolve) => reader.raw.on("message", (message) => String(message).includes("lamp/1/set") && resolve(String(message))));
  await payload.press("ControlOrMeta+Enter");
  assert.ok((await raw).includes('{"level": 20.10, "big": 12345678901234567890}'));
  await says(form, /Sent\. \d\d:\d\d:\d\d/);
  await topic.fill("$SYS/hub/x");
  await says(form, "Your account may not publish there.");
  assertQuiet(page, hub);
});

test("what is published by hand is a value here, too, and one that is cleared is gone", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node", { filters: [] });
  await node.publish("thermometer/0", { temperature: [20, "℃"] });
  await node.publish("hygrometer/0", { "relative-humidity": [40, "%"] });
  const page = await explorer(t, hub);
  const form = page.getByRole("region", { name: "Publish" });
  const publish = async (topic, payload) => {
    await form.getByLabel("Topic").fill(topic);
    await form.getByLabel("Payload").fill(payload);
    await form.getByRole("checkbox").setChecked(true);
    await form.getByRole("button", { name: "Send" }).click();
    await says(form, /Sent\. \d\d:\d\d:\d\d/);
    await form.getByLabel("Payload").fill("");
  };
  await publish("home/attic/thermometer/0", '{"temperature": [23.5, "℃"]}');
  await page.getByRole("log").getByText("23.5").waitFor();
  await publish("home/attic/hygrometer/0", "null");
  await page.getByRole("link", { name: "Values", exact: true }).click();
  await says(page.locator(".tile .value"), "23.5");
  assert.deepEqual(await page.locator(".tile h3").allTextContents(), ["Temperature"]);
  assertQuiet(page, hub);
});

test("who may publish at some topics only is told before anything is sent", async (t) => {
  const users = usersFile(t, [{ name: "emil", subscribe: ["#"], publish: ["lamp/#"] }]);
  const hub = await startHub(t, { simulator: "off", users });
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/#/explorer`);
  await page.getByLabel("Name").fill("emil");
  await page.getByLabel("Password").fill("correct horse");
  await page.getByLabel("Password").press("Enter");
  const form = page.getByRole("region", { name: "Publish" });
  await form.getByLabel("Payload").fill("1");
  await form.getByLabel("Topic").fill("heater/1/set");
  await says(form, "Your account may not publish there.");
  await form.getByLabel("Topic").fill("lamp/1/set");
  await form.getByRole("button", { name: "Send" }).click();
  await says(form, "Sent.");
});

test("the log stops while it is read, counts what comes, and is bounded to what is in sight", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node");
  for (let number = 0; number < 300; number += 1) await node.publish(`counter/${number}`, number);
  const page = await explorer(t, hub);
  const log = page.getByRole("region", { name: "Messages" });
  await says(log, /\d+ of at most 10,000/);
  assert.ok(await log.locator(".message").count() < 60, "only what is in sight is drawn");
  await log.getByRole("button", { name: "Pause" }).click();
  for (const number of [1, 2, 3]) await node.publish(`news/${number}`, number);
  await says(log, "3 new");
  assert.equal(await log.getByText("attic/news").count(), 0);
  await log.getByRole("button", { name: "Go on" }).click();
  await says(log.locator(".message").first(), /home\/attic\/news\/33/);
  assertQuiet(page, hub);
});

test("the log goes into a file, each message as it came to the byte, and with a search what it finds", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const came = [];
  const page = await explorer(t, hub, {
    before: (page) => page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => came.push(...payload.split("\n").filter((line) => !/^\["(clown\.talk|\$SYS)\//.test(line))))),
  });
  const node = await connect(t, hub, "home/attic", "node", { filters: [] });
  for (const [topic, payload] of [["a", '{"level":  20.10,"big":12345678901234567890}'], ["ž/\u2103", '"\u2103 ℃ 😀"'], ["__proto__", "null"], ["long", `"${"x".repeat(20_000)}"`], ["longer", `"${"y".repeat(40_000)}"`]]) node.raw.send(`["${topic}",${payload},{"id":"${topic}"}]`);
  await node.next(([kind, answer]) => kind.endsWith("publish/ok") && answer.id === "longer");
  const log = page.getByRole("region", { name: "Messages" });
  await says(log.locator(".message").first(), "longer");
  const exported = async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), log.getByRole("button", { name: "Export" }).click()]);
    assert.equal(download.suggestedFilename(), "messages.ndjson");
    return readFileSync(await download.path(), "utf8");
  };
  const whole = came.filter((line) => line.length < 32_768);
  assert.equal(came.length, whole.length + 1);
  assert.ok(whole.some((line) => line.includes('{"level":  20.10,"big":12345678901234567890}')));
  assert.equal(await exported(), whole.map((line) => `${line}\n`).join(""));
  await says(log, "Too long for the file: 1.");
  await page.getByLabel("Find").fill("__proto__");
  await says(log, "1 of at most");
  assert.equal(await exported(), whole.filter((line) => line.includes("__proto__")).map((line) => `${line}\n`).join(""));
  assertQuiet(page, hub);
});

test("what devices say is text here, too", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, encodeURIComponent("<b>house"), "node");
  const evil = '<img src=x onerror="globalThis.hit=1">';
  await node.publish(`<i onclick=hit()>`, { [evil]: [evil, "<u>"] });
  const page = await explorer(t, hub);
  await page.getByText("<i onclick=hit()>").first().click();
  await page.getByRole("heading", { name: "<b>house/<i onclick=hit()>" }).waitFor();
  assert.equal(await page.locator("main :is(img, script, b, i, u)").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
  assertQuiet(page, hub);
});

for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "light", forcedColors: "active" }, { colorScheme: "dark", contrast: "more", reducedMotion: "reduce" }]) {
  test(`everybody can use it: no axe violation and no overflow, ${Object.values(options).join(", ")}`, async (t) => {
    const hub = await startHub(t);
    const page = await explorer(t, hub, options);
    await branch(page, "nodes").click();
    await page.getByRole("textbox", { name: "Topic" }).fill("a");
    await page.getByRole("region", { name: "Messages" }).locator(".message").first().click();
    await assertForEverybody(page, `explorer ${Object.values(options).join(" ")}`, { targets: "button, input, nav a" });
    assertQuiet(page, hub);
  });
}

/** A port that is free at this moment. */
async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const HOSTILE = [
  ["it's/$HOME/`id`/\"x\"", '"it\'s $(id) `id` \\\\ ! $HOME"'], ["-x/a b/č/℃/😀", '{"\'":[20.10,"℃"],  "č\\u2103":null}'], ["q?a=1&b=%2e%2e/c;d|e", "-1"], ["a/../b/.", "[1,  2.50]"],
];

test("a message is copied as a command that says the very same, and no password is in it", async (t) => {
  const mqtt = await freePort();
  const hub = await startHub(t, { simulator: "off", settings: [`mqtt.listen=127.0.0.1:${mqtt}`] });
  const page = await explorer(t, hub);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: hub.origin });
  const node = await connect(t, hub, "", "node", { filters: [] });
  const reader = await connect(t, hub, "", "dashboard", { filters: ["#"], retained: false });
  const lines = [];
  reader.raw.on("message", (message) => lines.push(...message.toString().split("\n")));
  for (const [topic, payload] of HOSTILE) {
    node.raw.send(`[${JSON.stringify(topic)},${payload},{"id":"sent"}]`);
    await node.next(([kind, answer]) => kind.endsWith("publish/ok") && answer.id === "sent");
    node.frames.length = 0;
    // What follows is to be the command's.
    await reader.next(([at]) => at === topic);
    reader.frames.length = 0;
    await page.goto(`${hub.origin}/#/explorer?topic=${encodeURIComponent(topic)}`);
    await page.getByRole("heading", { name: topic, exact: true }).waitFor();
    const details = page.locator(".copy-as");
    if (!(await details.evaluate(({ open }) => open))) await details.locator("summary").click();
    for (const form of ["curl", "mosquitto_pub"]) {
      await details.getByLabel("Copy as").selectOption(form);
      await details.getByRole("button", { name: "Copy", exact: true }).click();
      await details.getByRole("button", { name: "Copied", exact: true }).waitFor();
      const command = await page.evaluate(() => navigator.clipboard.readText());
      assert.equal(command, await details.getByLabel("Command").textContent());
      assert.doesNotMatch(command, /bigclown/);
      lines.length = 0;
      const env = { PATH: process.env.PATH, HUB_PASSWORD: "bigclown" };
      await promisify(execFile)("sh", ["-c", `set -e; ${command.replace("-p 1883", `-p ${mqtt}`)}`], { env });
      await reader.next(([at]) => at === topic);
      const line = lines.find((line) => line.startsWith(`[${JSON.stringify(topic)}`));
      assert.ok(line.startsWith(`[${JSON.stringify(topic)},${payload}`) || JSON.stringify(JSON.parse(line)[1]) === JSON.stringify(JSON.parse(payload)), `${form}: ${line}`);
      reader.frames.length = 0;
    }
    for (const form of ["websocat", "Python", "JavaScript"]) {
      await details.getByLabel("Copy as").selectOption(form);
      await says(details.getByLabel("Command"), "HUB_PASSWORD");
      assert.doesNotMatch(await details.getByLabel("Command").textContent(), /bigclown/);
    }
  }
  assertQuiet(page, hub);
});

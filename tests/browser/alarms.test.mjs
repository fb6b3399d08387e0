// Alarms beyond the screen: they do not flap, they sound, and the system tells them. What the browser has for that is real: the
// permission is given as by a hand, and what the page makes of it is looked at from outside.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser } from "./support/browser.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const PASSWORD = "correct horse";
const USERS = [{ name: "root", subscribe: ["#"], publish: ["#"], admin: true }];
const TOPIC = "home/attic/thermometer/0";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A page with a limit of 10 to 30 ℃ on the only value, and what becomes of tones and notifications. */
async function watched(t, { permission, silent, store, before } = {}) {
  const hub = await startHub(t, { simulator: "off", users: usersFile(t, USERS), store });
  const node = await connect(t, hub, "home/attic", "node", { auth: `root:${PASSWORD}`, filters: [] });
  const say = (number) => node.publish("thermometer/0", { temperature: [number, "℃"] });
  await say(20);
  const page = await newPage(t, browser);
  await before?.(page);
  if (permission) await page.context().grantPermissions(["notifications"], { origin: hub.origin });
  await page.addInitScript(() => {
    globalThis.heard = { tones: [], notes: [], said: [] };
    const begin = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function start(...when) {
      heard.tones.push({ frequency: this.frequency.value, state: this.context.state });
      return begin.apply(this, when);
    };
    // The notification is the browser's own; this only remembers that there was one.
    globalThis.Notification = class extends Notification {
      constructor(title, options) {
        super(title, options);
        heard.notes.push({ title, body: this.body, tag: this.tag });
      }
    };
    addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
      const words = document.getElementById("announce")?.textContent ?? "";
      if (words.startsWith("Alarm") && heard.said.at(-1) !== words) heard.said.push(words);
    }).observe(document.body, { childList: true, characterData: true, subtree: true }));
  });
  await page.goto(`${hub.origin}/`);
  await page.getByLabel("Name", { exact: true }).fill("root");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  const layout = { values: { [TOPIC]: { limits: { "/temperature/0": { low: 10, high: 30 } }, silent } } };
  const headers = { "authorization": `Basic ${Buffer.from(`root:${PASSWORD}`).toString("base64")}`, "content-type": "application/json", "if-match": "*" };
  const answer = await fetch(`${hub.origin}/api/layout`, { method: "PATCH", headers, body: JSON.stringify(layout) });
  assert.equal(answer.status, 200);
  await says(page.locator(".alarms"), "All values with limits are as they should be.");
  await page.locator(".alarms summary").click();
  return { hub, page, say, heard: () => page.evaluate(() => heard) };
}

const title = (page, words) => page.waitForFunction((words) => document.title === words, `${words} – Clown Hub`);

test("an alarm does not flap at its edge: it ends when the value is back by a margin", async (t) => {
  const { page, say, heard } = await watched(t);
  await say(30.1);
  await title(page, "(1) Temperature: 30.1 ℃, over 30.0 ℃");
  // Two hundredths of what lies between the limits are 0.4 ℃.
  await say(29.9);
  await title(page, "(1) Temperature: 29.9 ℃, was over 30.0 ℃, ends at 29.6 ℃");
  await say(30.2);
  await title(page, "(1) Temperature: 30.2 ℃, over 30.0 ℃");
  await say(29.5);
  await page.waitForFunction(() => document.title === "Clown Hub");
  await say(29.9);
  await says(page.locator(".tile .value"), "29.9");
  assert.equal(await page.evaluate(() => document.title), "Clown Hub", "from below the limit it is no alarm");
  await say(30.3);
  await title(page, "(1) Temperature: 30.3 ℃, over 30.0 ℃");
  assert.equal((await heard()).said.length, 2, "each alarm is said once");
  // A value that was back for a moment has ended its alarm.
  await say(20);
  await says(page.locator(".tile .value"), "20.0");
  await say(29.9);
  await page.waitForFunction(() => document.title === "Clown Hub");
  await say(9.9);
  await title(page, "(1) Temperature: 9.9 ℃, under 10.0 ℃");
});

test("nothing is called silent because the hub was away, and what is silent then is", async (t) => {
  const store = folder(t);
  const { hub, page, say, heard } = await watched(t, { store, silent: 4 });
  await page.getByLabel("Sound").check();
  const { length } = (await heard()).tones;
  await say(20.5);
  // What was said in the last second may not be on the disk yet.
  await page.waitForTimeout(3000);
  await hub.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await page.waitForTimeout(6000);
  assert.deepEqual((await heard()).said, [], "nobody knows whether it is silent");
  const again = await startHub(t, { simulator: "off", users: usersFile(t, USERS), store, port: hub.port });
  await page.getByRole("button", { name: "Retry now" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.waitForTimeout(2000);
  assert.deepEqual([(await heard()).said, (await heard()).tones.length], [[], length], "it has not had the time to speak");
  await page.waitForFunction(() => document.title.startsWith("(1) Temperature: silent for"));
  assert.equal((await heard()).tones.length, length + 2);
  // An alarm that stands goes on when the page is connected again, and is not told anew.
  await again.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await startHub(t, { simulator: "off", users: usersFile(t, USERS), store, port: hub.port });
  await page.evaluate(() => {
    globalThis.titles = [];
    setInterval(() => titles.push(document.title), 20);
  });
  await page.getByRole("button", { name: "Retry now" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.waitForTimeout(2500);
  assert.deepEqual(await page.evaluate(() => titles.filter((title) => !/^(Offline|\(1\) Temperature: silent for)/.test(title))), []);
  assert.equal((await heard()).tones.length, length + 2);
});

test("nothing is called silent because the page was asleep", async (t) => {
  const { page, say, heard } = await watched(t, { silent: 60, before: (page) => page.clock.install() });
  await say(20.5);
  await says(page.locator(".tile .value"), "20.5");
  await page.clock.fastForward("10:00");
  await page.waitForTimeout(4000);
  assert.deepEqual((await heard()).said, []);
  await page.getByText("Live", { exact: true }).waitFor();
});

test("what was never heard is not called silent because the page was asleep", async (t) => {
  const { hub, page, heard } = await watched(t, { before: (page) => page.clock.install() });
  const layout = { values: { "home/attic/motion/0": { silent: 60 } } };
  const headers = { "authorization": `Basic ${Buffer.from(`root:${PASSWORD}`).toString("base64")}`, "content-type": "application/json", "if-match": "*" };
  assert.equal((await fetch(`${hub.origin}/api/layout`, { method: "PATCH", headers, body: JSON.stringify(layout) })).status, 200);
  await page.waitForTimeout(1000);
  await page.clock.fastForward("10:00");
  await page.waitForTimeout(3000);
  assert.deepEqual((await heard()).said, []);
  await page.clock.fastForward("00:50");
  await page.clock.fastForward("00:20");
  await page.waitForFunction(() => document.title.startsWith("(1) "));
  assert.equal((await heard()).said.length, 1, "and when the page has been awake for so long, it is");
});

test("who wants it hears an alarm, once for each", async (t) => {
  const { page, say, heard } = await watched(t);
  await say(31);
  await title(page, "(1) Temperature: 31 ℃, over 30 ℃");
  assert.deepEqual((await heard()).tones, [], "nobody has asked for it");
  await page.getByLabel("Sound").check();
  assert.deepEqual((await heard()).tones.map(({ frequency }) => frequency), [880, 660], "to try it");
  await say(20);
  await page.waitForFunction(() => document.title === "Clown Hub");
  await say(9);
  await page.waitForFunction(() => heard.tones.length === 4);
  assert.ok((await heard()).tones.slice(2).every(({ state }) => state === "running"), "it is not held back");
  await say(8.9);
  await title(page, "(1) Temperature: 8.9 ℃, under 10.0 ℃");
  assert.equal((await heard()).tones.length, 4);
  await page.getByLabel("Sound").uncheck();
  await say(20);
  await page.waitForFunction(() => document.title === "Clown Hub");
  await say(33);
  await title(page, "(1) Temperature: 33.0 ℃, over 30.0 ℃");
  assert.equal((await heard()).tones.length, 4);
});

test("who allows it is told by the system, also after the page was loaded again", async (t) => {
  const { page, say, heard } = await watched(t, { permission: true });
  await page.getByLabel("Notification").check();
  await say(31.5);
  await page.waitForFunction(() => heard.notes.length === 1);
  assert.deepEqual((await heard()).notes, [{ title: "Clown Hub", body: "Temperature: 31.5 ℃, over 30.0 ℃", tag: TOPIC }]);
  await say(31.6);
  await title(page, "(1) Temperature: 31.6 ℃, over 30.0 ℃");
  assert.equal((await heard()).notes.length, 1, "the same alarm is told once");
  await page.reload();
  await page.waitForFunction(() => heard.notes.length === 1);
  assert.equal((await heard()).notes[0].tag, TOPIC);
});

test("where notifications are not allowed the choice says so and stays off", async (t) => {
  const { page, say, heard } = await watched(t);
  const choice = page.getByLabel("Notification");
  await page.evaluate(() => Object.defineProperty(Notification, "permission", { get: () => "denied" }));
  await choice.click();
  await says(page.locator(".alarms"), "Notifications take https, and your permission in the browser.");
  assert.equal(await choice.isChecked(), false);
  await say(31);
  await title(page, "(1) Temperature: 31 ℃, over 30 ℃");
  assert.deepEqual((await heard()).notes, []);
});

// A stranger's tour: somebody has the address of a hub and an account, and nobody to ask. All is done by what stands on the
// screen: with a mouse, with a keyboard alone, with a finger on a phone, and at 400 %. What it takes is counted.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { newPage, says, startBrowser } from "./support/browser.mjs";
import { usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { DAY, HOUR, MINUTE, hubWithPast } from "./support/past.mjs";

const PASSWORD = "correct horse";
const USERS = [
  { name: "jana", subscribe: ["#"], publish: ["#"], admin: true },
  { name: "gateway", subscribe: ["nodes/#"], publish: ["nodes/#"] },
];
const GATEWAY = `gateway:${PASSWORD}`;
/** So many places a keyboard may go through before it is where it wants to be. */
const TABS_AT_MOST = 150;

let browser, hub, kitchen, highest;
const ends = [];
before(async () => {
  browser = await startBrowser();
  ({ hub, kitchen, highest } = await house({ after: (end) => ends.unshift(end) }));
});
after(async () => {
  await browser.close();
  for (const end of ends) await end();
});

/** A house of two days and an hour. In the cellar nothing was heard for three hours; the kitchen has a relay that does what it is told. */
async function house(t) {
  const said = [];
  const { hub } = await hubWithPast(t, {
    from: 2 * DAY + HOUR, step: 20 * MINUTE, base: "nodes", auth: GATEWAY, users: usersFile(t, USERS),
    readingsAt: (time, number) => {
      const hour = new Date(time).getHours() + new Date(time).getMinutes() / 60;
      // Each day has a peak of its own in the evening, and today has a higher one right now.
      const isNow = Date.now() - time < 50 * MINUTE;
      const co2 = isNow ? 1990 : Math.round(620 + (700 + number) * Math.exp(-(((hour - 18.5) / 2) ** 2)));
      said.push({ time, co2 });
      return [
        ["kitchen/0/co2-sensor/0", { concentration: [co2, "ppm"] }],
        ["kitchen/0/thermometer/0", { temperature: [21.5, "℃"] }],
        ["attic/0/thermometer/0", { temperature: [17.5, "℃"] }],
        ...(number === 0 ? [["kitchen/0/relay/0", { state: false }]] : []),
        ...(Date.now() - time > 3 * HOUR ? [["cellar/0/hygrometer/0", { "relative-humidity": [71, "%"] }]] : []),
      ];
    },
  });
  const kitchen = await connect(t, hub, "nodes/kitchen/0", "node", { auth: GATEWAY, filters: ["relay/#"] });
  kitchen.on("frame", ([topic, payload]) => topic === "relay/0/set" && kitchen.send("relay/0", payload));
  const today = new Date().setHours(0, 0, 0, 0);
  const yesterday = said.filter(({ time }) => time < today && time >= new Date(today - 12 * HOUR).setHours(0, 0, 0, 0));
  return { hub, kitchen, highest: Math.max(...yesterday.map(({ co2 }) => co2)) };
}

/** Hands at a page: what they press and write is counted. */
class Hands {
  count = 0;

  constructor(page, how) {
    this.page = page;
    this.how = how;
  }

  async press(what) {
    this.count += 1;
    if (this.how === "mouse") return what.click();
    if (this.how === "finger") return what.tap();
    await this.#go(what);
    await this.page.keyboard.press("Enter");
  }

  async write(what, text) {
    this.count += 1;
    if (this.how !== "keyboard") return what.fill(text);
    await this.#go(what);
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.type(text);
  }

  async choose(what, name) {
    this.count += 1;
    if (this.how !== "keyboard") return what.selectOption({ label: name });
    await this.#go(what);
    await this.page.keyboard.type(name);
  }

  /** From where the focus is, with Tab alone, to something that shows that it has the focus. */
  async #go(what) {
    await what.waitFor();
    for (let at = 0; at < TABS_AT_MOST; at += 1) {
      const [isThere, isSeen] = await what.evaluate((element) => [element === document.activeElement, element.matches(":focus-visible")]);
      if (isThere) return assert.ok(isSeen, `what has the focus shows it: ${what}`);
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`not reached with ${TABS_AT_MOST} times Tab: ${what}`);
  }
}

const SCREEN = { width: 1280, height: 800 };
const WAYS = {
  "with a mouse": ["mouse", { viewport: SCREEN }],
  "with a keyboard alone": ["keyboard", { viewport: SCREEN }],
  "with a finger, on a phone": ["finger", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  // What is left of the same screen where everything is four times as large.
  "with a mouse, at 400 %": ["mouse", { viewport: { width: SCREEN.width / 4, height: SCREEN.height / 4 }, deviceScaleFactor: 4 }],
};

for (const [number, [way, [how, options]]] of Object.entries(WAYS).entries()) {
  test(`a stranger finds the way: ${way}`, async (t) => {
    await kitchen.publish("relay/0", { state: false });
    kitchen.frames.length = 0;
    const page = await newPage(t, browser, { ...options, permissions: ["clipboard-read", "clipboard-write"] });
    const hands = new Hands(page, how);
    const button = (name, within = page) => within.getByRole("button", { name, exact: true });
    const link = (name, within = page) => within.getByRole("link", { name, exact: true });
    const field = (name, within = page) => within.getByLabel(name, { exact: true });
    const region = (name, within = page) => within.getByRole("region", { name, exact: true });
    const value = (node, title) => region(node).getByRole("listitem").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    /** One thing that the stranger wants, and how many presses and words it may take. */
    const wants = async (wish, most, work) => {
      hands.count = 0;
      await work();
      t.diagnostic(`${wish}: ${hands.count} of ${most}`);
      assert.ok(hands.count <= most, `${wish}: ${hands.count} presses and words, and not ${most}`);
    };

    await page.goto(`${hub.origin}/`);
    await wants("to come in", 3, async () => {
      await hands.write(field("Name"), "jana");
      await hands.write(field("Password"), PASSWORD);
      await hands.press(button("Sign in"));
      await page.getByText("Live", { exact: true }).waitFor();
    });

    await wants("to find the stale sensor", 1, async () => {
      await hands.press(button("1 stale"));
      await says(value("nodes/cellar/0", "Humidity"), /No data for \d/);
      assert.deepEqual(await page.getByRole("main").getByRole("heading", { level: 3 }).allTextContents(), ["Humidity"]);
    });
    await hands.press(button("1 stale"));

    await wants("to switch a relay, and to know that it switched", 1, async () => {
      const relay = value("nodes/kitchen/0", "Relay 0");
      assert.equal(await relay.getByRole("switch", { name: "Relay 0" }).isChecked(), false);
      await hands.press(relay.getByRole("switch", { name: "Relay 0" }));
      await says(relay, /Confirmed \d\d:\d\d:\d\d/);
      assert.equal(await relay.getByRole("switch", { name: "Relay 0" }).isChecked(), true);
      await kitchen.next(([topic, payload]) => topic === "relay/0/set" && payload.state === true);
    });

    const co2 = value("nodes/kitchen/0", "CO₂").getByRole("link", { name: /parts per million/ });
    await wants("to find yesterday's highest CO₂", 2, async () => {
      await hands.press(co2);
      await hands.press(button("Yesterday"));
      const table = region("Figures").getByRole("table");
      const names = await table.getByRole("columnheader").allTextContents();
      const row = table.getByRole("row").filter({ has: page.getByRole("rowheader", { name: /^\s*CO₂/ }) });
      await says(row.getByRole("cell").nth(names.indexOf("Highest") - 1), `${highest} ppm`);
    });

    await wants("to publish a message", 4, async () => {
      const listener = await connect(t, hub, "nodes/hall", "dashboard", { auth: GATEWAY });
      await hands.press(link("Explorer"));
      await hands.write(field("Topic", region("Publish")), "nodes/hall/note");
      await hands.write(field("Payload", region("Publish")), `"The milk is out, ${way}"`);
      await hands.press(button("Send"));
      await says(region("Publish"), /Sent\. \d\d:\d\d:\d\d/);
      await says(page.getByRole("log", { name: "Messages" }), `"The milk is out, ${way}"`);
      await listener.next(([topic, payload]) => topic === "note" && payload === `The milk is out, ${way}`);
    });

    await wants("to name a room", 7, async () => {
      await hands.press(link("Values"));
      await hands.press(button("Arrange"));
      await hands.press(button("Edit nodes/kitchen/0"));
      const dialog = page.getByRole("dialog", { name: "Edit nodes/kitchen/0" });
      await hands.write(dialog.getByRole("combobox", { name: "Room" }), "Kitchen");
      await hands.press(button("Save", dialog));
      await dialog.waitFor({ state: "hidden" });
      await hands.press(button("Done"));
      await hands.press(button("By room"));
      await says(region("Kitchen"), "CO₂");
    });
    await hands.press(button("By node"));

    await wants("to share a chart with somebody who has no account", 4, async () => {
      await hands.press(co2);
      await hands.press(button("Share"));
      const guest = region("Link without an account", page.getByRole("dialog", { name: "Share this view" }));
      await hands.press(button("Make the link", guest));
      await hands.press(button("Copy link", guest));
      await button("Copied", guest).waitFor();
      const visitor = await newPage(t, browser, options);
      await visitor.goto(await copied());
      // What the visitor sees is what was on the screen: it still is of yesterday.
      await says(visitor.getByRole("region", { name: "Figures", exact: true }).getByRole("row").filter({ hasText: "CO₂" }), `${highest} ppm`);
      await visitor.getByText("View only", { exact: true }).waitFor();
      await visitor.getByRole("link", { name: "Explorer" }).click();
      await visitor.getByText("View only: your account may publish nothing.").waitFor();
      assert.equal(await visitor.getByRole("button", { name: "Send" }).count(), 0);
      const status = await visitor.evaluate(async () => (await fetch("/api/topics/nodes/kitchen/0/relay/0/set", { method: "PUT", headers: { "content-type": "application/json" }, body: '{"state":false}' })).status);
      assert.equal(status, 403);
    });
    await hands.press(button("Close", page.getByRole("dialog")));

    await wants("to see who switched the relay", 3, async () => {
      await hands.press(link("Values"));
      const relay = value("nodes/kitchen/0", "Relay 0");
      await hands.press(relay.locator("summary"));
      await hands.press(link("Who switched this?", relay));
      const row = page.getByRole("table").getByRole("row").filter({ hasText: 'Command nodes/kitchen/0/relay/0/set {"state":true}' });
      await says(row.first(), /jana/);
    });

    await wants("to add a device, and to see its first reading", 6, async () => {
      if (await link("Operate").getAttribute("aria-current") !== "page") await hands.press(link("Operate"));
      await hands.press(link("Add a device"));
      await hands.write(field("Name of the device"), `porch-${number}`);
      await hands.press(button("Make its token"));
      await hands.choose(page.locator("main").getByLabel("Language"), "JavaScript");
      await hands.press(button("Copy", region("A program to begin with")));
      await button("Copied", region("A program to begin with")).waitFor();
      const device = spawn(process.execPath, ["--input-type=module", "-e", await copied()], { cwd: import.meta.dirname, stdio: "inherit" });
      t.after(() => device.kill());
      await says(region(`porch-${number}`).getByRole("status"), /It has spoken: Temperature 21\.5/);
      await hands.press(link("Values"));
      await says(value(`home/porch-${number}`, "Temperature"), /21\.5/);
    });
    assert.deepEqual(page.complaints.filter((complaint) => !/401.*\/api\/session$/.test(complaint)), []);
  });
}

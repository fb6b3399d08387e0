// What devices say, however odd, much or large it is; and a page on a screen where little has room.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

const nested = (depth) => "{\"a\":".repeat(depth) + "1" + "}".repeat(depth);

test("whatever a device says, alone or with others, the page lives and shows it", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "odd", "node", { filters: [] });
  const page = await signedIn(t, browser, hub);
  const payloads = {
    deep: nested(60), long: JSON.stringify("x".repeat(60_000)), proto: '{"__proto__": 1, "constructor": {"prototype": [2, "℃"]}, "toString": null}', empty: "{}", nothing: "null", list: '[1, [2, ["℃"]], {"a": []}]', text: '""',
    wide: `{${Array.from({ length: 500 }, (_, at) => `"key ${at}": ${at}`).join(", ")}}`, large: "1e308", small: "5e-324", units: '{"a": [1, "a unit that is longer than any"], "b": [null, "℃"], "c": ["1", "℃"]}',
  };
  // One after the other, and then all at once: the hub puts what comes together into one message.
  for (const [name, payload] of Object.entries(payloads)) node.raw.send(`["one/${name}",${payload}]`);
  for (let time = 0; time < 20; time += 1) for (const [name, payload] of Object.entries(payloads)) node.raw.send(`["many/${name}",${payload}]`);
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await says(tile(page, "odd", "Temperature", "thermometer/0"), "21.5");
  const region = page.getByRole("region", { name: "odd", exact: true });
  for (const way of ["one", "many"]) {
    await region.getByText(`${way}/deep`, { exact: true }).waitFor();
    await says(region.locator(".tile").filter({ hasText: `${way}/long` }), /x{100}/);
  }
  for (const summary of await region.locator("summary").all()) await summary.click();
  await says(region.locator("dd").filter({ hasText: '"constructor"' }).first(), '{"__proto__": 1, "constructor": {"prototype": [2, "℃"]}, "toString": null}');
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("tree").waitFor();
  await page.goto(`${hub.origin}/#/explorer?topic=odd%2Fone%2Flong`);
  await says(page.getByLabel("Payload", { exact: true }).first(), /x{1000}/);
  assert.equal(await page.evaluate(() => ({}).a), undefined);
  assertQuiet(page, hub);
});

test("numbers and units are told as they were sent, however they were written", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "n", "node", { filters: [] });
  node.raw.send('["a/0",{"temperature":[20.10,"\\u2103"]}]');
  node.raw.send('["b/0",{"temperature":[20.10,"℃"]}]');
  node.raw.send('["c/0",{"count":9007199254740993}]');
  await node.publish("d/0", { temperature: [1, "°C"] });
  const page = await signedIn(t, browser, hub);
  for (const place of ["a/0", "b/0", "d/0"]) await says(tile(page, "n", "Temperature", place).locator(".unit"), "℃");
  await page.getByLabel("Find").fill("unit:℃");
  await says(page.locator("#search-says"), "3 values");
  await page.getByLabel("Find").fill("");
  const count = tile(page, "n", "Count", "c/0");
  await count.locator("summary").click();
  await says(count.locator("dd"), '{"count":9007199254740993}');
  await tile(page, "n", "Temperature", "a/0").locator("summary").click();
  await says(tile(page, "n", "Temperature", "a/0").locator("dd"), '{"temperature":[20.10,"\\u2103"]}');
});

test("at 400 % zoom nothing is wider than the screen, and what has the focus is in sight", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node", { filters: [] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await node.publish("relay/1", { state: false });
  // 1280 by 1024 at 400 %.
  const page = await signedIn(t, browser, hub, { viewport: { width: 320, height: 256 } });
  for (const hash of ["#/", "#/explorer", "#/charts", "#/admin/accounts"]) {
    await page.goto(`${hub.origin}/${hash}`);
    await page.locator("main input, main button").first().waitFor();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${hash} overflows`);
    const first = page.locator("main :is(input, button):visible:enabled").first();
    // What comes later may still move it.
    for (let tries = 0, isSeen = false; !isSeen; tries += 1) {
      await first.focus();
      isSeen = await first.evaluate((element) => {
        const { left, top, width, height } = element.getBoundingClientRect();
        const found = document.elementFromPoint(left + width / 2, top + height / 2);
        return found !== null && (element.contains(found) || found.contains(element));
      });
      assert.ok(isSeen || tries < 50, `${hash}: what has the focus is covered`);
      if (!isSeen) await page.waitForTimeout(100);
    }
  }
});

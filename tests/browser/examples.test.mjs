// The examples for a browser and for Node, run as they stand in examples/.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { newPage, says, startBrowser } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";

const examples = resolve(import.meta.dirname, "../../examples");

test("the page of at most 40 lines shows readings and switches the relay, from a server of its own", async (t) => {
  const html = readFileSync(join(examples, "browser.html"), "utf8");
  assert.ok(html.split("\n").length <= 41, "40 lines and the end of the last");
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${server.address().port}`;
  const hub = await startHub(t, { settings: [`server.origins=${origin}`] });
  const browser = await startBrowser();
  t.after(() => browser.close());
  const page = await newPage(t, browser);
  await page.goto(`${origin}/browser.html?ws://clown:bigclown@${hub.host}`);
  await says(page.locator("#values li"), "thermometer/i2c0-48 {\"temperature\":");
  const relay = page.locator("#values li").filter({ hasText: "relay/i2c0-3b" });
  for (const state of [true, false]) {
    await page.getByRole("button", { name: "Switch the relay" }).click();
    await says(relay, `{"state":${state}}`);
  }
  await hub.stop();
  await says(page.locator("#state"), "closed: 1012 hub is restarting");
});

test("the dashboard in Node sees its relay switched", async (t) => {
  const hub = await startHub(t);
  const place = mkdtempSync(join(tmpdir(), "clown-hub-"));
  t.after(() => rmSync(place, { recursive: true }));
  // Where `npm install ws` would have put it.
  copyFileSync(join(examples, "dashboard.mjs"), join(place, "dashboard.mjs"));
  symlinkSync(resolve(import.meta.dirname, "node_modules"), join(place, "node_modules"));
  const { stdout } = await promisify(execFile)(process.execPath, [join(place, "dashboard.mjs"), `ws://clown:bigclown@${hub.host}`]);
  assert.match(stdout, /^thermometer\/i2c0-48 \{"temperature":\[/m);
  assert.match(stdout, /^the relay is on$/m);
});

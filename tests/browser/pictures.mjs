// Makes the pictures of docs/dashboard.md again: node tests/browser/pictures.mjs [FOLDER]. The hub is target/debug/clown-hub, or
// HUB_BIN; with PAGE=DIR the page is what `node build.mjs DIR` has made.

import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { signedIn, startBrowser } from "./support/browser.mjs";
import { HOUR, MINUTE, hubWithPast } from "./support/past.mjs";

const directory = process.argv[2] ?? fileURLToPath(new URL("../../docs/pictures", import.meta.url));
const NODE = "nodes/kitchen/0";
const ends = [];
const script = { after: (end) => ends.unshift(end) };

/** A day in a kitchen: people come in the morning and in the evening. */
function readingsAt(time, number) {
  const hour = new Date(time).getHours() + new Date(time).getMinutes() / 60;
  const noise = (size) => (Math.random() - 0.5) * size;
  const people = Math.exp(-(((hour - 7.5) / 1.2) ** 2)) + 1.4 * Math.exp(-(((hour - 19) / 2) ** 2));
  const isOn = (hour > 6.5 && hour < 8.2) || (hour > 17 && hour < 22.4);
  const was = hour - 6 / 60;
  const wasOn = (was > 6.5 && was < 8.2) || (was > 17 && was < 22.4);
  const round = (value, digits) => Number(value.toFixed(digits));
  return [
    ["thermometer/i2c0-48", { temperature: [round(20.2 + 1.6 * people + 0.5 * Math.sin(time / 2e7) + noise(0.25), 2), "℃"] }],
    ["humidity-sensor/i2c0-40", { "relative-humidity": [round(43 + 9 * people + noise(1.2), 1), "%"] }],
    ["co2-sensor/i2c0-38", { concentration: [Math.round(520 + 620 * people + noise(40)), "ppm"] }],
    ...(number === 0 || isOn !== wasOn ? [["relay/i2c0-3b", { state: isOn }]] : []),
  ];
}

const browser = await startBrowser();
try {
  const { hub } = await hubWithPast(script, { from: 50 * HOUR, step: 6 * MINUTE, base: NODE, readingsAt });
  const series = ["thermometer/i2c0-48:/temperature/0", "humidity-sensor/i2c0-40:/relative-humidity/0", "co2-sensor/i2c0-38:/concentration/0", "relay/i2c0-3b:/state"];
  const address = series.map((one) => `s=${encodeURIComponent(`${NODE}/${one}`)}`).join("&");
  const page = await signedIn(script, browser, hub, { viewport: { width: 1280, height: 820 }, colorScheme: "light" });
  await page.evaluate((hash) => (location.hash = hash), `#/charts?${address}&r=24h&before=day`);
  await page.locator("#chart-summary").filter({ hasText: /Relay 3b, last 24 h: o/ }).waitFor({ state: "attached" });
  await page.locator(".plot .u-over").first().hover({ position: { x: 660, y: 60 } });
  // The lines of the day before come after those of today.
  await page.locator(".tip").filter({ hasText: /Day before.*Day before/ }).waitFor();
  await page.screenshot({ path: join(directory, "charts.png"), fullPage: true });
  await page.setViewportSize({ width: 1280, height: 760 });
  await page.evaluate((hash) => (location.hash = hash), `#/?at=${new Date(Date.now() - 8 * HOUR).toISOString()}`);
  await page.locator("main[data-past] .tile").first().waitFor();
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(directory, "look-back.png") });
} finally {
  await browser.close();
  for (const end of ends) await end();
}

// What a page of many tiles takes of the browser's main thread: node script-time.mjs http://127.0.0.1:8080 20
// Signs in as the demo user, measures for so many seconds, scrolls past all tiles so that each has its line, measures again.

import { startBrowser } from "./support/browser.mjs";

const [origin, seconds] = [process.argv[2], Number(process.argv[3] ?? 20)];
const browser = await startBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.goto(`${origin}/`);
await page.getByRole("button", { name: "Sign in", exact: true }).click();
await page.getByText("Live", { exact: true }).waitFor();
const chromium = await page.context().newCDPSession(page);
await chromium.send("Performance.enable");
await page.waitForTimeout(5000);
await measure();
const height = await page.evaluate(() => document.documentElement.scrollHeight);
for (let top = 0; top < height; top += 600) {
  await page.evaluate((to) => scrollTo(0, to), top);
  await page.waitForTimeout(250);
}
await page.evaluate(() => scrollTo(0, 0));
await page.waitForTimeout(5000);
await measure();
await browser.close();

async function measure() {
  const before = await metrics();
  await page.waitForTimeout(seconds * 1000);
  const after = await metrics();
  const [tiles, lines] = await page.evaluate(() => [".tile", ".sparkline path[d]"].map((what) => document.querySelectorAll(what).length));
  const took = ["Script", "RecalcStyle", "Layout", "Task"].map((what) => {
    const name = `${what}Duration`;
    return `${what} ${(((after[name] - before[name]) / (after.Timestamp - before.Timestamp)) * 1000).toFixed(1)}`;
  });
  console.log(`${tiles} tiles, ${lines} lines; milliseconds a second: ${took.join(", ")}`);
}

async function metrics() {
  const { metrics } = await chromium.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

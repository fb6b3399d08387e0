// What the page takes of a browser, in time: node tests/browser/budgets.mjs [tiles] [single] [phone] [explorer] [week] [redraw] [open]
// [slow] [life], or all of them. Ends with 1 where a budget is missed. For a quiet machine; what can be counted is in work.test.mjs, which runs anywhere.
// The hub is target/debug/clown-hub, or HUB_BIN; with PAGE=DIR the page is what `node build.mjs DIR` has made. HOURS shortens `life`.

import http from "node:http";
import { readFileSync } from "node:fs";
import { signedIn, startBrowser } from "./support/browser.mjs";
import { life } from "./support/hours.mjs";
import { startHub } from "./support/hub.mjs";
import { DAY, MINUTE, hubWithPast } from "./support/past.mjs";
import { speaker } from "./support/speaker.mjs";

const MANY = ["limits.messages_per_second=1000000"];
const SECONDS = 20;
/** In less than this a page still fills what it keeps of the last minutes. */
const MINUTES = 5;
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const TIMES = 7;

let isMissed = false;
let ends = [];
const script = { after: (end) => ends.unshift(end) };
const load = () => readFileSync("/proc/loadavg", "utf8").split(" ")[0];
const median = (numbers) => [...numbers].sort((one, other) => one - other)[numbers.length >> 1];

/** Tells a figure beside its budget: the most, or with `isLeast` the least that it may be. */
function tell(what, figure, unit, budget = null, isLeast = false) {
  const isKept = budget === null || (isLeast ? figure >= budget : figure <= budget);
  isMissed ||= !isKept;
  const digits = Math.abs(figure) < 10 ? 2 : 0;
  console.log(`  ${isKept ? " " : "✗"} ${what.padEnd(46)} ${figure.toFixed(digits).padStart(7)} ${unit.padEnd(6)}${budget === null ? "" : ` ${isLeast ? "≥" : "≤"} ${budget}`}`);
}

/** Frames, long tasks, and what the main thread did, while `speak` is called so many times a second; and what the heap has grown by after so many minutes. */
async function frames(page, chromium, speak, hertz, minutes = 0) {
  // In time of the processor: on a machine that has other work, too, that is what can be told.
  await chromium.send("Performance.enable", { timeDomain: "threadTicks" });
  const metrics = async () => Object.fromEntries((await chromium.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const heap = async () => {
    await chromium.send("HeapProfiler.collectGarbage");
    return (await chromium.send("Runtime.getHeapUsage")).usedSize / 1e6;
  };
  let isOver = false;
  const speaking = (async () => {
    for (let round = 0, start = performance.now(); !isOver; round += 1) {
      await speak(round);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, start + (round + 1) * (1000 / hertz) - performance.now())));
    }
  })();
  await page.waitForTimeout(5000);
  const heapBefore = await heap();
  const start = performance.now();
  const before = await metrics();
  const { times, tasks } = await page.evaluate(async (seconds) => {
    const times = [];
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ type: "longtask" });
    const start = performance.now();
    await new Promise((resolve) => {
      const frame = (time) => {
        times.push(time);
        if (time - start < seconds * 1000) requestAnimationFrame(frame);
        else resolve();
      };
      requestAnimationFrame(frame);
    });
    observer.disconnect();
    return { times, tasks };
  }, SECONDS);
  const after = await metrics();
  const seconds = (times.at(-1) - times[0]) / 1000;
  const rate = await page.locator("#rate").textContent();
  await page.waitForTimeout(Math.max(0, minutes * 60_000 - (performance.now() - start)));
  const grown = (await heap()) - heapBefore;
  isOver = true;
  await speaking;
  const share = (name) => ((after[`${name}Duration`] - before[`${name}Duration`]) / seconds) * 100;
  const gaps = times.slice(1).map((time, at) => time - times[at]).sort((one, other) => one - other);
  return {
    fps: (times.length - 1) / seconds, p99: gaps[Math.floor(gaps.length * 0.99)], longest: Math.max(0, ...tasks), tasks: tasks.length,
    thread: share("Task"), parts: ["Script", "RecalcStyle", "Layout"].map((name) => `${name} ${share(name).toFixed(0)} %`).join(", "), grown, rate,
  };
}

const BUDGETS = {
  async tiles(browser) {
    const hub = await startHub(script, { simulator: "off", settings: MANY });
    const all = await speaker(script, hub, { nodes: 8, numbers: 125 });
    await all.say(0);
    const page = await signedIn(script, browser, hub, DESKTOP);
    for (let top = 0, at = 0; at < 200 && (await page.locator(".tile").count()) < 1000; at += 1, top += 700) {
      await page.evaluate((top) => scrollTo(0, top % document.documentElement.scrollHeight), top);
      await page.waitForTimeout(50);
    }
    await page.evaluate(() => scrollTo(0, 0));
    const { fps, p99, longest, tasks, thread, parts, grown, rate } = await frames(page, await page.context().newCDPSession(page), (round) => all.say(round / 10, { isAwaited: false }), 10, MINUTES);
    console.log(`    1,000 topics at 10 Hz, 1,000 tiles, ${rate}; ${parts}`);
    tell("frames a second", fps, "", 58, true);
    tell("99 of 100 frames take", p99, "ms", 34);
    tell(`longest task (${tasks} above 50 ms)`, longest, "ms", 50);
    tell("main thread, of a processor", thread, "%", 35);
    tell(`heap, after ${MINUTES} minutes more`, grown, "MB", 2);
  },

  async single(browser) {
    const hub = await startHub(script, { simulator: "off", settings: MANY });
    const all = await speaker(script, hub, { nodes: 8, numbers: 25 });
    await all.say(0);
    const page = await signedIn(script, browser, hub, {
      ...DESKTOP,
      before: (page) => page.addInitScript(() => {
        globalThis.singles = 0;
        const send = WebSocket.prototype.send;
        // The hub then sends each frame alone, and leaves none out.
        WebSocket.prototype.send = function single(text) {
          return send.call(this, text.replace('"batch":50,"conflate":true', '"batch":0,"conflate":false'));
        };
        const Socket = WebSocket;
        globalThis.WebSocket = class extends Socket {
          constructor(...args) {
            super(...args);
            this.addEventListener("message", ({ data }) => (singles += data.includes("\n") ? 0 : 1));
          }
        };
      }),
    });
    await page.locator(".tile").first().waitFor();
    const start = performance.now();
    const { fps, p99, longest, thread, parts, rate } = await frames(page, await page.context().newCDPSession(page), (round) => all.say(round / 10, { isAwaited: false }), 10);
    const singles = (await page.evaluate(() => singles)) / ((performance.now() - start) / 1000);
    console.log(`    200 topics at 10 Hz, each frame in a message of its own, ${rate}; ${parts}`);
    tell("messages a second that have one frame", singles, "", 1800, true);
    tell("frames a second", fps, "", 58, true);
    tell("99 of 100 frames take", p99, "ms", 34);
    tell("longest task", longest, "ms");
    tell("main thread, of a processor", thread, "%");
  },

  async phone(browser) {
    const hub = await startHub(script, { simulator: "off", settings: MANY });
    const all = await speaker(script, hub, { nodes: 8, numbers: 25 });
    await all.say(0);
    const page = await signedIn(script, browser, hub, PHONE);
    const chromium = await page.context().newCDPSession(page);
    await chromium.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const { fps, p99, parts, rate } = await frames(page, chromium, (round) => all.say(round / 10, { isAwaited: false }), 10);
    console.log(`    200 topics at 10 Hz, a processor a quarter as fast, ${rate}; ${parts}`);
    tell("frames a second", fps, "", 45, true);
    tell("99 of 100 frames take", p99, "ms");
  },

  async explorer(browser) {
    const hub = await startHub(script, { simulator: "off", settings: MANY });
    const all = await speaker(script, hub, { nodes: 100, numbers: 100 });
    await all.say(1);
    const page = await signedIn(script, browser, hub, DESKTOP);
    await page.getByRole("link", { name: "Explorer" }).click();
    await page.getByRole("heading", { name: /^Topics 10,0\d\d/ }).waitFor();
    await page.evaluate(() => {
      globalThis.keys = [];
      // From the key to the picture that shows what came of it, as the browser measures it: in steps of 8 ms.
      new PerformanceObserver((list) => keys.push(...list.getEntries().filter(({ name }) => name === "keydown").map(({ duration }) => duration))).observe({ type: "event", durationThreshold: 16 });
    });
    await page.getByLabel("Find").focus();
    let most = 0;
    for (const key of "99/thermometer/9") {
      await page.keyboard.press(key);
      await page.waitForTimeout(300);
      most = Math.max(most, await page.evaluate(() => document.querySelectorAll("*").length));
    }
    const keys = await page.evaluate(() => keys);
    console.log(`    10,000 topics, ${keys.length} of 16 keys took 16 ms and more`);
    tell("a key of the search, to the picture: median", keys.length < 8 ? 16 : median(keys), "ms", 50);
    tell("the same, the slowest", Math.max(0, ...keys), "ms");
    tell("elements of the page", most, "", 3000);
  },

  async week(browser) {
    const { hub } = await hubWithPast(script, { from: 7.1 * DAY, step: 20 * MINUTE, readingsAt: (time) => [["nodes/attic/0/thermometer/0", { temperature: [Math.round(2000 + 200 * Math.sin(time / 1e7)) / 100, "℃"] }]] });
    const page = await signedIn(script, browser, hub, { viewport: { width: 600, height: 800 } });
    await page.locator(".to-chart").first().click();
    await page.getByRole("application").waitFor();
    const times = [];
    let points = 0;
    for (let at = 0; at < TIMES; at += 1) {
      await page.getByRole("button", { name: "10 min" }).click();
      await page.locator("#chart-summary").filter({ hasText: "last 10 min" }).waitFor({ state: "attached" });
      await page.waitForTimeout(500);
      const answered = page.waitForResponse((response) => response.url().includes("/api/history"));
      const time = await page.evaluate(async () => {
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        const start = performance.now();
        [...document.querySelectorAll(".ranges button")].find(({ textContent }) => textContent === "7 d").click();
        while (!/last 7 d: \d/.test(document.getElementById("chart-summary").textContent)) await frame();
        // What is in the page now is on the screen after one more picture.
        await frame();
        return performance.now() - start;
      });
      const { series: [{ t }] } = await (await answered).json();
      points = t.length;
      times.push(time);
    }
    console.log(`    a week of one series at ${points} points, ${TIMES} times: ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
    tell("from the click to the screen: median", median(times), "ms", 300);
  },

  async redraw(browser) {
    const STEP = 15_000;
    const topics = [0, 1, 2, 3].map((number) => `nodes/attic/0/thermometer/${number}`);
    const reading = (number, degrees) => [topics[number], { temperature: [Math.round(degrees * 100) / 100, "℃"] }];
    const { hub, gateway } = await hubWithPast(script, { from: DAY, step: STEP, readingsAt: (time) => topics.map((_, number) => reading(number, 20 + number + 2 * Math.sin(time / 1e6 + number) + Math.random())) });
    const page = await signedIn(script, browser, hub, {
      ...DESKTOP,
      before: (page) => page.addInitScript(() => {
        globalThis.redraws = [];
        const { clearRect } = CanvasRenderingContext2D.prototype;
        const channel = new MessageChannel();
        let start = null;
        let end = 0;
        channel.port1.onmessage = () => {
          redraws.push(end - start);
          start = null;
        };
        // A plot begins with an empty canvas and draws all of it at once: what comes after that is there when it is through.
        CanvasRenderingContext2D.prototype.clearRect = function clear(...args) {
          if (start === null) channel.port2.postMessage(null);
          start ??= performance.now();
          queueMicrotask(() => (end = performance.now()));
          return clearRect.apply(this, args);
        };
      }),
    });
    await page.evaluate((hash) => (location.hash = hash), `#/charts?r=24h&${topics.map((topic) => `s=${encodeURIComponent(`${topic}:/temperature/0`)}`).join("&")}`);
    await page.locator("#chart-summary").filter({ hasText: /(last 24 h: \d.*){4}/ }).waitFor({ state: "attached" });
    await page.waitForTimeout(1000);
    const chromium = await page.context().newCDPSession(page);
    await chromium.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => (await chromium.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value * 1000;
    await page.evaluate(() => (redraws.length = 0));
    const before = await busy();
    for (let at = 0; at < 60; at += 1) {
      await gateway.publish(...reading(at % 4, 20 + Math.random()));
      await page.waitForTimeout(100);
    }
    const after = await busy();
    const times = await page.evaluate(() => redraws);
    console.log(`    24 h of four series with a reading every 15 s, drawn ${times.length} times`);
    tell("four lines with their bands, drawn anew: median", median(times), "ms", 8);
    tell("the same, the slowest", Math.max(...times), "ms");
    tell("with figures and words, of the processor", (after - before) / times.length, "ms");
  },

  async open(browser) {
    const trivial = http.createServer((request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>x</title><p>x</p>"));
    await new Promise((resolve) => trivial.listen(0, "127.0.0.1", resolve));
    script.after(() => trivial.close());
    const hub = await startHub(script);
    const page = await signedIn(script, browser, hub, DESKTOP);
    await page.locator(".tile").first().waitFor();
    // With PAGE every address of the other one shows the page.
    const bare = await browser.newPage(DESKTOP);
    const paint = async (page, address) => {
      await page.goto(address);
      return page.evaluate(() => new Promise((resolve) => new PerformanceObserver((list, observer) => {
        const first = list.getEntriesByName("first-contentful-paint")[0];
        if (!first) return;
        observer.disconnect();
        resolve(first.startTime);
      }).observe({ type: "paint", buffered: true })));
    };
    const floor = [];
    const ours = [];
    const live = [];
    const shifts = [];
    for (let at = 0; at < TIMES; at += 1) {
      floor.push(await paint(bare, `http://127.0.0.1:${trivial.address().port}/`));
      const first = await paint(page, `${hub.origin}/`);
      ours.push(first);
      live.push(await page.evaluate(async (first) => {
        while (!document.querySelector(".tile .number")) await new Promise((resolve) => requestAnimationFrame(resolve));
        return performance.now() - first;
      }, first));
      await page.waitForTimeout(1500);
      shifts.push(await page.evaluate(() => new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value;
        }).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(sum), 200);
      })));
    }
    console.log(`    signed in, the nodes of the demo, ${TIMES} times; a page of one letter takes ${median(floor).toFixed(0)} ms`);
    tell("first contentful paint, beyond that", median(ours) - median(floor), "ms", 40);
    tell("from there to the first value", median(live), "ms", 300);
    tell("layout shift", median(shifts), "", 0.02);
  },

  async slow(browser) {
    // As Lighthouse has it for a phone: a network of the slower fourth generation, and a processor a quarter as fast.
    const NETWORK = { offline: false, latency: 150, downloadThroughput: (1.6e6 / 8) * 0.9, uploadThroughput: (750e3 / 8) * 0.9 };
    const hub = await startHub(script);
    const page = await signedIn(script, browser, hub, {
      ...PHONE,
      before: (page) => page.addInitScript(() => {
        globalThis.seen = { shift: 0, largest: 0, blocked: 0 };
        const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
        watch("layout-shift", ({ value, hadRecentInput }) => (seen.shift += hadRecentInput ? 0 : value));
        watch("largest-contentful-paint", ({ startTime }) => (seen.largest = startTime));
        watch("longtask", ({ duration }) => (seen.blocked += Math.max(0, duration - 50)));
      }),
    });
    await page.locator(".tile").first().waitFor();
    const chromium = await page.context().newCDPSession(page);
    await chromium.send("Network.enable");
    await chromium.send("Network.setCacheDisabled", { cacheDisabled: true });
    await chromium.send("Network.emulateNetworkConditions", NETWORK);
    await chromium.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const found = { "signed out": [], "signed in": [] };
    for (const who of Object.keys(found).toReversed()) {
      if (who === "signed out") await page.context().clearCookies();
      for (let at = 0; at < TIMES; at += 1) {
        await page.goto("about:blank");
        await page.goto(`${hub.origin}/`);
        await page.locator(who === "signed in" ? ".tile .number" : "#enter").first().waitFor();
        const there = await page.evaluate(() => performance.now());
        await page.waitForTimeout(3000);
        found[who].push(await page.evaluate((there) => ({ ...seen, there, first: performance.getEntriesByName("first-contentful-paint")[0].startTime }), there));
      }
    }
    for (const [who, times] of Object.entries(found)) {
      const of = (key) => median(times.map((one) => one[key]));
      console.log(`    ${who}, a phone on slow 4G, nothing in its cache, ${TIMES} times, medians`);
      tell("first contentful paint", of("first"), "ms", 1800);
      tell("largest contentful paint", of("largest"), "ms", 2500);
      tell(who === "signed in" ? "the first value" : "the form", of("there"), "ms");
      tell("main thread blocked", of("blocked"), "ms", 200);
      tell("layout shift", of("shift"), "", 0.1);
    }
  },

  async life(browser) {
    const all = Number(process.env.HOURS ?? 8);
    const { minutes, counts } = await life(script, browser);
    const found = [];
    const start = performance.now();
    for (const to of [1, 4, 8].filter((hour) => hour <= all)) {
      for (let hour = found.at(-1)?.hour ?? 0; hour < to; hour += 1) await minutes(60);
      found.push({ hour: to, ...(await counts()) });
      const { hour, heap, nodes, listeners, elements } = found.at(-1);
      console.log(`    after ${hour} h: ${(heap / 1e6).toFixed(2)} MB, ${nodes} nodes, ${listeners} listeners, ${elements} elements on the page`);
    }
    console.log(`    60 numbers every 9 s, and each hour a walk through the screens; it took ${((performance.now() - start) / 60e3).toFixed(1)} minutes`);
    // In the first hours the engine still compiles what is used much, and the code is in the heap, too.
    const [first, last] = [found.at(-2) ?? found[0], found.at(-1)];
    tell(`heap, beyond that after ${first.hour} h`, (last.heap / first.heap - 1) * 100, "%", 5);
    tell("nodes, the same", (last.nodes / first.nodes - 1) * 100, "%", 2);
    tell("listeners, the same", (last.listeners / first.listeners - 1) * 100, "%", 2);
  },
};

const wanted = process.argv.slice(2);
for (const name of wanted) if (!Object.hasOwn(BUDGETS, name)) throw new Error(`there is no budget ${name}: ${Object.keys(BUDGETS).join(", ")}`);
for (const [name, measure] of Object.entries(BUDGETS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const browser = await startBrowser();
  const before = load();
  console.log(`${name}:`);
  try {
    await measure(browser);
  } finally {
    await browser.close();
    for (const end of ends) await end();
    ends = [];
  }
  console.log(`    load of the machine ${before} before, ${load()} after`);
}
process.exitCode = isMissed ? 1 : 0;

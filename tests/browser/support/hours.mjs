// Hours of a page in minutes. The page has a clock that goes when it is told to, and so has the hub; both are moved together,
// a step at a time, and in each step a house speaks. What the browser keeps for the page is counted between.

import assert from "node:assert/strict";
import { newPage } from "./browser.mjs";
import { connect } from "./node.mjs";
import { MINUTE, hubWithPast } from "./past.mjs";

/** Less than the silence after which the page asks whether the hub is there. */
const STEP = 9_000;
const NODES = 6;
const NUMBERS = 10;
const BASE = "nodes/house";

/** Runs in the page before all else: clocks, timers and frames that stand still until `pass(milliseconds)`, and `heard(text)`. */
function standStill(start) {
  const Real = Date;
  const channel = new MessageChannel();
  const rest = () => new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });
  const timers = new Map();
  let now = start;
  let number = 0;
  globalThis.Date = class extends Real {
    constructor(...args) {
      super(...(args.length > 0 ? args : [now]));
    }

    static now() {
      return now;
    }
  };
  Performance.prototype.now = () => now - start;
  const add = (work, wait, every) => {
    timers.set((number += 1), { work, at: now + Math.max(1, wait), every });
    return number;
  };
  globalThis.setTimeout = (work, wait = 0, ...args) => add(() => work(...args), wait, 0);
  globalThis.setInterval = (work, wait, ...args) => add(() => work(...args), wait, wait);
  globalThis.requestAnimationFrame = (work) => add(() => work(now - start), 16, 0);
  for (const name of ["clearTimeout", "clearInterval", "cancelAnimationFrame"]) globalThis[name] = (id) => timers.delete(id);
  globalThis.pass = async (milliseconds) => {
    const until = now + milliseconds;
    for (;;) {
      let next = null;
      for (const [id, timer] of timers) if (timer.at <= until && (next === null || timer.at < timers.get(next).at)) next = id;
      if (next === null) break;
      const timer = timers.get(next);
      now = Math.max(now, timer.at);
      if (timer.every > 0) timer.at += timer.every;
      else timers.delete(next);
      timer.work();
      // What has come of it is drawn, and observers hear of it.
      await rest();
    }
    now = until;
  };
  let told = () => {};
  const said = [];
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const step = /"step":(\d+)/.exec(data);
        if (step) said[0] = Number(step[1]);
        told();
      });
    }
  };
  globalThis.heard = (step) => new Promise((resolve) => {
    told = () => (said[0] ?? 0) >= step && resolve();
    told();
  });
}

/**
 * A page and a house that stand still. `minutes(n)` lets them live so long, and somebody go through the screens after that;
 * `counts()` is what the browser keeps.
 */
export async function life(t, browser) {
  // A whole minute that is still to come: the clocks of the hub may be set on, and never back.
  const start = Math.ceil(Date.now() / MINUTE) * MINUTE;
  const { hub, set } = await hubWithPast(t, { from: 0, step: MINUTE, readingsAt: () => [], settings: ["limits.messages_per_second=1000000"] });
  const gateway = await connect(t, hub, BASE, "node", { filters: [] });
  let now = start;
  let step = 0;
  set(now - Date.now());
  speak();
  const page = await newPage(t, browser, { viewport: { width: 1280, height: 800 } });
  page.context().setDefaultTimeout(60_000);
  await page.addInitScript(standStill, now);
  await page.goto(`${hub.origin}/`);
  const enter = page.getByRole("button", { name: "Sign in", exact: true });
  await comes(enter);
  await enter.click();
  await comes(page.getByText("Live", { exact: true }));
  const chromium = await page.context().newCDPSession(page);
  return { page, hub, minutes, counts };

  /** Every number of the house, once. */
  function speak() {
    step += 1;
    const lines = [["clock/step", { step }]];
    for (let node = 0; node < NODES; node += 1) {
      for (let at = 0; at < NUMBERS; at += 1) lines.push([`${node}/thermometer/${at}`, { temperature: [Math.round(2000 + 300 * Math.sin(step / 100 + node + at)) / 100, "℃"] }]);
    }
    gateway.raw.send(lines.map((line) => JSON.stringify(line)).join("\n"));
    gateway.frames.length = 0;
  }

  async function minutes(count) {
    for (let passed = 0; passed < count * MINUTE; passed += STEP) {
      now += STEP;
      await page.evaluate(async ({ step, by }) => {
        await heard(step);
        await pass(by);
      }, { step, by: STEP });
      set(now - Date.now());
      speak();
    }
    await walk();
  }

  async function pass(milliseconds) {
    now += milliseconds;
    await page.evaluate((by) => pass(by), milliseconds);
  }

  /** Lets time pass until something is there that a click began: the hub answers in its own time. */
  async function comes(what) {
    for (let tries = 0; !(await what.isVisible()); tries += 1) {
      assert.ok(tries < 300, `it did not come: ${what}`);
      await pass(100);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Somebody goes through the screens, and comes back. */
  async function walk() {
    await page.locator(".tile .to-chart").first().click();
    await comes(page.locator(".plot canvas").first());
    await page.getByRole("link", { name: "Explorer" }).click();
    await comes(page.getByRole("tree", { name: "Topics" }));
    await page.getByRole("button", { name: "Look back" }).click();
    await comes(page.getByRole("slider", { name: "Moment" }));
    await page.getByRole("button", { name: "Look back" }).click();
    await page.getByRole("link", { name: "Values", exact: true }).click();
    await comes(page.locator(".tile").first());
  }

  async function counts() {
    await pass(2000);
    await chromium.send("HeapProfiler.collectGarbage");
    await chromium.send("HeapProfiler.collectGarbage");
    const { nodes, jsEventListeners, documents } = await chromium.send("Memory.getDOMCounters");
    const { usedSize } = await chromium.send("Runtime.getHeapUsage");
    return { nodes, listeners: jsEventListeners, documents, heap: usedSize, elements: await page.evaluate(() => document.querySelectorAll("*").length) };
  }
}

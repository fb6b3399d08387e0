// Charts of the hub's history, in a real browser: what is drawn, told, exported and found, with a mouse and without.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { DAY, HOUR, MINUTE, hubWithPast } from "./support/past.mjs";

const STEP = 20 * MINUTE;
const AUTH = { headers: { authorization: `Basic ${Buffer.from("clown:bigclown").toString("base64")}` } };
const NODE = "nodes/attic/0";
const ref = (topic, path) => `s=${encodeURIComponent(`${topic}:${path}`)}`;
const TEMPERATURE = ref(`${NODE}/thermometer/0`, "/temperature/0");
const CO2 = ref(`${NODE}/co2-sensor/0`, "/concentration/0");
const RELAY = ref(`${NODE}/relay/0`, "/state");

/** Between these times ago nothing was said. */
const SILENCE = { from: 15 * HOUR, to: 9 * HOUR };

let browser, hub, gateway;
let ends = [];
before(async () => {
  browser = await startBrowser();
  // A week and a bit, with what is asked for below: every 20 minutes a reading of each, but in one night.
  ({ hub, gateway } = await hubWithPast({ after: (end) => ends.push(end) }, {
    from: 7.05 * DAY, step: STEP,
    readingsAt: (time, number) => {
      const ago = Date.now() - time;
      if (ago < SILENCE.from && ago > SILENCE.to) return [];
      return [
        [`${NODE}/thermometer/0`, { temperature: [Math.round((20 + 2 * Math.sin(time / 1e7)) * 100) / 100, "℃"] }],
        [`${NODE}/co2-sensor/0`, { concentration: [Math.round(700 + 400 * Math.sin(time / 1.3e7)), "ppm"] }],
        [`${NODE}/hygrometer/0`, { "relative-humidity": [45, "%"] }],
        ...(number % 30 === 0 ? [[`${NODE}/relay/0`, { state: number % 60 === 0 }]] : []),
      ];
    },
  }));
});
after(async () => {
  await browser.close();
  for (const end of ends) await end();
});

/** Opens a chart of a hub by its address. */
async function chart(t, address, options) {
  const page = await signedIn(t, browser, hub, options);
  await page.evaluate((hash) => (location.hash = hash), `#/charts?${address}`);
  await page.getByRole("application").waitFor();
  return page;
}

const summary = (page) => page.locator("#chart-summary");
const figures = (page) => page.getByRole("region", { name: "Figures", exact: true });
const history = async (query) => (await fetch(`${hub.origin}/api/history?${query}`, AUTH)).json();
/** The columns of the first panel in which a line has been drawn, as shares of its width. */
const inked = (page) => page.evaluate(() => {
  const canvas = document.querySelector(".plot canvas");
  const over = document.querySelector(".plot .u-over").getBoundingClientRect();
  const ratio = canvas.width / canvas.getBoundingClientRect().width;
  const left = Math.round((over.left - canvas.getBoundingClientRect().left) * ratio);
  const width = Math.round(over.width * ratio);
  const { data } = canvas.getContext("2d").getImageData(left, 0, width, canvas.height);
  const found = [];
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < canvas.height; y += 1) {
      const at = (y * width + x) * 4;
      // The first colour in the light theme.
      if (data[at + 3] > 200 && Math.abs(data[at] - 0x14) + Math.abs(data[at + 1] - 0x50) + Math.abs(data[at + 2] - 0xb8) < 60) {
        found.push(x / width);
        break;
      }
    }
  }
  return found;
});

test("yesterday's highest CO₂ is two clicks away from its tile", async (t) => {
  const page = await signedIn(t, browser, hub);
  await tile(page, NODE, "CO₂", "co2-sensor/0").getByRole("link", { name: /parts per million/ }).click();
  await page.getByRole("button", { name: "Yesterday" }).click();
  const row = figures(page).getByRole("row").filter({ hasText: "co2-sensor/0" });
  const today = new Date().setHours(0, 0, 0, 0);
  const yesterday = new Date(today - 12 * HOUR).setHours(0, 0, 0, 0);
  const { series: [{ value, t: times }] } = await history(`topic=${NODE}/co2-sensor/0&since=${yesterday}&until=${today}&step=0&points=5000`);
  const highest = Math.max(...value);
  await says(row, `${highest} ppm`);
  const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(times[value.indexOf(highest)]);
  assert.match(await row.locator("td").nth(2).textContent(), new RegExp(clock));
  assertQuiet(page, hub);
});

test("a week of one series is drawn after one click, at some 500 points", async (t) => {
  const page = await chart(t, TEMPERATURE);
  const answered = page.waitForResponse((response) => response.url().includes("/api/history"));
  await page.getByRole("button", { name: "7 d" }).click();
  const { series: [{ t: times }] } = await (await answered).json();
  assert.ok(times.length > 400 && times.length < 800, `${times.length} points`);
  await says(summary(page), /^Temperature, last 7 d: 18\.0 to 22\.0 ℃, now \d/);
  await page.waitForFunction(() => document.querySelector(".plot .u-over"));
  const drawn = await inked(page);
  assert.ok(drawn.length > 300 && drawn[0] < 0.02 && drawn.at(-1) > 0.97, `${drawn.length} columns`);
  // How long that takes is told, and not asserted: machines differ.
  await page.getByRole("button", { name: "24 h" }).click();
  await says(summary(page), /last 24 h/);
  const time = await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const heard = new Promise((resolve) => new PerformanceObserver((list) => list.getEntries().some(({ name }) => name.includes("/api/history")) && resolve()).observe({ type: "resource" }));
    const start = performance.now();
    [...document.querySelectorAll(".ranges button")].find(({ textContent }) => textContent === "7 d").click();
    await heard;
    // The answer is read, drawn in the next frame, and seen with the one after it.
    for (let at = 0; at < 3; at += 1) await frame();
    return performance.now() - start;
  });
  t.diagnostic(`a week is drawn ${time.toFixed(0)} ms after the click`);
  assertQuiet(page, hub);
});

test("numbers in the explorer, small lines in tiles and switches lead to charts, too", async (t) => {
  const page = await signedIn(t, browser, hub);
  await page.evaluate((hash) => (location.hash = hash), `#/explorer?topic=${encodeURIComponent(`${NODE}/thermometer/0`)}`);
  await page.getByRole("list", { name: "Charts" }).getByRole("link", { name: /^Temperature/ }).click();
  await says(summary(page), /^Temperature, last 6 h/);
  await page.goBack();
  await page.getByRole("tree").waitFor();
  await page.goBack();
  await tile(page, NODE, "CO₂", "co2-sensor/0").locator(".sparkline").click();
  await says(summary(page), /^CO₂, last 6 h/);
  await page.goBack();
  const relay = tile(page, NODE, "Relay 0", "relay/0");
  await relay.locator("summary").click();
  await relay.getByRole("link", { name: "Chart" }).click();
  await says(summary(page), /^Relay 0, last 6 h: o/);
  assertQuiet(page, hub);
});

test("all that is kept begins where it begins", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&r=all`);
  await says(summary(page), /^Temperature, all that is kept: 18\.0 to 22\.0 ℃/);
  const title = await page.locator("#figures-title").textContent();
  const begun = Date.now() - 7.05 * DAY;
  assert.ok([begun - 6 * HOUR, begun].some((time) => title.includes(`${new Intl.DateTimeFormat("en", { month: "short", day: "numeric" }).format(time)}`)), title);
});

test("where nothing was said there is no line, and the cursor finds nothing", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&r=24h`);
  await says(summary(page), /last 24 h/);
  await page.waitForFunction(() => document.querySelector(".plot .u-over"));
  const drawn = await inked(page);
  const [from, to] = [1 - SILENCE.from / DAY, 1 - SILENCE.to / DAY];
  assert.deepEqual(drawn.filter((place) => place > from + 0.02 && place < to - 0.02), []);
  assert.ok(drawn.some((place) => place < from) && drawn.some((place) => place > to));
  const over = await page.locator(".plot .u-over").boundingBox();
  await page.mouse.move(over.x + over.width * ((from + to) / 2), over.y + 50);
  await says(figures(page), "none");
  await page.mouse.move(over.x + over.width * 0.9, over.y + 50);
  await says(page.locator(".tip"), /Temperature \d+\.\d ℃/);
});

test("what is exported is what the hub answers, to the byte", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&${RELAY}&r=7d`);
  await says(summary(page), /℃.*Relay 0.*changes/);
  const asked = page.asked.length;
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  assert.match(download.suggestedFilename(), /^Temperature-Relay-0-.*\.csv$/);
  const text = readFileSync(await download.path(), "utf8");
  const paths = page.asked.slice(asked).filter((url) => url.includes("format=csv"));
  assert.equal(paths.length, 2);
  const pages = await Promise.all(paths.map(async (url) => (await fetch(url, AUTH)).text()));
  assert.equal(text, pages[0] + pages[1].slice(pages[1].indexOf("\n") + 1));
  assert.match(text, /^time,topic,path,unit,value,count,min,mean,max,last\n/);
  // And it is what is drawn: as many rows of the first series as the hub has told for the chart.
  const drawn = page.asked.slice(0, asked).findLast((url) => url.includes("/api/history") && url.includes("temperature"));
  const { series: [{ step }] } = await (await fetch(drawn, AUTH)).json();
  assert.equal(new URL(paths[0]).searchParams.get("step"), String(step));
  const [picture] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).click()]);
  const png = readFileSync(await picture.path());
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  assert.ok(png.readUInt32BE(16) > 800 && png.readUInt32BE(20) > 400);
  assertQuiet(page, hub);
});

test("a picture has each panel once, however the cursor was moved, and where there is none the page says so", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&${CO2}&${ref(`${NODE}/hygrometer/0`, "/relative-humidity/0")}&${RELAY}&r=24h`);
  // What does not move on is drawn again only where the cursor is.
  await page.getByRole("button", { name: "Yesterday" }).click();
  await page.getByRole("button", { name: "Yesterday", pressed: true }).waitFor();
  await page.waitForTimeout(1000);
  await page.waitForFunction(() => document.querySelectorAll(".plot .u-over").length === 3);
  const over = await page.locator(".plot .u-over").first().boundingBox();
  for (let at = 1; at <= 20; at += 1) {
    await page.mouse.move(over.x + (over.width * at) / 21, over.y + 30);
    await page.locator(".tip:not([hidden])").first().waitFor();
  }
  const [picture] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "PNG" }).click()]);
  const height = readFileSync(await picture.path()).readUInt32BE(20);
  const drawn = await page.locator(".plot canvas").evaluateAll((all) => all.map((one) => one.height));
  const sum = drawn.reduce((one, other) => one + other, 0);
  assert.ok(height > sum && height < sum + 400, `${height} for ${drawn.join(", ")}`);
  await page.evaluate(() => (HTMLCanvasElement.prototype.toBlob = (told) => told(null)));
  await page.getByRole("button", { name: "PNG" }).click();
  await page.getByText("No file was made. The picture is too large for this browser.").first().waitFor();
  assertQuiet(page, hub);
});

test("the address brings everything back: series, range, the day before, the table", async (t) => {
  const page = await chart(t, TEMPERATURE);
  await page.getByRole("button", { name: "+ Add a number" }).click();
  await page.getByLabel("Add a number", { exact: true }).first().fill("concentration");
  await page.getByRole("button", { name: /^CO₂/ }).click();
  await page.getByRole("button", { name: "24 h" }).click();
  await page.getByRole("button", { name: "Day before" }).click();
  await page.getByRole("button", { name: "Show as table" }).click();
  await says(page.getByRole("heading", { name: /rows, the newest first/ }), "rows");
  const address = page.url();
  assert.ok(address.includes("r=24h") && address.includes("before=day") && address.includes("as=table"), address);
  const other = await newPage(t, browser);
  await other.goto(address);
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await says(other.locator("#chart-summary"), /Temperature, last 24 h.*CO₂, last 24 h/);
  await other.getByRole("heading", { name: /rows, the newest first/ }).waitFor();
  for (const [name, pressed] of [["24 h", "true"], ["Day before", "true"], ["Show as table", "true"], ["7 d", "false"]]) assert.equal(await other.getByRole("button", { name, exact: true }).getAttribute("aria-pressed"), pressed, name);
  assert.equal(other.url(), address);
  await other.getByRole("button", { name: "Take CO₂ out of the chart" }).click();
  assert.equal(await other.getByRole("listitem").filter({ hasText: "co2-sensor" }).count(), 0);
});

test("what can be added is found by words, also where what understands them has come late", async (t) => {
  const whole = await signedIn(t, browser, hub);
  await whole.getByLabel("Find").fill("concentration");
  await says(whole.locator("#search-says"), /^1 value/);
  // The part that looks for favourites and for what is stale is the one that understands searches.
  const part = await whole.evaluate(async () => {
    for (const { name } of performance.getEntriesByType("resource")) if (/part-[^/]*\.js$/.test(name) && /\bstale:.*\bfavourite:/s.test(await (await fetch(name)).text())) return name;
  });
  const page = await newPage(t, browser);
  let isGone = true;
  await page.route(part, (route) => (isGone ? route.abort() : route.fallback()));
  await page.goto(`${hub.origin}/#/charts`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const words = page.getByRole("searchbox", { name: "Add a number" });
  const choices = page.getByRole("list", { name: "Add a number" }).getByRole("listitem");
  await choices.nth(2).waitFor();
  await words.fill("concentratio");
  isGone = false;
  await words.pressSequentially("n");
  await page.waitForFunction(() => document.querySelectorAll(".chooser li").length === 1);
  await says(choices, /^CO₂/);
});

test("new readings go on at the end", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&${RELAY}&r=10m`);
  await gateway.publish(`${NODE}/thermometer/0`, { temperature: [21.75, "℃"] });
  await says(summary(page), /Temperature, last 10 min: .*now 21\.8/);
  await gateway.publish(`${NODE}/relay/0`, { state: true });
  await says(summary(page), /Relay 0, .*now on\./);
  await gateway.publish(`${NODE}/relay/0`, { state: false });
  await says(summary(page), /Relay 0, .*now off\./);
});

test("a command is a mark in the lane of what it switched, with who gave it", async (t) => {
  // In an hour of a chart a command is near the cursor for more than half a minute.
  const page = await chart(t, `${RELAY}&r=1h`);
  const dashboard = await connect(t, hub, "", "dashboard");
  await says(summary(page), /Relay 0/);
  await dashboard.publish(`${NODE}/relay/0/set`, { state: true });
  await gateway.publish(`${NODE}/relay/0`, { state: true });
  await says(summary(page), /now on\./);
  const over = page.locator(".plot .u-over");
  await over.hover({ position: { x: (await over.boundingBox()).width - 2, y: 20 } });
  await says(page.locator(".tip"), /clown: \{"state":true\}/);
  await gateway.publish(`${NODE}/relay/0`, { state: false });
});

test("two fingers zoom, one moves, and one that rests points", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&r=7d`, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const over = page.locator(".plot .u-over");
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  const client = await page.context().newCDPSession(page);
  const y = box.y + box.height / 2;
  const touch = (type, ...places) => client.send("Input.dispatchTouchEvent", { type, touchPoints: places.map((share, id) => ({ x: box.x + box.width * share, y, id })) });
  await touch("touchStart", 0.4, 0.6);
  for (const far of [0.12, 0.15, 0.2, 0.25, 0.3]) await touch("touchMove", 0.5 - far, 0.5 + far);
  await touch("touchEnd");
  await page.waitForURL(/r=\d+-\d+/);
  const spanOf = (href) => /r=(\d+)-(\d+)/.exec(href).slice(1).map(Number);
  const zoomed = spanOf(page.url());
  assert.ok(zoomed[1] - zoomed[0] < 4 * DAY, `${(zoomed[1] - zoomed[0]) / DAY} days`);
  await touch("touchStart", 0.3);
  for (const place of [0.4, 0.5, 0.6]) await touch("touchMove", place);
  await touch("touchEnd");
  await page.waitForURL(({ href }) => spanOf(href)[0] < zoomed[0]);
  await touch("touchStart", 0.5);
  await says(page.locator(".tip"), /Temperature/);
  await touch("touchEnd");
});

test("wheel and drag zoom and move, a double click goes back, Shift and drag select", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&r=7d`);
  await page.waitForFunction(() => document.querySelector(".plot .u-over"));
  const over = await page.locator(".plot .u-over").boundingBox();
  const [x, y] = [over.x + over.width / 2, over.y + over.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -400);
  await page.waitForURL(/r=\d+-\d+/);
  const spanOf = () => {
    const [, from, to] = /r=(\d+)-(\d+)/.exec(page.url());
    return [Number(from), Number(to)];
  };
  const [from, to] = spanOf();
  assert.ok(to - from < 7 * DAY * 0.7 && to - from > DAY, `${(to - from) / DAY} days`);
  await page.mouse.down();
  await page.mouse.move(x + over.width / 4, y, { steps: 5 });
  await page.mouse.up();
  // As far as the hand, and as wide. A slow machine may take the hand for resting on its way.
  await page.waitForURL(({ href }) => {
    const [, start, end] = /r=(\d+)-(\d+)/.exec(href).map(Number);
    return Math.abs(start - (from - (to - from) / 4)) < (to - from) / 20 && Math.abs(end - start - (to - from)) < 5;
  });
  await page.keyboard.down("Shift");
  await page.mouse.move(over.x + 100, y);
  await page.mouse.down();
  await page.mouse.move(over.x + 300, y, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await says(page.locator("#figures-title"), "Figures of the selection");
  await page.getByRole("button", { name: "Clear selection" }).click();
  const moved = page.url();
  // The page may have been scrolled to that button.
  await page.locator(".plot .u-over").first().dblclick();
  await page.waitForURL((url) => url.href !== moved);
  const back = page.getByRole("button", { name: "Back", exact: true });
  while (await back.isEnabled()) await back.click();
  await page.waitForURL(/r=7d/);
  assertQuiet(page, hub);
});

test("the keyboard alone finds a value, zooms, moves in time, selects and goes back", async (t) => {
  const page = await signedIn(t, browser, hub);
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.getByLabel("Add a number", { exact: true }).first().fill("temperature");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const panels = page.getByRole("application");
  await panels.focus();
  await says(summary(page), /^Temperature, last 6 h: \d/);
  await page.keyboard.press("End");
  await says(page.locator("#announce"), /: Temperature \d+\.\d ℃/);
  const end = await page.locator("#announce").textContent();
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((before) => document.getElementById("announce").textContent !== before, end);
  await page.keyboard.press("Space");
  for (let at = 0; at < 3; at += 1) await page.keyboard.press("ArrowLeft");
  await says(page.locator("#figures-title"), /Figures of the selection: .*, 1 h/);
  await page.keyboard.press("Escape");
  await says(page.locator("#figures-title"), /^Figures of (?!the selection)/);
  await page.keyboard.press("Home");
  await page.keyboard.press("+");
  await page.waitForURL(/r=\d+-\d+/);
  const zoomed = page.url();
  await page.keyboard.press("PageUp");
  await page.waitForURL((url) => url.href !== zoomed);
  await page.keyboard.press("Backspace");
  await page.waitForURL(zoomed);
  await page.keyboard.press("Backspace");
  await page.waitForURL((url) => !url.href.includes("r="));
  assertQuiet(page, hub);
});

test("two units have two scales, a third one a panel of its own, a relay a lane", async (t) => {
  const page = await chart(t, `${TEMPERATURE}&${CO2}&${ref(`${NODE}/hygrometer/0`, "/relative-humidity/0")}&${RELAY}&r=24h`);
  await page.waitForFunction(() => document.querySelectorAll(".plot .u-over").length === 3);
  assert.deepEqual(await page.locator(".units").allInnerTexts(), ["℃\nppm", "%", "States"]);
  const lefts = await page.locator(".plot .u-over").evaluateAll((all) => all.map((one) => [one.getBoundingClientRect().left, one.getBoundingClientRect().right].join()));
  assert.equal(new Set(lefts).size, 1, "their times stand below each other");
  const over = await page.locator(".plot .u-over").first().boundingBox();
  await page.mouse.move(over.x + over.width * 0.9, over.y + 30);
  assert.equal(await page.locator(".tip:not([hidden])").count(), 3, "one cursor for all");
  await says(page.locator(".tip").last(), /Relay 0 (on|off)/);
});

test("without history the page says so, and draws what comes", async (t) => {
  const off = await startHub(t, { simulator: "off" });
  const node = await connect(t, off, "home/attic", "node");
  await node.publish("thermometer/0", { temperature: [20.1, "℃"] });
  const page = await signedIn(t, browser, off);
  await tile(page, "home/attic", "Temperature", "thermometer/0").getByRole("link").first().click();
  await says(page.locator(".notes"), /History is off on this hub/);
  await node.publish("thermometer/0", { temperature: [20.5, "℃"] });
  await says(summary(page), /20\.5/);
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  await says(summary(page), /Temperature, last 6 h: 20\.5 to 21\.5 ℃, now 21\.5/);
  await page.getByRole("button", { name: "Look back" }).click();
  await page.getByRole("button", { name: "One hour earlier" }).click();
  await says(page.locator(".travel-problem"), /History is off/);
  await says(page.locator("#travel-says"), "Move the slider");
  assert.equal(await page.locator("[data-past]").count(), 0, "what is shown is now, and is not said to be the past");
});

test("who may not read a topic is told, and sees the others", async (t) => {
  const users = usersFile(t, [{ name: "emil", subscribe: ["lamp/#"], publish: [] }, { name: "anna", subscribe: ["#"], publish: ["#"], admin: true }]);
  const guarded = await startHub(t, { simulator: "off", users, store: folder(t) });
  const node = await connect(t, guarded, "", "node", { auth: "anna:correct horse" });
  await node.publish("heater/t", 20);
  await node.publish("lamp/brightness", 55);
  const page = await newPage(t, browser);
  await page.goto(`${guarded.origin}/#/charts?s=heater/t:&s=lamp/brightness:&s=no-ref`);
  await page.getByLabel("Name").fill("emil");
  await page.getByLabel("Password").fill("correct horse");
  await page.getByLabel("Password").press("Enter");
  await says(page.locator(".notes"), /Your account may not read heater\/t\./);
  await says(page.locator(".notes"), /The address names a series that cannot be: no-ref/);
  await says(summary(page), /Brightness, last 6 h: 55/);
});

test("who signs in next sees nothing of what the one before could see", async (t) => {
  const users = usersFile(t, [{ name: "emil", subscribe: ["lamp/#"], publish: [] }, { name: "anna", subscribe: ["#"], publish: ["#"], admin: true }]);
  const guarded = await startHub(t, { simulator: "off", users, store: folder(t) });
  const node = await connect(t, guarded, "", "node", { auth: "anna:correct horse" });
  await node.publish("heater/t", 77);
  const page = await newPage(t, browser);
  const signIn = async (name) => {
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill("correct horse");
    await page.getByLabel("Password").press("Enter");
  };
  await page.goto(`${guarded.origin}/#/charts?s=heater/t:`);
  await signIn("anna");
  await says(summary(page), /77/);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.waitForFunction(() => !document.body.textContent.includes("77"));
  await signIn("emil");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.goto(`${guarded.origin}/#/charts?s=heater/t:`);
  await says(page.locator(".notes"), /Your account may not read heater\/t\./);
  assert.equal(await page.evaluate(() => document.body.textContent.includes("77")), false);
});

test("the hub is started again while a chart is open: it goes on, and the gap stays one", async (t) => {
  const store = folder(t);
  const first = await startHub(t, { simulator: "off", store });
  const before = await connect(t, first, "home/attic", "node");
  await before.publish("thermometer/0", { temperature: [20.25, "℃"] });
  const page = await signedIn(t, browser, first);
  await tile(page, "home/attic", "Temperature", "thermometer/0").getByRole("link").first().click();
  await page.getByRole("button", { name: "10 min" }).click();
  await says(summary(page), /now 20\.3/);
  await first.stop();
  await page.getByText("Offline", { exact: true }).or(page.getByText("Hub is restarting", { exact: true })).first().waitFor();
  await says(summary(page), /20\.3/);
  const again = await startHub(t, { simulator: "off", store, port: first.port });
  const node = await connect(t, again, "home/attic", "node");
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
  await node.publish("thermometer/0", { temperature: [22.5, "℃"] });
  await says(summary(page), /20\.3 to 22\.5 ℃, now 22\.5/);
  await says(page.locator(".notes"), "There is a gap in which readings may be missing.");
});

test("what devices say is text: topics, keys, units, states and commands", async (t) => {
  const evil = '<img src=x onerror="globalThis.hit=1">';
  const strange = await startHub(t, { simulator: "off", store: folder(t) });
  const node = await connect(t, strange, "", "node");
  await node.publish(`${evil}/x`, { [`<b>${evil}`]: [5, "<u>&<i>"], __proto__x: 1 });
  await node.publish("<i>door", "<s>open");
  await node.publish("a/state", true);
  await node.publish("__proto__/constructor", { ["__proto__"]: [7, "__proto__"] });
  await node.publish("__proto__/constructor", JSON.parse('{"__proto__": [7, "__proto__"]}'));
  const page = await signedIn(t, browser, strange);
  const address = [ref(`${evil}/x`, `/<b>${evil.replaceAll("/", "~1")}/0`), ref("<i>door", ""), ref("a/state", ""), ref("__proto__/constructor", "/__proto__/0")].join("&");
  await page.evaluate((hash) => (location.hash = hash), `#/charts?${address}&as=table&r=10m`);
  await says(summary(page), /5 <u>&<i>.*<s>open.*7 __proto__/);
  await page.waitForFunction(() => document.querySelectorAll(".plot .u-over").length >= 2);
  const over = await page.locator(".plot .u-over").first().boundingBox();
  await page.mouse.move(over.x + over.width - 3, over.y + 30);
  assert.equal(await page.locator("main :is(img, script, u, s)").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
  assertQuiet(page, strange);
});

for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { colorScheme: "light", forcedColors: "active" }, { colorScheme: "dark", contrast: "more", reducedMotion: "reduce" }]) {
  test(`everybody can use it: no axe violation and no overflow, ${Object.values(options).join(", ")}`, async (t) => {
    const page = await chart(t, `${TEMPERATURE}&${CO2}&${RELAY}&r=24h&as=table&before=day`, options);
    await says(summary(page), /Relay 0, last 24 h/);
    await page.getByRole("button", { name: "+ Add a number" }).click();
    await page.getByRole("button", { name: "Look back" }).click();
    await page.getByRole("slider", { name: "Moment" }).waitFor();
    await assertForEverybody(page, `charts ${Object.values(options).join(" ")}`, { targets: "button, input, nav a" });
    assertQuiet(page, hub);
  });
}

test("a scale goes by powers of ten where all values are above zero, and the address has it", async (t) => {
  const page = await chart(t, `${CO2}&${TEMPERATURE}&r=7d`);
  await says(figures(page), "ppm");
  const log = page.getByRole("button", { name: "Log scale" });
  const before = await page.locator(".plot canvas").first().screenshot();
  await log.click();
  assert.equal(await log.getAttribute("aria-pressed"), "true");
  assert.match(page.url(), /scale=log/);
  await page.locator(".plot canvas").first().waitFor();
  // The lines are other ones than before.
  for (let isOther = false; !isOther; ) isOther = !before.equals(await page.locator(".plot canvas").first().screenshot());
  assert.ok((await inked(page)).length > 50, "the line is there");
  await page.reload();
  await log.and(page.locator('[aria-pressed="true"]')).waitFor();
  assert.equal(await page.getByText("keeps its even scale").count(), 0);

  // Where something is not above zero the scale stays as it was, and the page says so.
  await gateway.publish(`${NODE}/frost/0`, { temperature: [-3.5, "℃"] });
  await page.goto(`${hub.origin}/#/charts?${ref(`${NODE}/frost/0`, "/temperature/0")}&${CO2}&scale=log&r=10m`);
  await page.getByText("Not every value in sight is above zero: ℃ keeps its even scale.").waitFor();
  assert.deepEqual(page.complaints.filter((complaint) => !complaint.includes("401")), []);
});

// Makes the pictures of README.md and docs/dashboard.md again: node tests/browser/pictures.mjs [FOLDER]. With a folder, and `all`
// behind it, it makes every screen there, on three sizes and in both themes, to be looked at. The hub is target/debug/clown-hub,
// or HUB_BIN; with PAGE=DIR the page is what `node build.mjs DIR` has made; SCENE=sixty makes one scene alone. Needs Mosquitto, and pngquant to make them small.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect as open } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newPage, startBrowser } from "./support/browser.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";
import { HOUR, MINUTE, hubWithPast } from "./support/past.mjs";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
const [into = DOCS, which] = process.argv.slice(2);
const isAll = which === "all";
const PASSWORD = "correct horse";
const USERS = [
  { name: "jana", subscribe: ["#"], publish: ["#"], admin: true },
  { name: "gateway", subscribe: ["#"], publish: ["#"] },
  { name: "tablet", subscribe: ["nodes/#"], publish: ["nodes/+/0/relay/#"] },
];
const GATEWAY = `gateway:${PASSWORD}`;
const NODE = "nodes/kitchen/0";
const SIZES = { desktop: { width: 1280, height: 800 }, wide: { width: 2560, height: 1300 }, phone: { width: 390, height: 844 } };
/** No picture of a document is larger. */
const BYTES_AT_MOST = 150_000;

const ends = [];
const script = { after: (end) => ends.unshift(end) };
const round = (value, digits) => Number(value.toFixed(digits));
const noise = (size) => (Math.random() - 0.5) * size;

/** A kitchen with the whole kit: people come in the morning and in the evening. */
function kitchen(time, number) {
  const hour = new Date(time).getHours() + new Date(time).getMinutes() / 60;
  const people = Math.exp(-(((hour - 7.5) / 1.2) ** 2)) + 1.4 * Math.exp(-(((hour - 19) / 2) ** 2));
  const isOn = (at) => (at > 6.5 && at < 8.2) || (at > 17 && at < 22.4);
  const wave = Math.sin(time / 9e5);
  const hasChanged = number === 0 || isOn(hour) !== isOn(hour - STEP / HOUR);
  return [
    ["thermometer/i2c0-48", { temperature: [round(20.2 + 1.6 * people + 0.5 * Math.sin(time / 2e7) + 0.3 * wave + noise(0.1), 2), "℃"] }],
    ["thermometer/i2c0-49", { temperature: [round(4.1 + 0.8 * Math.sin(time / 6e5) + noise(0.2), 2), "℃"] }],
    ["humidity-sensor/i2c0-40", { "relative-humidity": [round(43 + 9 * people + 2 * wave + noise(0.6), 1), "%"] }],
    ["lux-meter/i2c0-44", { illuminance: [round(140 + 90 * Math.max(0, Math.sin(((hour - 6) / 12) * Math.PI)) + 20 * wave + noise(8), 1), "lux"] }],
    ["barometer/i2c0-60", { pressure: [round(98.6 + 0.4 * Math.sin(time / 5e7) + noise(0.02), 2), "kPa"], altitude: [round(214 + noise(2), 1), "m"] }],
    ["co2-sensor/i2c0-38", { concentration: [Math.round(520 + 620 * people + 40 * wave + noise(16)), "ppm"] }],
    ["flood-detector/0", { alarm: false }],
    ...(hasChanged ? [["relay/i2c0-3b", { state: isOn(hour) }]] : []),
    ...(number === 0 ? [["relay/i2c0-3f", { state: false }], ["led/-", { state: "1-dot" }]] : []),
  ];
}
const STEP = 6 * MINUTE;

/** 60 rooms of a school, a few of which have a problem. */
function school(number) {
  const rooms = Array.from({ length: 60 }, (_, at) => at);
  return rooms.flatMap((room) => {
    const isSilent = room % 17 === 5 && number > 40;
    if (isSilent) return [];
    const base = `room-${String(100 + room)}/0`;
    return [
      [`${base}/thermometer/0`, { temperature: [round(20.5 + 2 * Math.sin(room) + noise(0.2), 2), "℃"] }],
      [`${base}/hygrometer/0`, { "relative-humidity": [round(44 + 8 * Math.cos(room * 2) + noise(1), 1), "%"] }],
      [`${base}/co2-sensor/0`, { concentration: [Math.round(760 + 320 * Math.sin(room * 3) + noise(30)), "ppm"] }],
      ...(number === 0 ? [[`${base}/relay/0`, { state: room % 3 === 0 }]] : []),
    ];
  });
}

/** What devices say that know nothing of this hub, at the topics of their makers. */
function strangers(number) {
  const wave = Math.sin(number / 3);
  return [
    ["zigbee2mqtt/living room/climate", { temperature: round(21.4 + wave, 2), humidity: round(46.2 + 3 * wave, 1), pressure: 985, battery: 87, linkquality: 112, voltage: 3005 }],
    ["zigbee2mqtt/living room/lamp", { state: "ON", brightness: 180, color_temp: 370, linkquality: 90 }],
    ["zigbee2mqtt/hall/front door", { contact: true, battery: 100, linkquality: 76 }],
    ["zigbee2mqtt/bridge/state", { state: "online" }],
    ["stat/washer/POWER", "ON"],
    ["tele/washer/LWT", "Online"],
    ["tele/washer/SENSOR", { Time: "2026-05-04T10:02:11", ENERGY: { Total: 153.201, Yesterday: 1.204, Today: 0.413, Power: Math.round(1840 + 60 * wave), Voltage: 231, Current: round(7.97 + 0.2 * wave, 2) } }],
    ["shellies/boiler/relay/0", "on"],
    ["shellies/boiler/relay/0/power", round(1203.4 + 20 * wave, 1)],
    ["shellies/boiler/temperature", round(48.3 + wave, 1)],
    ["shellyplus1pm-a8032ab1/status/switch:0", { id: 0, source: "MQTT", output: true, apower: round(12.3 + wave, 1), voltage: 230.1, current: 0.05, temperature: { tC: 44.1, tF: 111.4 } }],
    ["shellyplus1pm-a8032ab1/online", true],
  ];
}

async function signedIn(hub, options) {
  const page = await newPage(script, browser, options);
  await page.goto(`${hub.origin}/`);
  await page.getByLabel("Name", { exact: true }).fill("jana");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

async function go(page, hash) {
  await page.evaluate((hash) => (location.hash = hash), hash);
}

/** Takes a picture, and makes it small. Those that are no documents' may be of any size. */
async function take(page, name, options = {}) {
  const path = join(into, name);
  mkdirSync(join(path, ".."), { recursive: true });
  await page.mouse.move(0, 0);
  await page.screenshot({ path, ...options });
  if (isAll) return;
  execFileSync("pngquant", ["--force", "--output", path, "--speed", "1", "--strip", "256", path]);
  const { size } = statSync(path);
  console.log(`${name}: ${Math.round(size / 1000)} kB`);
  if (size > BYTES_AT_MOST) throw new Error(`${name} has ${size} bytes, and ${BYTES_AT_MOST} are the most`);
}

/** Calls `look(page, name)` for the pages that are wanted: one of a document, or, of `all`, each size and theme. */
async function each(hub, wanted, look) {
  const looks = isAll ? Object.keys(SIZES).flatMap((size) => ["light", "dark"].map((theme) => [size, theme])) : wanted;
  for (const [size, theme] of looks) {
    const page = await signedIn(hub, { viewport: SIZES[size], colorScheme: theme });
    await look(page, `${size}-${theme}`);
    await page.context().close();
  }
}

async function kit() {
  const users = usersFile(script, USERS);
  const { hub, gateway } = await hubWithPast(script, { from: 50 * HOUR, step: STEP, base: NODE, auth: GATEWAY, users, readingsAt: kitchen, settings: ["diagnostics.enabled=true"] });
  // It goes on, so that nothing is old while pictures are made.
  const speaking = setInterval(() => {
    for (const [topic, payload] of kitchen(Date.now(), 1)) if (!topic.startsWith("relay")) gateway.send(topic, payload);
    gateway.frames.length = 0;
  }, 1000);
  script.after(() => clearInterval(speaking));
  const kitchenRelay = await connect(script, hub, NODE, "node", { auth: GATEWAY, filters: ["relay/#"] });
  kitchenRelay.on("frame", ([topic, payload]) => topic.endsWith("/set") && kitchenRelay.send(topic.slice(0, -"/set".length), payload));
  const series = ["thermometer/i2c0-48:/temperature/0", "humidity-sensor/i2c0-40:/relative-humidity/0", "co2-sensor/i2c0-38:/concentration/0", "relay/i2c0-3b:/state"];
  const address = series.map((one) => `s=${encodeURIComponent(`${NODE}/${one}`)}`).join("&");
  const charts = async (page) => {
    await go(page, `#/charts?${address}&r=24h&before=day`);
    await page.locator("#chart-summary").filter({ hasText: /Relay 3b, last 24 h: o/ }).waitFor({ state: "attached" });
    const plot = page.locator(".plot .u-over").first();
    await plot.waitFor();
    const tip = page.locator(".tip").filter({ hasText: /Day before.*Day before/ });
    // The lines of the day before come after those of today, and what is above the plot may still grow.
    for (let tries = 0; tries < 40 && !(await tip.isVisible()); tries += 1) {
      const width = await plot.evaluate((element) => element.clientWidth);
      await plot.hover({ position: { x: width * 0.55 + (tries % 2), y: 60 } });
      await page.waitForTimeout(250);
    }
  };
  const values = async (page) => {
    await page.getByRole("img", { name: /^last hour: / }).nth(5).waitFor();
    await page.getByRole("switch", { name: "Relay 3f" }).click();
    await page.getByText(/^Confirmed/).first().waitFor();
  };
  await each(hub, [["desktop", "light"]], async (page, look) => {
    await values(page);
    await take(page, isAll ? `values-${look}.png` : "picture.png");
    await charts(page);
    // The mouse stays where it points at a moment.
    const path = join(into, isAll ? `charts-${look}.png` : "pictures/charts.png");
    await page.screenshot({ path, fullPage: true });
    if (!isAll) execFileSync("pngquant", ["--force", "--output", path, "--speed", "1", "--strip", "256", path]);
    await go(page, `#/?at=${new Date(Date.now() - 8 * HOUR).toISOString()}`);
    await page.locator("main[data-past] .tile").first().waitFor();
    await take(page, isAll ? `look-back-${look}.png` : "pictures/look-back.png");
    if (!isAll) return;
    await go(page, `#/explorer?topic=${NODE}/barometer/i2c0-60`);
    await page.getByRole("treeitem").first().waitFor();
    await page.waitForTimeout(1500);
    await take(page, `explorer-${look}.png`);
    await go(page, "#/");
    await page.getByRole("button", { name: "Arrange" }).click();
    await page.getByRole("button", { name: "Edit CO₂" }).click();
    await page.getByRole("dialog").waitFor();
    await take(page, `edit-${look}.png`);
    await page.getByRole("button", { name: "Cancel" }).click();
    await take(page, `arrange-${look}.png`);
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("button", { name: "Make the link" }).click();
    await page.locator('.qr path[d^="M"]').waitFor();
    await take(page, `share-${look}.png`);
    await page.getByRole("button", { name: "Close" }).click();
    for (const name of ["accounts", "tokens", "device", "events", "links", "hub"]) {
      await go(page, `#/admin/${name}`);
      await page.waitForTimeout(1000);
      if (name === "device" && (await page.getByLabel("Name of the device").count()) > 0) {
        await page.getByLabel("Name of the device").fill(`porch-${look}`);
        await page.getByRole("button", { name: "Make its token" }).click();
        await page.locator("main").getByLabel("Language").waitFor();
      }
      await take(page, `operate-${name}-${look}.png`);
    }
    await go(page, "#/?kiosk=1");
    await page.getByRole("button", { name: "Leave the wall view" }).waitFor();
    await take(page, `wall-${look}.png`);
    await page.goto(`${hub.origin}/check`);
    await page.waitForTimeout(2000);
    await take(page, `check-${look}.png`, { fullPage: true });
    await page.goto(`${hub.origin}/diagnostics`);
    await page.waitForTimeout(500);
    await take(page, `diagnostics-${look}.png`);
  });
  await each(hub, [["phone", "dark"]], async (page, look) => {
    await page.locator(".tile").first().waitFor();
    await page.getByRole("img", { name: /^last hour: / }).first().waitFor();
    await take(page, isAll ? `phone-values-${look}.png` : "pictures/phone.png");
  });
}

async function sixty() {
  const users = usersFile(script, USERS);
  const { hub, gateway } = await hubWithPast(script, { from: 2 * HOUR, step: 2 * MINUTE, base: "nodes", auth: GATEWAY, users, readingsAt: (_, number) => school(number) });
  const gone = await Promise.all([7, 31].map((room) => connect(script, hub, `nodes/room-${100 + room}/0`, "node", { auth: GATEWAY })));
  for (const one of gone) one.leave();
  const speaking = setInterval(() => {
    for (const [topic, payload] of school(50)) gateway.send(topic, payload);
    gateway.frames.length = 0;
  }, 20_000);
  script.after(() => clearInterval(speaking));
  await each(hub, [["wide", "dark"]], async (page, look) => {
    await page.getByRole("button", { name: "2 offline" }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll("#board > .group").length >= 60);
    await page.waitForTimeout(1500);
    await take(page, isAll ? `sixty-${look}.png` : "pictures/sixty.png");
    if (!isAll) return;
    await page.getByRole("button", { name: "By quantity" }).click();
    await page.getByRole("button", { name: "Open all" }).click();
    await page.waitForTimeout(1500);
    await take(page, `quantity-${look}.png`);
  });
}

async function foreign() {
  const directory = folder(script);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  writeFileSync(join(directory, "mosquitto.conf"), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const broker = spawn("mosquitto", ["-c", join(directory, "mosquitto.conf")], { stdio: "ignore", env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  script.after(async () => {
    broker.kill();
    await once(broker, "exit");
  });
  await untilOpen(port);
  writeFileSync(join(directory, "house.toml"), `url = "mqtt://127.0.0.1:${port}"\n\n[[rule]]\ndirection = "both"\nfilter = "#"\n`);
  const hub = await startHub(script, { simulator: "off", users: usersFile(script, USERS), store: folder(script), settings: [`bridges.directory=${directory}`] });
  const say = (number) => {
    for (const [topic, payload] of strangers(number)) execFileSync("mosquitto_pub", ["-p", String(port), "-r", "-t", topic, "-m", typeof payload === "string" ? payload : JSON.stringify(payload)]);
  };
  for (let number = 0; number < 4; number += 1) say(number);
  await each(hub, [["desktop", "light"]], async (page, look) => {
    await page.getByRole("heading", { name: "shellies" }).waitFor();
    say(4);
    await page.waitForTimeout(1500);
    if (isAll) await take(page, `foreign-${look}.png`);
    await go(page, "#/explorer?topic=tele/washer/SENSOR");
    await page.getByRole("treeitem", { name: "SENSOR" }).waitFor();
    say(5);
    await page.waitForTimeout(1500);
    await take(page, isAll ? `foreign-explorer-${look}.png` : "pictures/explorer.png");
  });
}

async function untilOpen(port) {
  for (;;) {
    const socket = open(port, "127.0.0.1");
    const isOpen = await new Promise((resolve) => socket.on("connect", () => resolve(true)).on("error", () => resolve(false)));
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const browser = await startBrowser();
try {
  for (const scene of [kit, sixty, foreign].filter(({ name }) => !process.env.SCENE || process.env.SCENE === name)) {
    await scene();
    while (ends.length > 0) await ends.shift()();
  }
} finally {
  await browser.close();
  for (const end of ends) await end();
}

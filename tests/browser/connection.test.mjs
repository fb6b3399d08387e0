import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertQuiet, newPage, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { folder, startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const BRIDGE = "nodes/bridge/7";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

test("a hub that restarts is told, values stay, controls wait, and all goes on after signing in again", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const relay = tile(page, "nodes/bridge/0", "Relay 3b", "");
  await relay.getByRole("button", { name: "On", exact: true }).click();
  await says(relay, "Confirmed");
  await hub.stop();
  await page.waitForFunction(() => pillWords.includes("Hub is restarting"));
  await page.getByText("Hub not reachable.").waitFor();
  await page.getByText(/Values below are from \d/).waitFor();
  await page.getByText(/Next try/).waitFor();
  await says(tile(page, "nodes/bridge/0", "Temperature", "i2c0-48"), "℃");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-disabled"), "true");
  await relay.getByRole("switch").click({ force: true });
  await says(relay, "Waiting for the hub.");

  // With its clock stopped the page does not try again by itself, only when it is told to.
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 2_000));
  await startHub(t, { port: hub.port });
  await page.getByRole("button", { name: "Retry now" }).click();
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
  await page.clock.resume();
  await says(tile(page, "nodes/bridge/0", "Temperature", "i2c0-48"), "℃");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await says(relay, "not known");
});

test("a hub that vanishes is found again without a hand", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  await hub.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await startHub(t, { port: hub.port });
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
});

test("when the connection is back, what was cleared meanwhile is gone, and what the hub never kept stays", async (t) => {
  const store = folder(t);
  const settings = ["store.durability=commit"];
  const hub = await startHub(t, { simulator: "off", store, settings });
  const attic = (hub) => connect(t, hub, "home/attic", "node", { filters: [] });
  const node = await attic(hub);
  await node.publish("thermometer/0", { temperature: [20, "℃"] });
  await node.publish("hygrometer/0", { "relative-humidity": [40, "%"] });
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), "20");
  await node.publish("barometer/0", { pressure: [98, "kPa"] }, { retain: false });
  await says(tile(page, "home/attic", "Pressure", "barometer/0"), "98");
  // What is said once beside it changes nothing of what is kept.
  await node.publish("thermometer/0", { temperature: [21, "℃"] }, { retain: false });
  await says(tile(page, "home/attic", "Temperature", "thermometer/0"), "21");
  await hub.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 2_000));
  const again = await startHub(t, { simulator: "off", store, settings, port: hub.port });
  await (await attic(again)).publish("thermometer/0", null, { retain: true });
  await page.getByRole("button", { name: "Retry now" }).click();
  await page.clock.resume();
  await page.getByText("Live", { exact: true }).waitFor();
  await tile(page, "home/attic", "Temperature", "thermometer/0").waitFor({ state: "detached" });
  await says(tile(page, "home/attic", "Humidity", "hygrometer/0"), "40");
  await says(tile(page, "home/attic", "Pressure", "barometer/0"), "98");
  await page.evaluate(() => (location.hash = "#/explorer?topic=home/attic/hygrometer/0"));
  await page.getByRole("treeitem").filter({ hasText: "hygrometer" }).waitFor();
  assert.equal(await page.getByRole("treeitem").filter({ hasText: "thermometer" }).count(), 0);
  assertQuiet({ ...page, complaints: page.complaints.filter((complaint) => !complaint.includes("ERR_")) }, hub);
});

test("a connection over which nothing comes any more is given up", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("listitem").first().waitFor();
  hub.freeze();
  await page.clock.fastForward(11_000);
  await page.clock.fastForward(6_000);
  await says(page.locator("#bar"), "The hub does not answer any more.");
});

/** Says something regularly, until the hub knows how often: it wants to have heard it fifteen times. */
async function regularly(say) {
  for (let count = 0; count < 17; count += 1) {
    await say(20 + count / 10);
    await sleep(300);
  }
}

test("a value is stale when it is late for its own pace, and not because of its age", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const node = await connect(t, hub, BRIDGE, "node");
  await node.publish("hygrometer/0", { "relative-humidity": [40, "%"] });
  await regularly((degrees) => node.publish("thermometer/0", { temperature: [degrees, "℃"] }));
  const thermometer = tile(page, BRIDGE, "Temperature", "");
  await says(thermometer, /21\.6/);
  await page.clock.fastForward(7_000);
  await says(thermometer, /No data for \d+ s/);
  await says(page.getByRole("region", { name: BRIDGE }), "1 stale");
  await page.clock.fastForward(9_000);
  await says(tile(page, BRIDGE, "Humidity", ""), /\d+ s ago/);
  await node.publish("thermometer/0", { temperature: [20.6, "℃"] });
  await says(thermometer, /20\.6/);
  assertQuiet(page, hub);
});

test("who opens the page late sees that a sensor is dead, and that a door is only closed", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node");
  for (const isOpen of [true, false, true, false, true, false, true]) await node.publish("door/0", { open: isOpen });
  await regularly((degrees) => node.publish("thermometer/0", { temperature: [degrees, "℃"] }));
  const page = await signedIn(t, browser, hub);
  const thermometer = tile(page, "home/attic", "Temperature", "thermometer/0");
  await says(thermometer, /21\.6/);
  // A clock that is set on is all that differs from having come five minutes later.
  await page.evaluate((ahead) => {
    const now = Date.now.bind(Date);
    Date.now = () => now() + ahead;
  }, 5 * 60_000);
  await says(thermometer, /Silent since \d\d:\d\d/);
  await says(page.getByRole("region", { name: "home/attic" }), "1 stale");
  await says(tile(page, "home/attic", "Open", "door/0"), /as of \d\d:\d\d/);
  assertQuiet(page, hub);
});

test("a relay that does not answer is told as it was, and can be asked again", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, BRIDGE, "node");
  await node.publish("relay/1", { state: false });
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  const relay = tile(page, BRIDGE, "Relay 1", "");
  await relay.getByRole("switch").click();
  await says(relay, "Turning on…");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "false");
  await node.next(([topic, payload]) => topic === "relay/1/set" && payload.state === true);
  await relay.getByRole("switch").click();
  await says(relay, "Turning off…");
  await node.next(([topic, payload]) => topic === "relay/1/set" && payload.state === false);
  await relay.getByRole("switch").click();
  await says(relay, "Turning on…");
  // The hub waits for the relay, and says that it has not answered.
  await says(relay, /No answer from the relay\. Still off as of \d\d:\d\d:\d\d\./);
  node.frames.length = 0;
  await relay.getByRole("button", { name: "Try again" }).click();
  await node.next(([topic]) => topic === "relay/1/set");
  await node.publish("relay/1", { state: true });
  await says(relay, "Confirmed");
  assert.equal(await relay.getByRole("switch").getAttribute("aria-checked"), "true");
  assertQuiet(page, hub);
});

test("a relay whose node has gone is not waited for, and the page says so", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, BRIDGE, "node", { filters: [] });
  await node.publish("relay/1", { state: false });
  const page = await signedIn(t, browser, hub);
  const relay = tile(page, BRIDGE, "Relay 1", "");
  await relay.getByRole("switch").click();
  await says(relay, /Not switched: the relay is not connected\. Still off as of \d\d:\d\d:\d\d\./);
  await says(page.getByRole("status"), "Not switched: the device is not connected.");
  assertQuiet(page, hub);
});

test("the vendor's sample of 2016 works from a page of the hub", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  const messages = await page.evaluate((host) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://clown:bigclown@${host}/auth/clown-talk-server_nodes_bridge_0`);
    const heard = [];
    socket.onopen = () => {
      socket.send(`${JSON.stringify(["clown.talk/-/config/set", {}])}\n`);
      socket.send(JSON.stringify(["relay/i2c0-3b/set", { state: true }]));
    };
    socket.onclose = (event) => reject(new Error(`closed with ${event.code}`));
    socket.onmessage = (event) => {
      heard.push(JSON.parse(event.data));
      const [topic, payload] = heard.at(-1);
      if (topic === "relay/i2c0-3b" && payload.state === true) resolve(heard);
    };
  }), hub.host);
  assert.equal(messages[0][0], "clown.talk/-/config/ok");
  assert.ok(messages.every((message) => Array.isArray(message) && message.length === 2));
  assertQuiet(page, hub);
});

test("a page from elsewhere is refused, although the browser sends it the cookie", async (t) => {
  const hub = await startHub(t);
  const stranger = createServer((_, response) => response.setHeader("content-type", "text/html").end("<title>elsewhere</title>"));
  stranger.listen(0, "127.0.0.1");
  t.after(() => stranger.close());
  await once(stranger, "listening");
  const page = await signedIn(t, browser, hub);
  const other = await page.context().newPage();
  await other.goto(`http://127.0.0.1:${stranger.address().port}/`);
  const seen = await other.evaluate(async (host) => {
    const code = await new Promise((resolve) => {
      const socket = new WebSocket(`ws://${host}/talk/`);
      socket.onopen = () => resolve("open");
      socket.onclose = (event) => resolve(event.code);
    });
    const answer = await fetch(`http://${host}/api/session`, { credentials: "include" }).then((response) => response.status, () => "refused");
    return { code, answer };
  }, hub.host);
  assert.deepEqual(seen, { code: 1006, answer: "refused" });
});

/** A relay that only says what the test has it say, and pages that look at it. */
async function silentRelay(t, pages) {
  const hub = await startHub(t, { simulator: "off", store: folder(t) });
  const node = await connect(t, hub, "home/attic", "node", { filters: ["relay/#"] });
  await node.publish("relay/1", { state: false });
  const open = [];
  for (let number = 0; number < pages; number += 1) open.push(await signedIn(t, browser, hub));
  const relays = open.map((page) => tile(page, "home/attic", "Relay 1", "relay/1"));
  for (const relay of relays) await relay.getByRole("switch").waitFor();
  const asked = () => node.frames.filter(([topic]) => topic === "relay/1/set").map(([, payload]) => payload);
  const until = (count) => node.next(([topic]) => topic === "relay/1/set" && asked().length >= count);
  return { hub, node, pages: open, relays, asked, until };
}

test("what one viewer asks of a relay is seen by the other ones, and by a page that is loaded again", async (t) => {
  const { hub, node, pages: [page], relays: [relay, other], asked } = await silentRelay(t, 2);
  const phone = await connect(t, hub, "home", "dashboard", { filters: [] });
  const seen = [relay, other].map((tile) => says(tile, "Turning on…"));
  phone.send("attic/relay/1/set", { state: true }, { confirm: 60, id: 1 });
  await Promise.all(seen);
  assert.equal(await other.getByRole("switch").getAttribute("aria-checked"), "false", "a wish is no fact");
  // As long as the hub waits for the relay, whoever comes sees that.
  await page.reload();
  await says(relay, "Turning on…");
  await node.publish("relay/1", { state: true });
  for (const tile of [relay, other]) await tile.locator('[role="switch"][aria-checked="true"]').waitFor();
  assert.deepEqual(asked(), [{ state: true }], "looking on asks for nothing");
});

test("a double click on a relay is one wish and one command, whether its state is known or not", async (t) => {
  const { node, pages: [page], relays: [relay], asked, until } = await silentRelay(t, 1);
  const knob = relay.getByRole("switch");
  await knob.dblclick({ delay: 80 });
  await says(relay, "Turning on…");
  await until(1);
  // What the page sent before this comes before this.
  const passed = async () => {
    await page.waitForTimeout(300);
    await page.getByRole("link", { name: "Explorer" }).click();
    const form = page.getByRole("region", { name: "Publish" });
    await form.getByLabel("Topic").fill("home/attic/relay/1/get");
    await form.getByLabel("Payload").fill("{}");
    await form.getByRole("button", { name: "Send" }).click();
    await node.next(([topic]) => topic === "relay/1/get");
    await page.getByRole("link", { name: "Values", exact: true }).click();
    await relay.waitFor();
  };
  await passed();
  assert.deepEqual(asked(), [{ state: true }]);
  await says(relay, "Turning on…");
  await node.publish("relay/1", { state: true });
  await relay.locator('[role="switch"][aria-checked="true"]').waitFor();
  await says(relay, "Confirmed");
  // Two clicks with a pause between them are two wishes, and the last one counts.
  node.frames.length = 0;
  await knob.click();
  await says(relay, "Turning off…");
  await knob.click();
  await says(relay, "Turning on…");
  await until(2);
  assert.deepEqual(asked(), [{ state: false }, { state: true }]);
  await node.publish("relay/1", { state: true });
  await says(relay, "Confirmed");
  // Of a relay that does not know its state the switch comes while the second click is still to come.
  await node.publish("relay/1", { state: null });
  node.frames.length = 0;
  await relay.getByRole("button", { name: "On", exact: true }).dblclick({ delay: 80 });
  await says(relay, "Turning on…");
  await until(1);
  await passed();
  assert.deepEqual(asked(), [{ state: true }]);
});

test("a relay that is slow is waited for, and one that reports the opposite is told as it is", async (t) => {
  const { node, relays: [relay], until } = await silentRelay(t, 1);
  const knob = relay.getByRole("switch");
  await knob.click();
  await says(relay, "Turning on…");
  await until(1);
  // It says how things are, which is not what was asked for.
  await node.publish("relay/1", { state: false });
  await says(relay, "Turning on…");
  assert.equal(await knob.getAttribute("aria-checked"), "false");
  await sleep(4000);
  await node.publish("relay/1", { state: true });
  await relay.locator('[role="switch"][aria-checked="true"]').waitFor();
  await says(relay.locator(".status:not(.trouble)"), /^(Confirmed \d\d:\d\d:\d\d\.)?$/);
  // Somebody turns it off at the device itself.
  await node.publish("relay/1", { state: false });
  await relay.locator('[role="switch"][aria-checked="false"]').waitFor();
});

test("a page that slept goes on with what is now, without a hand", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, "home/attic", "node", { filters: [] });
  await node.publish("thermometer/0", { temperature: [20, "℃"] });
  const page = await signedIn(t, browser, hub);
  const value = tile(page, "home/attic", "Temperature", "thermometer/0");
  await says(value, "20");
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  if (process.env.CLOWN_LONG_TESTS) await sleep(60_000);
  for (let number = 0; number < 200; number += 1) await node.publish("thermometer/0", { temperature: [21 + number / 10, "℃"] });
  await node.publish("hygrometer/0", { "relative-humidity": [44, "%"] });
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  await says(value, "40.9");
  await says(tile(page, "home/attic", "Humidity", "hygrometer/0"), "44");
  await page.getByText("Live", { exact: true }).waitFor();
});

for (const [screen, viewport] of Object.entries({ desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } })) {
  test(`while the hub is away and when it is back nothing moves under a finger, and no tap is lost or late: ${screen}`, async (t) => {
    const store = folder(t);
    const settings = ["store.durability=commit"];
    const hub = await startHub(t, { simulator: "off", store, settings });
    const relays = async (hub) => {
      const node = await connect(t, hub, "home/attic", "node", { filters: ["relay/#"] });
      node.on("frame", ([topic, payload]) => topic.endsWith("/set") && node.send(topic.slice(0, -"/set".length), payload));
      return node;
    };
    const node = await relays(hub);
    for (const number of [1, 2, 3]) await node.publish(`relay/${number}`, { state: false });
    await node.publish("thermometer/0", { temperature: [20, "℃"] });
    const page = await signedIn(t, browser, hub, { viewport });
    const relay = tile(page, "home/attic", "Relay 2", "relay/2");
    await relay.waitFor();
    const places = () => page.evaluate(() => [...document.querySelectorAll(".tile")].map((tile) => `${tile.querySelector("h3").textContent} ${Math.round(tile.getBoundingClientRect().left)} ${Math.round(tile.getBoundingClientRect().top)}`));
    const before = await places();
    assert.equal(before.length, 4);
    await hub.stop("SIGKILL");
    await page.getByText("Offline", { exact: true }).waitFor();
    await page.getByText(/Values below are from/).waitFor();
    assert.deepEqual(await places(), before);
    // It does nothing, now and later, and says so.
    await relay.getByRole("switch").click({ force: true });
    await says(relay, "Waiting for the hub.");
    const again = await startHub(t, { simulator: "off", store, settings, port: hub.port });
    const back = await relays(again);
    await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
    assert.deepEqual(await places(), before);
    await relay.getByRole("switch").click();
    await relay.locator('[role="switch"][aria-checked="true"]').waitFor();
    assert.deepEqual(back.frames.filter(([topic]) => topic.endsWith("/set")).map(([topic, payload]) => [topic, payload]), [["relay/2/set", { state: true }]]);
  });
}

test("whatever stands in front of the hub and answers in its place, the page says so and goes on when it is gone", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  let answer = null;
  const server = createServer(({ method, url, headers }, response) => {
    if (answer && url.startsWith("/api/session") && answer.isForAll) return void response.writeHead(answer.status, answer.headers).end();
    const passed = request(`${hub.origin}${url}`, { method, headers: { ...headers, host: hub.host, ...(headers.origin && { origin: hub.origin }) } }, (told) => {
      response.writeHead(told.statusCode, told.headers);
      told.pipe(response);
    });
    passed.on("error", () => response.destroy());
    response.req.pipe(passed);
  });
  server.on("upgrade", ({ url, headers }, socket) => {
    socket.on("error", () => {});
    if (answer) return void socket.end(`HTTP/1.1 ${answer.status} Odd\r\n${Object.entries(answer.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join("")}Content-Length: 0\r\nConnection: close\r\n\r\n`);
    const passed = request(`${hub.origin}${url}`, { headers: { ...headers, host: hub.host, origin: hub.origin } });
    passed.on("upgrade", (told, far) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${Object.entries(told.headers).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
      far.on("error", () => {});
      sockets.add(socket);
      far.pipe(socket).pipe(far);
    });
    passed.on("error", () => socket.destroy());
    passed.end();
  });
  const sockets = new Set();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  const page = await newPage(t, browser);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  for (const [odd, words] of [[{ status: 302, headers: { Location: "/elsewhere" } }, "Connection lost."], [{ status: 404 }, "Connection lost."], [{ status: 502, isForAll: true }, "The hub answered 502."]]) {
    answer = odd;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await says(page.locator("#bar"), words);
    answer = null;
    await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
  }
});

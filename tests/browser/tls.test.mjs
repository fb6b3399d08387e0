import assert from "node:assert/strict";
import { test } from "node:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import WebSocket from "ws";
import { newPage, startBrowser, trustingHome } from "./support/browser.mjs";
import { certificate, folder, startHub } from "./support/hub.mjs";

const BASE = "nodes/bridge/0";
/** The frames of the vendor's conversation, from both sides. */
const vendor = readFileSync(new URL("../samples/clown-talk.txt", import.meta.url), "utf8")
  .trim().split("\n").map((line) => line.replace(/^[<>] */, ""));

test("the page works over TLS with a certificate of the house: its cookie is secure, its socket is wss", async (t) => {
  const { settings, authority } = certificate(folder(t));
  const hub = await startHub(t, { settings });
  const browser = await startBrowser([], { HOME: trustingHome(t, authority) });
  t.after(() => browser.close());
  const page = await newPage(t, browser);
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await page.goto(`https://localhost:${hub.tls}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  const [cookie] = await page.context().cookies();
  assert.equal(cookie.name, "__Host-hub_session");
  assert.ok(cookie.secure && cookie.httpOnly && cookie.sameSite === "Strict");
  assert.deepEqual(sockets, [`wss://localhost:${hub.tls}/talk/`]);
  assert.deepEqual(page.complaints.filter((complaint) => !complaint.includes("401")), []);
  // The port without TLS has a sign-in of its own, which the other one does not hinder.
  await page.goto(`http://localhost:${hub.port}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});

test("Chromium with the house's authority says every line of the vendor at the old address over TLS", async (t) => {
  const { settings, authority } = certificate(folder(t));
  const hub = await startHub(t, { settings, simulator: "off" });
  const stranger = await startBrowser([], { HOME: folder(t) });
  t.after(() => stranger.close());
  const unknown = await newPage(t, stranger);
  await assert.rejects(unknown.goto(`https://localhost:${hub.tls}/`), /ERR_CERT_AUTHORITY_INVALID/);
  const browser = await startBrowser([], { HOME: trustingHome(t, authority) });
  t.after(() => browser.close());
  const page = await newPage(t, browser);
  await page.goto(`https://localhost:${hub.tls}/`);
  const heard = await page.evaluate(async ({ port, base, frames }) => {
    const origin = `wss://clown:bigclown@localhost:${port}`;
    const queue = (socket) => {
      const came = [], wanted = [];
      socket.onmessage = ({ data }) => (wanted.length ? wanted.shift()(data) : came.push(data));
      return () => (came.length ? Promise.resolve(came.shift()) : new Promise((done) => wanted.push(done)));
    };
    const open = (socket) => new Promise((done, failed) => Object.assign(socket, { onopen: done, onerror: () => failed(new Error(`no connection to ${socket.url}`)) }));
    const reader = new WebSocket(`${origin}/talk/`), device = new WebSocket(`${origin}/auth/clown-talk-server_${base.replaceAll("/", "_")}`);
    const [next, answer] = [queue(reader), queue(device)];
    await Promise.all([open(reader), open(device)]);
    reader.send(JSON.stringify(["clown.talk/-/config/set", { filters: [`${base}/#`], retained: false }]));
    await next();
    const heard = [];
    for (const frame of frames) {
      device.send(frame);
      heard.push(frame.includes("clown.talk/-/config/set") ? await answer() : await next());
    }
    return heard;
  }, { port: hub.tls, base: BASE, frames: vendor });
  assertVendor(heard);
});

test("the library ws says every line of the vendor at the old address over TLS, and trusts nobody else", async (t) => {
  const { settings, authority } = certificate(folder(t));
  const hub = await startHub(t, { settings, simulator: "off" });
  const origin = `wss://clown:bigclown@localhost:${hub.tls}`;
  const open = async (path, options) => {
    const socket = new WebSocket(`${origin}${path}`, options);
    t.after(() => socket.terminate());
    await once(socket, "open");
    return socket;
  };
  await assert.rejects(open("/talk/", {}), { code: "SELF_SIGNED_CERT_IN_CHAIN" });
  const ca = readFileSync(authority);
  const [reader, device] = [await open("/talk/", { ca }), await open("/auth/clown-talk-server_nodes_bridge_0", { ca })];
  const says = async (socket, frame, hears = socket) => {
    const next = once(hears, "message", { signal: AbortSignal.timeout(15_000) });
    socket.send(frame);
    const [data] = await next;
    return data.toString();
  };
  await says(reader, JSON.stringify(["clown.talk/-/config/set", { filters: [`${BASE}/#`], retained: false }]));
  const heard = [];
  for (const frame of vendor) heard.push(await says(device, frame, frame.includes("clown.talk/-/config/set") ? device : reader));
  assertVendor(heard);
});

/** What was heard of the vendor's lines: the welcome first, and then each of them below the base. */
function assertVendor([welcome, ...heard]) {
  assert.equal(JSON.parse(welcome)[0], "clown.talk/-/config/ok");
  assert.ok(heard.length > 20);
  const below = (frame) => JSON.parse(frame).map((part, at) => (at === 0 ? `${BASE}/${part}` : part));
  assert.deepEqual(heard.map((text) => JSON.parse(text)), vendor.slice(1).map(below));
}

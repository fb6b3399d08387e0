import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, startBrowser } from "./support/browser.mjs";
import { certificate, folder, startHub } from "./support/hub.mjs";

test("the page works over TLS with a certificate of the house: its cookie is secure, its socket is wss", async (t) => {
  const { settings, digest } = certificate(folder(t));
  const hub = await startHub(t, { settings });
  // Chromium is told to trust this one key.
  const browser = await startBrowser([`--ignore-certificate-errors-spki-list=${digest}`]);
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

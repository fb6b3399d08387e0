// The self-check: a page of its own, which works where the other one does not.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { newPage, says, signedIn, startBrowser } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { startHub, usersFile } from "./support/hub.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

const step = (page, name) => page.getByRole("listitem").filter({ has: page.locator("b", { hasText: new RegExp(`^${name}$`) }) });
const isDone = (page) => page.locator("#again:enabled").waitFor();

/** A proxy that passes HTTP on, and what `change` makes of it. Upgrades it does not know. */
async function proxy(t, hub, { change = () => {}, host } = {}) {
  const server = createServer((incoming, answer) => {
    const { method, url, headers } = incoming;
    const outgoing = request({ port: hub.port, host: "127.0.0.1", method, path: url, headers: { ...headers, host: host ?? headers.host, connection: "close" } }, (response) => {
      const told = { ...response.headers };
      change(told, url);
      answer.writeHead(response.statusCode, told);
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.writeHead(502).end("bad gateway"));
    incoming.pipe(outgoing);
  });
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, host: `127.0.0.1:${server.address().port}`, port: server.address().port };
}

test("without trouble every step says that it works, and the report can be copied", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.locator("#pill").click();
  await page.getByRole("heading", { name: "Self-check" }).waitFor();
  await isDone(page);
  for (const name of ["HTTP", "Address", "Sign-in", "WebSocket", "Answers", "Clock", "Browser"]) await says(step(page, name), "works");
  await says(step(page, "Sign-in"), "You are signed in as clown");
  await page.getByRole("button", { name: "Copy report" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^Clown Hub, http:\/\/127\.0\.0\.1:\d+\n.*\n.*\n\[ok\] HTTP: The hub answers in \d+ ms\./);
  await page.getByRole("link", { name: "Clown Hub" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});

test("who cannot sign in gets there from the form, and is told what is not tried", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  await page.getByRole("link", { name: "Trouble? Run the self-check" }).click();
  await isDone(page);
  await says(step(page, "Sign-in"), "Nobody is signed in here.");
  await says(step(page, "WebSocket"), "Not tried: it takes a sign-in.");
  await page.getByRole("link", { name: "Try a WebSocket by hand" }).click();
  await page.getByRole("heading", { name: "Diagnostics" }).waitFor();
});

test("a proxy that lets no WebSocket through is named, with what it needs", async (t) => {
  const hub = await startHub(t);
  const between = await proxy(t, hub);
  const page = await newPage(t, browser);
  await page.goto(`${between.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await says(page.locator("#bar"), "Connection lost.");
  await page.goto(`${between.origin}/check`);
  await isDone(page);
  await says(step(page, "HTTP"), "works");
  await says(step(page, "WebSocket"), /does not work.*something between here and the hub is in the way.*Upgrade \$http_upgrade/);
  await says(page.locator("#verdict"), "has found what does not work");
});

test("a hub that refuses the origin of the page says so, in the form and in the self-check, with the key that lets it in", async (t) => {
  const users = usersFile(t, [{ name: "root", subscribe: ["#"], publish: ["#"], admin: true }]);
  const hub = await startHub(t, { simulator: "off", users });
  // The proxy gives the hub another name than the browser knows.
  const between = await proxy(t, hub, { host: "hub.internal" });
  const page = await newPage(t, browser);
  await page.goto(`${between.origin}/`);
  await page.getByLabel("Name", { exact: true }).fill("root");
  await page.getByLabel("Password", { exact: true }).fill("correct horse");
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await says(page.getByRole("alert"), `pages of the origin "${between.origin}" may not use the hub; if they may, add it to server.origins`);
  await page.getByRole("link", { name: "Trouble? Run the self-check" }).click();
  await isDone(page);
  await says(step(page, "Address"), `The hub refuses pages of ${between.origin}, as it knows itself by another name.`);
  await says(step(page, "Address"), `server.origins = ["${between.origin}"]`);
});

test("a clock that is an hour off is told, and so is a hub that is gone", async (t) => {
  const hub = await startHub(t);
  const between = await proxy(t, hub, { change: (headers) => (headers.date = new Date(Date.now() - 3_600_000).toUTCString()) });
  const page = await newPage(t, browser);
  await page.goto(`${between.origin}/check`);
  await isDone(page);
  await says(step(page, "Clock"), "The clock of this machine is 60 min ahead of that of the hub.");
  await hub.stop();
  await page.getByRole("button", { name: "Run it again" }).click();
  await says(step(page, "HTTP"), "Something answers with 502, and it is not the hub.");
});

test("axe finds nothing on the page of the self-check, in any theme and width", async (t) => {
  const hub = await startHub(t);
  for (const colorScheme of ["light", "dark"]) {
    const page = await newPage(t, browser, { colorScheme });
    await page.goto(`${hub.origin}/check`);
    await isDone(page);
    await assertForEverybody(page, `check ${colorScheme}`);
  }
});

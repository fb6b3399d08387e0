import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { WebSocketServer } from "ws";
import { assertQuiet, newPage, says, startBrowser } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { startHub, usersFile } from "./support/hub.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

async function diagnostics(t, hub, options) {
  const page = await newPage(t, browser, options);
  await page.goto(`${hub.origin}/diagnostics`);
  // Its script begins when its texts are there, which may be after the page has loaded.
  await page.waitForFunction(() => document.getElementById("host")?.value !== "");
  return page;
}

/** Lines of the log of one kind, as texts. */
function lines(page, kind) {
  return page.locator(`#log [data-kind="${kind}"] .what`);
}

/** Colour and shape of the edge of the fields, and the state in words. */
function look(page) {
  return page.evaluate(() => {
    const edges = ["host", "port", "path"].map((id) => getComputedStyle(document.getElementById(id))).map((style) => `${style.borderTopColor} ${style.borderTopStyle}`);
    return { edges: [...new Set(edges)], state: document.getElementById("state").textContent };
  });
}

test("the echo is opened, spoken to and closed with the keyboard alone, and the fields show the state", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await diagnostics(t, hub);
  assert.equal(await page.getByLabel("Host").inputValue(), "127.0.0.1");
  assert.equal(await page.getByLabel("Port").inputValue(), String(hub.port));
  const closed = await look(page);
  assert.deepEqual([closed.state, closed.edges.length], ["Closed", 1]);
  await page.getByLabel("Path").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
  const open = await look(page);
  const [[red, dashed], [green, whole]] = [closed, open].map(({ edges }) => edges[0].split(/ (?=\w+$)/));
  assert.deepEqual([red, dashed, green, whole], ["rgb(179, 38, 30)", "dashed", "rgb(18, 112, 58)", "solid"]);
  assert.equal(await page.evaluate(() => document.activeElement.id), "message");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("<b>21.5 ℃</b>");
  await page.keyboard.press("Enter");
  await lines(page, "received").filter({ hasText: "<b>21.5 ℃</b>" }).waitFor();
  assert.equal(await page.locator("#log .what b").count(), 0);
  await page.getByRole("button", { name: "Close" }).press("Space");
  await lines(page, "closed").filter({ hasText: "1000" }).waitFor();
  assert.deepEqual(await look(page), closed);
  assertQuiet(page, hub);
});

for (const [path, said, heard] of [
  ["/ws?greet", "Hello mbed", ["Hello World", "debm olleH"]],
  ["/socket", "hi", ["server: hi"]],
  ["/poke", "POKE", ["Quit poking me!"]],
]) {
  test(`${path} answers a page as its tutorial says`, async (t) => {
    const hub = await startHub(t, { simulator: "off" });
    const page = await diagnostics(t, hub);
    await page.getByLabel("Path").fill(path);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
    await page.getByLabel("Message").fill(said);
    await page.getByRole("button", { name: "Send" }).click();
    await lines(page, "received").nth(heard.length - 1).waitFor();
    assert.deepEqual(await lines(page, "received").allTextContents(), heard);
  });
}

test("two pages hear the same number, and it grows", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const pages = await Promise.all([diagnostics(t, hub), diagnostics(t, hub)]);
  for (const page of pages) {
    await page.getByLabel("Path").fill("/streaming");
    await page.getByRole("button", { name: "Open" }).click();
  }
  // The second one may be late, so what it hears first is not known.
  await lines(pages[1], "received").first().waitFor();
  const first = Number((await lines(pages[1], "received").first().innerText()).match(/message: (\d+)/)[1]);
  for (const page of pages) for (const number of [first + 1, first + 2]) await lines(page, "received").filter({ hasText: new RegExp(`message: ${number}$`) }).waitFor();
});

test("any other server will do, also with bytes and with a reason to close", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => server.close());
  await once(server, "listening");
  server.on("connection", (socket, request) => {
    socket.send(Buffer.from([0, 127, 255]));
    socket.on("message", () => socket.close(4000, `you came to ${request.url}`));
  });
  const page = await diagnostics(t, hub);
  await page.getByLabel("Host").fill("localhost");
  await page.getByLabel("Port").fill(String(server.address().port));
  await page.getByLabel("Path").fill("/elsewhere");
  await page.getByRole("button", { name: "Open" }).click();
  await lines(page, "received").filter({ hasText: "3 bytes: 00 7f ff" }).waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await lines(page, "trouble").filter({ hasText: "4000 you came to /elsewhere" }).waitFor();
  assertQuiet(page, hub);
});

test("what cannot be opened is told, and nothing is sent meanwhile", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await diagnostics(t, hub);
  await page.getByLabel("Message").press("Enter");
  await says(page.getByRole("alert"), "Open the socket first.");
  await page.getByLabel("Path").fill("/nothing");
  await page.getByRole("button", { name: "Open" }).click();
  await says(page.getByRole("alert"), "/nothing could not be opened");
  await page.getByLabel("Host").fill("[::");
  await page.getByRole("button", { name: "Open" }).click();
  await says(page.getByRole("alert"), "is no address of a WebSocket");
  assert.equal((await look(page)).state, "Closed");
});

test("the log is bounded", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await diagnostics(t, hub);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
  await page.getByLabel("Message").fill("x".repeat(3000));
  await page.evaluate(() => {
    for (let i = 0; i < 300; i += 1) document.getElementById("send").click();
  });
  await page.getByText("101 older lines are not shown.").waitFor({ timeout: 60_000 });
  assert.equal(await page.locator("#log li").count(), 500);
  await page.getByLabel("Message").fill("x".repeat(10_000));
  await page.getByRole("button", { name: "Send" }).click();
  await lines(page, "received").last().filter({ hasText: "… (10,000 characters)" }).waitFor();
  assert.ok((await lines(page, "received").last().textContent()).length < 4200);
  await page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await page.locator("#log li").count(), 0);
});

test("the page goes anywhere, and no other page of the hub does", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const rules = async (path) => (await fetch(hub.origin + path)).headers.get("content-security-policy");
  assert.match(await rules("/diagnostics"), /connect-src 'self' ws: wss:;/);
  assert.match(await rules("/diagnostics"), /^default-src 'none'; script-src 'self';.* frame-ancestors 'none'$/);
  // The names of this machine are one host, so its page may go to each of them.
  const port = new URL(hub.origin).port;
  const itself = `connect-src 'self' ws://localhost:${port} ws://127.0.0.1:${port};`;
  for (const path of ["/", "/diagnostics.js", "/nothing"]) assert.ok((await rules(path)).includes(itself), path);
});

test("with accounts it is for admins, and opens what the page's sign-in may open", async (t) => {
  const users = usersFile(t, [{ name: "anna", subscribe: ["a/#"], publish: [] }, { name: "root", subscribe: ["a/#"], publish: [], admin: true }]);
  const hub = await startHub(t, { simulator: "off", users, settings: ["diagnostics.enabled=true"] });
  const page = await diagnostics(t, hub);
  await page.getByText("this page is for admins, and nobody is signed in").waitFor();
  const signIn = (name) => page.context().request.post(`${hub.origin}/api/session`, { data: { name, password: "correct horse" } });
  await signIn("anna");
  await page.goto(`${hub.origin}/diagnostics`);
  await page.getByText("this page is for admins, and anna is none").waitFor();
  await signIn("root");
  await page.goto(`${hub.origin}/diagnostics`);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
  await page.evaluate(() => fetch("/api/session", { method: "DELETE" }));
  await lines(page, "trouble").filter({ hasText: "1008 session ended" }).waitFor();
});

test("one click sets it to what a page of the hub says first", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await diagnostics(t, hub);
  await page.context().request.post(`${hub.origin}/api/session`, { data: { name: "clown", password: "bigclown" } });
  await page.getByRole("button", { name: "Set it to Clown.Talk" }).click();
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await lines(page, "received").filter({ hasText: '["clown.talk/-/config/ok"' }).waitFor();
  await page.getByRole("button", { name: "Set it to Clown.Talk" }).click();
  await page.getByText("Close the socket first.").first().waitFor();
});

const TARGETS = "button, input, select, textarea, .home";

for (const colorScheme of ["light", "dark"]) {
  test(`everybody can use it: no axe violation and no overflow, ${colorScheme}`, async (t) => {
    const hub = await startHub(t, { simulator: "off" });
    const page = await diagnostics(t, hub, { colorScheme });
    await assertForEverybody(page, `diagnostics closed ${colorScheme}`, { targets: TARGETS });
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("status").filter({ hasText: /^Open$/ }).waitFor();
    await page.getByLabel("Message").fill("wide".repeat(200));
    await page.getByRole("button", { name: "Send" }).click();
    await lines(page, "received").first().waitFor();
    await assertForEverybody(page, `diagnostics ${colorScheme}`, { targets: TARGETS });
    assertQuiet(page, hub);
  });
}

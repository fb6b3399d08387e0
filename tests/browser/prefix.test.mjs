import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import { test } from "node:test";
import { newPage, startBrowser } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";

const browser = await startBrowser();
test.after(() => browser.close());

/** Opens the page at an address, signs in, and waits until it is live. Returns the addresses of its sockets. */
async function live(t, address) {
  const page = await newPage(t, browser);
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await page.goto(address);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual(page.complaints.filter((complaint) => !complaint.includes("401")), []);
  return { page, sockets, cookie: cookie.name };
}

/** A proxy that takes the first level of the path away. */
async function strippingProxy(t, port) {
  const stripped = (url) => url.replace(/^\/attic/, "") || "/";
  const proxy = http.createServer((request, response) => {
    const { method, headers } = request;
    const onward = http.request({ port, method, headers, path: stripped(request.url) }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  proxy.on("upgrade", (request, socket, head) => {
    const onward = net.connect(port, "127.0.0.1", () => {
      const headers = request.rawHeaders.flatMap((text, at) => (at % 2 === 0 ? [`${text}: ${request.rawHeaders[at + 1]}`] : []));
      onward.write([`GET ${stripped(request.url)} HTTP/1.1`, ...headers, "", ""].join("\r\n"));
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on("error", () => [onward, socket].forEach((each) => each.destroy()));
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  t.after(() => (proxy.closeAllConnections(), proxy.close()));
  return proxy.address().port;
}

test("under a path prefix the page, its sign-in, its cookie and its socket work", async (t) => {
  const hub = await startHub(t, { settings: ["server.path_prefix=/hub"] });
  const { page, sockets, cookie } = await live(t, `http://localhost:${hub.port}/hub`);
  assert.equal(page.url(), `http://localhost:${hub.port}/hub/`);
  assert.deepEqual(sockets, [`ws://localhost:${hub.port}/hub/talk/`]);
  assert.equal(cookie, "hub_session-hub");
  await page.goto(`http://localhost:${hub.port}/hub/diagnostics`);
  // The script writes it when its texts are there, which may be after the page has loaded.
  await page.waitForFunction((box) => box.value === "/hub/echo", await page.getByLabel("Path").elementHandle());
  await page.getByRole("link", { name: "Clown Hub" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});

test("behind a proxy that takes a prefix away the page works without any setting", async (t) => {
  const hub = await startHub(t, {});
  const port = await strippingProxy(t, hub.port);
  const { sockets } = await live(t, `http://localhost:${port}/attic/`);
  assert.deepEqual(sockets, [`ws://localhost:${port}/attic/talk/`]);
});

// Three browsers by what each of them understands: Playwright, WebDriver BiDi, and the older WebDriver. All that is asked of one is to
// go somewhere and to run a program in the page.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { startBrowser } from "./browser.mjs";

const PATIENCE = 60_000;

/** Each starts its engine and returns `go(address)` and `run(function, ...arguments)`, and the name that the engine gives itself. */
export const ENGINES = { chromium, firefox, webkit };

async function chromium(test) {
  const browser = await startBrowser();
  test.after(() => browser.close());
  const page = await browser.newPage();
  return { name: `Chromium ${browser.version()}`, go: (address) => page.goto(address), run: (work, ...given) => page.evaluate(([text, given]) => (0, eval)(`(${text})`)(...given), [String(work), given]) };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

/** A program that ends with the test. */
function started(test, command, args, options = {}) {
  const child = spawn(command, args, { stdio: "ignore", ...options });
  test.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, "exit");
  });
  return child;
}

/** Removes what a browser has written, once it has ended: call this after `started`. Its last processes end a moment later. */
const cleared = (test, home) => test.after(() => rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
const newHome = () => mkdtempSync(join(tmpdir(), "clown-hub-"));

async function until(work) {
  for (const start = performance.now(); ;) {
    const found = await work().catch(() => null);
    if (found) return found;
    if (performance.now() - start > PATIENCE) throw new Error("it did not come");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function firefox(test) {
  const port = await freePort();
  const profile = newHome();
  writeFileSync(join(profile, "user.js"), 'user_pref("browser.shell.checkDefaultBrowser", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n');
  started(test, "firefox-esr", ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", String(port)], { env: { ...process.env, HOME: profile } });
  cleared(test, profile);
  const socket = await until(() => new Promise((resolve, reject) => {
    const tried = new WebSocket(`ws://127.0.0.1:${port}/session`);
    tried.on("open", () => resolve(tried)).on("error", reject);
  }));
  const waiting = new Map();
  socket.on("message", (text) => {
    const { id, ...answer } = JSON.parse(text);
    waiting.get(id)?.(answer);
  });
  let number = 0;
  const call = async (method, params) => {
    const id = (number += 1);
    socket.send(JSON.stringify({ id, method, params }));
    const answer = await new Promise((resolve) => waiting.set(id, resolve));
    if (answer.type === "error") throw new Error(`${method}: ${answer.message}`);
    return answer.result;
  };
  const { capabilities } = await call("session.new", { capabilities: {} });
  const { contexts: [{ context }] } = await call("browsingContext.getTree", {});
  return {
    name: `Firefox ${capabilities.browserVersion}`,
    go: (url) => call("browsingContext.navigate", { context, url, wait: "complete" }),
    async run(work, ...given) {
      const { result, exceptionDetails } = await call("script.evaluate", { target: { context }, awaitPromise: true, expression: `(async () => JSON.stringify(await (${work})(...${JSON.stringify(given)})) ?? "null")()` });
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return JSON.parse(result.value);
    },
  };
}

async function webkit(test) {
  const display = `:${90 + (process.pid % 100)}`;
  started(test, "Xvfb", [display, "-screen", "0", "1280x900x24"]);
  const port = await freePort();
  const home = newHome();
  // Who is root has no sandbox to start in; the pages are our own.
  const env = { ...process.env, DISPLAY: display, HOME: home, XDG_RUNTIME_DIR: home, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", LIBGL_ALWAYS_SOFTWARE: "1" };
  started(test, "WebKitWebDriver", [`--port=${port}`, "--host=127.0.0.1"], { env });
  cleared(test, home);
  const call = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value.message ?? value.error}`);
    return value;
  };
  const { sessionId, capabilities } = await until(() => call("POST", "/session", { capabilities: { alwaysMatch: { pageLoadStrategy: "normal" } } }));
  const session = `/session/${sessionId}`;
  test.after(() => call("DELETE", session).catch(() => {}));
  return {
    name: `${capabilities.browserName} with WebKitGTK ${capabilities.browserVersion}`,
    go: (url) => call("POST", `${session}/url`, { url }),
    run: async (work, ...given) => JSON.parse(await call("POST", `${session}/execute/async`, { script: `const told = arguments[arguments.length - 1]; Promise.resolve((${work})(...${JSON.stringify(given)})).then((found) => told(JSON.stringify(found) ?? "null"), (error) => told(JSON.stringify(String(error))));`, args: [] })),
  };
}

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newPage, startBrowser, trustingHome } from "./support/browser.mjs";
import { certificate, folder, startHub } from "./support/hub.mjs";

const settings = ["server.trusted_proxies=127.0.0.1"];

test("the page behind Caddy hears that the hub restarts, and goes on by itself when it is back", async (t) => {
  const [house, store] = [folder(t), folder(t)];
  const { authority } = certificate(house);
  // With a store the page stays signed in.
  const hub = await startHub(t, { settings, store });
  const port = await caddy(t, house, hub.port, authority);
  const browser = await startBrowser([], { HOME: trustingHome(t, authority) });
  t.after(() => browser.close());
  const page = await newPage(t, browser);
  await page.addInitScript(() => {
    globalThis.closes = [];
    globalThis.WebSocket = class extends WebSocket {
      constructor(...args) {
        super(...args);
        this.addEventListener("close", (event) => closes.push(event.code));
      }
    };
  });
  await page.goto(`https://localhost:${port}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await hub.stop();
  await page.waitForFunction(() => pillWords.includes("Hub is restarting"));
  await page.waitForFunction(() => closes[0] === 1012);
  await startHub(t, { port: hub.port, settings, store });
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 60_000 });
});

/** Caddy with its file of config/proxies in front of a hub; gives its port. It ends with the test. */
async function caddy(test, house, hubPort, authority) {
  const port = await free();
  const file = readFileSync(new URL("../../config/proxies/Caddyfile", import.meta.url), "utf8");
  const site = `https://localhost:${port} {\ntls ${join(house, "hub.pem")} ${join(house, "hub.key")}`;
  const filled = file.replace("https://hub.example {", site).replaceAll("127.0.0.1:8080", `127.0.0.1:${hubPort}`);
  assert.ok(filled.includes(site) && filled.includes(`127.0.0.1:${hubPort}`));
  const config = join(house, "Caddyfile");
  writeFileSync(config, `{\nadmin off\nauto_https disable_redirects\n}\n${filled}`);
  const program = spawn("caddy", ["run", "--adapter", "caddyfile", "--config", config], { env: { ...process.env, HOME: house }, stdio: "ignore" });
  const ended = once(program, "exit");
  test.after(async () => {
    program.kill("SIGKILL");
    await ended;
  });
  await once(program, "spawn");
  const ca = readFileSync(authority);
  for (let patience = 600; ; patience -= 1) {
    const socket = connectTls({ port, host: "localhost", ca });
    const came = await Promise.race([once(socket, "secureConnect").then(() => true), once(socket, "error").then(() => false)]).catch(() => false);
    socket.destroy();
    if (came) return port;
    assert.ok(patience > 0 && program.exitCode === null, "caddy does not serve");
    await sleep(50);
  }
}

async function free() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

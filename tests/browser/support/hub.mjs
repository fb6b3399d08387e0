// A hub of its own for each test that asks for one, on a port that is free.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY = process.env.HUB_BIN ?? fileURLToPath(new URL("../../../target/debug/clown-hub", import.meta.url));
/** A directory without a configuration, so that the demo user is there and every key has its default. */
const NOWHERE = fileURLToPath(new URL(".", import.meta.url));

let hash;

/** A file of users, all with the password "correct horse", that is gone after the test. */
export function usersFile(test, users) {
  // Made to take long, and the same will do for all of them.
  hash ??= execFileSync(BINARY, ["user", "hash"], { input: "correct horse\n" }).toString().trim();
  const file = join(folder(test), "users.toml");
  const entries = users.map(({ name, subscribe, publish, admin = false }) =>
    `[[user]]\nname = "${name}"\npassword = "${hash}"\nadmin = ${admin}\nsubscribe = ${JSON.stringify(subscribe)}\npublish = ${JSON.stringify(publish)}\n`);
  writeFileSync(file, entries.join("\n"), { mode: 0o600 });
  return file;
}

/** A folder that is gone after the test. */
export function folder(test) {
  const directory = mkdtempSync(join(tmpdir(), "clown-hub-"));
  test.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Makes an authority and a certificate in a folder. Gives the keys of the configuration, and the file of the authority. */
export function certificate(directory) {
  execFileSync(BINARY, ["cert", "make", "--directory", directory]);
  const file = join(directory, "hub.pem");
  const settings = ["server.tls_listen=127.0.0.1:0", `server.tls_certificate=${file}`, `server.tls_key=${join(directory, "hub.key")}`];
  return { settings, authority: join(directory, "authority.pem") };
}

/** What `clown-hub sessions …` prints about the hub with this store. */
export function sessions(store, ...args) {
  return execFileSync(BINARY, ["sessions", ...args, "--set", `store.directory=${store}`]).toString();
}

/** Starts a hub. It ends with the test. */
export async function startHub(test, { port = 0, simulator = "on", users, settings = [], store = "", env: more = {} } = {}) {
  const flags = ["--listen", `127.0.0.1:${port}`, "--set", `simulator.run=${simulator}`, "--set", "log.filter=error", ...(users ? ["--users", users] : []), ...settings.flatMap((setting) => ["--set", setting])];
  // Without a store, unless a test has a folder of its own for it: no test finds what another one left.
  const env = { ...process.env, ...more, CLOWN_HUB__STORE__DIRECTORY: store };
  const child = spawn(BINARY, flags, { cwd: NOWHERE, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const withTls = settings.some((setting) => setting.startsWith("server.tls_listen="));
  const withMqtt = settings.some((setting) => setting.startsWith("mqtt.listen="));
  const { port: ours, tls, mqtt } = await portsOf(child, withTls, withMqtt);
  const hub = { port: ours, tls, mqtt, stop, freeze: () => child.kill("SIGSTOP"), host: "" };
  hub.host = `127.0.0.1:${hub.port}`;
  hub.origin = `http://${hub.host}`;
  test.after(() => stop("SIGKILL"));
  return hub;

  async function stop(signal = "SIGTERM") {
    child.kill(signal);
    await ended;
  }
}

async function portsOf(child, withTls, withMqtt) {
  let port, tls, mqtt;
  for await (const line of createInterface(child.stdout)) {
    port ??= /page\s+http:\/\/(?:clown:bigclown@)?127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
    tls ??= /with TLS\s+https:\/\/[^/]*:(\d+)\//.exec(line)?.[1];
    mqtt ??= /MQTT\s+mqtt:\/\/[^/]*:(\d+)/.exec(line)?.[1];
    if (port && (tls || !withTls) && (mqtt || !withMqtt)) {
      child.stdout.resume();
      return { port: Number(port), tls: Number(tls), mqtt: Number(mqtt) };
    }
  }
  throw new Error("the hub ended before it said where it is");
}

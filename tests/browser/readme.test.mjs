// What README.md shows is run as it stands there, with the port of a hub of our own in place of 8080.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { on } from "node:events";
import { access, constants, readFile } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { newPage, startBrowser } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

let readme, hub, stopHub;
before(async () => {
  readme = await readFile(resolve(root, "README.md"), "utf8");
  hub = await startHub({ after: (stop) => (stopHub = stop) });
});
after(() => stopHub?.());

/** The blocks of a language, in order. */
function blocks(language) {
  const found = readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"));
  return [...found].map(([, text]) => text.replaceAll("127.0.0.1:8080", new URL(hub.origin).host));
}

test("the two commands are there", async () => {
  const [first, second] = blocks("sh");
  assert.equal(first.trim(), "cargo run --release");
  assert.equal(second.trim(), "./test");
  await access(resolve(root, "test"), constants.X_OK);
});

test("the sample for a browser switches the relay from the hub's own page", async (t) => {
  const browser = await startBrowser();
  t.after(() => browser.close());
  const page = await newPage(t, browser);
  const topics = new Set();
  const reading = [];
  let confirm;
  const confirmed = new Promise((done) => (confirm = done));
  const read = async (message) => {
    const [topic, payload] = await Promise.all(message.args().map((argument) => argument.jsonValue()));
    topics.add(topic);
    if (topic === "relay/i2c0-3b" && payload.state === true) confirm();
  };
  const listen = (message) => reading.push(read(message));
  page.on("console", listen);
  await page.goto(`${hub.origin}/`);
  await page.evaluate(blocks("js")[0]);
  await confirmed;
  // The sample goes on printing: what it says from now on is not read, as the page closes under it.
  page.off("console", listen);
  await Promise.all(reading);
  assert.ok(topics.has("clown.talk/-/config/ok"), [...topics].join());
});

test("the sample in Python prints temperatures", async (t) => {
  const python = spawn(process.env.PYTHON ?? "python3", ["-u", "-c", blocks("python")[0]]);
  t.after(() => python.kill());
  let errors = "";
  python.stderr.on("data", (text) => (errors += text));
  let printed = "";
  for await (const text of python.stdout) {
    printed += text;
    if (/^thermometer\/\S+ \{'temperature': \[-?\d+(\.\d+)?, '℃'\]\}$/m.test(printed)) return;
  }
  assert.fail(`it printed ${printed}${errors}`);
});

test("the sample of a device in Python is seen by a dashboard", async (t) => {
  const python = spawn(process.env.PYTHON ?? "python3", ["-c", blocks("python")[1]]);
  t.after(() => python.kill());
  const dashboard = new WebSocket(`ws://${new URL(hub.origin).host}/talk/home/attic`, { auth: "clown:bigclown" });
  t.after(() => dashboard.terminate());
  dashboard.on("open", () => dashboard.send('["clown.talk/-/config/set", {"filters": ["thermometer/0"]}]'));
  for await (const [message] of on(dashboard, "message")) {
    const [topic, payload] = JSON.parse(message);
    if (topic === "thermometer/0") return assert.equal(payload.temperature[1], "℃");
  }
});

test("the sample for a shell is answered", async () => {
  const sample = blocks("sh").find((text) => text.startsWith("wscat"));
  const path = [resolve(import.meta.dirname, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { stdout } = await run("sh", ["-c", sample], { env: { ...process.env, PATH: path } });
  assert.match(stdout, /\["clown\.talk\/-\/config\/ok", \{"ack": false/);
  assert.match(stdout, /\["thermometer\/i2c0-48", /);
});

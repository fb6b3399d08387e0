// The pages of the operator: accounts, tokens, a new device, the record of events, links and the hub itself.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { newPage, says, startBrowser, tile } from "./support/browser.mjs";
import { assertForEverybody } from "./support/everybody.mjs";
import { folder, startHub, usersFile } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const PASSWORD = "correct horse";
const EVIL = '<img src=x onerror="globalThis.hit=1">';
const USERS = [
  { name: "root", subscribe: ["#"], publish: ["#"], admin: true },
  { name: "emil", subscribe: ["home/#", "nodes/#"], publish: ["home/#", "nodes/#"] },
];

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** A hub with an admin and somebody who is none. */
const operatedHub = (t, more = {}) => startHub(t, { simulator: "off", users: usersFile(t, USERS), store: folder(t), ...more });

async function signIn(page, name, password = PASSWORD) {
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
}

/** One of the pages of the operator, as the admin. */
async function operate(t, hub, where, options) {
  const page = await newPage(t, browser, options);
  await page.goto(`${hub.origin}/#/admin/${where}`);
  await signIn(page, "root");
  await page.getByRole("navigation", { name: "Pages of the operator" }).waitFor();
  return page;
}

/** Nothing that a developer would not like to see, but answers that say no on purpose. */
function assertCalm(page, ...expected) {
  const isExpected = (complaint) => /401.*\/api\/session$/.test(complaint) || expected.some((pattern) => pattern.test(complaint));
  assert.deepEqual(page.complaints.filter((complaint) => !isExpected(complaint)), []);
}

const row = (page, name) => page.getByRole("list", { name: "Accounts" }).getByRole("button", { name: new RegExp(`^${name}`) });

test("an account that is added may sign in, and a right that is taken away is gone at once", async (t) => {
  const hub = await operatedHub(t);
  const node = await connect(t, hub, "home/attic", "node", { auth: `root:${PASSWORD}`, filters: ["relay/#"] });
  await node.publish("relay/1", { state: false });
  const page = await operate(t, hub, "accounts");
  await row(page, "root.*you").waitFor();
  await page.getByRole("button", { name: "Add an account" }).click();
  const form = page.getByRole("region", { name: "Add an account" });
  await form.getByLabel("Name").fill("jana");
  await form.getByLabel("Password").fill("short");
  await form.getByLabel("Role", { exact: true }).selectOption("operator");
  await form.getByLabel("Base of the role").fill("home");
  await form.getByLabel("Note").fill("the tablet");
  await form.getByRole("button", { name: "Save" }).click();
  await says(form.getByRole("alert"), /The hub says no: .*password/);
  await form.getByLabel("Password").fill("another horse battery");
  await form.getByRole("button", { name: "Save" }).click();
  await page.getByText("jana is saved, and in force.").first().waitFor();
  await says(row(page, "jana"), /Reads home\/#.*the tablet/);

  const other = await newPage(t, browser);
  await other.goto(`${hub.origin}/`);
  await signIn(other, "jana", "another horse battery");
  const relay = tile(other, "home/attic", "Relay 1", "relay/1");
  await relay.getByRole("switch").click();
  await node.next(([topic, payload]) => topic === "relay/1/set" && payload.state === true);

  await page.getByLabel("Role", { exact: true }).selectOption("dashboard");
  await page.getByRole("button", { name: "Save" }).click();
  await says(row(page, "jana"), "publishes nothing");
  await other.reload();
  await says(tile(other, "home/attic", "Relay 1", "relay/1"), "View only");

  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByText("Remove jana? Its connections end at once.").waitFor();
  await page.getByRole("button", { name: "Yes, remove it" }).click();
  await page.getByText("jana is removed.").first().waitFor();
  assert.equal(await row(page, "jana").count(), 0);
  await other.getByRole("heading", { name: "Sign in" }).waitFor();
  assertCalm(page, /400.*\/api\/accounts\/jana$/);
});

test("a right to read that is taken away takes with it what was read", async (t) => {
  const hub = await operatedHub(t);
  const node = await connect(t, hub, "nodes/bank", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await node.publish("thermometer/0", { temperature: [33.3, "℃"] });
  const emil = await newPage(t, browser);
  await emil.goto(`${hub.origin}/`);
  await signIn(emil, "emil");
  await emil.locator(".tile").filter({ hasText: "33.3" }).waitFor();
  await emil.getByRole("link", { name: "Explorer" }).click();
  await node.publish("thermometer/0", { temperature: [44.4, "℃"] });
  await emil.getByRole("log").getByText("44.4").waitFor();
  await emil.getByRole("button", { name: "Pause" }).click();
  const page = await operate(t, hub, "accounts");
  await row(page, "emil").click();
  await page.getByLabel("May also read").fill("home/#");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("emil is saved, and in force.").first().waitFor();
  await emil.getByRole("log").getByText("44.4").waitFor({ state: "detached" });
  await emil.getByText("Live", { exact: true }).waitFor();
  assert.equal(await emil.getByText("nodes/bank").count(), 0, "neither in the tree nor among the messages");
  await emil.getByRole("link", { name: "Values", exact: true }).click();
  await emil.getByRole("searchbox").waitFor();
  assert.equal(await emil.getByText("nodes/bank").count(), 0);
  assertCalm(page);
});

test("the question before a removal takes the focus once, and a stray key does not answer it with yes", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "accounts");
  await row(page, "emil").click();
  await page.getByRole("button", { name: "Remove" }).click();
  const question = page.getByRole("group", { name: "Remove emil? Its connections end at once." });
  assert.equal(await question.getByRole("button", { name: "Cancel" }).evaluate((button) => button === document.activeElement), true);
  const note = page.getByLabel("Note");
  await note.click();
  await page.keyboard.type("the tablet in the hall");
  assert.equal(await note.inputValue(), "the tablet in the hall");
  await question.getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.keyboard.press("Space");
  await question.waitFor({ state: "detached" });
  assert.equal(await row(page, "emil").count(), 1);
  assertCalm(page);
});

test("the hub says whether an account may do something, and by which filter; the last admin stays one", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "accounts");
  await row(page, "emil").click();
  const why = page.getByRole("region", { name: "May it, and why?" });
  await why.getByLabel("Topic or filter").fill("nodes/bridge/0/relay/i2c0-3b/set");
  await why.getByLabel("Topic or filter").press("Enter");
  await says(why, /yes: emil may publish to nodes\/bridge\/0\/relay\/i2c0-3b\/set, by publish = \["nodes\/#"\]/);
  await why.getByLabel("Topic or filter").fill("heater/set");
  await why.getByRole("button", { name: "Explain" }).click();
  await says(why, /no: emil may not publish to heater\/set: this takes the right publish/);
  await row(page, "root").click();
  await page.getByLabel("Admin: may see").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await says(page.getByRole("alert"), "this would leave no account that is an admin");
  assertCalm(page, /409.*\/api\/accounts\/root$/);
});

test("two admins do not undo each other's changes", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "accounts");
  await row(page, "emil").click();
  await page.getByLabel("Note").fill("first");
  const other = await operate(t, hub, "accounts");
  await row(other, "emil").click();
  await other.getByLabel("Note").fill("second");
  await other.getByLabel("May also read").fill("attic/#");
  await other.getByRole("button", { name: "Save" }).click();
  await says(row(other, "emil"), "second");
  await page.getByRole("button", { name: "Save" }).click();
  await says(page.getByRole("alert"), "the accounts were changed since you read them");
  await says(row(page, "emil"), "second");
  assert.equal(await page.getByLabel("May also read").inputValue(), "attic/#", "what nobody has typed here is as it is now");
  assert.equal(await page.getByLabel("Note").inputValue(), "first", "and what somebody has typed stays");
  await page.getByRole("button", { name: "Save" }).click();
  await says(row(page, "emil"), "first");
  await says(row(page, "emil"), "reads attic/#");
});

test("a device comes in with what the page shows once, and the page tells its first reading", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "device", { permissions: ["clipboard-read", "clipboard-write"] });
  await page.getByLabel("Name of the device").fill("porch");
  assert.equal(await page.getByLabel("Base: where").inputValue(), "home/porch");
  await page.getByRole("button", { name: "Make its token" }).click();
  const facts = page.getByRole("region", { name: "porch", exact: true });
  await facts.getByRole("img", { name: "Code with the address" }).waitFor();
  const [address, name, token] = await facts.locator("dd").allTextContents();
  assert.equal(address, `ws://${hub.host}/talk/home/porch?side=node`);
  assert.match(token, /^cht_[\w-]{43}$/);
  await facts.getByRole("button", { name: "Copy token" }).click();
  await facts.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  await says(facts.getByRole("status"), "Waiting for the device at home/porch…");
  for (const language of ["arduino", "micropython", "python", "javascript", "curl"]) {
    await page.locator("main").getByLabel("Language").selectOption(language);
    const program = await page.locator("pre.program").textContent();
    assert.ok(program.includes(token) && program.includes("home/porch"), language);
  }

  const socket = new WebSocket(address, { auth: `${name}:${token}` });
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
  socket.send(JSON.stringify(["clown.talk/-/config/set", { filters: [] }]));
  await says(facts.getByRole("status"), "It is connected. Waiting for its first reading…");
  socket.send(JSON.stringify(["temperature", 21.5]));
  await says(facts.getByRole("status"), /It has spoken: Temperature 21\.5/);
  // It may speak below its base, and nowhere else: the token is worth no more than that.
  assert.equal((await fetch(`${hub.origin}/api/topics/nodes/other/x`, { method: "PUT", body: "1", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } })).status, 403);
  // Another page does not show the token again.
  await page.reload();
  await page.getByRole("navigation", { name: "Pages of the operator" }).waitFor();
  assert.equal(await page.getByText(token).count(), 0);
  assertCalm(page);
});

test("whoever signs out leaves nothing but the form, and nothing for the next one", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "device");
  await page.getByLabel("Name of the device").fill("cellar");
  await page.getByRole("button", { name: "Make its token" }).click();
  await page.getByText("This is shown once.").waitFor();
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByLabel("Topic", { exact: true }).fill("home/alarm/code");
  await page.getByRole("link", { name: "Operate" }).click();
  await page.getByRole("link", { name: "Tokens" }).click();
  await page.getByRole("button", { name: "Make a token" }).click();
  const form = page.getByRole("region", { name: "Make a token" });
  await form.getByLabel("Name").fill("guest");
  await form.getByRole("button", { name: "Make it" }).click();
  const token = await page.locator(".made .secret").textContent();

  const pieces = () => page.evaluate(() => [document.querySelector("main").children.length, document.querySelectorAll("dialog, .admin, .explorer, .made").length]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await says(page.locator("#sign-in-why"), "You are signed out.");
  assert.deepEqual(await pieces(), [1, 0]);
  assert.equal(new URL(page.url()).hash, "#/", "nor where one was");
  await signIn(page, "emil");
  await page.getByRole("link", { name: "Explorer" }).click();
  await page.getByRole("region", { name: "Publish" }).waitFor();
  assert.equal(await page.getByLabel("Topic", { exact: true }).inputValue(), "");
  assert.equal(await page.getByRole("link", { name: "Operate" }).count(), 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, "root");
  await page.goto(`${hub.origin}/#/admin/device`);
  await page.getByRole("button", { name: "Make its token" }).waitFor();
  await page.getByRole("link", { name: "Tokens" }).click();
  await page.getByText("cellar").first().waitFor();
  assert.equal(await page.getByText(token).count(), 0);
  assertCalm(page);
});

test("a session that ended leaves the accounts on no screen, and the next user finds each screen as it is at first", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "accounts");
  await row(page, "emil").waitFor();
  await page.evaluate(() => fetch("api/session", { method: "DELETE" }));
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
  assert.equal(await page.getByText("emil").count(), 0);
  await signIn(page, "root");
  await row(page, "emil").waitFor();
  // Who comes next sees nothing of it, not even until the connection is there.
  await page.evaluate(() => fetch("api/session", { method: "DELETE" }));
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
  await page.evaluate(() => {
    globalThis.seen = [];
    new MutationObserver(() => document.querySelector(".admin") && seen.push(document.querySelector(".admin").textContent)).observe(document.body, { childList: true, subtree: true });
  });
  await signIn(page, "emil");
  await page.getByRole("searchbox").waitFor();
  assert.deepEqual(await page.evaluate(() => seen), []);
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, "root");
  await page.goto(`${hub.origin}/#/admin/accounts`);
  await row(page, "emil").waitFor();
  const node = await connect(t, hub, "bank", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await page.getByRole("link", { name: "Explorer" }).click();
  await node.publish("vault", { code: "0815-4711" });
  await page.getByRole("log").getByText("0815-4711").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.evaluate(() => fetch("api/session", { method: "DELETE" }));
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
  await page.getByText("0815-4711").first().waitFor();
  await signIn(page, "emil");
  await page.getByRole("button", { name: "Pause" }).waitFor();
  assert.equal(await page.getByRole("log").getByText("0815-4711").count(), 0);
  assertCalm(page);
});

test("programs of the page run as they are copied", { skip: !process.env.PYTHON && "needs the Python of tests/clients" }, async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "device");
  for (const [language, command, ...args] of [["python", process.env.PYTHON, "-c"], ["javascript", process.execPath, "--input-type=module", "-e"]]) {
    await page.getByLabel("Name of the device").fill(`it's ${language}`);
    await page.getByLabel("Base: where").fill(`nodes/${language} 1`);
    await page.getByRole("button", { name: "Make its token" }).click();
    await page.locator("main").getByLabel("Language").selectOption(language);
    const child = spawn(command, [...args, await page.locator("pre.program").textContent()], { cwd: import.meta.dirname, stdio: "inherit" });
    t.after(() => child.kill());
    await says(page.locator(".first"), /It has spoken: Temperature 21\.5/);
    await page.getByRole("button", { name: "Add another device" }).click();
  }
});

test("a token is shown once, lets somebody in, and is worth nothing when it is revoked", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "tokens");
  await page.getByText("There are no tokens.").waitFor();
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("visitors");
  await page.getByLabel("Base of the role").fill("nodes");
  await page.getByRole("button", { name: "Make it" }).click();
  const token = await page.locator(".secret").textContent();
  await page.getByRole("button", { name: "I have it" }).click();
  assert.equal(await page.getByText(token).count(), 0);
  const line = page.getByRole("list", { name: "Tokens" }).getByRole("listitem").filter({ hasText: "visitors" });
  await says(line, "Reads nodes/#, publishes nothing");
  const visitor = await connect(t, hub, "nodes", "dashboard", { auth: `visitors:${token}` });
  const closed = new Promise((resolve) => visitor.raw.on("close", resolve));
  await line.getByRole("button", { name: "Revoke" }).click();
  await line.getByRole("button", { name: "Yes, revoke it" }).click();
  assert.equal(await closed, 1008);
  await page.getByText("There are no tokens.").waitFor();
  const again = await fetch(`${hub.origin}/api/topics`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(again.status, 401);
  assertCalm(page);
});

test("who switched this: one click from a switch to its record, by topic, user and time", async (t) => {
  const hub = await operatedHub(t);
  const node = await connect(t, hub, "home/attic", "node", { auth: `root:${PASSWORD}`, filters: ["relay/#"] });
  await node.publish("relay/1", { state: false });
  const emil = await connect(t, hub, "home", "dashboard", { auth: `emil:${PASSWORD}`, name: "kitchen tablet" });
  await emil.publish("attic/relay/1/set", { state: true });
  await node.publish("relay/1", { state: true });
  await emil.publish("attic/lamp/set", 5);
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  await signIn(page, "root");
  const relay = tile(page, "home/attic", "Relay 1", "relay/1");
  await relay.locator("summary").click();
  await relay.getByRole("link", { name: "Who switched this?" }).click();
  assert.equal(await page.getByLabel("Topic or filter").inputValue(), "home/attic/relay/1/#");
  const rows = page.locator("tbody tr");
  await says(rows.first(), /emil.*kitchen tablet, 127\.0\.0\.1.*Command home\/attic\/relay\/1\/set \{"state":true\}/);
  assert.equal(await rows.count(), 1);
  await page.getByLabel("User").fill("root");
  await page.getByRole("button", { name: "Look", exact: true }).click();
  await page.getByText("Nothing of that is recorded.").waitFor();
  await page.getByLabel("User").fill("emil");
  await page.getByLabel("Topic or filter").fill("");
  await page.getByLabel("When").selectOption("moment");
  await page.getByRole("button", { name: "Look", exact: true }).click();
  await says(rows.filter({ hasText: "home/attic/lamp/set" }), "5");
  await page.getByLabel("Around").fill("2020-01-01T03:12");
  await page.getByRole("button", { name: "Look", exact: true }).click();
  await page.getByText("Nothing of that is recorded.").waitFor();
  await page.goBack();
  await page.getByRole("region", { name: "home/attic", exact: true }).waitFor();
  assertCalm(page);
});

test("the hub shows its figures, its configuration without secrets, its links, and gives a copy of its store", async (t) => {
  const bridges = folder(t);
  mkdirSync(bridges, { recursive: true });
  writeFileSync(join(bridges, "house.toml"), 'url = "mqtt://127.0.0.1:1"\n\n[[rule]]\ndirection = "both"\nfilter = "nodes/#"\n');
  const hub = await operatedHub(t, { settings: [`bridges.directory=${bridges}`, "figures.every_seconds=1"] });
  const page = await operate(t, hub, "links");
  const link = page.getByRole("listitem").filter({ hasText: "house" });
  await says(link, /Not connected since .*127\.0\.0\.1:1 cannot be reached/);
  await page.getByRole("navigation", { name: "Pages of the operator" }).getByRole("link", { name: "The hub" }).click();
  await says(page.locator('[data-figure="clients/connected"] .number'), /^\d+$/);
  await says(page.locator('[data-figure="store/state"]'), "On");
  await page.locator('[data-figure="clients/connected"] path').waitFor({ state: "attached" });
  const config = page.getByRole("region", { name: "Configuration" }).first();
  await config.getByLabel("Find a key").fill("figures.every_seconds");
  await says(config.getByRole("row").nth(1), /figures\.every_seconds.*1.*flag/);
  await config.getByLabel("Find a key").fill("");
  await config.getByLabel("Only what is no default").check();
  assert.equal(await config.getByRole("row").filter({ hasText: "limits.filters" }).count(), 0);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download a copy" }).click()]);
  assert.match(download.suggestedFilename(), /^clown-hub-\d{4}-\d\d-\d\d\.db$/);
  assert.equal(readFileSync(await download.path()).subarray(0, 15).toString(), "SQLite format 3");
  assertCalm(page);
});

test("who is no admin sees none of this, and gets 403 from each path", async (t) => {
  const hub = await operatedHub(t);
  const node = await connect(t, hub, "home/attic", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await node.publish("relay/1", { state: false });
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/#/admin/accounts`);
  await signIn(page, "emil");
  await page.getByRole("region", { name: "home/attic", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Operate" }).count(), 0);
  assert.equal(await page.getByRole("navigation", { name: "Pages of the operator" }).count(), 0);
  const relay = tile(page, "home/attic", "Relay 1", "relay/1");
  await relay.locator("summary").click();
  await relay.getByText("Interval").waitFor();
  assert.equal(await relay.getByRole("link", { name: "Who switched this?" }).count(), 0);
  assert.deepEqual(page.asked.filter((url) => /api\/(accounts|tokens|config|backup)/.test(url)), []);
  const statuses = await page.evaluate(async () => {
    const asked = [["GET", "accounts"], ["GET", "accounts/root"], ["PUT", "accounts/emil"], ["DELETE", "accounts/root"], ["GET", "accounts/root/explain?topic=a"], ["POST", "tokens/x"], ["DELETE", "tokens/x"], ["GET", "config"], ["GET", "backup"]];
    const answers = await Promise.all(asked.map(([method, path]) => fetch(`/api/${path}`, { method, headers: { "if-match": "*", "content-type": "application/json" }, body: method === "GET" ? undefined : '{"admin": true}' })));
    // The list of accounts tells programs of this machine its version, and nothing else.
    return Promise.all(answers.map(async (answer) => (answer.status === 200 ? Object.keys(await answer.json()) : answer.status)));
  });
  assert.deepEqual(statuses, [["in_force", "refused"], 403, 403, 403, 403, 403, 403, 403, 403]);
});

test("in the demo the pages say how the first account is made", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/#/admin/accounts`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("clown-hub user add NAME --admin").waitFor();
  assert.equal(await page.getByRole("button", { name: "Add an account" }).isDisabled(), true);
});

test("names, notes and topics are text here, too", async (t) => {
  const hub = await operatedHub(t);
  const page = await operate(t, hub, "accounts");
  await page.getByRole("button", { name: "Add an account" }).click();
  await page.getByLabel("Name", { exact: true }).fill("<b>eve");
  await page.getByLabel("Password", { exact: true }).fill("another horse battery");
  await page.getByLabel("May also publish").fill(`${EVIL}/#`);
  await page.getByLabel("Note").fill(EVIL);
  await page.getByRole("button", { name: "Save" }).click();
  await says(row(page, "<b>eve"), EVIL);
  const eve = await connect(t, hub, "", "dashboard", { auth: "<b>eve:another horse battery", filters: [] });
  await eve.publish(`${EVIL}/set`, { [EVIL]: EVIL });
  await page.getByRole("link", { name: "Who did what" }).click();
  await says(page.locator("tbody tr").filter({ hasText: "Command" }), EVIL);
  await page.getByRole("link", { name: "Add a device" }).click();
  await page.getByLabel("Name of the device").fill(`${EVIL}'"`);
  await page.getByRole("button", { name: "Make its token" }).click();
  await page.locator("pre.program").or(page.getByRole("alert")).first().waitFor();
  assert.equal(await page.locator("main :is(b, u, i) :is(img, script), main img, main script").count(), 0);
  assert.equal(await page.evaluate(() => globalThis.hit), undefined);
});

for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }]) {
  test(`everybody can use it: no axe violation, no overflow, by keyboard, ${options.colorScheme}`, async (t) => {
    const bridges = folder(t);
    writeFileSync(join(bridges, "house.toml"), 'url = "mqtt://127.0.0.1:1"\n\n[[rule]]\ndirection = "both"\nfilter = "nodes/#"\n');
    const hub = await operatedHub(t, { simulator: "on", settings: [`bridges.directory=${bridges}`, "figures.every_seconds=1"] });
    const page = await newPage(t, browser, options);
    await page.goto(`${hub.origin}/`);
    await signIn(page, "root");
    await page.locator("body").press("g");
    await page.keyboard.press("o");
    await page.getByRole("navigation", { name: "Pages of the operator" }).waitFor();
    // By keyboard alone: the way to an account, and into its form.
    await row(page, "emil").focus();
    await page.keyboard.press("Enter");
    const steps = {
      accounts: () => page.getByRole("region", { name: "Account emil" }).waitFor(),
      tokens: () => page.getByRole("button", { name: "Make a token" }).press("Enter"),
      device: async () => {
        await page.getByLabel("Name of the device").fill("porch");
        await page.keyboard.press("Enter");
        await page.locator("pre.program").waitFor();
      },
      events: () => page.locator("tbody tr").first().waitFor(),
      links: () => page.getByRole("heading", { name: "house" }).waitFor(),
      hub: async () => {
        await page.locator("[data-figure] path").first().waitFor({ state: "attached" });
        await page.locator(".all-figures summary").press("Enter");
        await page.getByRole("rowheader", { name: /^server\.listen / }).waitFor();
      },
    };
    for (const [name, step] of Object.entries(steps)) {
      if (name !== "accounts") {
        await page.locator(`.pages a[href="#/admin/${name}"]`).focus();
        await page.keyboard.press("Enter");
      }
      await step();
      await assertForEverybody(page, `${name} ${options.colorScheme}`, { targets: "main button, main input:not([type=checkbox]), main select, main textarea, nav a, main .button" });
    }
    assertCalm(page);
  });
}

test("who renamed a room is in the record, with what it is called now", async (t) => {
  const hub = await operatedHub(t);
  const node = await connect(t, hub, "home/attic", "node", { auth: `root:${PASSWORD}`, filters: [] });
  await node.publish("thermometer/0", { temperature: [21.5, "℃"] });
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  await signIn(page, "root");
  await page.getByRole("button", { name: "Arrange", exact: true }).click();
  await page.getByRole("button", { name: "Edit home/attic", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Room").fill("Kitchen");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await page.goto(`${hub.origin}/#/admin/events?topic=${encodeURIComponent("home/attic/#")}`);
  await says(page.locator("tbody tr").first(), /root.*127\.0\.0\.1.*Names and rooms home\/attic \{"room":"Kitchen"\}.*changed/);
  assertCalm(page);
});

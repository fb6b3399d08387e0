// One browser for a file of tests, and for each test a context that knows nothing of the others.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { folder } from "./hub.mjs";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // A page that did not come from the hub itself may otherwise not speak to it.
  ...(process.env.PAGE ? ["--disable-features=LocalNetworkAccessChecks"] : []),
];

/** Chromium with a new profile, which is thrown away. */
export function startBrowser(flags = [], env = {}) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: [...FLAGS, ...flags], env: { ...process.env, ...env } });
}

/** A home whose owner has told the browsers to trust this authority, as `clown-hub cert make` says it for Chromium on Linux. */
export function trustingHome(test, authority) {
  const home = folder(test);
  const store = join(home, ".pki/nssdb");
  mkdirSync(store, { recursive: true });
  execFileSync("certutil", ["-N", "--empty-password", "-d", `sql:${store}`]);
  execFileSync("certutil", ["-A", "-n", "house", "-t", "C,,", "-i", authority, "-d", `sql:${store}`]);
  return home;
}

/** A page that remembers everything a developer would not like to see. */
export async function newPage(test, browser, options = {}) {
  const context = await browser.newContext(options);
  test.after(() => context.close());
  context.setDefaultTimeout(15_000);
  if (process.env.PAGE) await servePage(context, process.env.PAGE);
  const page = await context.newPage();
  page.complaints = [];
  page.asked = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.complaints.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  await page.addInitScript(() => {
    globalThis.pillWords = [];
    addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`));
    // The page is drawn when its language is there, which is after this.
    addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
      const words = document.getElementById("pill-word")?.textContent;
      if (words && pillWords.at(-1) !== words) pillWords.push(words);
    }).observe(document.body, { childList: true, characterData: true, subtree: true }));
  });
  return page;
}

/** Puts what `web/build.mjs` made in a folder in place of what the hub has: for those who change the page. */
async function servePage(context, folder) {
  const files = new Set(readdirSync(join(folder, "site")));
  await context.route(/./, async (route) => {
    const path = new URL(route.request().url()).pathname;
    const name = path.endsWith("/") ? "index.html" : /\/(diagnostics|check)$/.test(path) ? `${path.slice(path.lastIndexOf("/") + 1)}.html` : path.slice(path.lastIndexOf("/") + 1);
    if (!files.has(name)) return route.continue();
    await route.fulfill({ path: join(folder, "site", name) });
  });
}

/** Opens the page of a hub and signs in as the demo user; what is to be done before is given as `before(page)`. */
export async function signedIn(test, browser, hub, { before, ...options } = {}) {
  const page = await newPage(test, browser, options);
  await before?.(page);
  await page.goto(`${hub.origin}/`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

/** The tile of a topic, by node, title and place. */
export function tile(page, node, title, place) {
  const group = page.getByRole("region", { name: node, exact: true });
  return group.getByRole("listitem").filter({ has: page.getByRole("heading", { name: title, exact: true }), hasText: place });
}

/** Waits until a text shows up in a place. */
export async function says(locator, text) {
  await locator.filter({ hasText: text }).waitFor();
}

/** Fails on console errors, CSP reports and requests to elsewhere. Chromium reports each 401, also where it is the answer to a question. */
export function assertQuiet(page, hub) {
  const unexpected = page.complaints.filter((complaint) => !(complaint.includes("401") && complaint.endsWith("/api/session")));
  assert.deepEqual(unexpected, []);
  assert.deepEqual(page.asked.filter((url) => !url.startsWith(`${hub.origin}/`)), []);
}

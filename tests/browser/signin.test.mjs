import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertQuiet, newPage, says, startBrowser } from "./support/browser.mjs";
import { folder, sessions, startHub } from "./support/hub.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

async function signedIn(t, hub, stays) {
  const page = await newPage(t, browser);
  await page.goto(`${hub.origin}/`);
  const stay = page.getByRole("checkbox", { name: "Stay signed in" });
  assert.equal(await stay.isChecked(), false);
  if (stays) await stay.check();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

/** How long the cookie of the sign-in lasts from now, in hours. */
async function hours(page) {
  const cookies = await page.context().cookies();
  const cookie = cookies.find(({ name }) => name === "hub_session");
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict");
  return (cookie.expires - Date.now() / 1000) / 3600;
}

const nearly = (hours, expected) => assert.ok(Math.abs(hours - expected) < 0.5, `${hours} h`);

test("a page goes on without asking after a restart of the hub, and when it is loaded again", async (t) => {
  const store = folder(t);
  const hub = await startHub(t, { store });
  const stays = await signedIn(t, hub, true);
  const short = await signedIn(t, hub, false);
  nearly(await hours(stays), 30 * 24);
  nearly(await hours(short), 12);
  await hub.stop();
  const again = await startHub(t, { store, port: hub.port });
  for (const page of [stays, short]) {
    await page.waitForFunction(() => pillWords.includes("Hub is restarting") && pillWords.at(-1) === "Live");
    assert.equal(await page.locator("#sign-in").isHidden(), true);
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();
  }
  nearly(await hours(stays), 30 * 24);
  await stays.getByRole("button", { name: "Sign out" }).click();
  await says(stays.locator("#sign-in-why"), "You are signed out.");
  await again.stop();
  await startHub(t, { store, port: hub.port });
  await stays.reload();
  await stays.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("a page that was killed with its hub goes on when the hub does", async (t) => {
  const store = folder(t);
  const settings = ["store.durability=commit"];
  const hub = await startHub(t, { store, settings });
  const page = await signedIn(t, hub, true);
  await hub.stop("SIGKILL");
  await page.getByText("Offline", { exact: true }).waitFor();
  await startHub(t, { store, settings, port: hub.port });
  await page.getByText("Live", { exact: true }).waitFor();
});

test("a sign-in that is revoked ends at once, and the page asks again", async (t) => {
  const store = folder(t);
  const hub = await startHub(t, { store, settings: ["store.durability=commit"] });
  const page = await signedIn(t, hub, true);
  const line = sessions(store).split("\n").find((line) => line.includes("clown"));
  assert.match(line, /127\.0\.0\.1 +Chrome on Linux$/);
  sessions(store, "revoke", line.split(" ")[0]);
  await says(page.locator("#sign-in-why"), "Your session ended. Sign in again.");
  assertQuiet(page, hub);
});

test("a page that stays open for months stays signed in", async (t) => {
  const hub = await startHub(t);
  const page = await newPage(t, browser);
  await page.clock.install();
  await page.goto(`${hub.origin}/`);
  await page.getByRole("checkbox", { name: "Stay signed in" }).check();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  const renewed = page.waitForResponse((answer) => new URL(answer.url()).pathname === "/api/session" && answer.request().method() === "GET");
  await page.clock.fastForward("06:00:01");
  const { "set-cookie": cookie } = await (await renewed).allHeaders();
  assert.match(cookie, /Max-Age=2592000/);
});

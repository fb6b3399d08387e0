// Topics followed by `EventSource`, in a browser (docs/http.md).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { signedIn, startBrowser } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

/** Follows topics in the page; what comes is in `heard`, each with the name of its event. */
function follow(page, query) {
  return page.evaluate((query) => {
    globalThis.heard = [];
    globalThis.source = new EventSource(`/api/stream?${query}`);
    for (const name of ["open", "gap", "message", "notice", "end"]) {
      globalThis.source.addEventListener(name, (event) => {
        if (event.data !== undefined) globalThis.heard.push({ name, data: JSON.parse(event.data), id: event.lastEventId });
      });
    }
  }, query);
}

test("an EventSource of the hub's own page gets the last values, what is said, and the reason of the end", async (t) => {
  const hub = await startHub(t);
  const page = await signedIn(t, browser, hub);
  await follow(page, "filter=nodes/bridge/0/%23&filter=said/%23");
  await page.waitForFunction(() => globalThis.heard.some(({ data }) => data[0] === "nodes/bridge/0/presence"));
  const status = await page.evaluate(async () => {
    const put = { method: "PUT", body: "21.5", headers: { "content-type": "application/json" } };
    return (await fetch("/api/topics/said/by-fetch", put)).status;
  });
  assert.equal(status, 200);
  await page.waitForFunction(() => globalThis.heard.some(({ data }) => data[0] === "said/by-fetch"));
  const heard = await page.evaluate(() => globalThis.heard);
  assert.equal(heard[0].name, "open");
  const message = heard.find(({ data }) => data[0] === "said/by-fetch");
  assert.deepEqual([message.name, message.data[1]], ["message", 21.5]);
  assert.ok(Number(message.id) > 0);
  await hub.stop();
  await page.waitForFunction(() => globalThis.heard.at(-1).name === "end");
  assert.deepEqual(await page.evaluate(() => globalThis.heard.at(-1).data), { code: 1012, reason: "hub is restarting" });
});

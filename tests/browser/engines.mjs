// What a page has to do in every browser: come in, show values, switch, and draw a chart. Run by `tests/browser/engines`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINES } from "./support/engines.mjs";
import { folder, startHub } from "./support/hub.mjs";

/** The hub has no accounts but that of the demo, and a simulated node. */
for (const [engine, start] of Object.entries(ENGINES)) {
  test(engine, async (t) => {
    const hub = await startHub(t, { store: folder(t) });
    const { name, go, run } = await start(t);
    t.diagnostic(name);
    /** Waits until something in the page is true, and returns it. A page that goes elsewhere meanwhile is asked again. */
    const until = async (what, work) => {
      for (let at = 0; at < 300; at += 1) {
        const found = await run(work).catch(() => null);
        if (found) return found;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.fail(`${name}: ${what}; the page says ${await run(() => document.body.innerText.slice(0, 2000)).catch(String)}`);
    };

    // Before anybody signs in: no cookie opens it.
    await t.test("the old address of the socket with name and password opens it, and values come", async () => {
      await go(`${hub.origin}/check`);
      const heard = await run((host) => new Promise((resolve, reject) => {
        const topics = [];
        const socket = new WebSocket(`ws://clown:bigclown@${host}/auth/clown-talk-server_nodes_bridge_0`);
        socket.onopen = () => socket.send(`${JSON.stringify(["clown.talk/-/config/set", {}])}\n`);
        socket.onmessage = ({ data }) => {
          const [topic] = JSON.parse(data);
          topics.push(topic);
          if (!topic.startsWith("thermometer/")) return;
          socket.onclose = null;
          socket.close();
          resolve(topics);
        };
        socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
        setTimeout(() => reject(new Error("nothing came")), 30_000);
      }), hub.host);
      assert.equal(heard[0], "clown.talk/-/config/ok");
    });

    await t.test("the old address with name and password signs in, and they leave it", async () => {
      await go(`http://clown:bigclown@${hub.host}/`);
      await until("it is live", () => document.getElementById("pill-word")?.textContent === "Live");
      const [base, place] = await until("the address is clean", () => !document.baseURI.includes("bigclown") && [document.baseURI, location.href]);
      assert.equal(base, `${hub.origin}/`);
      assert.ok(!place.includes("bigclown"));
    });

    await t.test("values come and change", async () => {
      const first = await until("a temperature", () => document.querySelector(".tile .number")?.textContent);
      assert.match(first, /\d/);
      await until("messages are counted", () => /^[1-9]/.test(document.getElementById("rate").textContent));
    });

    await t.test("a relay is switched, and that is confirmed", async () => {
      await until("a relay", () => {
        const relay = [...document.querySelectorAll(".tile")].find((tile) => tile.querySelector("h3").textContent === "Relay 3b");
        const button = relay?.querySelector(".control button");
        button?.click();
        return Boolean(button);
      });
      await until("confirmed", () => {
        const relay = [...document.querySelectorAll(".tile")].find((tile) => tile.querySelector("h3").textContent === "Relay 3b");
        return /^Confirmed \d\d:\d\d:\d\d/.test(relay.querySelector(".status").textContent) && relay.querySelector('[role="switch"][aria-checked="true"]') !== null;
      });
    });

    await t.test("a chart is drawn", async () => {
      await run(() => document.querySelector(".tile .to-chart").click());
      await until("its sentence", () => /^Temperature, last .*: .*\d/.test(document.getElementById("chart-summary")?.textContent ?? ""));
      const inked = await until("ink", () => {
        const canvas = document.querySelector(".plot canvas");
        if (!canvas || canvas.width === 0) return 0;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let inked = 0;
        for (let at = 3; at < data.length; at += 4) inked += data[at] > 0 ? 1 : 0;
        return inked;
      });
      assert.ok(inked > 100, `${inked} pixels`);
    });

    await t.test("the self-check finds nothing wrong", async () => {
      await go(`${hub.origin}/check`);
      await until("the end", () => document.getElementById("again")?.disabled === false);
      const steps = await run(() => [...document.querySelectorAll("#steps li")].map((step) => step.textContent));
      assert.equal(steps.length, 7);
      assert.deepEqual(steps.filter((step) => !/works/.test(step)), []);
    });
  });
}

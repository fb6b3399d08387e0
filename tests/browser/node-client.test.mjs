import assert from "node:assert/strict";
import { test } from "node:test";
import { startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

const BASE = "nodes/bridge/0";

test("a client that is not ours holds the conversation: welcome, values, a relay that reports", async (t) => {
  const hub = await startHub(t);
  const client = await connect(t, hub, BASE, "dashboard");
  const reading = await client.next(([topic]) => topic === "thermometer/i2c0-48");
  assert.equal(client.frames[0][0], "clown.talk/-/config/ok");
  assert.equal(client.frames[0][1].ack, false);
  assert.equal(reading[1].temperature[1], "℃");
  client.send("relay/i2c0-3b/set", { state: true }, { id: 7 });
  const report = await client.next(([topic, payload]) => topic === "relay/i2c0-3b" && payload.state === true);
  assert.deepEqual(report, ["relay/i2c0-3b", { state: true }]);
  assert.deepEqual(await client.next(([topic]) => topic.startsWith("clown.talk/-/publish/")), ["clown.talk/-/publish/ok", { id: 7 }]);
  assert.ok(client.frames.every((frame) => frame.length === 2), "no third element without asking for it");
});

test("a node hears the command of a dashboard, and the dashboard hears its answer", async (t) => {
  const hub = await startHub(t, { simulator: "off" });
  const node = await connect(t, hub, BASE, "node");
  const dashboard = await connect(t, hub, "", "dashboard", { options: true });
  await dashboard.next(([topic]) => topic === `${BASE}/presence`);
  dashboard.send(`${BASE}/relay/1/set`, { state: false });
  assert.deepEqual(await node.next(([topic]) => topic === "relay/1/set"), ["relay/1/set", { state: false }]);
  await node.publish("relay/1", { state: false });
  const [, payload, options] = await dashboard.next(([topic]) => topic === `${BASE}/relay/1`);
  assert.deepEqual([payload, options.retained, options.from], [{ state: false }, false, "clown"]);
});

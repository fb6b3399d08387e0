// mqtt.js at the hub's door, over TCP and WebSocket. HUB_MQTT and HUB_HTTP say where it is.

import assert from "node:assert/strict";
import mqtt from "mqtt";

const PATIENCE = 30_000;
const login = { username: "clown", password: "bigclown", reconnectPeriod: 0, connectTimeout: PATIENCE };

/** The next message, or a failed test. */
function message(client) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no message in time")), PATIENCE);
    client.once("message", (topic, payload, packet) => {
      clearTimeout(late);
      resolve({ topic, payload, packet });
    });
  });
}

for (const url of [`mqtt://${process.env.HUB_MQTT}`, `ws://${process.env.HUB_HTTP}/mqtt`]) {
  for (const protocolVersion of [4, 5]) {
    const name = `js-${url.split(":")[0]}-${protocolVersion}`;
    const client = await mqtt.connectAsync(url, { ...login, protocolVersion, clientId: name });
    const granted = await client.subscribeAsync(`${name}/#`, { qos: 2 });
    assert.equal(granted[0].qos, 2);
    for (const qos of [0, 1, 2]) {
      for (const payload of ["ON", '{"a": 1}', Buffer.from([255, 0]), "", "x".repeat(200_000)]) {
        const heard = message(client);
        await client.publishAsync(`${name}/a`, payload, { qos });
        const { topic, payload: bytes, packet } = await heard;
        assert.equal(topic, `${name}/a`);
        assert.ok(bytes.equals(Buffer.from(payload)), `${bytes.subarray(0, 40)}`);
        assert.equal(packet.qos, qos);
      }
    }
    if (protocolVersion === 5) {
      const heard = message(client);
      const properties = { responseTopic: "answers", userProperties: { a: ["1", "2"] }, correlationData: Buffer.from([0]) };
      await client.publishAsync(`${name}/ask`, "?", { qos: 1, properties });
      const { packet } = await heard;
      assert.equal(packet.properties.responseTopic, "answers");
      assert.deepEqual({ ...packet.properties.userProperties }, { a: ["1", "2"] });
      assert.ok(packet.properties.correlationData.equals(Buffer.from([0])));
    }
    await client.unsubscribeAsync(`${name}/#`);
    await client.endAsync();
  }
  await assert.rejects(mqtt.connectAsync(url, { ...login, password: "wrong" }));
}
console.log("mqtt.js: ok");

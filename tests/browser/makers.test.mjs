// Devices of other makers on the page: what `tests/samples/mqtt-*.txt` say, published by mosquitto_pub.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { assertQuiet, says, signedIn, startBrowser, tile } from "./support/browser.mjs";
import { startHub } from "./support/hub.mjs";
import { connect } from "./support/node.mjs";

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser.close());

const publish = (hub, ...args) => execFileSync("mosquitto_pub", ["-h", "127.0.0.1", "-p", `${hub.mqtt}`, "-u", "clown", "-P", "bigclown", "-q", "1", ...args]);

/** A hub that heard what a device said in a sample. */
async function hubWith(t, maker) {
  const hub = await startHub(t, { simulator: "off", settings: ["mqtt.listen=127.0.0.1:0", "mqtt.retain=readings"] });
  for (const line of readFileSync(new URL(`../samples/mqtt-${maker}.txt`, import.meta.url), "utf8").split("\n")) {
    const [, mark, topic, payload] = /^pub (r|-) (\S+) ?(.*)$/.exec(line) ?? [];
    if (topic !== undefined) publish(hub, "-t", topic, "-m", payload, ...(mark === "r" ? ["-r"] : []));
  }
  return hub;
}

test("the relay is switched by mosquitto_pub, and the page shows it", async (t) => {
  const hub = await startHub(t, { settings: ["mqtt.listen=127.0.0.1:0"] });
  const page = await signedIn(t, browser, hub);
  const relay = tile(page, "nodes/bridge/0", "Relay 3b", "relay/i2c0-3b");
  await says(relay, "Its state is not known.");
  publish(hub, "-t", "nodes/bridge/0/relay/i2c0-3b/set", "-m", '{"state": true}');
  await relay.locator('[role="switch"][aria-checked="true"]').waitFor();
  publish(hub, "-t", "nodes/bridge/0/relay/i2c0-3b/set", "-m", '{"state": false}');
  await relay.locator('[role="switch"][aria-checked="false"]').waitFor();
  assertQuiet(page, hub);
});

test("a plug with Tasmota stands there with its readings, their units and a switch", async (t) => {
  const hub = await hubWith(t, "tasmota");
  const page = await signedIn(t, browser, hub);
  const sensor = tile(page, "tele", "Temperature", "plug/SENSOR");
  await says(sensor, /21\.5\s*℃.*ENERGY Power 42 W.*ENERGY Voltage 230 V.*ENERGY Total 12\.345 kWh.*ENERGY Yesterday 0\.521 kWh/s);
  await sensor.locator("summary").click();
  await says(sensor, /ENERGY\.Current\s*0\.217 A/);
  assert.equal(await tile(page, "stat", "Power plug", "plug/POWER").getByRole("switch").getAttribute("aria-checked"), "true");
  await says(tile(page, "tele", "LWT", "plug/LWT"), "Online");
  await says(tile(page, "tele", "POWER", "plug/STATE"), "Off");
  assertQuiet(page, hub);
});

test("a board with ESPHome stands there with the units that it told Home Assistant, and its relay is switched", async (t) => {
  const hub = await hubWith(t, "esphome");
  const board = await connect(t, hub, "", "dashboard", { filters: ["livingroom/switch/#"] });
  const page = await signedIn(t, browser, hub);
  await says(tile(page, "livingroom", "Outside", "sensor/outside"), /4\.3\s*℃/);
  await says(tile(page, "livingroom", "Humidity", "sensor/humidity"), /48\s*%/);
  await says(tile(page, "livingroom", "Heater power", "sensor/heater_power"), /1250\s*W/);
  await says(tile(page, "livingroom", "Front door", "binary_sensor/front_door"), "On");
  await tile(page, "livingroom", "Switch heater", "switch/heater").getByRole("switch").click();
  await board.next(([topic, payload]) => topic === "livingroom/switch/heater/command" && payload === "OFF");
  assert.equal(await page.getByRole("region", { name: /^homeassistant/ }).count(), 0, "what it told Home Assistant is no value");
  assertQuiet(page, hub);
});

test("devices of Zigbee2MQTT stand there with units and states, and a plug is switched", async (t) => {
  const hub = await hubWith(t, "zigbee2mqtt");
  const gateway = await connect(t, hub, "", "node", { filters: ["zigbee2mqtt/washer/set"] });
  const page = await signedIn(t, browser, hub);
  await says(tile(page, "zigbee2mqtt", "Temperature", "attic"), /18\.0\s*℃.*Pressure 986\.4 hPa.*Voltage 3015 mV.*Battery 97 %.*Humidity 51 %/s);
  const plug = tile(page, "zigbee2mqtt", "Washer", "washer");
  await says(plug, /On.*Power 486\s*W.*Voltage 235 V.*Current 2\.1 A.*Energy 183\.37 kWh/s);
  await plug.getByRole("switch", { name: "Washer" }).click();
  await gateway.next(([topic, payload]) => topic === "zigbee2mqtt/washer/set" && payload.state === "OFF");
  await says(plug, "Turning off…");
  publish(hub, "-t", "zigbee2mqtt/washer", "-m", '{"state":"OFF","power":0,"linkquality":94,"voltage":235}');
  await says(plug, /Off.*Confirmed.*Power 0\s*W/s);
  await says(tile(page, "zigbee2mqtt", "Voltage", "front_door"), /3035\s*mV.*Battery 100 %.*Contact No/s);
  await says(page.getByRole("listitem").filter({ hasText: "attic/availability" }), "online");
  assertQuiet(page, hub);
});

test("a Shelly stands there with its readings and their units, and is switched, of either generation", async (t) => {
  const hub = await hubWith(t, "shelly");
  publish(hub, "-t", "shellies/boiler/relay/0", "-m", "on");
  const device = await connect(t, hub, "", "dashboard", { filters: ["+/command/#", "shellies/+/relay/+/command"] });
  const page = await signedIn(t, browser, hub);
  const name = "shellyplus1pm-a8032abe54dc";
  const told = /On.*Power 61\.2\s*W.*Voltage 225\.4 V.*Current 0\.272 A.*aenergy total 12\.104 Wh.*temperature tC 54\.1 ℃/s;
  const plug = tile(page, name, "Switch 0", "status/switch:0");
  await says(plug, told);
  await plug.getByRole("switch").click();
  await device.next(([topic, payload]) => topic === `${name}/command/switch:0` && payload === "off");
  const boiler = tile(page, "shellies", "Relay 0", "boiler/relay/0");
  await boiler.getByRole("switch").click();
  await device.next(([topic, payload]) => topic === "shellies/boiler/relay/0/command" && payload === "off");
  publish(hub, "-t", "shellies/boiler/relay/0", "-m", "off");
  await boiler.locator('[role="switch"][aria-checked="false"]').waitFor();
  await says(tile(page, name, "Online", ""), "Yes");
  assertQuiet(page, hub);
});

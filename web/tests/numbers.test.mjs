// Numbers and units as they are shown.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decimalsOf, numberIn, numberText } from "../src/core/numbers.js";
import { quantities } from "../src/core/quantity.js";
import { speak } from "../src/core/text.ts";
import { typedNumber } from "../src/core/typed.ts";
import * as en from "../src/words/en.ts";
import { isOn, sameUnit, unitByKind } from "../src/core/units.js";

/** As text in which the signs of one's country do not matter. */
const plain = (text) => text.replace(/[\s.,]/g, ".");

test("decimals follow the unit and never exceed what was sent", () => {
  const cases = [[20.756, "℃", 3, "20.8"], [20, "℃", 0, "20"], [45.6, "%", 1, "46"], [9.8765, "lux", 3, "9.88"], [120.34, "lux", 2, "120.3"], [6792.2, "lux", 1, "6792"], [98741.19, "", 2, "98,741.19"], [-3.5, "℃", 1, "−3.5"], [97657.55, "Pa", 2, "97,658"]];
  for (const [number, unit, seen, text] of cases) assert.equal(plain(numberText(number, unit, seen)), plain(text));
});

test("what is not zero is never shown as zero, nor far beside what it is", () => {
  const cases = [[0.0000123, "", "0.0000123"], [0.0004, "A", "0.0004"], [0.05, "m", "0.05"], [0.3, "%", "0.3"], [-0.04, "℃", "−0.04"], [0.4, "ppm", "0.4"], [1.5e-15, "F", "1.5e−15"]];
  for (const [number, unit, text] of cases) assert.equal(plain(numberText(number, unit, decimalsOf(number))), plain(text));
  assert.equal(numberText(0, "℃", 0), "0");
  for (let size = -14; size < 15; size += 1) {
    for (const unit of ["", "℃", "%", "lux", "ppm"]) {
      const number = 1.47 * 10 ** size;
      const shown = Number(numberText(number, unit, decimalsOf(number)).replaceAll(",", "").replace("−", "-"));
      assert.ok(Math.abs(shown - number) <= number * 0.1, `${number} ${unit} is shown as ${shown}`);
    }
  }
});

test("digits after the point are counted, also of numbers with an exponent", () => {
  assert.deepEqual([20, 20.75, 1e-7, 1.23e-7, 1e21].map(decimalsOf), [0, 2, 7, 9, 0]);
});

test("a text that is a number is one, and nothing else is", () => {
  assert.deepEqual(["21.5", "-3", "1e3", ".5"].map(numberIn), [21.5, -3, 1000, 0.5]);
  for (const text of ["", " 1", "0x10", "1e999", "12 V", "1,5", "NaN", "Infinity", "1".repeat(25)]) assert.equal(numberIn(text), null, text);
});

test("℃ and its other spellings are one unit", () => {
  assert.equal(JSON.parse('"\\u2103"'), "℃");
  for (const unit of ["℃", "°C", "degC"]) assert.equal(sameUnit(unit), "℃");
  assert.deepEqual(["kPa", "toString"].map(sameUnit), ["kPa", "toString"]);
});

test("bare numbers of radio nodes have the unit that was agreed on for their kind, and those of others none", () => {
  assert.equal(unitByKind("node/836d/barometer/0:0/pressure"), "Pa");
  assert.equal(unitByKind("node/836d/thermometer/0:0/temperature"), "℃");
  assert.equal(unitByKind("home/attic/temperature"), "");
  assert.equal(unitByKind("node/836d/x/toString"), "");
});

test("words that are states are recognised", () => {
  assert.deepEqual([true, "ON", "open", "True"].map(isOn), [true, true, true, true]);
  assert.deepEqual([false, "OFF", "closed", "false"].map(isOn), [false, false, false, false]);
  assert.deepEqual(["", "onwards", 1, null].map(isOn), [undefined, undefined, undefined, undefined]);
});

test("nested JSON is told leaf by leaf, each with its place", () => {
  const found = quantities("tele/plug/SENSOR", { Time: "now", ENERGY: { Power: "5.5", "a/b~": [2, "°C"] } });
  assert.deepEqual(found, [
    { key: "ENERGY.Power", path: "/ENERGY/Power", value: 5.5, unit: "W" },
    { key: "ENERGY.a/b~", path: "/ENERGY/a~1b~0/0", value: 2, unit: "℃" },
    { key: "Time", path: "/Time", value: "now", unit: "" },
  ]);
});

test("numbers of makers that name no units have those of their documents", () => {
  const told = (topic, payload) => quantities(topic, payload).filter(({ value }) => typeof value === "number").map(({ key, value, unit }) => `${key} ${value} ${unit}`);
  assert.deepEqual(told("zigbee2mqtt/attic", { battery: 97, humidity: 51.37, linkquality: 156, temperature: 18.04, voltage: 3015 }),
    ["temperature 18.04 ℃", "voltage 3015 mV", "battery 97 %", "humidity 51.37 %", "linkquality 156 "]);
  assert.deepEqual(told("zigbee2mqtt/washer", { energy: 183.36, linkquality: 91, power: 9, state: "OFF", voltage: 236 }),
    ["power 9 W", "voltage 236 V", "energy 183.36 kWh", "linkquality 91 "]);
  assert.deepEqual(told("tele/plug/SENSOR", { BME280: { Temperature: 70.5, Pressure: 29.9 }, PressureUnit: "inHg", TempUnit: "F" }),
    ["BME280.Temperature 70.5 ℉", "BME280.Pressure 29.9 inHg"]);
  assert.deepEqual(told("shelly/status/switch:0", { apower: 61.2, aenergy: { total: 12.1, by_minute: [1, 2, 3] }, constructor: 1 }),
    ["apower 61.2 W", "aenergy.total 12.1 Wh", "constructor 1 "]);
  assert.deepEqual(told("house/attic", { temperature: 20, list: [1, 2, 3] }), ["temperature 20 "], "nobody has said what it is measured in");
});

test("a payload that is too much for a tile is told as it is", () => {
  assert.equal(quantities("a/b", { list: [1, 2, 3] }), null);
  assert.equal(quantities("a/b", {}), null);
  assert.equal(quantities("a/b", Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`k${at}`, at]))), null);
  let deep = 1;
  for (let at = 0; at < 7; at += 1) deep = { deep };
  assert.equal(quantities("a/b", deep), null);
});

test("a number that is typed is read as its language writes it, and what could be two numbers is none", (t) => {
  t.after(() => speak(en, "en"));
  const cases = {
    en: [["1,000", 1000], ["1,234,567.5", 1234567.5], ["1.5", 1.5], [" −20 ", -20], ["1 000", 1000], [".5", 0.5], ["1e-7", 1e-7], ["1,5", null], ["1,00", null], ["1.000.000", null], ["1,0000", null], ["", null], [".", null], ["-", null], ["20 ℃", null], ["1e999", null]],
    cs: [["1,5", 1.5], ["1 000,25", 1000.25], ["1\u00a0000", 1000], ["1.5", 1.5], ["0.125", 0.125], ["1234.125", 1234.125], ["−0,4", -0.4], ["1,000", 1], ["1.000", null], ["1.000.000", null], ["1.000,5", null]],
    "en-DE": [["1.000", 1000], ["1.000,5", 1000.5], ["1,5", 1.5]],
  };
  for (const [tag, numbers] of Object.entries(cases)) {
    speak(en, tag);
    for (const [text, number] of numbers) assert.equal(typedNumber(text), number, `${tag}: ${text}`);
  }
});

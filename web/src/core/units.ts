// Units: which are one, what a bare number of a known kind is measured in, how they are spoken; and words that are states.

import { WORDS, known } from "./text.js";

/** Different spellings of one unit. JSON's \u2103 is ℃ by the time it is here. */
const SAME: Record<string, string> = { "°C": "℃", "º C": "℃", "° C": "℃", C: "℃", degC: "℃", Celsius: "℃", celsius: "℃", "°F": "℉", F: "℉", lx: "lux", percent: "%", "%RH": "%" };

/** What bare numbers of the second generation, and of the first one of Shelly, are measured in, by the last level of their topics. */
const BY_KIND: Record<string, string> = {
  temperature: "℃", "relative-humidity": "%", humidity: "%", power: "W", illuminance: "lux", pressure: "Pa", altitude: "m", concentration: "ppm", voltage: "V",
};

/** A unit in the one spelling that it has here. */
export const sameUnit = (unit: string): string => (Object.hasOwn(SAME, unit) ? SAME[unit]! : unit);

/** The unit that a bare number at a topic has by agreement, or none. Only radio nodes of the second generation agreed on any, and Shelly documents its own. */
export function unitByKind(topic: string): string {
  if (!/^(node|shellies)\//.test(topic)) return "";
  const kind = topic.slice(topic.lastIndexOf("/") + 1);
  return Object.hasOwn(BY_KIND, kind) ? BY_KIND[kind]! : "";
}

/** What the numbers in a payload of a maker that names no units are measured in, by their keys: Zigbee2MQTT, Tasmota, Shelly. */
export function unitsIn(topic: string, payload: Record<string, unknown>): Record<string, string> {
  const total = topic.endsWith("/SENSOR") ? "kWh" : /\/status\/\w+:\d+$/.test(topic) ? "Wh" : "";
  if (!total && !("linkquality" in payload)) return {};
  const temperature = sameUnit(`${payload.TempUnit ?? "C"}`);
  return {
    temperature, dewpoint: temperature, tc: "℃", humidity: "%", battery: "%", pressure: `${payload.PressureUnit ?? "hPa"}`, illuminance: "lux",
    // That of a battery is told in thousandths.
    voltage: "battery" in payload ? "mV" : "V", current: "A", power: "W", apower: "W", energy: "kWh", total, today: total, yesterday: total,
  };
}

/** What a screen reader is to say for a unit. */
export const spokenUnit = (unit: string): string => known(WORDS.spoken, unit);

const YES = new Set(["on", "true", "open", "yes"]);
const NO = new Set(["off", "false", "closed", "close", "no"]);

/** Whether a value means on, off, or neither. */
export function isOn(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string" || value.length > 6) return undefined;
  const word = value.toLowerCase();
  return YES.has(word) ? true : NO.has(word) ? false : undefined;
}

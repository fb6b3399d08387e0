// What a payload says: one value, or several, each with its unit and its place.

import { isObject } from "./frame.js";
import { numberIn } from "./numbers.js";
import { isOn, sameUnit, unitByKind, unitsIn } from "./units.js";
import { cut } from "./words.js";

export interface Quantity {
  /** Its name: the key, or the keys on the way to it with points between. */
  key: string;
  /** Where it is in the payload, as a JSON pointer. */
  path: string;
  value: number | string | boolean | null;
  unit: string;
  /** Whether it means on, where it is a state. */
  isOn?: boolean;
}

/** Leaves that are looked at, and how deep. */
const LEAVES_AT_MOST = 64;
const DEPTH_AT_MOST = 6;
const TEXT_SHOWN = 200;
const UNIT_AT_MOST = 16;

/** Which of several quantities is the one in large print, and the order of tiles in a group. */
const RANKS = ["temperature", "relative-humidity", "illuminance", "pressure", "concentration", "power", "apower", "voltage"];

export const rankOf = (key: string): number => {
  const rank = RANKS.indexOf(key.slice(key.lastIndexOf(".") + 1).toLowerCase());
  return rank < 0 ? RANKS.length : rank;
};

/** Neither measured nor a state: such a value comes last. */
const isPlain = ({ unit, isOn }: Quantity): boolean => unit === "" && isOn === undefined;

/** What a payload says, the most important first; null if it is of a kind that nobody agreed on. `unit` is that of a bare number. */
export function quantities(topic: string, payload: unknown, unit = unitByKind(topic)): Quantity[] | null {
  const levels = topic.split("/");
  // Boards with ESPHome say living/sensor/outside/state.
  const bare = quantity(levels.at(levels.length > 3 && levels.at(-1) === "state" ? -2 : -1)!, payload, "", unit);
  if (bare) return [bare];
  if (!isObject(payload)) return null;
  const found: Quantity[] = [];
  if (!collect(payload, "", "", 1, found, unitsIn(topic, payload)) || found.length === 0) return null;
  return found.sort((one, other) => rankOf(one.key) - rankOf(other.key) || Number(isPlain(one)) - Number(isPlain(other)));
}

/** Adds the leaves of an object. False where something in it is no value: that payload is shown as it is. */
function collect(object: Record<string, unknown>, keys: string, path: string, depth: number, found: Quantity[], units: Record<string, string>): boolean {
  if (depth > DEPTH_AT_MOST) return false;
  for (const [key, value] of Object.entries(object)) {
    const name = keys === "" ? key : `${keys}.${key}`;
    const place = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const kind = key.toLowerCase();
    const leaf = quantity(name, value, place, Object.hasOwn(units, kind) ? units[kind]! : "");
    if (leaf) found.push(leaf);
    // A list beside values is told in the details, as the whole payload is.
    else if (Array.isArray(value)) continue;
    else if (!isObject(value) || !collect(value, name, place, depth + 1, found, units)) return false;
    if (found.length > LEAVES_AT_MOST) return false;
  }
  return true;
}

/** A bare value, or a number with its unit. */
function quantity(key: string, value: unknown, path: string, unit: string): Quantity | null {
  if (value === null || typeof value === "number") return { key, path, value, unit: value === null ? "" : unit };
  if (typeof value === "boolean") return { key, path, value, unit: "", isOn: value };
  if (typeof value === "string") {
    const number = numberIn(value);
    if (number !== null) return { key, path, value: number, unit };
    const state = isOn(value);
    return { key, path, value: cut(value, TEXT_SHOWN), unit: "", ...(state !== undefined && { isOn: state }) };
  }
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [number, named] = value as [unknown, unknown];
  if (typeof named !== "string" || named.length > UNIT_AT_MOST || (number !== null && typeof number !== "number")) return null;
  return { key, path: `${path}/0`, value: number, unit: sameUnit(named) };
}

// What a payload says: one value, or several, each with its unit and its place.

import { isObject } from "./frame.js";
import { numberIn } from "./numbers.js";
import { isOn, sameUnit, unitByKind } from "./units.js";
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
const RANKS = ["temperature", "relative-humidity", "illuminance", "pressure", "concentration", "voltage"];

export const rankOf = (key: string): number => {
  const rank = RANKS.indexOf(key.slice(key.lastIndexOf(".") + 1).toLowerCase());
  return rank < 0 ? RANKS.length : rank;
};

/** What a payload says, the most important first; null if it is of a kind that nobody agreed on. */
export function quantities(topic: string, payload: unknown): Quantity[] | null {
  const bare = quantity(topic.slice(topic.lastIndexOf("/") + 1), payload, "", unitByKind(topic));
  if (bare) return [bare];
  if (!isObject(payload)) return null;
  const found: Quantity[] = [];
  if (!collect(payload, "", "", 1, found) || found.length === 0) return null;
  return found.sort((one, other) => rankOf(one.key) - rankOf(other.key));
}

/** Adds the leaves of an object. False where something in it is no value: that payload is shown as it is. */
function collect(object: Record<string, unknown>, keys: string, path: string, depth: number, found: Quantity[]): boolean {
  if (depth > DEPTH_AT_MOST) return false;
  for (const [key, value] of Object.entries(object)) {
    const name = keys === "" ? key : `${keys}.${key}`;
    const place = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const leaf = quantity(name, value, place, "");
    if (leaf) found.push(leaf);
    else if (!isObject(value) || !collect(value, name, place, depth + 1, found)) return false;
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

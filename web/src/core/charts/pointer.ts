// What is at a place in a payload.

import { isObject } from "../frame.js";
import { numberIn } from "../numbers.js";

/** The number or state at a JSON pointer, or null. Only what the payload itself has counts: `/__proto__` is no place. */
export function valueAtPath(payload: unknown, path: string): number | string | boolean | null {
  let at = payload;
  for (const part of path.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = /^\d+$/.test(key) ? (at as unknown[])[Number(key)] : undefined;
    else if (isObject(at) && Object.hasOwn(at, key)) at = at[key];
    else return null;
  }
  if (typeof at === "number") return Number.isFinite(at) ? at : null;
  if (typeof at === "boolean") return at;
  return typeof at === "string" ? (numberIn(at) ?? at) : null;
}

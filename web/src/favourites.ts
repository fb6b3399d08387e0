// What somebody likes to see first, and which groups are open: kept by the browser, for this hub alone.

import { signal } from "@preact/signals";
import { HUB } from "./session.js";

/** No more than this is kept. */
const KEPT_AT_MOST = 2000;

/** Under this name the token of a wall is kept. */
export const WALL_TOKEN = "wall token";

const key = (name: string): string => `clown-hub ${name} ${new URL(HUB).pathname}`;

export function read<T>(name: string, isIt: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key(name)) ?? "null");
    return isIt(value) ? value : null;
  } catch {
    return null;
  }
}

/** A browser that keeps nothing, or no more, still shows the page. */
export function write(name: string, value: unknown): void {
  try {
    localStorage.setItem(key(name), JSON.stringify(value));
  } catch {
    // Then it is as at the first visit the next time.
  }
}

const areTopics = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");
const areFolds = (value: unknown): value is [string, boolean][] =>
  Array.isArray(value) && value.every((one) => Array.isArray(one) && typeof one[0] === "string" && typeof one[1] === "boolean");

export const favourites = signal<ReadonlySet<string>>(new Set(read("favourites", areTopics) ?? []));

export function toggleFavourite(topic: string): void {
  const next = new Set(favourites.value);
  if (!next.delete(topic) && next.size < KEPT_AT_MOST) next.add(topic);
  favourites.value = next;
  write("favourites", [...next]);
}

/** Groups that somebody has opened or closed. */
export const folds = signal<ReadonlyMap<string, boolean>>(new Map(read("folds", areFolds) ?? []));

export function fold(changes: [string, boolean][]): void {
  const next = new Map(folds.value);
  for (const [group, isOpen] of changes) {
    next.delete(group);
    next.set(group, isOpen);
  }
  folds.value = new Map([...next].slice(-KEPT_AT_MOST));
  write("folds", [...folds.value]);
}

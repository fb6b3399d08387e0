// What people call nodes and values, where these are, in which order they stand, and between what they should be. The hub keeps
// it; here it is read, applied and turned into changes. Keys are what devices call themselves, so they are kept in maps.

import { isObject } from "./frame.js";
import { numberText } from "./numbers.js";
import { type Reading, titleOf } from "./values.js";
import { spanText } from "./words.js";

export interface Limit {
  low?: number;
  high?: number;
}

export interface Entry {
  name?: string;
  room?: string;
  icon?: string;
  order?: number;
  /** Seconds. */
  silent?: number;
  /** By the places of values in the payload. */
  limits?: Record<string, Limit>;
}

export type Sort = "nodes" | "values";

export interface Layout {
  version: number;
  /** Whether it survives a restart of the hub. */
  isStored: boolean;
  mayChange: boolean;
  rooms: readonly string[];
  nodes: ReadonlyMap<string, Entry>;
  values: ReadonlyMap<string, Entry>;
}

export const NOTHING: Layout = { version: -1, isStored: true, mayChange: false, rooms: [], nodes: new Map(), values: new Map() };
const NONE: Entry = {};

/** The layout that holds now: of one page there is one hub. */
export const arranged = { layout: NOTHING };

const finite = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** What the hub answers. What is odd in it is left out. */
export function parseLayout(answer: unknown): Layout | null {
  if (!isObject(answer) || !isObject(answer.layout) || typeof answer.version !== "number") return null;
  const { rooms, nodes, values } = answer.layout;
  return {
    version: answer.version, isStored: answer.stored !== false, mayChange: answer.may_change === true,
    rooms: Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [], nodes: entries(nodes), values: entries(values),
  };
}

function entries(object: unknown): Map<string, Entry> {
  return new Map(isObject(object) ? Object.entries(object).flatMap(([key, value]) => (isObject(value) ? [[key, entry(value)] as const] : [])) : []);
}

function entry({ name, room, icon, order, silent, limits }: Record<string, unknown>): Entry {
  const made: Entry = {};
  for (const [key, value] of [["name", text(name)], ["room", text(room)], ["icon", text(icon)], ["order", finite(order)], ["silent", finite(silent)]] as const) {
    if (value !== undefined) Object.assign(made, { [key]: value });
  }
  if (isObject(limits)) {
    // A place begins with a slash or is empty, so none is `__proto__`; whatever is another thing is left out.
    const known = Object.entries(limits).filter(([path, limit]) => (path === "" || path.startsWith("/")) && isObject(limit));
    made.limits = Object.fromEntries(known.map(([path, limit]) => [path, { low: finite((limit as Limit).low), high: finite((limit as Limit).high) }]));
  }
  return made;
}

export const entryOf = (layout: Layout, sort: Sort, key: string): Entry => layout[sort].get(key) ?? NONE;

/** What a node is called: by people, or else by itself. */
export const nodeName = (layout: Layout, base: string): string => layout.nodes.get(base)?.name ?? base;

/** The room of a value: its own, or that of its node. */
export const roomOf = (layout: Layout, topic: string, base: string): string => layout.values.get(topic)?.room ?? layout.nodes.get(base)?.room ?? "";

/** By order: what has a place stands first, and the rest keeps its own order. */
export const byOrder = (one: Entry | undefined, other: Entry | undefined): number => (one?.order ?? Infinity) - (other?.order ?? Infinity) || 0;

/** Rooms as people want them; those without a place by their names. "" is no room, and stands last. */
export function roomOrder(layout: Layout): (one: string, other: string) => number {
  const places = new Map(layout.rooms.map((room, at) => [room, at]));
  const place = (room: string): number => (room === "" ? Infinity : (places.get(room) ?? layout.rooms.length));
  return (one, other) => (one === other ? 0 : place(one) - place(other) || one.localeCompare(other));
}

/** All rooms that anything is in, and those that only have a place. */
export function roomsOf(layout: Layout): string[] {
  const found = new Set(layout.rooms);
  for (const entries of [layout.nodes, layout.values]) for (const { room } of entries.values()) if (room !== undefined) found.add(room);
  return [...found].sort(roomOrder(layout));
}

export interface Alarm {
  topic: string;
  /** High, Low, or Silent. */
  word: string;
  /** What is wrong, in a sentence. */
  sentence: string;
}

/** What is not as it should be with a value, or null. A number counts as it was said, however it is rounded. */
export function alarmOf(layout: Layout, reading: Reading, now: number): Alarm | null {
  const { topic, quantities, time, title } = reading;
  const { limits, silent } = layout.values.get(topic) ?? NONE;
  if (silent !== undefined && now - time > silent * 1000) return { topic, word: "Silent", sentence: `${title}: silent for ${spanText((now - time) / 1000)}, ${spanText(silent)} at most` };
  for (const { path, key, value, unit } of (limits && quantities) || []) {
    const limit = Object.hasOwn(limits!, path) ? limits![path]! : null;
    if (limit === null || typeof value !== "number") continue;
    const isHigh = limit.high !== undefined && value > limit.high;
    if (!isHigh && !(limit.low !== undefined && value < limit.low)) continue;
    const told = (number: number): string => `${numberText(number, unit, reading.decimals(key))} ${unit}`.trim();
    const what = titleOf(key) === title ? title : `${title}, ${titleOf(key)}`;
    return { topic, word: isHigh ? "High" : "Low", sentence: `${what}: ${told(value)}, ${isHigh ? "over" : "under"} ${told((isHigh ? limit.high : limit.low)!)}` };
  }
  return null;
}

// What people call nodes and values, where these are, in which order they stand, and between what they should be. The hub keeps
// it; here it is read, applied and turned into changes. Keys are what devices call themselves, so they are kept in maps.

import { isObject } from "./frame.js";
import { numberText } from "./numbers.js";
import { WORDS, locale, say } from "./text.js";
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

/**
 * The layout that holds now: of one page there is one hub. And the moment from which silence counts, as the page may have been away before: the hub's
 * time, or Infinity while it is not heard.
 */
export const arranged = { layout: NOTHING, since: -Infinity };

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
  return (one, other) => (one === other ? 0 : place(one) - place(other) || one.localeCompare(other, locale));
}

/** All rooms that anything is in, and those that only have a place. */
export function roomsOf(layout: Layout): string[] {
  const found = new Set(layout.rooms);
  for (const entries of [layout.nodes, layout.values]) for (const { room } of entries.values()) if (room !== undefined) found.add(room);
  return [...found].sort(roomOrder(layout));
}

export interface Alarm {
  topic: string;
  kind: "high" | "low" | "silent";
  /** High, Low, or Silent, as the page says it. */
  word: string;
  /** What is wrong, in a sentence. */
  sentence: string;
}

/** So much of what lies between two limits, or of a limit alone, a value has to come back before its alarm ends. */
const MARGIN = 0.02;
/** Limits that values are beyond, by the places of these: a value at its limit is not to begin an alarm again and again. */
const beyond = new WeakMap<Reading, Map<string, { kind: "high" | "low"; limit: number }>>();

/** How far a value has to come back: never less than the step in which its sensor tells it, and never past the middle of its limits. */
function marginOf({ low, high }: Limit, decimals: number): number {
  const step = 10 ** -decimals;
  if (low === undefined || high === undefined) return Math.max(Math.abs(low ?? high ?? 0) * MARGIN, step);
  return Math.min(Math.max((high - low) * MARGIN, step), (high - low) / 2);
}

/** (Readings of the past have no round: what the page has missed since is nothing to them.) What is silent for too long. It stays so until it speaks, also where the page has been away in between. */
const quiet = new WeakSet<Reading>();

/** Beyond which limit a value is, or was without having come back far enough. Who calls has shown it each value since. */
function sideOf(reading: Reading, path: string, value: number, { low, high }: Limit, margin: number): "high" | "low" | null {
  const known = beyond.get(reading) ?? new Map<string, { kind: "high" | "low"; limit: number }>();
  const before = known.get(path);
  // A limit that people have moved since is another one.
  const wasBeyond = (kind: "high" | "low", limit: number): boolean => before?.kind === kind && before.limit === limit;
  const isHigh = high !== undefined && (value > high || (wasBeyond("high", high) && value > high - margin));
  const isLow = !isHigh && low !== undefined && (value < low || (wasBeyond("low", low) && value < low + margin));
  const kind = isHigh ? "high" : isLow ? "low" : null;
  if (kind === null) known.delete(path);
  else known.set(path, { kind, limit: (isHigh ? high : low)! });
  beyond.set(reading, known);
  return kind;
}

/** What is not as it should be with a value, or null. A number counts as it was said, however it is rounded. */
export function alarmOf(layout: Layout, reading: Reading, now: number): Alarm | null {
  const { topic, quantities, time, title } = reading;
  const { limits, silent } = layout.values.get(topic) ?? NONE;
  if (silent !== undefined && now - (quiet.has(reading) || reading.round === 0 ? time : Math.max(time, arranged.since)) > silent * 1000) {
    quiet.add(reading);
    return { topic, kind: "silent", word: WORDS.silent, sentence: say(WORDS.silentFor, { title, span: spanText((now - time) / 1000), most: spanText(silent) }) };
  }
  quiet.delete(reading);
  let found: Alarm | null = null;
  // All of them are looked at, also behind the first one that is wrong: each is to be known at each value.
  for (const { path, key, value, unit } of (limits && quantities) || []) {
    const limit = Object.hasOwn(limits!, path) ? limits![path]! : null;
    if (limit === null || typeof value !== "number") continue;
    const decimals = reading.decimals(key);
    const margin = marginOf(limit, decimals);
    const kind = sideOf(reading, path, value, limit, margin);
    if (kind === null || found !== null) continue;
    const told = (number: number): string => `${numberText(number, unit, decimals)} ${unit}`.trim();
    const edge = limit[kind]!;
    const isHigh = kind === "high";
    const isStill = isHigh ? value <= edge : value >= edge;
    const text = isHigh ? (isStill ? WORDS.stillHigh : WORDS.over) : isStill ? WORDS.stillLow : WORDS.under;
    const what = titleOf(key) === title ? title : `${title}, ${titleOf(key)}`;
    const sentence = say(text, { what, value: told(value), limit: told(edge), end: told(isHigh ? edge - margin : edge + margin) });
    found = { topic, kind, word: isHigh ? WORDS.high : WORDS.low, sentence };
  }
  return found;
}

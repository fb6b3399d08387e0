// Questions about the past, as paths of the hub's HTTP, and its answers (docs/protocol.md, clauses 7.6 and 7.7).

import { isObject } from "../frame.js";

export interface Gap {
  from: number;
  to: number;
  why: string;
}

/** One series of an answer: numbers in steps, each reading, or states. Lists are of one length. */
export interface Told {
  topic: string;
  path: string;
  unit: string;
  /** Milliseconds; 0 where each reading is told. */
  step: number;
  t: number[];
  value: (number | string | boolean)[] | null;
  count: number[] | null;
  min: number[];
  mean: number[];
  max: number[];
  last: number[];
  gaps: Gap[];
}

export interface Answer {
  series: Told[];
  gaps: Gap[];
  /** The path to ask next, or null. */
  more: string | null;
}

export interface Question {
  topics: readonly string[];
  /** Only what is at this place in the payloads. */
  path?: string;
  from: number;
  to: number;
  points: number;
  /** Seconds, or 0 for each reading; left out, the hub chooses. */
  step?: number;
}

/** What one answer may have of a series. */
export const POINTS_AT_MOST = 5000;

/** The path that asks it, from the top of the hub. */
export function historyPath({ topics, path, from, to, points, step }: Question, format: "json" | "csv" = "json"): string {
  const query = new URLSearchParams(topics.map((topic) => ["topic", topic]));
  query.set("since", String(Math.max(0, Math.floor(from))));
  query.set("until", String(Math.max(0, Math.ceil(to))));
  query.set("points", String(Math.max(1, Math.min(Math.round(points), POINTS_AT_MOST))));
  if (step !== undefined) query.set("step", String(step));
  if (path !== undefined) query.set("path", path);
  if (format === "csv") query.set("format", "csv");
  return `api/history?${query}`;
}

const areNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every((one) => typeof one === "number");
const isValue = (value: unknown): value is number | string | boolean => ["number", "string", "boolean"].includes(typeof value);

/** An answer as it came, or null if it is none. */
export function parseAnswer(body: unknown): Answer | null {
  if (!isObject(body) || !Array.isArray(body.series)) return null;
  const series = body.series.flatMap((one: unknown) => toldOf(one) ?? []);
  return { series, gaps: gapsOf(body.gaps), more: typeof body.more === "string" ? body.more.replace(/^.*\/(?=api\/history\?)/, "") : null };
}

function toldOf(one: unknown): Told | null {
  if (!isObject(one) || typeof one.topic !== "string" || typeof one.path !== "string" || !areNumbers(one.t)) return null;
  const list = (value: unknown): number[] => (areNumbers(value) && value.length === (one.t as number[]).length ? value : []);
  const value = Array.isArray(one.value) && one.value.length === one.t.length && one.value.every(isValue) ? one.value : null;
  const [count, min, mean, max, last] = [one.count, one.min, one.mean, one.max, one.last].map(list) as [number[], number[], number[], number[], number[]];
  if (one.t.length > 0 && value === null && last.length === 0) return null;
  const step = typeof one.step === "number" ? one.step * 1000 : 0;
  return { topic: one.topic, path: one.path, unit: typeof one.unit === "string" ? one.unit : "", step, t: one.t, value, count, min, mean, max, last, gaps: gapsOf(one.gaps) };
}

function gapsOf(gaps: unknown): Gap[] {
  if (!Array.isArray(gaps)) return [];
  return gaps.flatMap((gap: unknown) => (isObject(gap) && typeof gap.from === "number" && typeof gap.to === "number" ? [{ from: gap.from, to: gap.to, why: String(gap.why ?? "") }] : []));
}

/** What somebody did, or what happened to a node. */
export interface Happening {
  number: number;
  time: number;
  kind: string;
  topic: string;
  user: string;
  payload: unknown;
  result: string;
}

/** The path that asks for events, the newest first. */
export function eventsPath({ filters, from, to, before, limit }: { filters: readonly string[]; from: number; to: number; before?: number; limit: number }): string {
  const query = new URLSearchParams(filters.map((filter) => ["filter", filter]));
  query.set("since", String(Math.max(0, Math.floor(from))));
  query.set("until", String(Math.max(0, Math.ceil(to))));
  query.set("limit", String(limit));
  if (before !== undefined) query.set("before", String(before));
  return `api/events?${query}`;
}

/** The events of an answer, the newest first, and whether there are older ones. */
export function parseEvents(body: unknown): { events: Happening[]; isMore: boolean } {
  if (!isObject(body) || !Array.isArray(body.events)) return { events: [], isMore: false };
  const events = body.events.flatMap((one: unknown) => {
    const time = isObject(one) ? Date.parse(String(one.time)) : NaN;
    if (!isObject(one) || Number.isNaN(time)) return [];
    const text = (value: unknown): string => (typeof value === "string" ? value : "");
    return [{ number: Number(one.number), time, kind: text(one.kind), topic: text(one.topic), user: text(one.user), payload: one.payload, result: text(one.result) }];
  });
  return { events, isMore: isObject(body.more) };
}

/** Tables of several answers as one: the names of the columns stand in it once. */
export function joinedCsv(pages: readonly string[]): string {
  return pages.map((page, at) => (at === 0 ? page : page.slice(page.indexOf("\n") + 1))).join("");
}

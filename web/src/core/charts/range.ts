// Which time a chart shows: a span that ends now and moves on, two moments, or all there is.

export type Range = { span: number } | { from: number; to: number } | "all";

export interface Window {
  from: number;
  to: number;
}

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const UNITS: Record<string, number> = { s: 1000, m: MINUTE, h: HOUR, d: DAY };
/** Nothing shorter is shown, and nothing longer. */
const SHORTEST = 5e3;
const LONGEST = 100 * 365 * DAY;
/** A window that ends so near to now, as a share of it, moves on with it. */
const NEAR = 0.01;

export const START_RANGE: Range = { span: 6 * HOUR };
export const SPANS: readonly number[] = [10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];

/** 10m, 6h, 1795770000000-1795773600000, all */
export function parseRange(text: string): Range | null {
  if (text === "all") return "all";
  const span = /^(\d{1,9})([smhd])$/.exec(text);
  if (span) return { span: bounded(Number(span[1]) * UNITS[span[2]!]!) };
  const [, from, to] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return from !== undefined && Number(to) - Number(from) >= SHORTEST ? { from: Number(from), to: Number(to) } : null;
}

export function rangeText(range: Range): string {
  if (range === "all") return "all";
  if ("from" in range) return `${Math.round(range.from)}-${Math.round(range.to)}`;
  const [unit, size] = Object.entries(UNITS).findLast(([name, size]) => name === "s" || (range.span % size === 0 && range.span >= (name === "d" ? 2 : 1) * size)) ?? ["s", 1000];
  return `${Math.max(1, Math.round(range.span / size))}${unit}`;
}

export const isSame = (one: Range, other: Range): boolean => rangeText(one) === rangeText(other);

/** Whether new readings belong to it. */
export const isLiveRange = (range: Range): boolean => range === "all" || "span" in range;

/** From when to when; `oldest` is where all that is known begins. */
export function windowOf(range: Range, now: number, oldest: number): Window {
  if (range === "all") return { from: Math.min(oldest, now - MINUTE), to: now };
  return "span" in range ? { from: now - range.span, to: now } : { from: range.from, to: range.to };
}

const bounded = (span: number): number => Math.min(LONGEST, Math.max(SHORTEST, span));

/** A window that is so many times as wide, around a moment that stays where it is. */
export function zoomed({ from, to }: Window, factor: number, at: number, now: number): Window {
  const span = bounded((to - from) * factor);
  const share = to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 0.5;
  return inTime({ from: at - span * share, to: at + span * (1 - share) }, now);
}

/** A window that is as wide, and later by so many milliseconds. */
export const panned = ({ from, to }: Window, by: number, now: number): Window => inTime({ from: from + by, to: to + by }, now);

/** Nothing is known of the future, nor of what was before 1970. */
function inTime({ from, to }: Window, now: number): Window {
  const late = Math.max(0, to - now);
  const early = Math.max(0, late - from);
  return { from: from - late + early, to: Math.min(now, to - late + early) };
}

/** The range that shows a window: one that ends now moves on with it. */
export function rangeOf({ from, to }: Window, now: number): Range {
  return now - to <= (to - from) * NEAR ? { span: bounded(Math.round((now - from) / 1000) * 1000) } : { from: Math.round(from), to: Math.round(to) };
}

/** The day before the one of a moment, as calendars have it: some days have 23 hours. */
export function dayBefore(moment: number): Window {
  const start = new Date(moment);
  start.setHours(0, 0, 0, 0);
  const before = new Date(start);
  before.setDate(before.getDate() - 1);
  return { from: before.getTime(), to: start.getTime() };
}

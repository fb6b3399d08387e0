// Times, spans and labels of charts, in words.

import { locale, pointed } from "../text.js";

const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => new Intl.DateTimeFormat(locale, { hourCycle: "h23", ...options });
const seconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = format({ hour: "2-digit", minute: "2-digit" });
const day = format({ day: "numeric", month: "short" });
const month = format({ month: "short", year: "numeric" });
const dayMinutes = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const daySeconds = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const whole = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

const MINUTE = 60e3;
const HOUR = 3600e3;
const DAY = 86400e3;

const dateOf = (time: number): string => new Date(time).toDateString();

/** The labels of an axis of time: the day stands below the hour where it is another one than before. */
export function axisLabels(times: readonly number[], increment: number): string[] {
  return times.map((exact, at) => {
    // What is a little before the hour is no minute of the hour before.
    const time = Math.round(exact);
    if (increment >= 28 * DAY) return month.format(time);
    if (increment >= DAY) return day.format(time);
    const clock = (increment < MINUTE ? seconds : minutes).format(time);
    const before = at === 0 ? undefined : Math.round(times[at - 1]!);
    return before === undefined || dateOf(before) !== dateOf(time) ? `${clock}\n${day.format(time)}` : clock;
  });
}

/** A moment as exactly as a chart of this width can show it. */
export function momentText(time: number, span: number, now: number): string {
  if (span > 100 * DAY) return whole.format(time);
  if (span > 2 * DAY || dateOf(time) !== dateOf(now)) return (span > 2 * HOUR ? dayMinutes : daySeconds).format(time);
  return (span > 2 * HOUR ? minutes : seconds).format(time);
}

/** From when to when, for a title. */
export const windowText = (from: number, to: number): string => whole.formatRange(from, to);

/** 2 d 3 h, 3 h 5 min, 12 min 30 s, 4.5 s */
export function durationText(milliseconds: number): string {
  const total = Math.max(0, milliseconds);
  if (total < MINUTE) return `${pointed(String(Number((total / 1000).toFixed(total < 10e3 ? 1 : 0))))} s`;
  const parts: [number, string][] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [1000, "s"]];
  const at = parts.findIndex(([size]) => total >= size);
  const [[size, unit], next] = [parts[at]!, parts[at + 1]];
  const large = Math.floor(total / size);
  const small = next ? Math.floor((total % size) / next[0]) : 0;
  return small > 0 ? `${large} ${unit} ${small} ${next![1]}` : `${large} ${unit}`;
}

/** Numbers at an axis: as many digits as its steps have. */
export function scaleLabels(values: readonly number[], increment: number): string[] {
  const size = Math.max(...values.map(Math.abs), 0);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return values.map((value) => pointed(value.toPrecision(3)));
  let digits = 0;
  while (digits < 8 && Math.abs(increment * 10 ** digits - Math.round(increment * 10 ** digits)) > 1e-6) digits += 1;
  const format = new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: size >= 1e4 });
  return values.map((value) => format.format(value).replace("-", "−"));
}

const SPAN_NAMES: Record<string, string> = { s: "s", m: "min", h: "h", d: "d" };

/** Numbers at an axis that goes by powers: each with as many digits as it has. */
export const logLabels = (values: readonly number[]): string[] => values.flatMap((value) => scaleLabels([value], value));

/** 10 min, 6 h, 7 d */
export const spanName = (text: string): string => text.replace(/^(\d+)([smhd])$/, (_, number: string, unit: string) => `${number} ${SPAN_NAMES[unit]}`);

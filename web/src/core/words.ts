// Times and names in words.

import { WORDS, locale, pointed, say } from "./text.js";

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactFormat = new Intl.DateTimeFormat(locale, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
});

/** 10:02:09 */
export const clockText = (time: number): string => clockFormat.format(time);

/** 10:02:09 today, with the date before that. */
export const whenText = (time: number, now: number): string => (now - time < 20 * 3600e3 ? clockText(time) : dayFormat.format(time));

/** Date, time with milliseconds, and zone. */
export const exactText = (time: number): string => exactFormat.format(time);

/** 10:02 today, with the date before that. */
export function sinceText(time: number, now: number): string {
  return now - time < 20 * 3600e3 ? shortFormat.format(time) : dayFormat.format(time);
}

/** How long ago; an hour and older is told as the time it was. A reading every second is simply "just now". */
export function ageText(time: number, now: number): string {
  const seconds = Math.floor((now - time) / 1000);
  if (seconds < 3) return WORDS.justNow;
  return seconds < 3600 ? say(WORDS.ago, { span: spanText(seconds) }) : say(WORDS.at, { time: sinceText(time, now) });
}

/** 48 s, 12 min, 3 h */
export function spanText(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** 0.5 s, 16 s, 15 min */
export const intervalText = (milliseconds: number): string => (milliseconds < 120e3 ? `${pointed(String(milliseconds / 1000))} s` : spanText(milliseconds / 1000));

/** A word as people write it: relative-humidity, Relative humidity. */
export function titleText(word: string): string {
  const text = word.replaceAll("-", " ").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

// Numbers, units and times in words. Nothing in here changes a value: what was sent stays readable as it was sent.

const DECIMALS = { "℃": 1, "°C": 1, "%": 0, kPa: 1, m: 1, ppm: 0 };
const UNKNOWN_UNIT = 3;
const SPOKEN = { "℃": "degrees Celsius", "°C": "degrees Celsius", "%": "percent", kPa: "kilopascals", m: "metres", ppm: "parts per million" };
const formats = new Map();

/** Digits after the point that a number came with, up to what is ever shown. */
export function decimalsOf(number) {
  const text = String(number);
  if (text.includes("e-")) return UNKNOWN_UNIT;
  const point = text.indexOf(".");
  return point < 0 ? 0 : Math.min(text.length - point - 1, UNKNOWN_UNIT);
}

/** A number as a tile shows it, with at most as many digits as the payloads on its topic had so far. */
export function numberText(number, unit, digitsSeen) {
  if (!(Math.abs(number) < 1e15)) return String(number);
  const digits = Math.min(usualDecimals(Math.abs(number), unit), digitsSeen);
  const grouped = Math.abs(number) >= 10000;
  const key = grouped ? digits + 10 : digits;
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(undefined, {
      minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: grouped, signDisplay: "negative",
    }));
  }
  return formats.get(key).format(number).replace("-", "−");
}

function usualDecimals(size, unit) {
  if (unit === "lux") return size < 10 ? 2 : size < 1000 ? 1 : 0;
  return Object.hasOwn(DECIMALS, unit) ? DECIMALS[unit] : UNKNOWN_UNIT;
}

/** What a screen reader is to say for a unit. */
export function spokenUnit(unit) {
  return Object.hasOwn(SPOKEN, unit) ? SPOKEN[unit] : unit;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const shortFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactFormat = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
});

/** 10:02:09 */
export const clockText = (time) => clockFormat.format(time);

/** Date, time with milliseconds, and zone. */
export const exactText = (time) => exactFormat.format(time);

/** 10:02 today, with the date before that. */
export function sinceText(time, now) {
  return now - time < 20 * 3600e3 ? shortFormat.format(time) : dayFormat.format(time);
}

/** How long ago; an hour and older is told as the time it was. A reading every second is simply "just now". */
export function ageText(time, now) {
  const seconds = Math.floor((now - time) / 1000);
  if (seconds < 3) return "just now";
  return seconds < 3600 ? `${spanText(seconds)} ago` : `at ${sinceText(time, now)}`;
}

/** 48 s, 12 min, 3 h */
export function spanText(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

/** 0.5 s, 16 s, 15 min */
export const intervalText = (milliseconds) => (milliseconds < 120e3 ? `${milliseconds / 1000} s` : spanText(milliseconds / 1000));

/** A word as people write it: relative-humidity, Relative humidity. */
export function titleText(word) {
  const text = word.replaceAll("-", " ").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function cut(text, length) {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

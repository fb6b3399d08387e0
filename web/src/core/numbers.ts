// Numbers as they are shown. Nothing here changes a value, and nothing that is not zero is shown as zero.

import { locale, pointed } from "./text.js";

const DECIMALS: Record<string, number> = { "℃": 1, "℉": 1, "%": 0, kPa: 1, hPa: 1, Pa: 0, m: 1, ppm: 0 };
const UNKNOWN_UNIT = 3;
/** No number is shown with more digits after the point. */
const MOST = 12;
/** What is shown is at most so far beside the number, as a share of it. */
const BESIDE = 0.1;
const formats = new Map<number, Intl.NumberFormat>();

/** Digits after the point that a number came with. */
export function decimalsOf(number: number): number {
  const [digits = "", exponent] = String(number).split("e");
  const point = digits.indexOf(".");
  const after = point < 0 ? 0 : digits.length - point - 1;
  return Math.max(0, Math.min(after - Number(exponent ?? 0), MOST));
}

/** A number that came as a text, or null. `""`, `0x10` and `1e999` are none. */
export function numberIn(text: string): number | null {
  if (text.length > 24 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}

/** A number as a tile shows it, with at most as many digits as the payloads on its topic had so far. */
export function numberText(number: number, unit: string, digitsSeen: number): string {
  const size = Math.abs(number);
  if (!(size < 1e15)) return String(number);
  const seen = Math.max(digitsSeen, decimalsOf(number));
  let digits = Math.min(usualDecimals(size, unit), seen);
  const isBeside = () => Math.abs(Number(size.toFixed(digits)) - size) > size * BESIDE;
  while (digits < seen && isBeside()) digits += 1;
  // Too small even for those: the power of ten tells it.
  if (isBeside()) return pointed(String(Number(number.toPrecision(3))));
  const grouped = size >= 10000;
  const key = grouped ? digits + 100 : digits;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: grouped, signDisplay: "negative" });
    formats.set(key, format);
  }
  return format.format(number).replace("-", "−");
}

function usualDecimals(size: number, unit: string): number {
  if (unit === "lux") return size < 10 ? 2 : size < 1000 ? 1 : 0;
  if (Object.hasOwn(DECIMALS, unit)) return DECIMALS[unit]!;
  // Three digits that say something.
  return size > 0 && size < 1 ? Math.min(UNKNOWN_UNIT - 1 - Math.floor(Math.log10(size)), MOST) : UNKNOWN_UNIT;
}

// Numbers as people type them, in the way of their language.

import { locale } from "./text.js";

/** What a point may be where the language has another sign for it: 0.25 and 1234.5, but not 1.234, as many write thousands so. */
const POINTED = /^[+-]?(?![1-9]\d{0,2}\.\d{3}$)\d*\.?\d*(?:e[+-]?\d+)?$/i;

/** A number with the point and the groups of three of the language that is told, or null. What could be read in two ways is none. */
export function typedNumber(text: string): number | null {
  const parts = new Intl.NumberFormat(locale, { minimumFractionDigits: 1 }).formatToParts(12345);
  const sign = (type: "group" | "decimal", otherwise: string): string => parts.find((part) => part.type === type)?.value ?? otherwise;
  const [group, point] = [sign("group", " "), sign("decimal", ".")];
  const plain = text.trim().replaceAll("−", "-");
  const isOwn = new RegExp(`^[+-]?(?:\\d{1,3}(?:[${group}\\s]\\d{3})+|\\d*)(?:[${point}]\\d*)?(?:e[+-]?\\d+)?$`, "i").test(plain);
  if (!isOwn && (point === "." || !POINTED.test(plain))) return null;
  const digits = isOwn ? plain.replaceAll(new RegExp(`[${group}\\s]`, "g"), "").replace(point, ".") : plain;
  return /\d/.test(digits) && Number.isFinite(Number(digits)) ? Number(digits) : null;
}

// Frames as they arrive: several in one message, each `[topic, payload, options]`.

import { WORDS } from "./text.js";

/** What the hub says about a message. Nothing of it is sure to be there. */
export interface Options {
  retained?: boolean;
  retain?: boolean;
  time?: string;
  every?: number;
  /** Whether it became the last value of its topic. */
  kept?: boolean;
}

export interface Frame {
  topic: string;
  payload: unknown;
  options: Options;
  /** The text that it came in. */
  line: string;
}

/** How much of a payload's text is kept for a topic. */
export const TEXT_KEPT = 16384;

/** A message this long is not to be kept alive by one of its lines; browsers cut strings without copying. */
const COPIED_ABOVE = 8192;

/** The frames of a message. Lines that are no frames are left out: the hub sends none. */
export function frames(message: string): Frame[] {
  const found: Frame[] = [];
  for (const line of message.split("\n")) {
    const frame = parsed(line);
    if (!frame) continue;
    const text = message.length > COPIED_ABOVE ? ` ${line.slice(0, TEXT_KEPT * 2)}`.slice(1) : line;
    found.push({ topic: frame[0], payload: frame[1], options: (frame[2] as Options | null) ?? {}, line: text });
  }
  return found;
}

function parsed(line: string): [string, unknown, unknown?] | null {
  if (line === "") return null;
  try {
    const frame: unknown = JSON.parse(line);
    return Array.isArray(frame) && typeof frame[0] === "string" && frame.length >= 2 ? (frame as [string, unknown, unknown?]) : null;
  } catch {
    return null;
  }
}

/** The text of the payload as it was sent: parsing and writing it again would turn 20.10 into 20.1. */
export function payloadText(line: string): string {
  let at = endOfString(line, line.indexOf('"')) + 1;
  while (line[at] !== "," && at < line.length) at += 1;
  const start = at + 1;
  let depth = 0;
  for (at = start; at < line.length; at += 1) {
    const sign = line[at];
    if (sign === '"') at = endOfString(line, at);
    else if (sign === "{" || sign === "[") depth += 1;
    else if ((sign === "}" || sign === "]") && depth > 0) depth -= 1;
    else if ((sign === "," || sign === "]") && depth === 0) break;
  }
  const text = line.slice(start, at).trim();
  return text.length > TEXT_KEPT ? `${text.slice(0, TEXT_KEPT)}… ${WORDS.cutHere}` : text;
}

function endOfString(line: string, start: number): number {
  let at = start + 1;
  while (at < line.length && line[at] !== '"') at += line[at] === "\\" ? 2 : 1;
  return at;
}

/** Whether something is an object with keys, and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

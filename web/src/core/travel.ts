// How everything was at a moment: made of what the hub has kept, as if it had been heard then.

import { type Frame, frames } from "./frame.js";
import type { Happening, Told } from "./charts/question.js";
import { Traffic } from "./traffic.js";
import { Values } from "./values.js";

const DAY = 24 * 3600e3;
/** The slider goes back so far. */
export const BACK_TO = DAY;
/** Messages that the log has of a moment. */
const MESSAGES_AT_MOST = 2000;

/** All values, of which that moment is now. */
class ThenValues extends Values {
  #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  override now(): number {
    return this.#at;
  }
}

export interface Then {
  at: number;
  values: Values;
  traffic: Traffic;
}

/** While somebody looks at the oldest moment it gets older. */
const GRACE = 60e3;

/** A moment that one can look at: not in the future, and not longer ago than a day. Beside the end it is now. */
export function momentOf(wanted: number, now: number): number | null {
  if (!Number.isFinite(wanted) || wanted >= now - 1000) return null;
  return Math.round(wanted < now - BACK_TO - GRACE ? now - BACK_TO : wanted);
}

/** One number or state of a payload. */
interface Leaf {
  path: string;
  value: number | string | boolean;
  unit: string;
}

type Tree = Map<string, Tree | string>;

/** The text of a payload that has these leaves. A number with a unit is a pair; keys that count from 0 on are an array. */
export function payloadText(leaves: readonly Leaf[]): string {
  const root: Tree = new Map();
  const put = (path: string, text: string): void => {
    const keys = path.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    let at = root;
    for (const [index, key] of ["", ...keys].entries()) {
      if (index === keys.length) {
        if (!at.has(key)) at.set(key, text);
        return;
      }
      const next = at.get(key);
      // A place that was a value once and an object then is told as what was said last; that stands first.
      if (typeof next === "string") return;
      if (next) at = next;
      else at.set(key, (at = new Map()));
    }
  };
  for (const { path, value, unit } of leaves) {
    put(path, JSON.stringify(value));
    if (unit !== "" && path.endsWith("/0")) put(`${path.slice(0, -1)}1`, JSON.stringify(unit));
  }
  const whole = root.get("");
  return whole === undefined ? "null" : written(whole);
}

function written(tree: Tree | string): string {
  if (typeof tree === "string") return tree;
  const entries = [...tree].sort(([one], [other]) => (/^\d+$/.test(one) && /^\d+$/.test(other) ? Number(one) - Number(other) : 0));
  if (entries.every(([key], at) => key === String(at))) return `[${entries.map(([, value]) => written(value)).join(",")}]`;
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${written(value)}`).join(",")}}`;
}

interface Heard {
  topic: string;
  t: number;
  leaves: Leaf[];
}

/** So many pauses tell how often a topic spoke, if most of them are no longer than two of the usual ones. */
const PAUSES_AT_LEAST = 4;
const REGULAR = 0.8;

/** How often a topic spoke in those days, in milliseconds, or null where it was not regular. Now it may have another pace. */
export function paceOf(times: readonly number[]): number | null {
  const pauses = times.slice(1).map((time, at) => time - times[at]!).filter((pause) => pause > 0).sort((one, other) => one - other);
  if (pauses.length < PAUSES_AT_LEAST) return null;
  const usual = pauses[(pauses.length - 1) >> 1]!;
  return pauses.filter((pause) => pause <= 2 * usual).length >= REGULAR * pauses.length ? usual : null;
}

/** What was said before a moment, message by message, oldest first. Leaves of one topic and time were one message. */
function messages(told: readonly Told[], at: number): Heard[] {
  const found = new Map<string, Heard>();
  for (const { topic, path, unit, t, value, last } of told) {
    t.forEach((time, index) => {
      if (time > at) return;
      const key = `${time} ${topic}`;
      const message = found.get(key) ?? { topic, t: time, leaves: [] };
      message.leaves.push({ path, value: value?.[index] ?? last[index]!, unit });
      found.set(key, message);
    });
  }
  return [...found.values()].sort((one, other) => one.t - other.t);
}

/** The newest value of each place of each topic: what its last message said, with what only earlier ones had. */
function lastOf(told: readonly Told[], at: number): (Heard & { every: number | null })[] {
  const topics = new Map<string, { path: string; value: number | string | boolean; unit: string; t: number }[]>();
  const paces = new Map<string, number>();
  for (const { topic, path, unit, t, value, last } of told) {
    const index = t.findLastIndex((time) => time <= at);
    if (index < 0) continue;
    // Of states only changes are told: they have no pace.
    const pace = value === null || value.every((one) => typeof one === "number") ? paceOf(t.slice(0, index + 1)) : null;
    if (pace !== null) paces.set(topic, pace);
    const leaves = topics.get(topic) ?? [];
    leaves.push({ path, unit, t: t[index]!, value: value?.[index] ?? last[index]! });
    topics.set(topic, leaves);
  }
  return [...topics].map(([topic, leaves]) => {
    leaves.sort((one, other) => other.t - one.t);
    return { topic, t: leaves[0]!.t, leaves, every: paces.get(topic) ?? null };
  });
}

/** A series that has so many points may have had more before: the log is whole from its first one on. */
const wholeFrom = (told: readonly Told[], points: number): number => Math.max(0, ...told.filter(({ t }) => t.length >= points).map(({ t }) => t[0]!));

function frameOf(topic: string, payload: string, time: number, every: number | null): Frame | undefined {
  const options = { retained: true, time: new Date(time).toISOString(), ...(every !== null && { every: every / 1000 }) };
  return frames(`[${JSON.stringify(topic)},${payload},${JSON.stringify(options)}]`)[0];
}

/** Everything as it was at a moment. `told` has the newest readings of each series before it, at most `points` of each. */
export function then(at: number, told: readonly Told[], points: number, present: Pick<Values, "presences" | "infos">, events: readonly Happening[]): Then {
  const values = new ThenValues(at);
  const traffic = new Traffic();
  // Who came or went since then stands in the history, as presence is said like everything else.
  for (const [base, presence] of present.presences) if (presence.since <= at) values.presences.set(base, presence);
  for (const [node, info] of present.infos) values.infos.set(node, info);
  for (const { topic, t, leaves, every } of lastOf(told, at)) {
    const frame = frameOf(topic, payloadText(leaves), t, every);
    if (!frame) continue;
    values.take(frame);
    traffic.take(frame, t);
  }
  traffic.clearLog();
  const start = wholeFrom(told, points);
  const happened = events.filter(({ kind, time, topic }) => (kind === "command" || kind === "answer") && topic !== "" && time <= at && time >= start);
  const log = [
    ...messages(told, at).filter(({ t }) => t >= start).map(({ topic, t, leaves }) => ({ topic, t, payload: payloadText(leaves) })),
    ...happened.map(({ topic, time, payload }) => ({ topic, t: time, payload: JSON.stringify(payload ?? null) })),
  ].sort((one, other) => one.t - other.t);
  for (const { topic, t, payload } of log.slice(-MESSAGES_AT_MOST)) {
    const frame = frameOf(topic, payload, t, null);
    if (frame) traffic.take(frame, t);
  }
  return { at, values, traffic };
}

/** The event that is next to a moment, before or after it. */
export function eventBeside(events: readonly Happening[], at: number, isAfter: boolean): Happening | null {
  const found = isAfter ? events.findLast(({ time }) => time > at + 999) : events.find(({ time }) => time < at - 999);
  return found ?? null;
}

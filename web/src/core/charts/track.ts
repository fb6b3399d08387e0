// One number, or one state, over time: what the hub has told of it, continued with what comes.

import { isOn, sameUnit, unitByKind } from "../units.js";
import { decimalsOf } from "../numbers.js";
import { reportsRarely } from "../topic.js";
import type { Gap, Told } from "./question.js";
import type { Ref } from "./series.js";

/** What was said in a step, or one reading: then all five numbers are its value. */
export interface Point {
  t: number;
  count: number;
  min: number;
  mean: number;
  max: number;
  last: number;
}

export interface Change {
  t: number;
  value: string | number | boolean;
}

/** More points than this are told in steps: twice as many as a wide screen has places. */
export const TRACK_POINTS_AT_MOST = 6000;
/** Readings that come while the hub is being asked. */
const WAITING_AT_MOST = 2000;
/** A topic of which nobody knows how often it speaks may be silent for so many times as long as usual, and so long. */
const PAUSES_IN_A_GAP = 5;
const PAUSE_AT_LEAST = 60e3;
/** So many times its interval a topic may be silent, and so long in any case: `src/talk/every.rs` has the same rule. */
const PATIENCE = 3;
const PATIENCE_AT_LEAST = 5e3;
const STEPS_IN_A_GAP = 2.5;
/** So many pauses before and after one tell what is usual there. */
const NEAR = 10;
/** Radio nodes say what does not change every 15 minutes. */
const RARE = 16 * 60e3;

export class Track {
  readonly ref: Ref;
  unit = "";
  /** Milliseconds; 0 where each reading is a point. */
  step = 0;
  kind: "unknown" | "number" | "state" = "unknown";
  points: Point[] = [];
  changes: Change[] = [];
  gaps: Gap[] = [];
  /** Milliseconds between two readings, where the hub knows it. */
  every: number | null = null;
  /** The most digits after the point that a reading came with. */
  decimals = 0;
  /** Counts changes. */
  version = 0;
  #waiting: Change[] = [];
  #isAsking = false;
  #broken: { key: string; breaks: { from: number; to: number }[] } = { key: "", breaks: [] };

  constructor(ref: Ref) {
    this.ref = ref;
  }

  get isEmpty(): boolean {
    return this.points.length === 0 && this.changes.length === 0;
  }

  /** The hub is being asked: what comes meanwhile is added to the answer. */
  ask(): void {
    this.#isAsking = true;
    this.#waiting = [];
  }

  /** Takes an answer in place of all that was known. A place that had texts and numbers has two series; the numbers count. */
  take(told: readonly Told[], gaps: readonly Gap[]): void {
    const numbers = told.find(({ value, t }) => t.length > 0 && (value === null || value.every((one) => typeof one === "number")));
    const states = told.find(({ value, t }) => t.length > 0 && value !== null && value.some((one) => typeof one !== "number"));
    const one = numbers ?? states;
    this.gaps = [...gaps, ...told.flatMap((series) => series.gaps)];
    this.points = numbers ? pointsOf(numbers) : [];
    this.changes = !numbers && states ? states.t.map((t, at) => ({ t, value: states.value![at]! })) : [];
    if (one) {
      this.step = one.step;
      this.kind = numbers ? "number" : "state";
      this.unit = sameUnit(one.unit) || unitByKind(this.ref.topic) || this.unit;
      for (const { last } of this.points.slice(-20)) this.decimals = Math.max(this.decimals, decimalsOf(last));
    }
    this.#isAsking = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { t, value } of waiting) this.add(t, value);
    this.version += 1;
  }

  /** The question came to nothing: what was known stays. */
  giveUp(): void {
    this.#isAsking = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { t, value } of waiting) this.add(t, value);
  }

  /** Adds a reading that has just come. */
  add(t: number, value: string | number | boolean): void {
    if (this.#isAsking) {
      if (this.#waiting.length < WAITING_AT_MOST) this.#waiting.push({ t, value });
      return;
    }
    if (typeof value === "number") this.#addNumber(t, value);
    else this.#addState(t, value);
  }

  #addNumber(t: number, value: number): void {
    if (this.kind === "state" || !Number.isFinite(value)) return;
    this.kind = "number";
    this.decimals = Math.max(this.decimals, decimalsOf(value));
    const start = this.step > 0 ? Math.floor(t / this.step) * this.step : t;
    const last = this.points.at(-1);
    if (last && (start < last.t || (this.step === 0 && start === last.t))) return;
    this.version += 1;
    if (last?.t === start) {
      last.count += 1;
      last.mean += (value - last.mean) / last.count;
      Object.assign(last, { min: Math.min(last.min, value), max: Math.max(last.max, value), last: value });
      return;
    }
    this.points.push({ t: start, count: 1, min: value, mean: value, max: value, last: value });
    if (this.points.length > TRACK_POINTS_AT_MOST) this.#thin();
  }

  #addState(t: number, value: string | boolean): void {
    if (this.kind === "number") return;
    this.kind = "state";
    const last = this.changes.at(-1);
    if (last && (t <= last.t || last.value === value)) return;
    this.changes.push({ t, value });
    if (this.changes.length > TRACK_POINTS_AT_MOST) this.changes.splice(0, this.changes.length - TRACK_POINTS_AT_MOST);
    this.version += 1;
  }

  /** Half as many points that say as much as they can: from now on in steps. */
  #thin(): void {
    const from = this.points[0]!.t;
    const span = this.points.at(-1)!.t - from;
    const step = Math.max(this.step * 2, Math.ceil(span / (TRACK_POINTS_AT_MOST / 2) / 1000) * 1000);
    this.points = inSteps(this.points, step);
    this.step = step;
  }

  /** How long nothing may be said at the end before that is a gap. */
  get patience(): number {
    return this.#patienceFor(usual(pauses(this.points.slice(-NEAR - 1))));
  }

  /** Where the line is broken: between which two points nothing is known. */
  breaks(): { from: number; to: number }[] {
    const key = `${this.version} ${this.every}`;
    if (this.#broken.key !== key) this.#broken = { key, breaks: this.#breaks() };
    return this.#broken.breaks;
  }

  /** By the pace that is usual around a pause: a device may have had another one in those days. */
  #breaks(): { from: number; to: number }[] {
    const { points, step, gaps } = this;
    const all = pauses(points);
    const found: { from: number; to: number }[] = [];
    const wide = gaps.filter(({ from, to }) => to - from >= Math.max(step, 1000));
    let least = 0;
    all.forEach((pause, at) => {
      // Every few points is often enough, and a median for each would take long.
      if (at % (NEAR / 2) === 0) least = this.#patienceFor(usual(all.slice(Math.max(0, at - NEAR), at + NEAR)));
      const [before, after] = [points[at]!.t, points[at + 1]!.t];
      if (pause > least || wide.some(({ from, to }) => from < after + step && to > before)) found.push({ from: before + step, to: after });
    });
    return found;
  }

  #patienceFor(usualPause: number): number {
    const least = this.step * STEPS_IN_A_GAP;
    if (reportsRarely(this.ref.topic)) return Math.max(least, RARE);
    if (this.every !== null) return Math.max(least, PATIENCE * Math.max(this.every, usualPause), PATIENCE_AT_LEAST);
    return Math.max(least, PAUSES_IN_A_GAP * usualPause, PAUSE_AT_LEAST);
  }
}

function pointsOf({ t, value, count, min, mean, max, last }: Told): Point[] {
  if (value !== null) {
    return t.map((time, at) => {
      const number = Number(value[at]);
      return { t: time, count: 1, min: number, mean: number, max: number, last: number };
    });
  }
  return t.map((time, at) => ({ t: time, count: count?.[at] ?? 1, min: min[at]!, mean: mean[at]!, max: max[at]!, last: last[at]! }));
}

/** Points in wider steps. Least, greatest, count and last stay exact. */
export function inSteps(points: readonly Point[], step: number): Point[] {
  const found: Point[] = [];
  for (const point of points) {
    const t = Math.floor(point.t / step) * step;
    const to = found.at(-1);
    if (to?.t !== t) {
      found.push({ ...point, t });
      continue;
    }
    const count = to.count + point.count;
    Object.assign(to, { count, mean: to.mean + ((point.mean - to.mean) * point.count) / count, min: Math.min(to.min, point.min), max: Math.max(to.max, point.max), last: point.last });
  }
  return found;
}

const pauses = (points: readonly Point[]): number[] => points.slice(1).map(({ t }, at) => t - points[at]!.t);

/** The pause that is in the middle of some. One alone tells nothing. */
function usual(some: readonly number[]): number {
  return some.length < 2 ? 0 : [...some].sort((one, other) => one - other)[(some.length - 1) >> 1]!;
}

/** A state for as long as it held. */
export interface Spell {
  from: number;
  to: number;
  value: string | number | boolean;
  /** Whether it means on, off, or neither. */
  isOn: boolean | undefined;
}

/** The states in a window; the last one holds until now. While the hub was away nobody knows. */
export function spells({ changes, gaps }: Pick<Track, "changes" | "gaps">, from: number, to: number): Spell[] {
  const found: Spell[] = [];
  changes.forEach(({ t, value }, at) => {
    let start = Math.max(from, t);
    const end = Math.min(to, changes[at + 1]?.t ?? to);
    if (end < start || (end === start && at < changes.length - 1 && end <= from)) return;
    for (const gap of gaps.filter((one) => one.to > start && one.from < end).sort((one, other) => one.from - other.from)) {
      if (gap.from > start) found.push({ from: start, to: gap.from, value, isOn: isOn(value) });
      start = Math.max(start, gap.to);
    }
    if (start < end) found.push({ from: start, to: end, value, isOn: isOn(value) });
  });
  return found;
}

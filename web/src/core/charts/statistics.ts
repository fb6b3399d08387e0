// What a stretch of a track comes to: least, greatest, mean, slope; for states, how long each held.

import { type Spell, type Track, spells } from "./track.js";

export interface Extreme {
  value: number;
  t: number;
}

export interface NumberFigures {
  kind: "number";
  count: number;
  least: Extreme;
  greatest: Extreme;
  mean: number;
  first: Extreme;
  last: Extreme;
  /** How much more an hour, by the line that fits best; null where one reading is all. */
  slope: number | null;
}

export interface StateFigures {
  kind: "state";
  changes: number;
  last: Spell;
  /** Milliseconds of each state, the longest first. */
  held: { value: Spell["value"]; isOn: boolean | undefined; time: number }[];
}

const HOUR = 3600e3;

/** The figures of what a track has between two moments, or null where it has nothing. */
export function figures(track: Track, from: number, to: number): NumberFigures | StateFigures | null {
  return track.kind === "state" ? ofStates(track, from, to) : ofNumbers(track, from, to);
}

function ofNumbers({ points, step }: Track, from: number, to: number): NumberFigures | null {
  // A step belongs to where its middle is.
  const inside = points.filter(({ t }) => t + step / 2 >= from && t + step / 2 <= to);
  const [first] = inside;
  const last = inside.at(-1);
  if (!first || !last) return null;
  const least = { value: first.min, t: first.t };
  const greatest = { value: first.max, t: first.t };
  let count = 0;
  let mean = 0;
  for (const point of inside) {
    if (point.min < least.value) Object.assign(least, { value: point.min, t: point.t });
    if (point.max > greatest.value) Object.assign(greatest, { value: point.max, t: point.t });
    count += point.count;
    mean += ((point.mean - mean) * point.count) / count;
  }
  const at = (value: number, t: number): Extreme => ({ value, t });
  return { kind: "number", count, least, greatest, mean, first: at(first.last, first.t), last: at(last.last, last.t), slope: slopeOf(inside) };
}

/** Least squares over the points, so that a stretch with many readings does not count for more than one with few. */
function slopeOf(points: readonly { t: number; mean: number }[]): number | null {
  if (points.length < 2) return null;
  const start = points[0]!.t;
  const middle = points.reduce((sum, { t }) => sum + (t - start), 0) / points.length;
  const mean = points.reduce((sum, point) => sum + point.mean, 0) / points.length;
  let both = 0;
  let square = 0;
  for (const point of points) {
    const x = point.t - start - middle;
    both += x * (point.mean - mean);
    square += x * x;
  }
  return square === 0 ? null : (both / square) * HOUR;
}

function ofStates(track: Track, from: number, to: number): StateFigures | null {
  const all = spells(track, from, to);
  const last = all.at(-1);
  if (!last) return null;
  const held = new Map<Spell["value"], { value: Spell["value"]; isOn: boolean | undefined; time: number }>();
  for (const spell of all) {
    const known = held.get(spell.value) ?? { value: spell.value, isOn: spell.isOn, time: 0 };
    known.time += spell.to - spell.from;
    held.set(spell.value, known);
  }
  const changes = all.filter(({ value }, at) => at > 0 && value !== all[at - 1]!.value).length;
  return { kind: "state", changes, last, held: [...held.values()].sort((one, other) => other.time - one.time) };
}

/** Which way a number went over a stretch: as much as a tenth of what it moved at all is a way. */
export function trend({ slope, least, greatest, first, last }: NumberFigures): "rising" | "falling" | "steady" {
  const range = greatest.value - least.value;
  const moved = slope === null ? 0 : (slope * (last.t - first.t)) / HOUR;
  if (range === 0 || Math.abs(moved) < range * 0.25) return "steady";
  return moved > 0 ? "rising" : "falling";
}

/** What a track said at a moment: the point that is nearest, unless the line is broken there; or the state that held. */
export function valueAt(track: Track, moment: number): { t: number; value: string | number | boolean; min?: number; max?: number } | null {
  if (track.kind === "state") {
    const spell = spells(track, Math.min(moment, track.changes[0]?.t ?? moment), moment + 1).at(-1);
    return spell && spell.to >= moment ? { t: spell.from, value: spell.value } : null;
  }
  const { points, step } = track;
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.t + step / 2 < moment) low = middle + 1;
    else high = middle;
  }
  const near = [points[low - 1], points[low]].filter((point) => point !== undefined);
  const distance = ({ t }: { t: number }): number => Math.abs(t + step / 2 - moment);
  const best = near.sort((one, other) => distance(one) - distance(other))[0];
  if (!best || track.breaks().some(({ from, to }) => moment > from && moment < to)) return null;
  const isBeyond = moment < points[0]!.t || moment > points.at(-1)!.t + step;
  if (isBeyond && distance(best) > track.patience) return null;
  return { t: best.t, value: best.last, min: best.min, max: best.max };
}

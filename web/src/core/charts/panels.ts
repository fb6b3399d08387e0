// Which series stand in which panel, and the columns of numbers that a panel is drawn from.

import type { Track } from "./track.js";

/** A line that marks a bound of a value. */
export interface Limit {
  value: number;
  words: string;
}

export interface Panel {
  /** One or two units: the scale at the left, and the one at the right. */
  units: string[];
  tracks: Track[];
  /** By the places of units. */
  limits: Limit[][];
}

const SCALES_IN_A_PANEL = 2;

/** Numbers by units, two units a panel, in the order in which they were chosen. States have lanes of their own. */
export function arranged(tracks: readonly Track[], limitsOf: (track: Track) => Limit[] = () => []): { panels: Panel[]; lanes: Track[] } {
  const numbers = tracks.filter(({ kind }) => kind === "number");
  const units = [...new Set(numbers.map(({ unit }) => unit))];
  const panels: Panel[] = [];
  for (let at = 0; at < units.length; at += SCALES_IN_A_PANEL) {
    const ours = units.slice(at, at + SCALES_IN_A_PANEL);
    panels.push({
      units: ours,
      tracks: numbers.filter(({ unit }) => ours.includes(unit)),
      limits: ours.map((unit) => numbers.filter((track) => track.unit === unit).flatMap(limitsOf)),
    });
  }
  return { panels, lanes: tracks.filter(({ kind }) => kind === "state") };
}

/** A place of a line; without numbers the line is broken there. */
export interface Place {
  x: number;
  point: { min: number; max: number; last: number; count: number } | null;
}

/** The line of a track. A step stands in its middle, but not in the future. `shift` moves all of it. */
export function lineOf(track: Track, now: number, shift = 0): Place[] {
  const places: Place[] = [];
  const breaks = track.breaks();
  let next = 0;
  for (const point of track.points) {
    if (breaks[next]?.to === point.t) {
      const { from, to } = breaks[next]!;
      places.push({ x: (from + to) / 2 + shift, point: null });
      next += 1;
    }
    places.push({ x: Math.min(point.t + track.step / 2, Math.max(point.t, now)) + shift, point });
  }
  return places;
}

type Column = (number | null | undefined)[];

export interface Columns {
  x: number[];
  /** For each line its last, greatest and least values: null where it is broken, undefined where only others have a point. */
  lines: { last: Column; max: Column; min: Column; alone: number[] }[];
}

/** Lines with a common axis of time. */
export function columnsOf(lines: readonly Place[][]): Columns {
  const x = [...new Set(lines.flatMap((places) => places.map((place) => place.x)))].sort((a, b) => a - b);
  const at = new Map(x.map((time, index) => [time, index]));
  return {
    x,
    lines: lines.map((places) => {
      const [last, max, min] = [0, 1, 2].map(() => new Array<number | null | undefined>(x.length).fill(undefined)) as [Column, Column, Column];
      const alone: number[] = [];
      places.forEach(({ x: time, point }, index) => {
        const place = at.get(time)!;
        last[place] = point?.last ?? null;
        max[place] = point?.max ?? null;
        min[place] = point?.min ?? null;
        // A reading between two gaps has no line: it is a dot.
        if (point && !places[index - 1]?.point && !places[index + 1]?.point) alone.push(place);
      });
      return { last, max, min, alone };
    }),
  };
}

/** The bounds of a scale, with some room. The noise of a sensor is not to look like a mountain. */
export function bounds(low: number, high: number): [number, number] {
  const middle = (low + high) / 2;
  const half = Math.max((high - low) / 2, Math.abs(middle) * 0.0025) || 1;
  return [middle - half * 1.12, middle + half * 1.12];
}

/** The bounds of a scale whose steps are powers of ten. */
export function logBounds(low: number, high: number): [number, number] {
  const room = high > low ? (high / low) ** 0.06 : 1.25;
  return [low / room, high * room];
}

/** Within a power of ten: which multiples have a line, from few to many. */
const MULTIPLES = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]];
const LINES = { least: 4, most: 10 };

/** Where such a scale has its lines. Within less than a power of ten they stand at even steps. */
export function logSplits(low: number, high: number): number[] {
  const steps = (multiples: readonly number[]): number[] => {
    const found: number[] = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power += 1) found.push(...multiples.map((one) => Number(`${one}e${power}`)));
    return found.filter((one) => one >= low && one <= high);
  };
  for (const multiples of MULTIPLES) {
    const found = steps(multiples);
    if (found.length >= LINES.least) return found.filter((_, at) => at % Math.ceil(found.length / LINES.most) === 0);
  }
  const rough = (high - low) / LINES.least;
  const power = Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * 10 ** power >= rough)! * 10 ** power;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** Units that have a value of zero or below it in sight: their scales cannot go by powers. */
export function evenUnits(tracks: readonly Track[], from: number, to: number): string[] {
  const isBelow = ({ points, step }: Track): boolean => points.some(({ t, min }) => min <= 0 && t + step >= from && t <= to);
  return [...new Set(tracks.filter((track) => track.kind === "number" && isBelow(track)).map(({ unit }) => unit))];
}

/** The rows of a table: one for each time at which a track has a point, the newest first, at most so many. */
export function rowsOf(tracks: readonly Track[], from: number, to: number, most: number): { t: number; cells: (Track["points"][number] | Track["changes"][number] | null)[] }[] {
  const rows = new Map<number, (Track["points"][number] | Track["changes"][number] | null)[]>();
  tracks.forEach((track, column) => {
    for (const one of track.kind === "state" ? track.changes : track.points) {
      if (one.t + track.step < from || one.t > to) continue;
      const cells = rows.get(one.t) ?? new Array<null>(tracks.length).fill(null);
      cells[column] = one;
      rows.set(one.t, cells);
    }
  });
  return [...rows].sort(([one], [other]) => other - one).slice(0, most).map(([t, cells]) => ({ t, cells }));
}

/** The moments at which a cursor can stand, oldest first. */
export function moments(tracks: readonly Track[], from: number, to: number): number[] {
  const all = tracks.flatMap((track) => (track.kind === "state" ? track.changes.map(({ t }) => t) : track.points.map(({ t }) => t + track.step / 2)));
  return [...new Set(all)].filter((t) => t >= from && t <= to).sort((a, b) => a - b);
}

/** The moment that is so many places away from another one. */
export function steppedTo(all: readonly number[], at: number | null, by: number): number | null {
  if (all.length === 0) return null;
  if (at === null) return by < 0 ? all.at(-1)! : all[0]!;
  const after = all.findIndex((t) => t > at);
  const before = all.findLastIndex((t) => t < at);
  const start = by > 0 ? (after < 0 ? all.length : after) - 1 : before + 1;
  return all[Math.max(0, Math.min(start + by, all.length - 1))]!;
}

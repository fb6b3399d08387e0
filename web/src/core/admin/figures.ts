// The hub's own figures: as it tells them under $SYS/hub, what they are in words, and how they moved.

import { isObject } from "../frame.js";
import { pointed } from "../text.js";

export type Figures = ReadonlyMap<string, unknown>;

const ROOT = "$SYS/hub/";
const LINKS = "bridge/";
/** Moments that are kept of each number: an hour, with the usual 10 s between two of them. */
const KEPT = 360;

/** The answer of `/api/topics`, by what stands behind `$SYS/hub/`. */
export function parseFigures(body: unknown): Map<string, unknown> {
  const all = new Map<string, unknown>();
  for (const one of Array.isArray(body) ? body : []) {
    if (isObject(one) && typeof one.topic === "string" && one.topic.startsWith(ROOT)) all.set(one.topic.slice(ROOT.length), one.payload);
  }
  return all;
}

/** When the hub told them, in milliseconds: between two times the same is read again. */
export function toldAt(body: unknown): number {
  const uptime: unknown = (Array.isArray(body) ? body : []).find((one) => isObject(one) && one.topic === `${ROOT}uptime`);
  return isObject(uptime) ? Date.parse(String(uptime.time)) : Number.NaN;
}

export interface Link {
  name: string;
  state: string;
  since: number;
  reason: string;
  figure(name: string): number;
}

/** The links, by their names. */
export function linksOf(figures: Figures): Link[] {
  const names = new Set<string>();
  for (const topic of figures.keys()) if (topic.startsWith(LINKS)) names.add(topic.slice(LINKS.length, topic.indexOf("/", LINKS.length)));
  return [...names].sort().map((name) => {
    const state = figures.get(`${LINKS}${name}/state`);
    const told = isObject(state) ? state : {};
    return {
      name, state: String(told.state ?? "starting"), since: Date.parse(String(told.since)), reason: typeof told.reason === "string" ? told.reason : "",
      figure: (of) => Number(figures.get(`${LINKS}${name}/${of}`)) || 0,
    };
  });
}

export interface Point {
  time: number;
  value: number;
}

/** How each number moved while somebody looked. */
export class Trail {
  #points = new Map<string, Point[]>();

  take(figures: Figures, time: number): void {
    for (const [name, value] of figures) {
      if (typeof value !== "number") continue;
      const points = this.#points.get(name);
      if (!points) this.#points.set(name, [{ time, value }]);
      else if (points.at(-1)!.time < time) {
        points.push({ time, value });
        if (points.length > KEPT) points.shift();
      }
    }
  }

  of(name: string): readonly Point[] {
    return this.#points.get(name) ?? [];
  }

  /** What only grows, as so much a second between two looks. A hub that was started anew begins at zero. */
  rates(name: string): Point[] {
    const points = this.of(name);
    return points.slice(1).flatMap(({ time, value }, at) => {
      const before = points[at]!;
      return value < before.value ? [] : [{ time, value: (value - before.value) / ((time - before.time) / 1000) }];
    });
  }
}

/** Points as a path in a field of 100 by 24, or null where there is nothing to draw. */
export function pathOf(points: readonly Point[]): string | null {
  if (points.length < 2) return null;
  const [first, last] = [points[0]!, points.at(-1)!];
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (time: number) => ((time - first.time) / (last.time - first.time)) * 100;
  const y = (value: number) => (high === low ? 12 : 22 - ((value - low) / (high - low)) * 20);
  return points.map(({ time, value }, at) => `${at === 0 ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** 12.3 MiB */
export function bytesText(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : pointed(value.toFixed(1))} ${UNITS[step]}`;
}

/** 3 d 4 h, 4 h 12 min, 12 min, 9 s */
export function uptimeText(seconds: number): string {
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

// One panel on a canvas, drawn by uPlot: lines with their bands, or lanes of states. What a hand does to it is told to whom it may
// concern; what it shows is said from outside. It knows no Preact.

import uPlot from "uplot";
import { type Columns, type Limit, bounds, logBounds, logSplits } from "../../core/charts/panels.js";
import type { Window } from "../../core/charts/range.js";
import type { Spell } from "../../core/charts/track.js";
import { axisLabels, logLabels, scaleLabels } from "../../core/charts/words.js";
import { Hand, type Heard } from "./hand.js";

export const COLOURS = 8;
/** Beside the colour, so that the lines of a panel are told apart without it. */
export const DASHES: readonly (readonly number[])[] = [[], [10, 4], [4, 3], [14, 4, 3, 4], [6, 6], [18, 5], [3, 5], [10, 3, 3, 3, 3, 3]];
export const LANE = 46;
const AXIS = 52;
const BOTTOM = 42;
const BAND = "33";
/** So near to a value, as a share of it, a limit is in sight beside it. */
const FLAT = 0.1;

/** The colours of the page as they are at this moment, in words that a canvas understands. */
export interface Inks {
  lines: string[];
  text: string;
  muted: string;
  grid: string;
  card: string;
  on: string;
  off: string;
  /** What is written on what is on. */
  onText: string;
  select: string;
  font: string;
}

export interface LineLook {
  ink: string;
  dash: readonly number[];
  isGhost: boolean;
  /** 0 for the scale at the left, 1 for that at the right. */
  scale: number;
}

export interface Lane {
  name: string;
  spells: (Spell & { words: string })[];
  marks: number[];
}

export type Content =
  | { kind: "lines"; units: readonly string[]; logs: readonly boolean[]; looks: readonly LineLook[]; columns: Columns; limits: readonly Limit[][]; gaps: readonly Window[] }
  | { kind: "lanes"; lanes: readonly Lane[]; gaps: readonly Window[] };

/** What the box beside the cursor says. */
export type Tip = { title: string; lines: { ink: string; words: string }[] } | null;

/** The gutters of all panels, so that their times stand below each other. */
export interface Frame {
  width: number;
  height: number;
  hasRight: boolean;
}

export class Plot {
  #box: HTMLElement;
  #plot: uPlot | null = null;
  #structure = "";
  #content: Content;
  #inks: Inks;
  #tip = document.createElement("div");
  #heard: Heard;
  #hand: Hand | null = null;
  #alone: number[][] = [];

  constructor(box: HTMLElement, heard: Heard, content: Content, inks: Inks) {
    this.#box = box;
    this.#heard = heard;
    this.#content = content;
    this.#inks = inks;
    this.#tip.className = "tip";
    this.#tip.hidden = true;
    this.#tip.setAttribute("aria-hidden", "true");
    box.append(this.#tip);
  }

  /** The canvas with all that is drawn, for a picture. */
  get canvas(): HTMLCanvasElement | null {
    return this.#plot?.ctx.canvas ?? null;
  }

  draw(content: Content, { from, to }: Window, frame: Frame, inks: Inks): void {
    this.#content = content;
    this.#inks = inks;
    const shape = content.kind === "lines" ? [content.units, content.logs, content.looks] : content.lanes.length;
    const structure = JSON.stringify([content.kind, shape, frame.hasRight, inks]);
    const data = this.#data(content);
    if (structure !== this.#structure || this.#plot === null) {
      this.#drop();
      this.#structure = structure;
      this.#plot = new uPlot(this.#options(content, frame, inks), data, this.#box);
      this.#hand = new Hand(this.#plot.over, this.#heard, (left) => this.#plot!.posToVal(left, "x"));
    }
    const plot = this.#plot;
    if (plot.width !== frame.width || plot.height !== frame.height) plot.setSize(frame);
    plot.batch(() => {
      plot.setData(data, false);
      plot.setScale("x", { min: from, max: to });
    });
  }

  /** Puts the cursor to a moment, and beside it what is said there. */
  point(moment: number | null, tip: Tip): void {
    const plot = this.#plot;
    if (!plot) return;
    const left = moment === null ? -10 : plot.valToPos(moment, "x");
    const { clientWidth, clientHeight } = plot.over;
    const isInside = moment !== null && left >= 0 && left <= clientWidth;
    plot.setCursor({ left: isInside ? left : -10, top: isInside ? clientHeight / 2 : -10 }, false);
    this.#tip.hidden = !isInside || tip === null || tip.lines.length === 0;
    if (this.#tip.hidden || tip === null) return;
    const title = document.createElement("b");
    title.textContent = tip.title;
    this.#tip.replaceChildren(title, ...tip.lines.map(({ ink, words }) => {
      const line = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.style.background = ink;
      line.append(swatch, words);
      return line;
    }));
    const offset = plot.over.offsetLeft;
    const isLeft = left > clientWidth / 2;
    Object.assign(this.#tip.style, { left: isLeft ? "auto" : `${offset + left + 12}px`, right: isLeft ? `${this.#box.clientWidth - offset - left + 12}px` : "auto" });
  }

  select(window: Window | null): void {
    const plot = this.#plot;
    if (!plot) return;
    const left = window === null ? 0 : Math.max(0, plot.valToPos(window.from, "x"));
    const right = window === null ? 0 : Math.min(plot.over.clientWidth, plot.valToPos(window.to, "x"));
    plot.setSelect({ left, width: Math.max(0, right - left), top: 0, height: window === null ? 0 : plot.over.clientHeight }, false);
  }

  destroy(): void {
    this.#drop();
    this.#tip.remove();
  }

  #drop(): void {
    this.#hand?.end();
    this.#plot?.destroy();
    this.#plot = null;
  }

  #data(content: Content): uPlot.AlignedData {
    if (content.kind === "lanes") return [[0, 1], [null, null]];
    this.#alone = content.columns.lines.flatMap(({ alone }) => [[], [], alone]);
    // Where a scale goes by powers, what is not above zero has no place.
    const above = (column: Columns["x"] | Columns["lines"][number]["last"]) => column.map((value) => (value != null && value <= 0 ? null : value));
    return [content.columns.x, ...content.columns.lines.flatMap(({ last, max, min }, at) => (content.logs[content.looks[at]!.scale] ? [max, min, last].map(above) : [max, min, last]))];
  }

  #options(content: Content, { width, height, hasRight }: Frame, inks: Inks): uPlot.Options {
    const font = `12px ${inks.font}`;
    const axis = { stroke: inks.muted, font, grid: { stroke: inks.grid, width: 1 }, ticks: { stroke: inks.grid, width: 1, size: 5 } };
    const isLines = content.kind === "lines";
    const units = isLines ? content.units : [];
    return {
      width, height, ms: 1, legend: { show: false }, padding: [12, hasRight ? 0 : 16, 0, 0],
      scales: {
        x: { time: true },
        ...(isLines ? Object.fromEntries(units.map((_, at) => [`y${at}`, { distr: (isLines && content.logs[at] ? 3 : 1) as 1 | 3, range: (plot: uPlot, low: number | null, high: number | null): [number, number] => this.#bounds(plot, at, low, high) }]))
          : { y0: { range: (): [number, number] => [0, 1] } }),
      },
      axes: [
        { ...axis, size: BOTTOM, space: 76, values: (_plot, times, _axis, _space, increment) => axisLabels(times, increment) },
        ...(isLines ? units : [""]).map((_unit, at): uPlot.Axis => ({
          ...axis, scale: `y${at}`, side: at === 0 ? 3 : 1, size: AXIS, gap: 4, grid: at === 0 ? axis.grid : { show: false },
          ...(isLines && content.logs[at] ? { splits: (_plot: uPlot, _axis: number, low: number, high: number) => logSplits(low, high), values: (_plot: uPlot, values: number[]) => logLabels(values) }
            : isLines ? { values: (_plot: uPlot, values: number[], _axis: number, _space: number, increment: number) => scaleLabels(values, increment) } : { splits: () => [], values: () => [], grid: { show: false } }),
        })),
        ...(hasRight && units.length < 2 ? [{ ...axis, scale: "y0", side: 1 as const, size: AXIS, splits: () => [], values: () => [], grid: { show: false }, ticks: { show: false } }] : []),
      ],
      series: [{}, ...(isLines ? content.looks.flatMap((look) => this.#series(look)) : [{ scale: "y0", show: false }])],
      bands: isLines ? content.looks.flatMap(({ isGhost, ink }, at) => (isGhost ? [] : [{ series: [1 + 3 * at, 2 + 3 * at] as [number, number], fill: withAlpha(ink, BAND) }])) : [],
      cursor: {
        x: true, y: false, drag: { x: false, y: false, setScale: false },
        points: isLines ? { size: 8 } : { show: false },
        dataIdx: (plot, series, index) => nearest(plot.data[series], index),
      },
      hooks: {
        drawClear: [(plot) => this.#drawGaps(plot)],
        draw: [(plot) => (this.#content.kind === "lanes" ? this.#drawLanes(plot, this.#content.lanes) : this.#drawLimits(plot, this.#content.limits))],
      },
    };
  }

  #series({ ink, dash, isGhost, scale }: LineLook): uPlot.Series[] {
    const edge: uPlot.Series = { scale: `y${scale}`, stroke: "transparent", width: 0, points: { show: false } };
    const line: uPlot.Series = {
      scale: `y${scale}`, stroke: isGhost ? withAlpha(ink, "80") : ink, width: isGhost ? 1.25 : 2, dash: isGhost ? [3, 4] : [...dash],
      points: { show: true, size: 5, fill: ink, stroke: ink, filter: (_plot, series) => this.#alone[series - 1] ?? [] },
    };
    return [edge, { ...edge }, line];
  }

  /** With the limits in it, where there are any near. */
  #bounds(_plot: uPlot, at: number, low: number | null, high: number | null): [number, number] {
    const content = this.#content;
    const isLog = content.kind === "lines" && content.logs[at] === true;
    const limits = content.kind === "lines" ? (content.limits[at] ?? []).map(({ value }) => value) : [];
    if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return isLog ? [1, 10] : [0, 1];
    // A line that is flat has some room, too.
    const room = Math.max(high - low, Math.abs(high) * FLAT);
    const near = limits.filter((value) => value > low - room && value < high + room && !(isLog && value <= 0));
    return (isLog ? logBounds : bounds)(Math.min(low, ...near), Math.max(high, ...near));
  }

  #drawGaps(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = withAlpha(this.#inks.muted, "1f");
    for (const { from, to } of this.#content.gaps) {
      const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
      if (right - left >= 1) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  }

  #drawLimits(plot: uPlot, limits: readonly Limit[][]): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    Object.assign(ctx, { strokeStyle: this.#inks.text, fillStyle: this.#inks.text, lineWidth: ratio, font: `${12 * ratio}px ${this.#inks.font}`, textBaseline: "bottom", textAlign: "left" });
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    limits.forEach((ours, at) => ours.forEach(({ value, words }) => {
      const y = plot.valToPos(value, `y${at}`, true);
      if (y < bbox.top || y > bbox.top + bbox.height) return;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(words, bbox.left + 4 * ratio, y - 2 * ratio);
    }));
    ctx.restore();
  }

  #drawLanes(plot: uPlot, lanes: readonly Lane[]): void {
    const { ctx, bbox } = plot;
    const { on, off, onText, text } = this.#inks;
    const ratio = devicePixelRatio;
    const height = bbox.height / Math.max(1, lanes.length);
    const x = (time: number): number => Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(time, "x", true)));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    lanes.forEach(({ name, spells, marks }, at) => {
      const top = bbox.top + at * height;
      const [bar, thick] = [top + 20 * ratio, height - 26 * ratio];
      Object.assign(ctx, { font: `600 ${12 * ratio}px ${this.#inks.font}`, textBaseline: "top", fillStyle: text });
      ctx.fillText(name, bbox.left + 4 * ratio, top + 3 * ratio);
      for (const { from, to, isOn, words } of spells) {
        const [left, right] = [x(from), x(to)];
        const wide = Math.max(ratio, right - left);
        // Off is lower and hollow: a colour alone tells nothing to some.
        ctx.fillStyle = isOn === true ? on : withAlpha(off, isOn === false ? "40" : "80");
        if (isOn === false) ctx.fillRect(left, bar + thick * 0.7, wide, thick * 0.3);
        else ctx.fillRect(left, bar, wide, thick);
        Object.assign(ctx, { font: `${11 * ratio}px ${this.#inks.font}`, textBaseline: "middle", fillStyle: isOn === true ? onText : text });
        if (ctx.measureText(words).width + 10 * ratio < wide) ctx.fillText(words, left + 5 * ratio, bar + (isOn === false ? thick * 0.32 : thick / 2));
      }
      ctx.fillStyle = text;
      for (const time of marks) {
        const place = plot.valToPos(time, "x", true);
        if (place < bbox.left || place > bbox.left + bbox.width) continue;
        ctx.beginPath();
        ctx.moveTo(place, bar - 1 * ratio);
        ctx.lineTo(place - 4 * ratio, bar - 8 * ratio);
        ctx.lineTo(place + 4 * ratio, bar - 8 * ratio);
        ctx.fill();
      }
    });
    ctx.restore();
  }
}

/** The place nearest to an index that has a number. */
function nearest(column: ArrayLike<number | null | undefined> | undefined, index: number): number {
  if (!column || column[index] != null) return index;
  for (let far = 1; far < 50; far += 1) {
    if (column[index - far] != null) return index - far;
    if (column[index + far] != null) return index + far;
  }
  return index;
}

/** A colour as the browser computes it, rgb(…) or color(…), made transparent; the share is in hexadecimal. */
export function withAlpha(ink: string, share: string): string {
  const alpha = Number.parseInt(share, 16) / 255;
  const [, numbers] = /^rgba?\(([^)]+)\)$/.exec(ink) ?? [];
  if (numbers === undefined) return ink;
  const [red, green, blue] = numbers.split(/[,\s/]+/);
  return `rgba(${red}, ${green}, ${blue}, ${alpha.toFixed(3)})`;
}

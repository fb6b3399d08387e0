// The panels of a chart below each other, with one axis of time and one cursor. The keyboard moves it as well as a hand.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Limit, type Panel, arranged, columnsOf, evenUnits, lineOf, moments, steppedTo } from "../../core/charts/panels.js";
import { DAY, type Window, panned, zoomed } from "../../core/charts/range.js";
import { figures, trend, valueAt } from "../../core/charts/statistics.js";
import { type Track, spells } from "../../core/charts/track.js";
import { durationText, momentText, windowText } from "../../core/charts/words.js";
import { CHARTS, say } from "../../core/text.js";
import { cut } from "../../core/words.js";
import { type Shown, cursor, goBack, isFollowing, moveTo, range, selection, width, windowNow } from "../../charts.js";
import { layout } from "../../layout.js";
import { view } from "../../location.js";
import { announce, values } from "../../page.js";
import { emptySentence, happeningText, numberSentence, rangeWords, stateSentence, stateWords } from "./sentences.js";
import { valueWords, withUnit } from "./figures.js";
import type { Heard } from "./hand.js";
import { inks } from "./inks.js";
import { type Content, type Frame, LANE, Plot, type Tip } from "./plot.js";
import { looksOf } from "./swatch.js";

const SAID_AFTER = 300;
const BOTTOM = 54;

/** The plots that are on the screen, each with what stands above it, for a picture. */
export const plots = new Map<Plot, string>();

const heard: Heard = {
  pointed: (moment) => (cursor.value = moment),
  zoomed: (factor, at) => moveTo(zoomed(windowNow(), factor, at, values.now())),
  moved: (by) => moveTo(panned(windowNow(), by, values.now())),
  selected: (window) => (selection.value = window),
  back: goBack,
};

export function Panels({ all, window }: { all: Shown[]; window: Window }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => (width.value = Math.max(240, Math.floor(box.current?.clientWidth ?? 800))));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const onKey = useKeys(all);
  const { panels, lanes } = arranged(all.map(({ track }) => track), limitsOf);
  const even = view.value.isLog ? evenUnits(all.map(({ track }) => track), window.from, window.to) : [];
  const hasRight = panels.some(({ units }) => units.length > 1);
  const names = all.map(({ title }) => title).join(", ");
  return (
    <div ref={box} class="panels" tabIndex={0} role="application" aria-roledescription={CHARTS.role} aria-label={say(CHARTS.chartOf, { names: cut(names, 200) })} aria-describedby="chart-summary chart-keys" onKeyDown={onKey} onBlur={() => (cursor.value = null)}>
      {panels.map((panel) => <Numbers key={panel.units.join("\n")} panel={panel} even={even} all={all} window={window} frame={{ width: width.value, height: heightOf(panels.length), hasRight }} />)}
      {lanes.length > 0 && <Lanes all={all} lanes={lanes} window={window} frame={{ width: width.value, height: lanes.length * LANE + BOTTOM, hasRight }} />}
      <p id="chart-summary" class="hidden">{all.map((shown) => sentence(shown, window)).join(" ")}</p>
      <p id="chart-keys" class="hidden">{CHARTS.keys}</p>
    </div>
  );
}

/** The limits that people have set for a series, as lines. */
function limitsOf({ ref: { topic, path } }: Track): Limit[] {
  const limits = layout.value.values.get(topic)?.limits ?? {};
  const limit = Object.hasOwn(limits, path) ? limits[path]! : {};
  const bounds: [number | undefined, string][] = [[limit.low, CHARTS.low], [limit.high, CHARTS.high]];
  return bounds.flatMap(([value, words]) => (value === undefined ? [] : [{ value, words }]));
}

/** One panel takes half of the screen, several share it. */
function heightOf(panels: number): number {
  const share = panels === 1 ? 0.52 : panels === 2 ? 0.36 : 0.28;
  return Math.round(Math.max(220, Math.min(innerHeight * share, 640)));
}

/** What a panel shows, in a sentence, for who cannot see it. */
export function sentence({ track, title }: Shown, { from, to }: Window): string {
  const words = rangeWords(range.value, windowText(from, to));
  const found = figures(track, from, Math.min(to, values.now()));
  if (found === null) return emptySentence(title, words);
  if (found.kind === "state") return stateSentence(title, words, found, isFollowing());
  return numberSentence(title, words, found, isFollowing(), trend(found), (value) => valueWords({ track }, value), track.unit);
}

/** Keeps a plot for as long as its panel is there, and draws it anew whenever the panel is. */
function usePlot(content: Content, head: string, window: Window, frame: Frame, tip: (moment: number) => Tip) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const looks = inks.value!;
  const at = cursor.value;
  const chosen = selection.value;
  useLayoutEffect(() => {
    plot.current ??= new Plot(box.current!, heard, content, looks);
    plot.current.draw(content, window, frame, looks);
    plot.current.select(chosen);
    plot.current.point(at, at === null ? null : tip(at));
    plots.set(plot.current, head);
  });
  // Of the same sort as the effect above: one that runs after the picture never does for a panel that is gone before it.
  useLayoutEffect(() => () => {
    plots.delete(plot.current!);
    plot.current?.destroy();
    plot.current = null;
  }, []);
  return box;
}

function Numbers({ panel, even, all, window, frame }: { panel: Panel; even: readonly string[]; all: Shown[]; window: Window; frame: Frame }) {
  const { isLog } = view.value;
  const now = values.now();
  const inksNow = inks.value!;
  const looks = looksOf(all);
  const ours = all.filter(({ track }) => panel.tracks.includes(track)).map((shown) => {
    const { colour, dash } = looks.get(shown.text)!;
    return { shown, ink: inksNow.lines[colour]!, dash };
  });
  const lines = ours.flatMap(({ shown, ink, dash }) => {
    const look = { ink, dash, isGhost: false, scale: panel.units.indexOf(shown.track.unit) };
    const line = { look, places: lineOf(shown.track, now) };
    const { ghost } = shown;
    return ghost && ghost.points.length > 0 && ghost.unit === shown.track.unit ? [{ look: { ...look, isGhost: true }, places: lineOf(ghost, now, DAY) }, line] : [line];
  });
  const content: Content = {
    kind: "lines", units: panel.units, logs: panel.units.map((unit) => isLog && !even.includes(unit)), looks: lines.map(({ look }) => look), columns: columnsOf(lines.map(({ places }) => places)),
    limits: panel.limits, gaps: gapsOf(panel.tracks),
  };
  const head = panel.units.map((unit) => unit || "–").join(" · ");
  const span = window.to - window.from;
  const tip = (moment: number): Tip => ({
    title: momentText(moment, span, now),
    lines: ours.flatMap(({ shown, ink }) => {
      const found = valueAt(shown.track, moment);
      const before = shown.ghost && valueAt(shown.ghost, moment - DAY);
      const [low, high] = found?.min === undefined || found.max === undefined ? ["", ""] : [valueWords(shown, found.min), valueWords(shown, found.max)];
      const words = found && `${shown.title} ${withUnit(shown, found.value)}${low === high ? "" : ` (${say(CHARTS.spread, { low, high })})`}`;
      return [...(words ? [{ ink, words }] : []), ...(before ? [{ ink: "transparent", words: `${CHARTS.dayBefore} ${withUnit(shown, before.value)}` }] : [])];
    }),
  });
  const box = usePlot(content, head, window, frame, tip);
  return (
    <div class="panel plot" aria-hidden="true">
      <p class="units">{panel.units.map((unit, at) => <span key={at}>{unit}</span>)}</p>
      <div ref={box} class="canvas" />
    </div>
  );
}

function Lanes({ all, lanes, window, frame }: { all: Shown[]; lanes: Track[]; window: Window; frame: Frame }) {
  const now = values.now();
  const ours = all.filter(({ track }) => lanes.includes(track));
  const span = window.to - window.from;
  const end = Math.min(window.to, now);
  const content: Content = {
    kind: "lanes", gaps: gapsOf(lanes),
    lanes: ours.map(({ track, title, place, events }) => ({
      name: `${title}  ${place}`,
      spells: spells(track, window.from, end).map((spell) => ({ ...spell, words: `${stateWords(spell.value)}  ${durationText(spell.to - spell.from)}` })),
      marks: events.map(({ time }) => time),
    })),
  };
  const near = span / 100;
  const tip = (moment: number): Tip => ({
    title: momentText(moment, span, now),
    lines: ours.flatMap((shown) => {
      const found = valueAt(shown.track, moment);
      const commands = shown.events.filter(({ time }) => Math.abs(time - moment) < near).slice(0, 3);
      return [...(found ? [{ ink: "transparent", words: `${shown.title} ${stateWords(found.value)}` }] : []), ...commands.map((one) => ({ ink: "transparent", words: happeningText(one, Math.min(span, 3600e3), now) }))];
    }),
  });
  const box = usePlot(content, CHARTS.states, window, frame, tip);
  return (
    <div class="panel plot" aria-hidden="true">
      <p class="units"><span>{CHARTS.states}</span></p>
      <div ref={box} class="canvas" />
    </div>
  );
}

/** Times in which there was no hub, or no room: each once. */
function gapsOf(tracks: readonly Track[]): Window[] {
  const all = new Map(tracks.flatMap(({ gaps }) => gaps).map(({ from, to }) => [`${from} ${to}`, { from, to }]));
  return [...all.values()];
}

/** Arrows, plus and minus, and so on. What the cursor meets is said. */
function useKeys(all: Shown[]): (event: KeyboardEvent) => void {
  const anchor = useRef<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const point = (to: number | null): void => {
    cursor.value = to;
    if (to === null) return;
    if (anchor.current !== null) selection.value = { from: Math.min(anchor.current, to), to: Math.max(anchor.current, to) };
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const { from, to: end } = windowNow();
      const said = all.map((shown) => {
        const found = valueAt(shown.track, to);
        return `${shown.title} ${found === null ? CHARTS.noValue : withUnit(shown, found.value)}`;
      });
      announce(`${momentText(to, end - from, values.now())}: ${said.join(", ")}`);
    }, SAID_AFTER);
  };
  return (event) => {
    const { key, shiftKey } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const window = windowNow();
    const span = window.to - window.from;
    const places = moments(all.map(({ track }) => track), window.from, window.to);
    const middle = cursor.value ?? (window.from + window.to) / 2;
    const by = shiftKey ? 10 : 1;
    switch (key) {
      case "ArrowLeft": point(steppedTo(places, cursor.value, -by)); break;
      case "ArrowRight": point(steppedTo(places, cursor.value, by)); break;
      case "Home": point(places[0] ?? null); break;
      case "End": point(places.at(-1) ?? null); break;
      case "+": case "=": heard.zoomed(0.5, middle); break;
      case "-": heard.zoomed(2, middle); break;
      case "PageUp": heard.moved(-span / 2); break;
      case "PageDown": heard.moved(span / 2); break;
      case "Backspace": goBack(); break;
      case " ":
        anchor.current = anchor.current === null ? cursor.value : null;
        break;
      case "Escape":
        anchor.current = null;
        selection.value = null;
        cursor.value = null;
        break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
}

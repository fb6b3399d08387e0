// The words of the charts. All texts of the screen stand here, so that they can be told in another language.

import type { Happening } from "../core/charts/question.js";
import { type Range, rangeText } from "../core/charts/range.js";
import type { NumberFigures, StateFigures } from "../core/charts/statistics.js";
import { durationText, momentText } from "../core/charts/words.js";
import { isOn } from "../core/units.js";
import { counted, cut, titleText } from "../core/words.js";

export const WORDS = {
  screen: "Charts",
  add: "Add a number",
  addHint: "Find: attic, unit:℃",
  addNone: "Nothing here fits, or nothing of it is a number or a state.",
  addMany: (more: number) => `and ${counted(more, "other")}: write more to find them`,
  addFull: (most: number) => `No chart shows more than ${most} series. Take one out to add another one.`,
  remove: (name: string) => `Take ${name} out of the chart`,
  ranges: "Range",
  all: "All",
  yesterday: "Yesterday",
  earlier: "Earlier",
  later: "Later",
  back: "Back",
  live: "Now",
  low: "Low",
  high: "High",
  dayBefore: "Day before",
  dayBeforeHint: "Draws the day before as a pale line. For ranges of up to two days.",
  table: "Show as table",
  png: "PNG",
  csv: "CSV",
  copy: "Copy link",
  copied: "Copied",
  notCopied: "This browser does not let the page copy. The address of the page is the link.",
  exporting: "Asking the hub…",
  exportFailed: (why: string) => `No file was made. ${why}`,
  empty: "Choose a number, and its past is drawn here.",
  emptyHow: "Every number on the page leads to its chart, too.",
  loading: "Asking the hub…",
  nothing: "Nothing was kept in this time.",
  off: "History is off on this hub, so there is nothing to look back at. New readings are drawn as they come. The hub keeps history where it has a store: store.directory in its configuration.",
  forbidden: (topic: string) => `Your account may not read ${cut(topic, 120)}.`,
  session: "You are signed out.",
  busy: "The hub is busy with other questions. It is asked again.",
  unreachable: "The hub does not answer. What is drawn is from before.",
  odd: (why: string) => `The hub did not answer the question: ${cut(why, 200)}`,
  notRef: (text: string) => `The address names a series that cannot be: ${cut(text, 120)}`,
  gaps: (count: number) => (count === 1 ? "There is a gap in which readings may be missing." : `There are ${count} gaps in which readings may be missing.`),
  states: "States",
  chartOf: (names: string) => `Chart: ${names}`,
  role: "chart",
  keys: "Arrow keys move the cursor, with Shift by ten places. Plus and minus zoom, Home and End go to the ends, Page Up and Page Down move in time. Space marks where a selection begins and ends, Escape takes it away.",
  help: "Wheel or pinch to zoom, drag to move, Shift and drag to select, double click to go back.",
  figures: "Figures",
  figuresOf: (window: string) => `Figures of ${window}`,
  selection: (window: string, duration: string) => `Figures of the selection: ${window}, ${duration}`,
  clearSelection: "Clear selection",
  columns: { series: "Series", at: "Value", least: "Lowest", greatest: "Highest", mean: "Mean", slope: "Change an hour" },
  atCursor: (moment: string) => `At ${moment}`,
  last: "Last",
  noValue: "none",
  time: "Time",
  tableOf: (rows: string) => `${rows}, the newest first`,
  tableCut: (most: string) => `The newest ${most} rows are shown. CSV has all of them.`,
  spread: (low: string, high: string) => `${low} to ${high}`,
  held: (state: string, duration: string) => `${state} for ${duration}`,
  changed: (count: number) => (count === 0 ? "no change" : counted(count, "change")),
} as const;

const SPAN_NAMES: Record<string, string> = { s: "s", m: "min", h: "h", d: "d" };

/** 10 min, 6 h, 7 d */
export const spanName = (text: string): string => text.replace(/^(\d+)([smhd])$/, (_, number: string, unit: string) => `${number} ${SPAN_NAMES[unit]}`);

/** The range as part of a sentence. */
export function rangeWords(range: Range, window: string): string {
  if (range === "all") return "all that is kept";
  return "span" in range ? `last ${spanName(rangeText(range))}` : window;
}

/** Temperature, last 1 h: 20.1 to 22.4 ℃, now 22.4, rising. */
export function numberSentence(name: string, range: string, figures: NumberFigures, isLive: boolean, trend: string, text: (value: number) => string, unit: string): string {
  const { least, greatest, last } = figures;
  const both = least.value === greatest.value ? text(least.value) : `${text(least.value)} to ${text(greatest.value)}`;
  return `${name}, ${range}: ${both}${unit === "" ? "" : ` ${unit}`}, ${isLive ? "now" : "at the end"} ${text(last.value)}, ${trend}.`;
}

export function stateSentence(name: string, range: string, figures: StateFigures, isLive: boolean): string {
  const held = figures.held.slice(0, 3).map(({ value, time }) => WORDS.held(stateWords(value), durationText(time)));
  return `${name}, ${range}: ${held.join(", ")}, ${WORDS.changed(figures.changes)}, ${isLive ? "now" : "at the end"} ${stateWords(figures.last.value)}.`;
}

export const emptySentence = (name: string, range: string): string => `${name}, ${range}: ${WORDS.nothing.toLowerCase()}`;

/** A state in a word: on, off, or what was said. */
export function stateWords(value: string | number | boolean): string {
  if (value === true) return "on";
  if (value === false) return "off";
  return isOn(value) === undefined ? cut(String(value), 40) : String(value).toLowerCase();
}

const RESULTS: Record<string, string> = { waiting: "waits for the device", confirmed: "confirmed", refused: "refused by the device", timeout: "no answer", offline: "the device was not there", superseded: "given up for another one" };

/** 10:02:09 jana: {"state":true}, confirmed */
export function happeningText({ time, user, payload, result, kind }: Happening, span: number, now: number): string {
  const what = kind === "command" ? cut(JSON.stringify(payload) ?? "", 60) : titleText(kind);
  const end = Object.hasOwn(RESULTS, result) ? `, ${RESULTS[result]}` : result === "" ? "" : `, ${cut(result, 40)}`;
  return `${momentText(time, span, now)} ${user === "" ? "" : `${cut(user, 40)}: `}${what}${end}`;
}

// What charts say in whole sentences.

import type { Happening } from "../../core/charts/question.js";
import { type Range, rangeText } from "../../core/charts/range.js";
import type { NumberFigures, StateFigures } from "../../core/charts/statistics.js";
import { durationText, momentText, spanName } from "../../core/charts/words.js";
import { CHARTS, EVENTS, known, plural, say } from "../../core/text.js";
import { isOn } from "../../core/units.js";
import { cut, titleText } from "../../core/words.js";

/** The range as part of a sentence. */
export function rangeWords(range: Range, window: string): string {
  if (range === "all") return CHARTS.allKept;
  return "span" in range ? say(CHARTS.lastSpan, { span: spanName(rangeText(range)) }) : window;
}

const whenWords = (isLive: boolean): string => (isLive ? CHARTS.now : CHARTS.atEnd);

/** Temperature, last 1 h: 20.1 to 22.4 ℃, now 22.4, rising. */
export function numberSentence(name: string, range: string, figures: NumberFigures, isLive: boolean, trend: keyof typeof CHARTS.trends, text: (value: number) => string, unit: string): string {
  const { least, greatest, last } = figures;
  const both = least.value === greatest.value ? text(least.value) : say(CHARTS.spread, { low: text(least.value), high: text(greatest.value) });
  return say(CHARTS.sentence, { name, range, values: unit === "" ? both : `${both} ${unit}`, when: whenWords(isLive), last: text(last.value), trend: CHARTS.trends[trend] });
}

export function stateSentence(name: string, range: string, figures: StateFigures, isLive: boolean): string {
  const held = figures.held.slice(0, 3).map(heldWords).join(", ");
  return say(CHARTS.stateSentence, { name, range, held, changes: changesWords(figures.changes), when: whenWords(isLive), last: stateWords(figures.last.value) });
}

export const emptySentence = (name: string, range: string): string => `${name}, ${range}: ${CHARTS.nothing.toLowerCase()}`;

/** On for 3 h 5 min. */
export const heldWords = ({ value, time }: StateFigures["held"][number]): string => say(CHARTS.held, { state: stateWords(value), duration: durationText(time) });

export const changesWords = (count: number): string => (count === 0 ? CHARTS.noChange : plural(CHARTS.changes, count));

/** A state in a word: on, off, or what was said. */
export function stateWords(value: string | number | boolean): string {
  if (value === true) return CHARTS.on;
  if (value === false) return CHARTS.off;
  return isOn(value) === undefined ? cut(String(value), 40) : String(value).toLowerCase();
}

/** 10:02:09 jana: {"state":true}, confirmed */
export function happeningText({ time, user, payload, result, kind }: Happening, span: number, now: number): string {
  const what = kind === "command" ? cut(JSON.stringify(payload) ?? "", 60) : known(EVENTS.kinds, kind, titleText(kind));
  const end = result === "" ? "" : `, ${known(CHARTS.results, result, cut(result, 40))}`;
  return `${momentText(time, span, now)} ${user === "" ? "" : `${cut(user, 40)}: `}${what}${end}`;
}

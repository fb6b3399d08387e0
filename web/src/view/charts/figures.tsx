// What the chart comes to, in figures: of what is in sight, or of the selection. And all of it as a table.

import { rowsOf } from "../../core/charts/panels.js";
import type { Window } from "../../core/charts/range.js";
import { type NumberFigures, type StateFigures, figures, valueAt } from "../../core/charts/statistics.js";
import { durationText, momentText, windowText } from "../../core/charts/words.js";
import { numberText } from "../../core/numbers.js";
import { spokenUnit } from "../../core/units.js";
import { CHARTS, plural, say } from "../../core/text.js";
import { type Shown, cursor, selection } from "../../charts.js";
import { values } from "../../page.js";
import { heldWords, changesWords, stateWords } from "./sentences.js";
import { Swatch, looksOf } from "./swatch.js";

const ROWS_AT_MOST = 1000;

/** A value of a track as it is told everywhere on this screen. */
export function valueWords({ track }: Pick<Shown, "track">, value: string | number | boolean): string {
  return typeof value === "number" && track.kind === "number" ? numberText(value, track.unit, track.decimals) : stateWords(value);
}

export function withUnit(shown: Pick<Shown, "track">, value: string | number | boolean): string {
  const words = valueWords(shown, value);
  return shown.track.unit === "" || typeof value !== "number" ? words : `${words} ${shown.track.unit}`;
}

export function Figures({ all, window }: { all: Shown[]; window: Window }) {
  const chosen = selection.value;
  const { from, to } = chosen ?? window;
  const now = values.now();
  const span = to - from;
  const moment = cursor.value;
  const looks = looksOf(all);
  return (
    <section class="panel figures" aria-labelledby="figures-title">
      <div class="panel-head">
        <h2 id="figures-title">{chosen ? say(CHARTS.selection, { window: windowText(from, to), duration: durationText(span) }) : say(CHARTS.figuresOf, { window: windowText(from, to) })}</h2>
        {chosen && <button type="button" class="quiet" onClick={() => (selection.value = null)}>{CHARTS.clearSelection}</button>}
      </div>
      <div class="scrolled" tabIndex={0} role="region" aria-label={CHARTS.figures}>
        <table>
          <thead>
            <tr>
              <th scope="col">{CHARTS.series}</th>
              <th scope="col">{moment === null ? CHARTS.last : say(CHARTS.atCursor, { moment: momentText(moment, window.to - window.from, now) })}</th>
              <th scope="col">{CHARTS.least}</th>
              <th scope="col">{CHARTS.greatest}</th>
              <th scope="col">{CHARTS.mean}</th>
              <th scope="col">{CHARTS.slope}</th>
            </tr>
          </thead>
          <tbody>
            {all.map((shown) => (
              <tr key={shown.text}>
                <th scope="row"><Swatch look={looks.get(shown.text)} /> {shown.title} <span class="place">{shown.place}</span></th>
                <Row shown={shown} found={figures(shown.track, from, Math.min(to, now))} moment={moment} when={(time) => momentText(time, span, now)} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ shown, found, moment, when }: { shown: Shown; found: NumberFigures | StateFigures | null; moment: number | null; when: (time: number) => string }) {
  const { track } = shown;
  const at = moment === null ? null : valueAt(track, moment);
  const atCursor = moment === null ? null : at === null ? CHARTS.noValue : valueWords(shown, at.value);
  if (found === null) return <td colSpan={5} class="none">{shown.problem ?? CHARTS.nothing}</td>;
  if (found.kind === "state") {
    return (
      <>
        <td>{atCursor ?? valueWords(shown, found.last.value)}</td>
        <td colSpan={4}>{`${found.held.slice(0, 4).map(heldWords).join(", ")}; ${changesWords(found.changes)}`}</td>
      </>
    );
  }
  const { least, greatest, mean, slope, last } = found;
  const cell = (value: number): string => numberText(value, track.unit, track.decimals);
  return (
    <>
      <td><Unit words={atCursor ?? cell(last.value)} unit={atCursor === CHARTS.noValue ? "" : track.unit} /></td>
      <td><Unit words={cell(least.value)} unit={track.unit} /><time>{when(least.t)}</time></td>
      <td><Unit words={cell(greatest.value)} unit={track.unit} /><time>{when(greatest.t)}</time></td>
      <td><Unit words={numberText(Number(mean.toPrecision(12)), track.unit, track.decimals + 1)} unit={track.unit} /></td>
      <td>{slope === null ? "" : <Unit words={`${slope > 0 ? "+" : ""}${numberText(Number(Number(slope.toPrecision(3)).toFixed(track.decimals + 1)), "", 0)}`} unit={track.unit} />}</td>
    </>
  );
}

function Unit({ words, unit }: { words: string; unit: string }) {
  return <span class="figure">{words}{unit !== "" && <span aria-hidden="true">{` ${unit}`}</span>}{unit !== "" && <span class="hidden">{` ${spokenUnit(unit)}`}</span>}</span>;
}

/** Each point of the chart as a row. */
export function Rows({ all, window }: { all: Shown[]; window: Window }) {
  const rows = rowsOf(all.map(({ track }) => track), window.from, window.to, ROWS_AT_MOST);
  const span = window.to - window.from;
  return (
    <section class="panel rows" aria-labelledby="rows-title">
      <h2 id="rows-title">{plural(CHARTS.rows, rows.length)}</h2>
      {rows.length === ROWS_AT_MOST && <p class="note">{say(CHARTS.tableCut, { most: ROWS_AT_MOST })}</p>}
      <div class="scrolled" tabIndex={0} role="region" aria-label={CHARTS.table}>
        <table>
          <thead>
            <tr>
              <th scope="col">{CHARTS.time}</th>
              {all.map(({ text, title, place, track }) => <th key={text} scope="col">{`${title}${track.unit === "" ? "" : `, ${track.unit}`}`} <span class="place">{place}</span></th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ t, cells }) => (
              <tr key={t}>
                <th scope="row">{momentText(t, Math.min(span, 3600e3), 0)}</th>
                {cells.map((cell, at) => <td key={at}>{cell === null ? "" : "value" in cell ? stateWords(cell.value) : rangeOf(all[at]!, cell)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function rangeOf(shown: Shown, { count, min, max, last }: { count: number; min: number; max: number; last: number }): string {
  const [value, low, high] = [last, min, max].map((one) => valueWords(shown, one)) as [string, string, string];
  return count === 1 || low === high ? value : `${value} (${say(CHARTS.spread, { low, high })})`;
}

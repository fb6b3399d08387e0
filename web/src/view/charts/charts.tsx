// The charts: what was said over time, as lines, lanes, figures and rows.

import "../../app.js";
import { effect, signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { SPANS, type Range, type Window, dayBefore, isSame, isLiveRange, panned, rangeText } from "../../core/charts/range.js";
import { evenUnits } from "../../core/charts/panels.js";
import { toggled } from "../../core/charts/series.js";
import { spanName, windowText } from "../../core/charts/words.js";
import { type Shown, beat, canGoBack, canHaveGhost, exportedCsv, goBack, isAsking, isFollowing, isOff, moveTo, problemText, range, setRange, shown, start, windowNow } from "../../charts.js";
import { viewText } from "../../core/view.js";
import { isProblem } from "../../history.js";
import { show, view } from "../../location.js";
import { announce, isLive, moment, structure, values } from "../../page.js";
import { HUB } from "../../session.js";
import { CHARTS, plural, say } from "../../core/text.js";
import { Chooser } from "./chooser.js";
import { download } from "../parts.js";
import { fileName, picture } from "./export.js";
import { Figures, Rows, withUnit } from "./figures.js";
import { followTheme, inks } from "./inks.js";
import { Panels, plots } from "./panels.js";
import { Swatch, looksOf } from "./swatch.js";

/** Counts pictures: however much comes, there is one a frame. */
const drawn = signal(0);

export function Charts() {
  useLayoutEffect(() => {
    const endTheme = followTheme();
    const end = start();
    let frame = 0;
    const endBeat = effect(() => {
      void beat.value;
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        drawn.value += 1;
      });
    });
    return () => {
      endBeat();
      cancelAnimationFrame(frame);
      end();
      endTheme();
    };
  }, []);
  void [drawn.value, structure.value, moment.value];
  const { series, isTable } = view.value;
  const all = shown();
  const window = windowNow();
  return (
    <div class="charts">
      <h2 class="hidden">{CHARTS.screen}</h2>
      <div class="tools">
        <Ranges day={dayBefore(values.now())} />
        <Moves window={window} />
      </div>
      <Series all={all} window={window} />
      <Notes all={all} window={window} />
      {series.length > 0 && inks.value !== null && (
        <>
          <Panels all={all} window={window} />
          <div class="below">
            <p class="note help">{CHARTS.help}</p>
            <Exports all={all} />
          </div>
          <Figures all={all} window={window} />
          {isTable && <Rows all={all} window={window} />}
        </>
      )}
    </div>
  );
}

function Ranges({ day }: { day: Window }) {
  const spans: [string, Range][] = [...SPANS.map((span): [string, Range] => [spanName(rangeText({ span })), { span }]), [CHARTS.all, "all"], [CHARTS.yesterday, day]];
  return (
    <div class="choose ranges" role="group" aria-label={CHARTS.ranges}>
      {spans.map(([name, one]) => <button key={name} type="button" aria-pressed={isSame(one, range.value)} onClick={() => setRange(one)}>{name}</button>)}
    </div>
  );
}

function Moves({ window: { from, to } }: { window: Window }) {
  const move = (share: number) => moveTo(panned(windowNow(), (to - from) * share, values.now()));
  const { isWithDayBefore, isLog } = view.value;
  return (
    <div class="moves">
      <button type="button" aria-label={CHARTS.earlier} title={CHARTS.earlier} onClick={() => move(-1)}>‹</button>
      <button type="button" aria-label={CHARTS.later} title={CHARTS.later} disabled={isFollowing()} onClick={() => move(1)}>›</button>
      <button type="button" disabled={isLiveRange(range.value)} onClick={() => setRange({ span: Math.max(1000, Math.round((to - from) / 1000) * 1000) })}>{CHARTS.live}</button>
      <button type="button" disabled={!canGoBack.value} onClick={goBack}>{CHARTS.back}</button>
      <button type="button" aria-pressed={isWithDayBefore} title={CHARTS.dayBeforeHint} disabled={!canHaveGhost()} onClick={() => show({ isWithDayBefore: !isWithDayBefore })}>{CHARTS.dayBefore}</button>
      <button type="button" aria-pressed={isLog} title={CHARTS.logHint} onClick={() => show({ isLog: !isLog })}>{CHARTS.log}</button>
    </div>
  );
}

function Exports({ all }: { all: Shown[] }) {
  const [says, setSays] = useState("");
  const [copied, setCopied] = useState(false);
  const { isTable } = view.value;
  const has = all.some(({ track }) => !track.isEmpty);
  const title = all.map((one) => one.title).join(", ");
  const { from, to } = windowNow();
  const name = (ending: string) => fileName(`${title} ${windowText(from, to)}`, ending);
  const tell = (words: string): void => {
    setSays(words);
    if (words !== "") announce(words);
  };
  const savePng = async () => {
    const looks = looksOf(all);
    const legend = all.flatMap(({ text, track, title: words, place }) => {
      const look = looks.get(text);
      if (!look || look.isState) return [];
      const last = track.points.findLast(({ t }) => t <= to);
      return [{ ink: inks.value!.lines[look.colour]!, dash: look.dash, words: `${words}, ${place}${last ? `: ${withUnit({ track }, last.last)}` : ""}` }];
    });
    const top = ({ canvas }: { canvas: HTMLCanvasElement }): number => canvas.getBoundingClientRect().top;
    const panels = [...plots].flatMap(([{ canvas }, head]) => (canvas ? [{ head, canvas }] : [])).sort((one, other) => top(one) - top(other));
    const made = await picture(title, windowText(from, to), legend, panels, inks.value!);
    if (made) download(name("png"), made);
    tell(made ? "" : say(CHARTS.exportFailed, { why: CHARTS.tooLarge }));
  };
  const saveCsv = async () => {
    tell(CHARTS.exporting);
    const made = await exportedCsv();
    if (typeof made !== "string") return tell(say(CHARTS.exportFailed, { why: isProblem(made) ? problemText(made, title) : "" }));
    tell("");
    download(name("csv"), new Blob([made], { type: "text/csv" }));
  };
  const copy = () => {
    setCopied(false);
    const told = navigator.clipboard?.writeText(HUB + viewText(view.value)) ?? Promise.reject(new Error("no clipboard"));
    told.then(() => setCopied(true), () => tell(CHARTS.notCopied));
  };
  return (
    <div class="moves exports">
      <button type="button" aria-pressed={isTable} disabled={!has} onClick={() => show({ isTable: !isTable })}>{CHARTS.table}</button>
      <button type="button" disabled={!has} onClick={() => void savePng()}>{CHARTS.png}</button>
      <button type="button" disabled={!has} onClick={() => void saveCsv()}>{CHARTS.csv}</button>
      <button type="button" disabled={all.length === 0} onClick={copy}>{copied ? CHARTS.copied : CHARTS.copy}</button>
      {says !== "" && <p class="note">{says}</p>}
    </div>
  );
}

function Series({ all, window: { to } }: { all: Shown[]; window: Window }) {
  const { series } = view.value;
  const looks = looksOf(all);
  const [isOpen, setOpen] = useState(series.length === 0);
  // A keyboard goes on where the list was made longer.
  useEffect(() => {
    if (series.length === 0) setOpen(true);
  }, [series.length === 0]);
  return (
    <div class="chosen">
      {all.length === 0 && <p class="note first">{`${CHARTS.empty} ${CHARTS.emptyHow}`}</p>}
      <ul class="series" aria-label={CHARTS.series}>
        {all.map(({ text, title, place, track, problem }) => {
          const last = track.kind === "state" ? track.changes.findLast(({ t }) => t <= to)?.value : track.points.findLast(({ t }) => t <= to)?.last;
          return (
            <li key={text} data-problem={problem === null ? undefined : ""}>
              <Swatch look={looks.get(text)} />
              <span class="title">{title}</span>
              <span class="place">{place}</span>
              <span class="now">{last === undefined ? "" : withUnit({ track }, last)}</span>
              <button type="button" class="quiet" aria-label={say(CHARTS.remove, { name: title })} onClick={() => show({ series: toggled(series, text) })}>×</button>
            </li>
          );
        })}
        <li class="add"><button type="button" aria-expanded={isOpen} aria-controls="chooser" onClick={() => setOpen(!isOpen)}>{`+ ${CHARTS.add}`}</button></li>
      </ul>
      <div id="chooser" hidden={!isOpen}>{isOpen && <Chooser isOpen={isOpen} />}</div>
    </div>
  );
}

function Notes({ all, window }: { all: Shown[]; window: Window }) {
  const words = new Set(all.flatMap(({ problem }) => (problem === null ? [] : [problem])));
  const gaps = new Set(all.flatMap(({ track }) => track.gaps.map(({ from, to }) => `${from} ${to}`))).size;
  const uneven = view.value.isLog ? evenUnits(all.map(({ track }) => track), window.from, window.to) : [];
  const isEmpty = all.length > 0 && !isAsking.value && isLive() && words.size === 0 && all.every(({ track }) => track.isEmpty);
  return (
    <div class="notes" data-off={isOff.value ? "" : undefined}>
      {[...words].map((one) => <p key={one} class="note trouble">{one}</p>)}
      {isEmpty && <p class="note">{CHARTS.nothing}</p>}
      {isAsking.value && all.every(({ track }) => track.isEmpty) && words.size === 0 && <p class="note">{CHARTS.loading}</p>}
      {uneven.length > 0 && <p class="note">{say(CHARTS.notLog, { units: uneven.map((unit) => unit || CHARTS.noUnit).join(", ") })}</p>}
      {gaps > 0 && <p class="note">{plural(CHARTS.gaps, gaps)}</p>}
    </div>
  );
}

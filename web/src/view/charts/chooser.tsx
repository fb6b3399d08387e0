// The list of numbers and states that can be added to the chart, with a search.

import { nodeName } from "../../core/layout.js";
import { layout } from "../../layout.js";
import { useMemo, useState } from "preact/hooks";
import { type Ref, SERIES_AT_MOST, refText, toggled } from "../../core/charts/series.js";
import { type Reading, titleOf } from "../../core/values.js";
import { CHARTS, plural, say } from "../../core/text.js";
import { cut } from "../../core/words.js";
import { favourites } from "../../favourites.js";
import { loadSearch, searchFor, show, view } from "../../location.js";
import { presentValues, structure } from "../../page.js";
import { chartedOf } from "../parts.js";

const SHOWN_AT_MOST = 40;
const order = new Intl.Collator("en", { numeric: true }).compare;

interface Choice {
  text: string;
  title: string;
  place: string;
}

/** All numbers and states of a reading. */
function choicesOf(reading: Reading): Choice[] {
  const { topic, base, place } = reading;
  const choice = (ref: Ref, title: string): Choice => ({ text: refText(ref), title: cut(title, 60), place: cut(`${nodeName(layout.value, base)} · ${place}`, 120) });
  const state = reading.actuator ? [choice(chartedOf(reading)!, reading.title)] : [];
  const { name } = layout.value.values.get(topic) ?? {};
  const named = (title: string): string => (name === undefined ? title : reading.quantities!.length > 1 ? `${name}, ${title}` : name);
  const values = (reading.quantities ?? []).filter(({ value, isOn }) => typeof value === "number" || isOn !== undefined).map(({ key, path }) => choice({ topic, path }, named(key.includes(".") ? key.split(".").slice(-2).join(" ") : titleOf(key))));
  return [...state, ...values];
}

export function Chooser({ isOpen }: { isOpen: boolean }) {
  const [words, setWords] = useState("");
  const { series } = view.value;
  void structure.value;
  const wanted = searchFor(words);
  const found = useMemo(() => {
    const values = presentValues();
    const now = values.now();
    const fits = (reading: Reading): boolean => wanted.matches(reading, { now, isOffline: values.presenceOf(reading.base)?.isOnline === false, isFavourite: favourites.value.has(reading.topic) });
    const readings = [...values.topics.values()].filter(fits);
    return readings.sort((one, other) => one.rank - other.rank || order(one.topic, other.topic)).flatMap(choicesOf);
  }, [words, wanted.isEmpty, structure.value, isOpen]);
  const isFull = series.length >= SERIES_AT_MOST;
  return (
    <div class="chooser">
      <label class="hidden" for="add-search">{CHARTS.add}</label>
      <input id="add-search" type="search" value={words} placeholder={CHARTS.addHint} autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={400} onInput={(event) => {
        // What could not be loaded is tried again when somebody searches.
        loadSearch();
        setWords(event.currentTarget.value);
      }} />
      {isFull && <p class="note">{say(CHARTS.addFull, { most: SERIES_AT_MOST })}</p>}
      {found.length === 0 && <p class="note">{CHARTS.addNone}</p>}
      <ul aria-label={CHARTS.add}>
        {found.slice(0, SHOWN_AT_MOST).map(({ text, title, place }) => {
          const isIn = series.includes(text);
          return (
            <li key={text}>
              <button type="button" aria-pressed={isIn} disabled={isFull && !isIn} onClick={() => show({ series: toggled(series, text) })}>
                <span class="title">{title}</span> <span class="place">{place}</span>
              </button>
            </li>
          );
        })}
      </ul>
      {found.length > SHOWN_AT_MOST && <p class="note">{plural(CHARTS.addMany, found.length - SHOWN_AT_MOST)}</p>}
    </div>
  );
}

// What exactly was said at a topic, and when: the details of a tile. They come beside the first picture, which does without them.

import { WORDS, plural } from "../core/text.js";
import type { Reading } from "../core/values.js";
import { cut, exactText, intervalText } from "../core/words.js";
import { favourites, toggleFavourite } from "../favourites.js";
import { isAdmin } from "../page.js";
import { ChartLink, chartAddress, chartedOf, openChart } from "./parts.js";
import { LINES_SHOWN, valueText } from "./tile.js";

export function About({ reading }: { reading: Reading; beat: number }) {
  const { topic, time, count, text, every, quantities } = reading;
  const isFavourite = favourites.value.has(topic);
  const facts: [string, string, boolean][] = [
    [WORDS.topic, topic, true], [WORDS.time, exactText(time), false], [WORDS.payload, text, true],
    [WORDS.interval, every === null ? WORDS.irregular : intervalText(every), false],
  ];
  const hidden = (quantities ?? []).slice(LINES_SHOWN);
  const charted = chartedOf(reading);
  return (
    <>
      <dl>
        {hidden.map((one) => [<dt key={one.key}>{cut(one.key, 100)}</dt>, <dd key={`${one.key} value`}><ChartLink topic={topic} quantity={one}>{`${valueText(one, reading.decimals(one.key))} ${one.unit}`}</ChartLink></dd>])}
        {facts.map(([fact, words, isCode]) => [<dt key={fact}>{fact}</dt>, <dd key={`${fact} value`} class={isCode ? "code" : undefined}>{words}</dd>])}
        <dt>{WORDS.seen}</dt>
        <dd>{plural(WORDS.messages, count)}</dd>
      </dl>
      <p class="tile-actions">
        {charted && <a class="button quiet" href={chartAddress(charted)} onClick={openChart}>{WORDS.chart}</a>}
        {isAdmin.value && reading.actuator && <a class="button quiet" href={eventsOf(topic, reading.actuator.set)}>{WORDS.whoSwitched}</a>}
        <button type="button" class="quiet" aria-pressed={isFavourite} onClick={() => toggleFavourite(topic)}>{isFavourite ? `★ ${WORDS.favourite}` : `☆ ${WORDS.makeFavourite}`}</button>
      </p>
    </>
  );
}

/** The record of events, asked for a switch and its commands. */
const eventsOf = (topic: string, set: string): string => `#/admin/events?topic=${encodeURIComponent(set.startsWith(topic) ? `${topic}/#` : set)}`;

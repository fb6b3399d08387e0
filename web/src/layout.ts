// The layout of the hub as this page has it: read again whenever another version is told. And which values are not as they should be.

import { computed, effect, signal, untracked } from "@preact/signals";
import { type Alarm, type Layout, NOTHING, alarmOf, arranged, parseLayout } from "./core/layout.js";
import { WORDS, say } from "./core/text.js";
import { announce, forgotten, layoutVersion, listeners, liveFor, presentValues, pulse, second, silentFrom, structure } from "./page.js";
import { HUB } from "./session.js";

export const LAYOUT_PATH = "api/layout";
const PATIENCE = 15_000;
const ALARMS_SAID = 3;
/** So long at most nothing is shown while the first values come. */
const WHOLE_AFTER = 4000;

export const layout = signal<Layout>(NOTHING);
export const alarms = signal<readonly Alarm[]>([]);
/**
 * Whether the first board can be drawn and stay as it is: all last values are there, as they come before the version of the layout does, and
 * so are names and order.
 */
export const isWhole = signal(false);
/** Whether there are limits, so that there may be alarms. */
export const hasLimits = computed(() => [...layout.value.values.values()].some(({ limits, silent }) => limits || silent));
/** Whether somebody is giving names, limits and an order. */
export const isArranging = signal(false);

export function take(next: Layout): void {
  arranged.layout = next;
  layout.value = next;
  structure.value += 1;
  look();
  pulse.touchAll();
}

/** Asks the hub; null if it does not answer, or is too old for a layout. */
export async function readLayout(): Promise<Layout | null> {
  const times = forgotten.value;
  const answer: unknown = await fetch(HUB + LAYOUT_PATH, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) }).then((response) => response.json()).catch(() => null);
  // What the user before might see is nothing for this one.
  if (times !== forgotten.value) return null;
  const next = parseLayout(answer);
  if (next) take(next);
  isWhole.value = true;
  return next;
}

effect(() => {
  const version = layoutVersion.value;
  if (version >= 0) untracked(() => version !== layout.value.version && void readLayout());
});

/** What one user may see is nothing for the next one; and after a pause the hub may have another one of the same number. */
effect(() => {
  void forgotten.value;
  isWhole.value = isArranging.value = false;
  untracked(() => layout.value !== NOTHING && take(NOTHING));
});
effect(() => {
  if (layoutVersion.value < 0) untracked(() => (layout.value = { ...layout.value, version: -1 }));
});

effect(() => {
  void second.value;
  untracked(look);
});

/** A value that was back in between ends its alarm, however soon the next one came. One that was kept says nothing new. */
listeners.add((reading) => {
  if (!reading.isKept && layout.value.values.get(reading.topic)?.limits) alarmOf(layout.value, reading, reading.time);
});

/** Looks at what has limits. Alarms are of now, whatever moment is shown. */
function look(): void {
  const values = presentValues();
  if (values.topics.size > 0 && liveFor() > WHOLE_AFTER) isWhole.value = true;
  const now = values.now();
  arranged.since = silentFrom();
  const before = new Map(alarms.peek().map((one) => [one.topic, one]));
  const found: Alarm[] = [];
  for (const [topic, { silent, limits }] of layout.value.values) {
    if (silent === undefined && limits === undefined) continue;
    const reading = values.topics.get(topic);
    if (reading) {
      const alarm = alarmOf(layout.value, reading, now);
      if (alarm) found.push(alarm);
    } else if (silent !== undefined && (before.get(topic)?.kind === "silent" || liveFor() > silent * 1000)) found.push({ topic, kind: "silent", word: WORDS.silent, sentence: say(WORDS.nothingKnown, { title: layout.value.values.get(topic)?.name ?? topic }) });
  }
  const isSame = found.length === before.size && found.every(({ topic, sentence }) => before.get(topic)?.sentence === sentence);
  if (isSame) return;
  const fresh = found.filter(({ topic, kind }) => before.get(topic)?.kind !== kind);
  alarms.value = found;
  if (fresh.length > 0) announce(say(WORDS.alarm, { list: `${fresh.slice(0, ALARMS_SAID).map(({ sentence }) => sentence).join(". ")}${fresh.length > ALARMS_SAID ? `, ${say(WORDS.alarmMore, { count: fresh.length - ALARMS_SAID })}` : ""}` }));
}

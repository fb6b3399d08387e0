// What the charts show: asked of the hub as the address says, and continued with what comes.

import { type ReadonlySignal, batch, computed, effect, signal, untracked } from "@preact/signals";
import { type Happening, eventsPath, historyPath, joinedCsv, parseEvents } from "./core/charts/question.js";
import { DAY, type Range, START_RANGE, type Window, isLiveRange, parseRange, rangeOf, rangeText, windowOf } from "./core/charts/range.js";
import { keyOf, parseRef } from "./core/charts/series.js";
import { Track } from "./core/charts/track.js";
import { nodeName } from "./core/layout.js";
import { valueAtPath } from "./core/charts/pointer.js";
import { CHARTS, say } from "./core/text.js";
import { isOn } from "./core/units.js";
import { type Reading, titleOf } from "./core/values.js";
import { baseOf, nameOf } from "./core/topic.js";
import { cut } from "./core/words.js";
import { type Problem, ask, askCsv, askHistory, isProblem } from "./history.js";
import { layout } from "./layout.js";
import { show, view } from "./location.js";
import { forgotten, listeners, moment, presentValues, second, state, values } from "./page.js";

/** Questions of one page that wait at the same time: the hub takes four of a user. */
const QUESTIONS_AT_ONCE = 2;
/** What is asked for beyond the edges, as a share of the window. */
const BEYOND = 0.05;
/** The page hears the newest reading of a topic only; what it missed is asked for now and then. */
const AGAIN_AT_LEAST = 30e3;
const AGAIN_SHARE = 200;
/** What was said in the last second is not in the history yet: where there is nothing, it is asked again soon, and then less often. */
const AGAIN_IF_EMPTY = 3e3;
/** After a change of a state it is asked who wanted that. */
const WHO = 1500;
/** A hand that zooms or moves has come to rest. */
const REST = 250;
const BACK_AT_MOST = 50;
const EVENTS_AT_MOST = 1000;
const POINTS = { least: 300, most: 1600 };
/** How often it is asked where all that is kept begins: each answer is a hundred times finer than the one before. */
const PROBES = 3;
const PROBE_POINTS = 400;
/** The day before is drawn in windows of up to so many milliseconds. */
const GHOST_SPAN = 2 * DAY + 1;

export interface Shown {
  text: string;
  track: Track;
  ghost: Track | null;
  /** Its name in large print, and where it is. */
  title: string;
  place: string;
  problem: string | null;
  events: Happening[];
}

/** Counts what is new to be drawn. */
export const beat = signal(0);
export const isAsking = signal(false);
/** The moment that the cursors of all panels stand at. */
export const cursor = signal<number | null>(null);
export const selection = signal<Window | null>(null);
/** What a hand is just zooming or moving to. */
const hand = signal<Window | null>(null);
/** How many points have room. */
export const width = signal(800);
const before = signal<Range[]>([]);
export const canGoBack = computed(() => before.value.length > 0);
export const isOff = signal(false);

const tracks = new Map<string, Track>();
const ghosts = new Map<string, Track>();
const problems = new Map<string, string>();
const happenings = new Map<string, Happening[]>();
let oldest = 0;
let stop = new AbortController();
let rest: ReturnType<typeof setTimeout> | undefined;
let askedAt = 0;
let emptyFor = 0;
/** Whether a question that came to nothing is to be asked again. */
let isAgain = false;
let who: unknown = 0;
let forgot = 0;

export const range: ReadonlySignal<Range> = computed(() => parseRange(view.value.range) ?? START_RANGE);

/** From when to when is drawn at this moment. */
export function windowNow(): Window {
  const now = Math.round(values.now());
  return hand.value ?? windowOf(range.value, now, oldest || now - DAY);
}

export const isFollowing = (): boolean => isLiveRange(range.value) && hand.value === null;
export const canHaveGhost = (): boolean => {
  const { from, to } = windowNow();
  return to - from <= GHOST_SPAN;
};

/** All series of the address, with what is known of each. */
export function shown(): Shown[] {
  return view.value.series.map((text) => {
    const ref = parseRef(text) ?? { topic: text, path: "" };
    const track = tracks.get(text) ?? new Track(ref);
    const reading = presentValues().topics.get(ref.topic);
    const key = keyOf(ref);
    const quantity = reading?.quantities?.find(({ path }) => path === ref.path);
    const { name } = layout.value.values.get(ref.topic) ?? {};
    const isState = reading?.actuator && !quantity;
    const own = isState ? reading.title : key.includes(".") ? key.split(".").slice(-2).join(" ") : titleOf(quantity?.key ?? key);
    // Of several values of one topic each has its own title behind the name of the topic.
    const title = cut(name === undefined || isState ? own : (reading?.quantities?.length ?? 1) > 1 ? `${name}, ${own}` : name, 60);
    const base = reading?.base ?? baseOf(ref.topic);
    const place = cut(`${nodeName(layout.value, base)} · ${reading?.place ?? nameOf(ref.topic, base)}`, 120);
    const isDayBefore = view.value.isWithDayBefore && canHaveGhost();
    return { text, track, ghost: isDayBefore ? (ghosts.get(text) ?? null) : null, title, place, problem: problems.get(text) ?? null, events: happenings.get(text) ?? [] };
  });
}

/** Runs while the charts are on the screen. Returns what ends it. */
export function start(): () => void {
  listeners.add(hear);
  const ends = [
    effect(() => {
      void [view.value.series.join("\n"), view.value.range, view.value.isWithDayBefore, moment.value];
      emptyFor = 0;
      const isLive = state.value.name === "live";
      const times = forgotten.value;
      untracked(() => {
        if (times !== forgot) forgetAll();
        forgot = times;
        if (isLive) void load();
        else beat.value += 1;
      });
    }),
    effect(() => {
      void second.value;
      untracked(everySecond);
    }),
  ];
  return () => {
    listeners.delete(hear);
    for (const end of ends) end();
    clearTimeout(rest);
    stop.abort();
    forgetAll();
    batch(() => {
      hand.value = null;
      cursor.value = null;
      selection.value = null;
      before.value = [];
    });
  };
}

function forgetAll(): void {
  for (const map of [tracks, ghosts, problems, happenings]) map.clear();
  beat.value += 1;
}

function everySecond(): void {
  if (document.hidden || view.peek().series.length === 0) return;
  const { from, to } = windowOf(range.peek(), values.now(), oldest);
  const usual = Math.max(AGAIN_AT_LEAST, (to - from) / AGAIN_SHARE);
  const isEmpty = !isAsking.peek() && [...tracks].some(([text, track]) => track.isEmpty && !problems.has(text));
  const again = isAgain && !isAsking.peek();
  const isDue = performance.now() - askedAt > (isEmpty ? Math.min(usual, AGAIN_IF_EMPTY * 2 ** emptyFor) : again ? AGAIN_AT_LEAST : usual);
  const isNew = isFollowing() && moment.peek() === null;
  if ((isNew || again) && isDue && !isOff.peek() && state.peek().name === "live") {
    emptyFor = isEmpty ? emptyFor + 1 : 0;
    void load();
  }
  if (isNew) beat.value = beat.peek() + 1;
}

/** A reading has come: what belongs to a series is drawn at once. */
function hear(reading: Reading): void {
  if (reading.isKept || moment.peek() !== null) return;
  let isNew = false;
  for (const track of tracks.values()) {
    if (track.ref.topic !== reading.topic) continue;
    const value = valueAtPath(reading.payload, track.ref.path);
    if (value === null || (typeof value === "string" && isOn(value) === undefined && track.kind === "number")) continue;
    know(track, reading);
    const { length } = track.changes;
    track.add(reading.time, value);
    if (track.changes.length !== length) askWhoSoon();
    isNew = true;
  }
  if (isNew && isFollowing()) beat.value = beat.peek() + 1;
}

/** A state has changed: who wanted that is known to the hub a moment later. */
function askWhoSoon(): void {
  who ||= setTimeout(() => {
    who = 0;
    const window = windowOf(range.peek(), values.now(), oldest);
    const states = [...tracks].filter(([, { kind }]) => kind === "state");
    void together(states, ([text, track]) => fillEvents(text, track, window, stop.signal)).catch(() => {});
  }, WHO);
}

/** Asks for all that is shown. What is known stays on the screen until the answer is there. */
async function load(): Promise<void> {
  stop.abort();
  const ours = (stop = new AbortController());
  askedAt = performance.now();
  isAgain = false;
  const { series, isWithDayBefore } = view.peek();
  for (const map of [tracks, ghosts, problems, happenings] as Map<string, unknown>[]) for (const text of map.keys()) if (!series.includes(text)) map.delete(text);
  isAsking.value = series.length > 0;
  try {
    const jobs = series.flatMap((text) => jobOf(text) ?? []);
    if (range.peek() === "all") oldest = await begin(jobs, ours.signal);
    const window = windowOf(range.peek(), values.now(), oldest);
    await together(jobs, async ({ text, track }) => {
      const isState = await fill(text, track, window, ours.signal);
      if (isState) await fillEvents(text, track, window, ours.signal);
    });
    if (isWithDayBefore && window.to - window.from <= GHOST_SPAN) {
      await together(jobs.filter(({ track }) => track.kind === "number"), async ({ text, track }) => {
        const ghost = ghosts.get(text) ?? new Track(track.ref);
        ghosts.set(text, ghost);
        ghost.unit = track.unit;
        await fill(text, ghost, { from: window.from - DAY, to: window.to - DAY }, ours.signal);
      });
    }
    isAsking.value = false;
  } catch (error) {
    if (!ours.signal.aborted) throw error;
  }
}

function jobOf(text: string): { text: string; track: Track } | null {
  const ref = parseRef(text);
  if (ref === null) {
    problems.set(text, say(CHARTS.notRef, { text: cut(text, 120) }));
    return null;
  }
  const track = tracks.get(text) ?? new Track(ref);
  const reading = presentValues().topics.get(ref.topic);
  if (reading) know(track, reading);
  tracks.set(text, track);
  return { text, track };
}

/** What a reading tells of a series besides its value. An answer of the hub that has any points knows its unit better. */
function know(track: Track, { every, quantities }: Reading): void {
  track.every = every ?? track.every;
  track.unit ||= quantities?.find(({ path }) => path === track.ref.path)?.unit ?? "";
}

/** Some at a time, so that no other page of this user has to wait. */
async function together<T>(jobs: readonly T[], work: (job: T) => Promise<void>): Promise<void> {
  const left = [...jobs];
  const worker = async (): Promise<void> => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) await work(job);
  };
  await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, worker));
}

const pointsWanted = (): number => Math.min(POINTS.most, Math.max(POINTS.least, Math.round(width.peek())));

/** No chart of the past goes further than to the moment that is shown. */
const untilMoment = (from: number, to: number): number => Math.max(from, Math.min(to, moment.peek() ?? to));

/** Fills a track; returns whether it is one of states. */
async function fill(text: string, track: Track, { from, to }: Window, signal: AbortSignal): Promise<boolean> {
  track.ask();
  const beyond = (to - from) * BEYOND;
  const path = historyPath({ topics: [track.ref.topic], path: track.ref.path, from: from - beyond, to: moment.peek() === null ? to + beyond : untilMoment(from, to), points: pointsWanted() * (1 + 2 * BEYOND) });
  const answer = await askHistory(path, signal);
  batch(() => {
    if (isProblem(answer)) {
      // Who may not see it any more does not see what it was, either.
      if (answer.kind === "forbidden" || answer.kind === "session") track.take([], []);
      else track.giveUp();
      problems.set(text, problemText(answer, track.ref.topic));
      isAgain ||= answer.kind === "busy" || answer.kind === "unreachable";
      isOff.value ||= answer.kind === "off";
    } else {
      track.take(answer.series, answer.gaps);
      problems.delete(text);
      isOff.value = false;
    }
    beat.value = beat.peek() + 1;
  });
  return track.kind === "state";
}

/** Who switched what: commands beside the states. Where events are off or not allowed there are none. */
async function fillEvents(text: string, { ref: { topic } }: Track, { from, to }: Window, signal: AbortSignal): Promise<void> {
  const set = presentValues().topics.get(topic)?.actuator?.set;
  const response = await ask(eventsPath({ filters: [`${topic}/#`, ...(set === undefined ? [] : [set])], from, to: untilMoment(from, to), limit: EVENTS_AT_MOST }), signal);
  if (isProblem(response)) return;
  const { events } = parseEvents(await response.json().catch(() => null));
  happenings.set(text, events.filter(({ kind }) => kind === "command" || kind === "lease"));
  beat.value = beat.peek() + 1;
}

/** When the oldest reading of these was said, as well as it can be told. */
async function begin(jobs: readonly { track: Track }[], signal: AbortSignal): Promise<number> {
  const now = values.now();
  let first = now;
  await together(jobs, async ({ track: { ref } }) => {
    let from = 0;
    for (let probe = 0; probe < PROBES; probe += 1) {
      const answer = await askHistory(historyPath({ topics: [ref.topic], path: ref.path, from, to: now, points: PROBE_POINTS }), signal);
      if (isProblem(answer)) return;
      const starts = answer.series.flatMap(({ t }) => t.slice(0, 1));
      if (starts.length === 0) return;
      from = Math.max(from, Math.min(...starts));
    }
    first = Math.min(first, from);
  });
  return first;
}

export function problemText(problem: Problem, topic: string): string {
  switch (problem.kind) {
    case "odd": return say(CHARTS.odd, { why: cut(problem.message, 200) });
    case "forbidden": return say(CHARTS.forbidden, { topic: cut(topic, 120) });
    default: return CHARTS.problems[problem.kind];
  }
}

/** Shows another range; with `isStep` it can be gone back from. */
export function setRange(next: Range, isStep = true): void {
  if (isStep) before.value = [...before.value, range.value].slice(-BACK_AT_MOST);
  clearTimeout(rest);
  batch(() => {
    hand.value = null;
    selection.value = null;
    show({ range: rangeText(next) === rangeText(START_RANGE) ? "" : rangeText(next) });
  });
}

export function goBack(): void {
  const last = before.value.at(-1);
  if (last === undefined) return;
  before.value = before.value.slice(0, -1);
  setRange(last, false);
}

/** Shows a window while a hand moves it. The hub is asked when the hand rests. */
export function moveTo(window: Window): void {
  hand.value = window;
  beat.value += 1;
  clearTimeout(rest);
  rest = setTimeout(() => setRange(rangeOf(window, values.now())), REST);
}

/** The very rows that the hub answers for what is drawn, or why there are none. */
export async function exportedCsv(): Promise<string | Problem> {
  const { from, to } = windowNow();
  const pages: string[] = [];
  for (const { track } of shown()) {
    if (track.kind === "unknown") continue;
    const path = historyPath({ topics: [track.ref.topic], path: track.ref.path, from, to: untilMoment(from, to), points: 5000, step: track.step / 1000 }, "csv");
    const answer = await askCsv(path, new AbortController().signal);
    if (isProblem(answer)) return answer;
    pages.push(...answer);
  }
  return joinedCsv(pages);
}

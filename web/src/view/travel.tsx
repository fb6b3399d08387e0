// The slider over the last day. It sets everything that is shown to how it was; one click goes back to now.

import "../app.js";
import { effect, signal, untracked } from "@preact/signals";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { type Happening, type Told, eventsPath, historyPath, parseEvents } from "../core/charts/question.js";
import { TRAVEL, locale, say } from "../core/text.js";
import { BACK_TO, eventBeside, momentOf, then } from "../core/travel.js";
import { cut } from "../core/words.js";
import { type Problem, ask, askHistory, isProblem } from "../history.js";
import { isTravelling, show, view } from "../location.js";
import { announce, forgotten, moment, presentValues, second, showMoment, state } from "../page.js";

/** The slider has come to rest. */
const REST = 180;
/** Readings before the moment, of each series: for the log. Where there are many series, fewer. */
const POINTS = 30;
const FEW_POINTS = 5;
const MANY_TOPICS = 500;
/** The last reading of a series is looked for so long before the moment. */
const REACH = 7 * BACK_TO;
const TOPICS_AT_ONCE = 100;
const EVENTS_AT_ONCE = 1000;
const EVENT_PAGES = 5;
const EVENTS_AGAIN = 30e3;
/** How often it is looked whether they are to be asked for: what has failed is tried again so soon. */
const EVENTS_LOOK = 5e3;
const STEPS = [["−1 h", "hourBefore", -3600e3], ["−1 min", "minuteBefore", -60e3], ["+1 min", "minuteAfter", 60e3], ["+1 h", "hourAfter", 3600e3]] as const;
const KINDS = new Set(["command", "answer", "presence", "lease"]);

const momentFormat = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const momentWords = (at: number): string => momentFormat.format(at);

const problem = signal<string | null>(null);
const isAsking = signal(false);
const events = signal<Happening[]>([]);
let eventsAt = -Infinity;
/** The moment that was taken in place of one that is too long ago. */
let clamped: number | null = null;
let stop = new AbortController();
let rest: ReturnType<typeof setTimeout> | undefined;

export function Travel() {
  const [shown, setShown] = useState<number | null>(null);
  void second.value;
  const now = presentValues().now();
  const wanted = view.value.at;
  const at = shown ?? wanted;
  useLayoutEffect(() => follow(), []);
  // The slider has arrived where it was moved to.
  useEffect(() => setShown(null), [wanted]);
  const go = (to: number): void => {
    // An empty field names no moment. What is too long ago is told where it is looked at.
    if (Number.isNaN(to)) return;
    const next = momentOf(to, now) === null ? null : Math.round(to);
    setShown(next);
    clearTimeout(rest);
    rest = setTimeout(() => show({ at: next }), REST);
  };
  const jump = (event: Happening | null): void => {
    if (event) show({ at: event.time });
  };
  const place = at ?? now;
  const [before, after] = [eventBeside(events.value, place, false), at === null ? null : eventBeside(events.value, at, true)];
  const here = at === null ? null : events.value.find(({ time }) => time === at);
  return (
    <section class="travel" aria-labelledby="travel-title" data-past={moment.value === null ? undefined : ""}>
      <h2 id="travel-title" class="hidden">{TRAVEL.title}</h2>
      <div class="travel-words">
        <p id="travel-says">{moment.value === null ? TRAVEL.how : <><b>{`${TRAVEL.past}: `}</b><span>{momentWords(moment.value)}</span>. {TRAVEL.locked}</>}</p>
        {isAsking.value && <p class="of">{TRAVEL.asking}</p>}
        <button type="button" class={at === null ? "quiet" : "filled"} onClick={() => {
          clearTimeout(rest);
          setShown(null);
          if (at === null) isTravelling.value = false;
          show({ at: null });
        }}>{at === null ? TRAVEL.close : TRAVEL.toNow}</button>
      </div>
      <div class="travel-slider">
        <input type="range" aria-label={TRAVEL.slider} aria-valuetext={at === null ? TRAVEL.now : momentWords(at)} aria-describedby="travel-says" min={-BACK_TO / 1000} max={0} step={60}
          value={Math.round((place - now) / 1000)} onInput={(event) => go(now + Number(event.currentTarget.value) * 1000)} />
        <Ticks now={now} />
      </div>
      <div class="travel-steps">
        {STEPS.map(([words, label, by]) => <button key={words} type="button" aria-label={TRAVEL.steps[label]} disabled={by > 0 && at === null} onClick={() => go(place + by)}>{words}</button>)}
        <label class="hidden" for="travel-exact">{TRAVEL.exact}</label>
        <input id="travel-exact" type="datetime-local" step={1} value={localText(place)} onChange={(event) => go(new Date(event.currentTarget.value).getTime())} />
        <button type="button" disabled={before === null} onClick={() => jump(before)}>{`‹ ${TRAVEL.before}`}</button>
        <button type="button" disabled={after === null} onClick={() => jump(after)}>{`${TRAVEL.after} ›`}</button>
        {here && <p class="of">{eventWords(here)}</p>}
      </div>
      {problem.value !== null && <p class="travel-problem">{problem.value}</p>}
    </section>
  );
}

/** Where something happened in the last day. */
function Ticks({ now }: { now: number }) {
  const places = new Set(events.value.map(({ time }) => Math.round((1 - (now - time) / BACK_TO) * 400)).filter((place) => place >= 0 && place <= 400));
  return (
    <svg class="ticks" viewBox="0 0 400 8" preserveAspectRatio="none" aria-hidden="true">
      <path d={[...places].map((place) => `M${place} 0v8`).join("")} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** 2026-11-28T03:12:00, in the zone of this browser, as its own field wants it. */
function localText(time: number): string {
  const offset = new Date(time).getTimezoneOffset() * 60e3;
  return new Date(time - offset).toISOString().slice(0, 19);
}

/** Keeps what is shown at the moment of the address. Returns what ends it: then it is now again. */
function follow(): () => void {
  const forget = effect(() => {
    if (forgotten.value === 0) return;
    events.value = [];
    eventsAt = -Infinity;
  });
  const end = effect(() => {
    const { at } = view.value;
    if (state.value.name !== "live") {
      // The past that is shown stays; another moment cannot be asked for. Now is what the page has.
      untracked(() => {
        if (at !== null && at === moment.value) return;
        // What was asked before is not wanted any more.
        stop.abort();
        isAsking.value = false;
        problem.value = at === null ? null : TRAVEL.problems.unreachable;
        if (at === null) showMoment(null);
      });
      return;
    }
    stop.abort();
    stop = new AbortController();
    const next = at === null ? null : momentOf(at, presentValues().now());
    if (at !== null && next !== null && next !== Math.round(at)) {
      // What is shown is what the address says, and the other way round.
      untracked(() => {
        clamped = next;
        show({ at: next });
      });
      return;
    }
    // What these read is nothing to be told again for.
    untracked(() => void (next === null ? arrive(stop.signal) : go(next, stop.signal)));
  });
  const looking = setInterval(() => {
    if (state.peek().name === "live") void askEvents(stop.signal).catch(() => {});
  }, EVENTS_LOOK);
  return () => {
    forget();
    end();
    clearInterval(looking);
    stop.abort();
    clearTimeout(rest);
    problem.value = null;
    isAsking.value = false;
    showMoment(null);
  };
}

/** Back to now. */
async function arrive(signal: AbortSignal): Promise<void> {
  problem.value = null;
  isAsking.value = false;
  if (moment.peek() !== null) announce(TRAVEL.now);
  showMoment(null);
  await askEvents(signal).catch(() => {});
}

async function go(at: number, signal: AbortSignal): Promise<void> {
  isAsking.value = true;
  try {
    await askEvents(signal);
    const points = presentValues().topics.size > MANY_TOPICS ? FEW_POINTS : POINTS;
    const told = await toldAt(at, points, signal);
    if (isProblem(told)) problem.value = problemText(told);
    else {
      problem.value = at === clamped ? TRAVEL.tooOld : told.isWhole ? null : TRAVEL.partly;
      showMoment(then(at, told.series, points, presentValues(), events.peek()));
      announce(`${TRAVEL.past}: ${momentWords(at)}`);
    }
    isAsking.value = false;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The newest readings of all series before a moment. Who may not read everything is asked for what the page knows. */
async function toldAt(at: number, points: number, signal: AbortSignal): Promise<{ series: Told[]; isWhole: boolean } | Problem> {
  const question = { from: at - REACH, to: at, points, step: 0 };
  const whole = await askHistory(historyPath({ ...question, topics: ["#"] }), signal);
  if (!isProblem(whole)) return { series: whole.series, isWhole: whole.more === null };
  if (whole.kind !== "forbidden") return whole;
  const topics = [...presentValues().topics.keys()];
  const found = { series: [] as Told[], isWhole: true };
  for (let start = 0; start < topics.length; start += TOPICS_AT_ONCE) {
    const part = await askHistory(historyPath({ ...question, topics: topics.slice(start, start + TOPICS_AT_ONCE) }), signal);
    if (isProblem(part)) return part;
    found.series.push(...part.series);
    found.isWhole &&= part.more === null;
  }
  return found;
}

/** What happened in the last day, for the marks and for who was there. Where events are off there are none. */
async function askEvents(signal: AbortSignal): Promise<void> {
  if (performance.now() - eventsAt < EVENTS_AGAIN) return;
  const now = presentValues().now();
  const found: Happening[] = [];
  for (let page = 0; page < EVENT_PAGES; page += 1) {
    const last = found.at(-1)?.number;
    const response = await ask(eventsPath({ filters: [], from: now - BACK_TO, to: now, limit: EVENTS_AT_ONCE, ...(last !== undefined && { before: last }) }), signal);
    // What a moment later may succeed is asked again.
    if (isProblem(response) && (response.kind === "busy" || response.kind === "unreachable")) return;
    if (isProblem(response)) break;
    const answer = parseEvents(await response.json().catch(() => null));
    signal.throwIfAborted();
    found.push(...answer.events);
    if (!answer.isMore || answer.events.length === 0) break;
  }
  eventsAt = performance.now();
  events.value = found.filter(({ kind }) => KINDS.has(kind));
}

function problemText(found: Problem): string {
  return found.kind === "odd" ? say(TRAVEL.odd, { why: cut(found.message, 200) }) : TRAVEL.problems[found.kind];
}

/** What has just happened at this moment, in a few words. */
function eventWords({ kind, topic, user, payload, result }: Happening): string {
  if (kind === "presence") {
    const node = cut(topic.replace(/\/presence$/, ""), 80);
    return result === "online" ? say(TRAVEL.came, { node }) : result === "offline" ? say(TRAVEL.went, { node }) : `${node} ${cut(result, 40)}`;
  }
  return `${user === "" ? "" : `${cut(user, 40)}: `}${cut(topic, 80)} ${cut(JSON.stringify(payload ?? null), 60)}`;
}

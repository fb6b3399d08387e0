// What numbers were in the last hour: asked of the hub for the tiles that are seen, and continued with what comes.

import type { Frame } from "./frame.js";
import { reportsRarely } from "./topic.js";
import type { Reading } from "./values.js";

const HOUR = 3600e3;
/** One point for each minute. The hub keeps minutes in any case. */
const STEP = 60e3;
const TOPICS_AT_ONCE = 100;
/** A question about 100 topics has several answers if the topics have many numbers. */
const ANSWERS_AT_MOST = 20;
/** Tiles that come into sight one after the other share a question. */
const COLLECT = 200;
const ANSWER = 30e3;
/** What comes meanwhile is added here. The hub is asked again only because it may know better. */
const AGAIN = 30 * 60e3;
/** A device that has just come is in the history a second later; one that is not kept never is. */
const AGAIN_IF_EMPTY = 3e3;
const AGAIN_IF_EMPTY_AT_MOST = 5 * 60e3;
const AGAIN_AFTER_ERROR = 60e3;
/** A pause that is so many times as long as usual is a gap. */
const PAUSES_IN_A_GAP = 2.5;
/** Radio nodes say what does not change every 15 minutes. */
const RARE = 16 * 60e3;

const GET = "clown.talk/-/history/get";
const OK = "clown.talk/-/history/ok";
const ERROR = "clown.talk/-/history/error";
const OFF = "history is off";

type Seen = Pick<Reading, "topic" | "quantities">;
type SeenAt = Seen & Pick<Reading, "time">;

interface Gap {
  from: number;
  to: number;
}

interface Series {
  topic: string;
  path: string;
  t?: number[];
  count?: number[];
  min?: number[];
  mean?: number[];
  max?: number[];
  gaps?: Gap[];
}

interface Answer {
  id: unknown;
  reason?: unknown;
  series: Series[];
  gaps: Gap[];
  more: Record<string, unknown> | null;
}

interface Question {
  id: string;
  paths: Map<string, string>;
  found: Map<string, Hour>;
  answers: number;
}

interface Minute {
  start: number;
  count: number;
  min: number;
  mean: number;
  max: number;
}

/** The last hour of all topics whose tiles were in sight. */
export class Past {
  readonly drawn = drawn;
  #send: (topic: string, payload: unknown) => boolean;
  #hours = new Map<string, Hour>();
  #wanted = new Map<string, string>();
  #question: Question | null = null;
  #questions = 0;
  #timer: unknown = 0;
  #guard: ReturnType<typeof setTimeout> | undefined;
  #isOff = false;
  /** No question before this moment. */
  #pause = 0;

  /** `send(topic, payload)` is false where there is no connection. */
  constructor(send: (topic: string, payload: unknown) => boolean) {
    this.#send = send;
  }

  /** A connection is there: what was said while there was none is not known, so everything is asked again. */
  restart(): void {
    this.#isOff = false;
    this.#pause = 0;
    this.#end();
    for (const hour of this.#hours.values()) hour.again = 0;
  }

  clear(): void {
    this.#hours.clear();
    this.#wanted.clear();
    this.#end();
  }

  forget(topic: string): void {
    this.#hours.delete(topic);
    this.#wanted.delete(topic);
  }

  /** The last hour of a topic's first number as it is known now, or null. Asks for it where that has to be. */
  of({ topic, quantities }: Seen, here = Date.now()): Hour | null {
    const first = quantities?.[0];
    if (typeof first?.value !== "number") return null;
    const hour = this.#hours.get(topic);
    const known = hour?.path === first.path ? hour : null;
    if (!this.#isOff && !(known && here < known.again) && !this.#question?.paths.has(topic)) this.#want(topic, first.path);
    return known;
  }

  /** Adds a reading that has just come. */
  add({ topic, time, quantities }: SeenAt): void {
    const first = quantities?.[0];
    const hour = this.#hours.get(topic);
    if (hour?.isKept && hour.path === first?.path && typeof first.value === "number") hour.add(time, first.value);
  }

  /** Takes an answer of the hub; false for every other message. */
  take({ topic, payload }: Pick<Frame, "topic" | "payload">, valueOf: (topic: string) => SeenAt | undefined, here = Date.now()): boolean {
    if (topic !== OK && topic !== ERROR) return false;
    const answer = payload as Answer | null;
    // Of a question that was given up.
    if (!this.#question || answer?.id !== this.#question.id) return true;
    if (topic === ERROR) this.#refused(String(answer.reason), here);
    else this.#answered(this.#question, answer, valueOf, here);
    return true;
  }

  #want(topic: string, path: string): void {
    this.#wanted.set(topic, path);
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#ask();
    }, COLLECT);
  }

  #ask(here = Date.now()): void {
    if (this.#question || this.#isOff || here < this.#pause || this.#wanted.size === 0) return;
    const paths = new Map([...this.#wanted].slice(0, TOPICS_AT_ONCE));
    this.#question = { id: "", paths, found: new Map(), answers: 0 };
    if (!this.#put(this.#question, { filters: [...paths.keys()], since: "-1h", step: STEP / 1000, points: 100 })) return this.#end();
    for (const topic of paths.keys()) this.#wanted.delete(topic);
  }

  #put(question: Question, payload: Record<string, unknown>): boolean {
    question.id = `past ${(this.#questions += 1)}`;
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#end(), ANSWER);
    return this.#send(GET, { ...payload, id: question.id });
  }

  #end(): void {
    clearTimeout(this.#guard);
    this.#question = null;
  }

  #refused(reason: string, here: number): void {
    this.#end();
    if (reason.startsWith(OFF)) this.#isOff = true;
    else this.#pause = here + AGAIN_AFTER_ERROR;
  }

  #answered(question: Question, { series, gaps, more }: Answer, valueOf: (topic: string) => SeenAt | undefined, here: number): void {
    const { paths, found } = question;
    for (const one of series) {
      // A place that had a text once has a second series, which has no numbers.
      if (paths.get(one.topic) === one.path && one.mean) found.set(one.topic, new Hour(one, gaps));
    }
    question.answers += 1;
    if (more && question.answers < ANSWERS_AT_MOST && this.#put(question, more)) return;
    for (const [topic, path] of paths) {
      const hour = found.get(topic) ?? new Hour({ topic, path }, []);
      const waited = this.#hours.get(topic)?.wait ?? AGAIN_IF_EMPTY / 2;
      hour.wait = hour.isKept ? AGAIN : Math.min(waited * 2, AGAIN_IF_EMPTY_AT_MOST);
      hour.again = here + hour.wait;
      const now = valueOf(topic);
      this.#hours.set(topic, hour);
      // What was said in the last second may be missing.
      if (now) this.add(now);
    }
    this.#end();
    this.#ask(here);
  }
}

/** The minutes of one number. */
export class Hour {
  path: string;
  again = 0;
  /** How long the next question waits. */
  wait = 0;
  /** Counts changes, so that nothing is drawn twice. */
  version = 0;
  /** Whether the hub keeps this number at all. */
  isKept: boolean;
  #minutes: Minute[];
  #gaps: Gap[];
  #longest: number;

  constructor({ topic, path, t = [], count = [], min = [], mean = [], max = [], gaps = [] }: Series, gapsOfAll: Gap[]) {
    this.path = path;
    this.#gaps = [...gapsOfAll, ...gaps];
    this.#longest = reportsRarely(topic) ? RARE : STEP * PAUSES_IN_A_GAP;
    this.#minutes = t.map((start, at) => ({ start, count: count[at] ?? 1, min: min[at]!, mean: mean[at]!, max: max[at]! }));
    this.isKept = t.length > 0;
  }

  add(time: number, value: number): void {
    const start = Math.floor(time / STEP) * STEP;
    const last = this.#minutes.at(-1);
    if (last && start < last.start) return;
    this.version += 1;
    if (last?.start !== start) {
      this.#minutes.push({ start, count: 1, min: value, mean: value, max: value });
      this.#minutes = this.within(time);
      return;
    }
    last.count += 1;
    last.mean += (value - last.mean) / last.count;
    last.min = Math.min(last.min, value);
    last.max = Math.max(last.max, value);
  }

  /** The minutes of the hour before a moment. */
  within(now: number): Minute[] {
    return this.#minutes.filter(({ start }) => start > now - HOUR - STEP && start <= now);
  }

  /** The minutes in pieces: between two pieces nothing is known. */
  pieces(now: number): Minute[][] {
    const minutes = this.within(now);
    const pause = Math.max(PAUSES_IN_A_GAP * usualPause(minutes), this.#longest);
    const pieces: Minute[][] = [];
    minutes.forEach((minute, at) => {
      const before = minutes[at - 1];
      const isApart = !before || minute.start - before.start > pause || this.#isGapBetween(before, minute);
      if (isApart) pieces.push([minute]);
      else pieces.at(-1)!.push(minute);
    });
    return pieces;
  }

  /** A gap of less than a minute is narrower than a point. */
  #isGapBetween(before: Minute, after: Minute): boolean {
    return this.#gaps.some(({ from, to }) => to - from >= STEP && from < after.start + STEP && to > before.start);
  }
}

/** Between the minutes that have readings. Two of them tell nothing. */
function usualPause(minutes: Minute[]): number {
  if (minutes.length < 3) return STEP;
  const pauses = minutes.slice(1).map(({ start }, at) => start - minutes[at]!.start);
  return pauses.sort((a, b) => a - b)[(pauses.length - 1) >> 1]!;
}

export interface Line {
  path: string;
  low: number;
  high: number;
  isWhole: boolean;
}

/** Where the points of the pieces are, in a field of 100 by 24, and between which values. */
export function drawn(pieces: Minute[][], now: number): Line | null {
  const all = pieces.flat();
  if (all.length === 0) return null;
  const low = Math.min(...all.map(({ min }) => min));
  const high = Math.max(...all.map(({ max }) => max));
  const middle = (low + high) / 2;
  // The noise of a sensor is not to look like a mountain.
  const half = Math.max((high - low) / 2, Math.abs(middle) * 0.0025) || 1;
  const place = ({ start, mean }: Minute) => {
    const x = Math.min(100, Math.max(0, 100 - ((now - start - STEP / 2) / HOUR) * 100));
    return `${x.toFixed(1)} ${(12 - ((mean - middle) / half) * 10).toFixed(1)}`;
  };
  const path = pieces.map(([first, ...others]) => `M${place(first!)}${others.length > 0 ? others.map((one) => `L${place(one)}`).join("") : "h0.01"}`);
  return { path: path.join(""), low, high, isWhole: pieces.length === 1 };
}

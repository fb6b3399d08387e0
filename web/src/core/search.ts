// What the search box understands. Terms stand beside each other, and all of them have to hold:
//
//   attic temp        words, in the topic, the title, the values and their units, large or small
//   "two words"       words with a space
//   nodes/+/relay/#   a filter with wildcards
//   /^nodes.*co2/     a regular expression over the topic
//   key:temperature   the name of a value
//   unit:℃            the unit of a value
//   room:attic        the room that it is in; room: is none
//   value>20          a number: >, >=, <, <= or =; also temperature>20
//   age>1m            how long ago it was said: s, m, h or d
//   is:stale          stale, offline, online, alarm, favourite, control, on, off
//   -word             none of it

import { alarmOf, arranged, nodeName, roomOf } from "./layout.js";
import { WORDS, say } from "./text.js";
import { matches } from "./topic.js";
import { sameUnit } from "./units.js";
import type { Reading } from "./values.js";

/** What is known about a reading besides itself. */
export interface About {
  now: number;
  isOffline: boolean;
  isFavourite: boolean;
}

type Test = (reading: Reading, about: About) => boolean;

export interface Search {
  text: string;
  isEmpty: boolean;
  /** Whether the answer may change without a new topic: it looks at values or ages. */
  isLively: boolean;
  /** What is wrong in it, or null. */
  trouble: string | null;
  matches: Test;
  /** Whether a topic alone fits, for those that have no value. */
  matchesTopic(topic: string, text: string): boolean;
}

const STATES = ["stale", "offline", "online", "alarm", "favourite", "control", "on", "off"] as const;
const TERM = /-?(?:\/(?:[^/\\\s]|\\.)(?:[^/\\]|\\.)*\/(?=\s|$)|"[^"]*"?|\S+)/g;
const COMPARISON = /^([^<>=:"]+)(>=|<=|>|<|=)(-?[\d.]+)([a-z%℃]*)$/i;
const SECONDS: Record<string, number> = { s: 1, "": 1, m: 60, min: 60, h: 3600, d: 86400 };
const TEXT_AT_MOST = 400;

export function parseSearch(given: string): Search {
  const text = given.slice(0, TEXT_AT_MOST);
  const tests: Test[] = [];
  const topicTests: ((topic: string, text: string) => boolean)[] = [];
  const troubles: string[] = [];
  let isLively = false;
  for (const [whole] of text.matchAll(TERM)) {
    const isNot = whole.length > 1 && whole.startsWith("-");
    const term = isNot ? whole.slice(1) : whole;
    const { test, ofTopic, lively, trouble } = termOf(term);
    if (trouble) troubles.push(trouble);
    isLively ||= lively === true;
    tests.push(isNot ? (reading, about) => !test(reading, about) : test);
    topicTests.push(!ofTopic ? () => false : isNot ? (topic, message) => !ofTopic(topic, message) : ofTopic);
  }
  return {
    text,
    isEmpty: tests.length === 0,
    isLively,
    trouble: troubles[0] ?? null,
    matches: (reading, about) => tests.every((test) => test(reading, about)),
    matchesTopic: (topic, message) => topicTests.every((test) => test(topic, message)),
  };
}

interface Term {
  test: Test;
  ofTopic?: (topic: string, text: string) => boolean;
  lively?: boolean;
  trouble?: string;
}

const none: Test = () => false;

function termOf(term: string): Term {
  if (term.length > 2 && term.startsWith("/") && term.endsWith("/")) return expression(term.slice(1, -1));
  if (term.startsWith('"')) return words(term.replaceAll('"', ""));
  const colon = term.indexOf(":");
  const key = colon < 0 ? "" : term.slice(0, colon).toLowerCase();
  const value = term.slice(colon + 1);
  if (key === "key") return { test: (reading) => (reading.quantities ?? []).some((one) => holds(one.key, value)) };
  if (key === "unit") return { test: (reading) => (reading.quantities ?? []).some(({ unit }) => unit.toLowerCase() === sameUnit(value).toLowerCase()) };
  if (key === "room") return { test: ({ topic, base }) => (value === "" ? placeOf(topic, base) === "" : holds(placeOf(topic, base), value)) };
  if (key === "is") return state(value.toLowerCase());
  const comparison = COMPARISON.exec(term);
  if (comparison) return compared(comparison[1]!.toLowerCase(), comparison[2]!, Number(comparison[3]), comparison[4]!.toLowerCase());
  if (/(^|\/)[+#](\/|$)/.test(term)) return { test: ({ topic }) => matches(term, topic), ofTopic: (topic) => matches(term, topic) };
  return words(term);
}

function expression(source: string): Term {
  try {
    const pattern = new RegExp(source, "iu");
    return { test: ({ topic }) => pattern.test(topic), ofTopic: (topic) => pattern.test(topic) };
  } catch {
    return { test: none, trouble: say(WORDS.noExpression, { source }) };
  }
}

const holds = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());

function words(word: string): Term {
  const wanted = word.toLowerCase();
  return { test: (reading) => haystack(reading).includes(wanted), ofTopic: (topic, text) => holds(topic, wanted) || holds(saidIn(text), wanted), lively: true };
}

/** A message without what the hub says of it: its third element begins so. */
const saidIn = (text: string): string => text.split(', {"retained":', 1)[0]!;

const placeOf = (topic: string, base: string): string => roomOf(arranged.layout, topic, base);

const stacks = new WeakMap<Reading, { count: number; base: string; version: number; text: string }>();

/** All texts of a reading in small letters, made again only when there is a newer value. */
function haystack(reading: Reading): string {
  const known = stacks.get(reading);
  const { layout } = arranged;
  if (known?.count === reading.count && known.base === reading.base && known.version === layout.version) return known.text;
  const values = reading.quantities?.map(({ key, value, unit }) => `${key} ${String(value)} ${unit}`).join(" ") ?? reading.text.slice(0, 2000);
  const names = `${reading.title} ${reading.kindTitle} ${nodeName(layout, reading.base)} ${placeOf(reading.topic, reading.base)}`;
  const text = `${reading.topic} ${names} ${values}`.toLowerCase();
  stacks.set(reading, { count: reading.count, base: reading.base, version: layout.version, text });
  return text;
}

function state(name: string): Term {
  const tests: Record<(typeof STATES)[number], Test> = {
    stale: (reading, { now, isOffline }) => !isOffline && reading.isStale(now),
    offline: (_, { isOffline }) => isOffline,
    online: (_, { isOffline }) => !isOffline,
    alarm: (reading, { now }) => alarmOf(arranged.layout, reading, now) !== null,
    favourite: (_, { isFavourite }) => isFavourite,
    control: ({ actuator }) => actuator !== null,
    on: (reading) => stateOf(reading) === true,
    off: (reading) => stateOf(reading) === false,
  };
  const known = STATES.find((one) => one === name);
  return known ? { test: tests[known], lively: true } : { test: none, trouble: say(WORDS.isUnknown, { name, list: STATES.map((one) => `is:${one}`).join(", ") }) };
}

function stateOf({ actuator, payload, quantities }: Reading): boolean | undefined {
  const now = actuator ? actuator.stateOf(payload) : quantities?.[0]?.isOn;
  return typeof now === "boolean" ? now : now === "off" ? false : typeof now === "string" ? true : undefined;
}

function compared(key: string, sign: string, number: number, unit: string): Term {
  if (Number.isNaN(number)) return { test: none, trouble: say(WORDS.needsNumber, { term: key + sign }) };
  const test = (value: number) => (sign === ">" ? value > number : sign === ">=" ? value >= number : sign === "<" ? value < number : sign === "<=" ? value <= number : value === number);
  if (key === "age") {
    const seconds = Object.hasOwn(SECONDS, unit) ? SECONDS[unit]! : null;
    if (seconds === null) return { test: none, trouble: say(WORDS.ageUnits, { unit }) };
    return { test: (reading, { now }) => test((now - reading.time) / 1000 / seconds), lively: true };
  }
  return {
    test: ({ quantities }) => (quantities ?? []).some((one) => typeof one.value === "number" && (key === "value" || holds(one.key, key)) && test(one.value)),
    lively: true,
  };
}

// Questions about what has happened, and answers in words.

import { isObject } from "../frame.js";
import { EVENTS, known, pointed, say } from "../text.js";
import { cut } from "../words.js";

export interface Asked {
  /** A topic or a filter; empty for all. */
  topic: string;
  user: string;
  /** A key of SPANS, or a moment as `2026-11-21T03:12`, which is looked around. */
  when: string;
}

/** Ranges until now, in seconds; 0 is all. */
export const SPANS: Record<string, number> = { "1h": 3600, "24h": 86_400, "7d": 604_800, all: 0 };
/** So long before and after a moment. */
export const AROUND = 15 * 60e3;
export const PAGE = 100;

export interface Happened {
  number: number;
  time: number;
  kind: string;
  user: string;
  client: string;
  address: string;
  topic: string;
  /** The payload as JSON, or empty. */
  payload: string;
  result: string;
  reason: string;
  /** Everything else that the hub told of it. */
  more: [string, string][];
}

/** `events?topic=…&user=…&when=…` */
export function parseAsked(query: string): Asked {
  const given = new URLSearchParams(query);
  const when = given.get("when") ?? "24h";
  return { topic: given.get("topic") ?? "", user: given.get("user") ?? "", when: Object.hasOwn(SPANS, when) || !Number.isNaN(Date.parse(when)) ? when : "24h" };
}

export function askedText({ topic, user, when }: Asked): string {
  const query = new URLSearchParams();
  if (topic !== "") query.set("topic", topic);
  if (user !== "") query.set("user", user);
  if (when !== "24h") query.set("when", when);
  return query.toString();
}

/** The path to ask at; `before` is the number of the oldest event that is known. */
export function pathOf({ topic, user, when }: Asked, before: number | null): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (topic.trim() !== "") query.append("filter", topic.trim());
  if (user.trim() !== "") query.set("by", user.trim());
  const span = SPANS[when];
  if (span === undefined) {
    const moment = Date.parse(when);
    query.set("since", String(moment - AROUND));
    query.set("until", String(moment + AROUND));
  } else if (span > 0) query.set("since", `-${span}s`);
  if (before !== null) query.set("before", String(before));
  return `api/events?${query.toString()}`;
}

/** Whether somebody only asked how things are: pages and gateways do it by themselves, again and again. */
export const isQuestion = ({ kind, topic }: Happened): boolean => (kind === "command" && /\/(get|list)$/.test(topic)) || (kind === "answer" && /\/(get|list)(\/\w+)?$/.test(topic));

const KNOWN = new Set(["number", "time", "kind", "user", "client", "address", "topic", "payload", "result", "reason"]);
const text = (value: unknown): string => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value));

export function parseEvents(body: unknown): { events: Happened[]; hasMore: boolean } {
  const list = isObject(body) && Array.isArray(body.events) ? body.events.filter(isObject) : [];
  const events = list.map((one): Happened => ({
    number: Number(one.number), time: Date.parse(String(one.time)), kind: text(one.kind), user: text(one.user), client: text(one.client),
    address: text(one.address), topic: text(one.topic), payload: one.payload === undefined ? "" : JSON.stringify(one.payload), result: text(one.result), reason: text(one.reason),
    more: Object.entries(one).filter(([key]) => !KNOWN.has(key)).map(([key, value]): [string, string] => [key, cut(text(value), 200)]),
  }));
  return { events, hasMore: isObject(body) && isObject(body.more) };
}

/** What became of it, in words. What has no words here is told as the hub calls it. */
export function resultText({ kind, result, reason, more }: Happened): string {
  const rest = Object.fromEntries(more);
  const word = known(EVENTS.results, `${kind} ${result}`, known(EVENTS.results, result));
  return [
    rest.after !== undefined && result !== "" ? say(EVENTS.after, { result: word, span: pointed(rest.after) }) : word,
    kind === "lost" && rest.count,
    // Why somebody was not let in is told by the word already, unless it is for what they wanted.
    (kind !== "sign-in" || result === "forbidden") && cut(reason, 200),
    rest.account !== undefined && say(EVENTS.account, { name: rest.account }),
    known(EVENTS.doors, rest.door ?? ""),
    kind === "sign-in" && rest.base,
    rest.left_out !== undefined && say(EVENTS.leftOut, { count: Number(rest.left_out) }),
  ].filter(Boolean).join(" · ");
}

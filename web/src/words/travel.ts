// The words of time travel.

import type { Happening } from "../core/charts/question.js";
import { cut } from "../core/words.js";

const moment = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const momentWords = (at: number): string => moment.format(at);

export const TRAVEL = {
  title: "Look back",
  past: "This is the past",
  how: "Move the slider: values, switches and the log are shown as they were then.",
  locked: "Nothing can be switched or published.",
  slider: "Moment",
  exact: "Date and time",
  now: "Now",
  toNow: "Back to now",
  close: "Close",
  asking: "Asking the hub…",
  steps: [["−1 h", "One hour earlier", -3600e3], ["−1 min", "One minute earlier", -60e3], ["+1 min", "One minute later", 60e3], ["+1 h", "One hour later", 3600e3]] as const,
  before: "Event before",
  after: "Event after",
  off: "History is off on this hub, so there is no past to look at. The hub keeps history where it has a store: store.directory in its configuration.",
  forbidden: "Your account may not look back.",
  session: "You are signed out.",
  busy: "The hub is busy with other questions. Move the slider again.",
  unreachable: "The hub does not answer.",
  odd: (why: string) => `The hub did not answer the question: ${cut(why, 200)}`,
  tooOld: "The moment that was asked for is longer ago than a day. This is the oldest one that can be shown.",
  partly: "The hub has more series than this page asks for. Some values are missing.",
} as const;

const RESULTS: Record<string, string> = { online: "came", offline: "went" };

/** What has just happened at this moment, in a few words. */
export function eventWords({ kind, topic, user, payload, result }: Happening): string {
  if (kind === "presence") return `${cut(topic.replace(/\/presence$/, ""), 80)} ${Object.hasOwn(RESULTS, result) ? RESULTS[result] : result}`;
  return `${user === "" ? "" : `${cut(user, 40)}: `}${cut(topic, 80)} ${cut(JSON.stringify(payload ?? null), 60)}`;
}

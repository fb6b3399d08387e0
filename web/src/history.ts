// Asks the hub about the past over HTTP: with the sign-in of the page, one path after the other, and what went wrong in one word.

import { type Answer, parseAnswer } from "./core/charts/question.js";
import { isObject } from "./core/frame.js";
import { CHARTS } from "./core/text.js";
import { HUB } from "./session.js";

export type Problem = { kind: "off" | "forbidden" | "session" | "busy" | "unreachable" } | { kind: "odd"; message: string };

/** A hub that is busy is asked again so often, after as many seconds as it says, or one. */
const TRIES = 5;
const WAIT_AT_MOST = 5;
const PATIENCE = 30e3;
/** An answer in parts has at most so many. */
const PAGES_AT_MOST = 40;

/** What the hub answers to a path, or why it does not. Throws only where `stop` says so. */
export async function ask(path: string, stop: AbortSignal): Promise<Response | Problem> {
  for (let attempt = 1; ; attempt += 1) {
    let response: Response;
    try {
      response = await fetch(HUB + path, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.any([stop, AbortSignal.timeout(PATIENCE)]) });
    } catch {
      stop.throwIfAborted();
      return { kind: "unreachable" };
    }
    if (response.ok) return response;
    if (response.status === 503 && attempt < TRIES) {
      const seconds = Math.min(Number(response.headers.get("retry-after")) || 1, WAIT_AT_MOST);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      stop.throwIfAborted();
      continue;
    }
    return problemOf(response);
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const message = isObject(body) ? String(body.message ?? body.reason ?? "") : "";
  switch (response.status) {
    case 401: return { kind: "session" };
    case 403: return { kind: "forbidden" };
    case 404: return { kind: "off" };
    case 503: return { kind: "busy" };
    default: return { kind: "odd", message: message || String(response.status) };
  }
}

export const isProblem = (answer: object): answer is Problem => "kind" in answer;

/** All parts of an answer about history as one. */
export async function askHistory(path: string, stop: AbortSignal): Promise<Answer | Problem> {
  const all: Answer = { series: [], gaps: [], more: path };
  for (let page = 0; all.more !== null && page < PAGES_AT_MOST; page += 1) {
    const response = await ask(all.more, stop);
    if (isProblem(response)) return response;
    const answer = parseAnswer(await response.json().catch(() => null));
    stop.throwIfAborted();
    if (answer === null) return { kind: "odd", message: CHARTS.noHistory };
    all.series.push(...answer.series);
    all.gaps = answer.gaps;
    all.more = answer.more;
  }
  return all;
}

/** The same as the hub's own table, page by page. */
export async function askCsv(path: string, stop: AbortSignal): Promise<string[] | Problem> {
  const pages: string[] = [];
  for (let next: string | undefined = path; next !== undefined && pages.length < PAGES_AT_MOST; ) {
    const response: Response | Problem = await ask(next, stop);
    if (isProblem(response)) return response;
    pages.push(await response.text());
    next = /^<[^>]*\/(api\/history\?[^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return pages;
}

// Who is signed in. Every address is built from the origin: in a page opened as http://name:password@host/ the
// browser refuses relative ones, because they would carry the password.

import { isObject } from "./core/frame.js";
import { WORDS, plural, say } from "./core/text.js";

/** Where the hub is: in front of its paths a proxy may leave a prefix. This file lies at the top. */
export const HUB = location.origin + new URL(".", import.meta.url).pathname;

const SESSION = `${HUB}api/session`;
const PATIENCE = 5000;

export type Who =
  | { state: "in"; name: string; version: string; demo: boolean; clock: number; publish: string[] | null; isAdmin: boolean; isToken: boolean }
  | { state: "out"; demo: boolean }
  | { state: "refused"; message: string }
  | { state: "unreachable" };

export interface Refusal {
  sentence: string;
  /** Seconds to wait before the next try. */
  wait: number;
  /** Whether no other try will do. */
  isOver?: boolean;
}

/** Asks the hub who this is. Never throws: no answer is an answer too. */
export async function whoAmI(): Promise<Who> {
  const answer = await ask("GET", undefined, "?quiet");
  if (!answer) return { state: "unreachable" };
  const { response, body } = answer;
  const demo = body.demo === true;
  if (response.status === 401 || body.name === null) return { state: "out", demo };
  if (response.ok) {
    const publish = Array.isArray(body.publish) ? body.publish.filter((filter) => typeof filter === "string") : null;
    return { state: "in", name: String(body.name), version: String(body.version), demo, clock: clockOffset(response), publish, isAdmin: body.admin === true, isToken: body.token === true };
  }
  return { state: "refused", message: String(body.message ?? say(WORDS.answered, { status: response.status })) };
}

/** Signs in, for a few hours or for as long as the page is used; what comes back is null, or what went wrong. */
export async function signIn(name: string, password: string, stay: boolean): Promise<Refusal | null> {
  const answer = await ask("POST", { name, password, stay });
  if (!answer) return { sentence: WORDS.unreachable, wait: 0 };
  const { response, body } = answer;
  if (response.ok) return null;
  const wait = Number(response.headers.get("retry-after")) || 0;
  return { sentence: refusal(response.status, body), wait };
}

/** Signs in with the token of a link. */
export async function enterByToken(token: string, stay: boolean): Promise<Refusal | null> {
  const answer = await ask("POST", { token, stay });
  if (answer?.response.ok) return null;
  const { response, body } = answer ?? {};
  const isOver = response?.status === 401 || response?.status === 403;
  return { sentence: isOver ? WORDS.linkOver : response ? refusal(response.status, body!) : WORDS.unreachable, wait: Number(response?.headers.get("retry-after")) || 0, isOver };
}

/** Signs out; false if the hub could not be told. */
export async function signOut(): Promise<boolean> {
  const answer = await ask("DELETE");
  return answer?.response.ok === true;
}

/** Name and password that stood in the address of this page, if any. */
export function fromAddress(): { name: string; password: string } | null {
  const address = new URL(document.baseURI);
  if (address.username === "") return null;
  try {
    return { name: decodeURIComponent(address.username), password: decodeURIComponent(address.password) };
  } catch {
    return { name: address.username, password: address.password };
  }
}

/** The only way to get a password out of the address bar: rewriting the history keeps it. */
export function cleanAddress(): void {
  location.replace(location.origin + location.pathname + location.search);
}

function refusal(status: number, body: Record<string, unknown>): string {
  if (status === 401) {
    const left = Number(body.tries_left);
    return Number.isInteger(left) && left <= 5 ? `${WORDS.noMatch} ${plural(WORDS.triesLeft, left)}` : WORDS.noMatch;
  }
  if (status === 429) return WORDS.tooManyTries;
  if (status === 503) return WORDS.busy;
  return String(body.message ?? say(WORDS.answered, { status }));
}

async function ask(method: string, content?: unknown, query = ""): Promise<{ response: Response; body: Record<string, unknown> } | null> {
  try {
    const response = await fetch(SESSION + query, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
      ...(content !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(content) }),
    });
    const body: unknown = await response.json().catch(() => ({}));
    return { response, body: isObject(body) ? body : {} };
  } catch {
    return null;
  }
}

/** By how much this machine's clock is ahead of the hub's; the header has whole seconds, so little means nothing. */
function clockOffset(response: Response): number {
  const offset = Date.now() - Date.parse(response.headers.get("date") ?? "") - 500;
  return Math.abs(offset) > 2000 ? offset : 0;
}

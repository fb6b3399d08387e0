// Asks the hub what only admins may ask, and has accounts changed. The hub checks everything again: nothing here keeps anybody out.

import { effect, signal } from "@preact/signals";
import { type Account, parseAccount } from "./core/admin/accounts.js";
import { isObject } from "./core/frame.js";
import { COMMON, say } from "./core/text.js";
import { cut } from "./core/words.js";
import { forgotten } from "./page.js";
import { HUB, whoAmI } from "./session.js";

const PATIENCE = 15_000;
const SENTENCE_SHOWN = 600;

export type Reply = { isOk: true; body: unknown; tag: string } | { isOk: false; error: string; sentence: string };

/** One request with the sign-in of the page. Never throws: no answer is an answer too. */
export async function call(method: string, path: string, content?: unknown, tag?: string): Promise<Reply> {
  const headers: Record<string, string> = {};
  if (content !== undefined) headers["content-type"] = "application/json";
  if (tag !== undefined) headers["if-match"] = tag;
  try {
    const body = content === undefined ? {} : { body: JSON.stringify(content) };
    const response = await fetch(HUB + path, { method, headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE), ...body });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return { isOk: true, body: answer, tag: response.headers.get("etag") ?? "*" };
    const { error, message, reason, mistakes } = isObject(answer) ? answer : {};
    const listed = Array.isArray(mistakes) ? ` ${mistakes.join(" ")}` : "";
    const sentence = response.status === 401 ? COMMON.signedOut : say(COMMON.refused, { why: `${String(message ?? reason ?? response.status)}${listed}` });
    return { isOk: false, error: String(error ?? response.status), sentence: cut(sentence, SENTENCE_SHOWN) };
  } catch {
    return { isOk: false, error: "unreachable", sentence: COMMON.unreachable };
  }
}

export interface Accounts {
  list: Account[];
  /** The version that these are of. A change is made for this one, or is refused. */
  tag: string;
}

export const accounts = signal<Accounts | null>(null);
export const accountsTrouble = signal("");
/** Whether there are no accounts yet, and nothing can be changed from here. */
export const isDemo = signal(false);
/** What one admin has read is nothing for whoever comes next. */
effect(() => {
  void forgotten.value;
  accounts.value = null;
  accountsTrouble.value = "";
});

export async function readAccounts(): Promise<void> {
  const times = forgotten.value;
  const [reply, who] = await Promise.all([call("GET", "api/accounts"), whoAmI()]);
  if (times !== forgotten.value) return;
  isDemo.value = who.state === "in" && who.demo;
  accountsTrouble.value = reply.isOk ? "" : reply.sentence;
  if (!reply.isOk) return;
  const list = isObject(reply.body) && Array.isArray(reply.body.accounts) ? reply.body.accounts : [];
  accounts.value = { list: list.flatMap((one) => parseAccount(one) ?? []), tag: reply.tag };
}

/** Has accounts changed, and reads them again, whatever came of it. */
export async function change(method: string, path: string, content?: unknown): Promise<Reply> {
  const reply = await call(method, path, content, accounts.value?.tag ?? "*");
  await readAccounts();
  return reply;
}

export const accountPath = (name: string): string => `api/accounts/${encodeURIComponent(name)}`;
export const tokenPath = (name: string): string => `api/tokens/${encodeURIComponent(name)}`;

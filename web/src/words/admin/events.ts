// The words of the record of events.

import type { Happened } from "../../core/admin/events.js";
import { cut } from "../../core/words.js";

export const EVENTS = {
  title: "Who did what",
  about: "The hub records commands and answers, sign-ins, refusals, changes of accounts, and nodes that came and went.",
  topic: "Topic or filter",
  user: "User",
  when: "When",
  moment: "Around (15 minutes before and after)",
  spans: { "1h": "Last hour", "24h": "Last 24 hours", "7d": "Last 7 days", all: "All that is kept", moment: "Around a moment" } as Record<string, string>,
  questions: "Also what was only asked (get, list)",
  hidden: (count: number) => `${count} ${count === 1 ? "question is" : "questions are"} left out.`,
  ask: "Look",
  none: "Nothing of that is recorded.",
  more: "Older ones",
  time: "Time",
  what: "What",
  who: "Who",
  by: (client: string, address: string) => [client, address].filter(Boolean).join(", "),
} as const;

const KINDS: Record<string, string> = {
  command: "Command", answer: "Answer", refused: "Refused", "sign-in": "Sign-in", "sign-out": "Sign-out", presence: "Node", lease: "Lease ended", account: "Account",
};

export const kindWords = (kind: string): string => (Object.hasOwn(KINDS, kind) ? KINDS[kind]! : kind);

/** What became of it. */
export function resultWords({ result, reason, more }: Happened): string {
  const rest = new Map(more);
  const after = rest.get("after");
  const parts = [result + (after !== undefined && result !== "" ? ` after ${after} s` : ""), cut(reason, 200), rest.get("change") ?? "", rest.has("account") ? `account ${rest.get("account")}` : "", rest.has("door") ? `at the door ${rest.get("door")}` : ""];
  return parts.filter(Boolean).join(" · ");
}

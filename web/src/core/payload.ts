// What somebody types as a topic and a payload: can that be one? Is it JSON, and if not, where does it stop being it?

import { EXPLORER, say } from "./text.js";

export interface Checked {
  /** null, or what is wrong, in a sentence. */
  trouble: string | null;
  bytes: number;
}

/** Checks a payload as it is typed. */
export function checkPayload(text: string): Checked {
  const bytes = new TextEncoder().encode(text).length;
  if (text.trim() === "") return { trouble: EXPLORER.isJson, bytes };
  try {
    JSON.parse(text);
    return { trouble: null, bytes };
  } catch (error) {
    return { trouble: sentence(text, String((error as Error).message)), bytes };
  }
}

/** Payloads that people mean as texts. */
const WORD = /^[\p{L}_][\p{L}\p{N}_ .:-]*$/u;

function sentence(text: string, message: string): string {
  const word = text.trim();
  if (WORD.test(word)) return say(EXPLORER.needsQuotes, { text: `"${word.slice(0, 40)}"` });
  const at = Number(/position (\d+)/.exec(message)?.[1] ?? NaN);
  if (Number.isNaN(at)) return /end of/i.test(message) ? EXPLORER.noEnd : EXPLORER.noJson;
  const before = text.slice(0, at).split("\n");
  const found = text.slice(at, at + 1);
  const place = { line: before.length, column: before.at(-1)!.length + 1 };
  return found === "" ? say(EXPLORER.endAt, place) : say(EXPLORER.oddAt, { ...place, found: found === "\n" ? EXPLORER.lineBreak : found });
}

/** The same JSON with a line for each key; numbers and texts stay exactly as they were written. */
export function formatted(text: string): string {
  let depth = 0;
  let made = "";
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (sign === '"') {
      const start = at;
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === "\\") at += 1;
      made += text.slice(start, at + 1);
    } else if (/\s/.test(sign)) continue;
    else if (sign === "{" || sign === "[") {
      const end = /^\s*[}\]]/.exec(text.slice(at + 1, at + 200));
      if (end) {
        made += sign + end[0].trim();
        at += end[0].length;
      } else made += `${sign}\n${"  ".repeat((depth += 1))}`;
    } else if (sign === "}" || sign === "]") made += `\n${"  ".repeat(Math.max(0, (depth -= 1)))}${sign}`;
    else if (sign === ",") made += `,\n${"  ".repeat(Math.max(0, depth))}`;
    else made += sign === ":" ? ": " : sign;
  }
  return made;
}

/** Why nobody can publish to a topic, or null; the hub has the same rules. */
export function topicTrouble(topic: string): string | null {
  if (topic === "") return EXPLORER.noTopic;
  if (/[+#]/.test(topic)) return EXPLORER.wildcards;
  if (topic.includes("\0")) return EXPLORER.noNul;
  if (topic.split("/", 1)[0] === "clown.talk") return EXPLORER.ofTheHub;
  if (new TextEncoder().encode(topic).length > 65535) return EXPLORER.longTopic;
  return null;
}

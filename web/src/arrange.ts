// Has the layout changed. A change is made for the version that somebody saw; where another one has come meanwhile, it is made for
// that one if what it touches is still the same. Otherwise somebody else has changed it, too, and is not undone.

import { call } from "./admin.js";
import { type Entry, type Layout, type Sort, arranged, entryOf } from "./core/layout.js";
import { ARRANGE, COMMON } from "./core/text.js";
import { LAYOUT_PATH, readLayout } from "./layout.js";

const TRIES = 4;

/** Entries by what they are about, with null for those that go. */
export interface Change {
  rooms?: readonly string[];
  nodes?: Record<string, Entry | null>;
  values?: Record<string, Entry | null>;
}

export interface Saved {
  isOk: boolean;
  sentence: string;
}

/** `[key]` is a key of its own even where it is `__proto__`. */
export const changeOf = (sort: Sort, entries: [string, Entry | null][]): Change => ({ [sort]: Object.fromEntries(entries) });

export async function save(change: Change, seen: Layout): Promise<Saved> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const reply = await call("PATCH", LAYOUT_PATH, change, `"${seen.version}"`);
    if (reply.isOk) {
      await readLayout();
      return { isOk: true, sentence: "" };
    }
    if (reply.error !== "changed") return { isOk: false, sentence: reply.sentence };
    const next = await readLayout();
    if (next === null) return { isOk: false, sentence: COMMON.unreachable };
    if (touches(change, seen, next)) return { isOk: false, sentence: ARRANGE.changed };
    seen = next;
  }
  return { isOk: false, sentence: ARRANGE.changed };
}

/** Whether anything that a change is about is another one in the second layout. */
function touches({ rooms, ...entries }: Change, one: Layout, other: Layout): boolean {
  if (rooms && JSON.stringify(one.rooms) !== JSON.stringify(other.rooms)) return true;
  return (["nodes", "values"] as const).some((sort) => Object.keys(entries[sort] ?? {}).some((key) => !isSame(entryOf(one, sort, key), entryOf(other, sort, key))));
}

export const isSame = (one: Entry, other: Entry): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Puts something one place before or behind where it stands among its neighbours. */
export function moved(sort: Sort, neighbours: readonly string[], id: string, by: number): Change | null {
  const from = neighbours.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= neighbours.length) return null;
  const next = [...neighbours];
  next.splice(to, 0, ...next.splice(from, 1));
  const known = (key: string): Entry => entryOf(arranged.layout, sort, key);
  // What stands behind keeps its own order where nobody has given it one.
  const last = next.findLastIndex((key, at) => at <= Math.max(from, to) || known(key).order !== undefined);
  const changed = next.slice(0, last + 1).flatMap((key, at): [string, Entry][] => (known(key).order === at ? [] : [[key, { ...known(key), order: at }]]));
  return changed.length === 0 ? null : changeOf(sort, changed);
}

/** All that the hub has, in the words of its own answer. */
export async function exported(): Promise<string | null> {
  const reply = await call("GET", LAYOUT_PATH);
  return reply.isOk ? `${JSON.stringify((reply.body as { layout: unknown }).layout, null, 2)}\n` : null;
}

/** Puts what stands in a file in the place of all that there is. The hub looks through it. */
export async function imported(text: string): Promise<Saved> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return { isOk: false, sentence: ARRANGE.noJson };
  }
  const seen = await readLayout();
  if (seen === null) return { isOk: false, sentence: COMMON.unreachable };
  const reply = await call("PUT", LAYOUT_PATH, content, `"${seen.version}"`);
  await readLayout();
  return reply.isOk ? { isOk: true, sentence: ARRANGE.imported } : { isOk: false, sentence: reply.error === "changed" ? ARRANGE.changed : reply.sentence };
}

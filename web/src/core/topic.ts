// What a topic is about: which node, a value or an event. And which filter matches which topic.

/** What makes a command of a last level that is a reading elsewhere: the level in front of it. */
const BEHIND: Record<string, string[]> = {
  start: ["pairing-mode", "automatic-pairing", "scan"],
  stop: ["pairing-mode", "automatic-pairing", "scan"],
  add: ["nodes", "alias"],
  remove: ["nodes", "alias"],
  purge: ["nodes"],
  clear: ["screen"],
};

/** What happens to a gateway's nodes, as it says it. */
const EVENTS = new Set(["boot", "$sub", "/attach", "/attach-failure", "/detach", "/found"]);

/** The levels that name the node: nodes/bridge/0, node/836d1983718a, otherwise the first one. */
export function baseOf(topic: string): string {
  const levels = topic.split("/");
  const named = levels[0] === "nodes" ? 3 : levels[0] === "node" ? 2 : 1;
  return levels.slice(0, Math.max(1, Math.min(named, levels.length - 1))).join("/");
}

/** The topic within its node. */
export function nameOf(topic: string, base: string): string {
  return topic === base ? topic : topic.slice(base.length + 1);
}

/**
 * Commands, answers and notifications happen; they are not values that something has (docs/protocol.md, clause 6.1).
 * Behind the base of a node alone `set` and `get` are commands here: that is how a dashboard speaks to a node of one topic.
 */
export function isEvent(topic: string, base = baseOf(topic)): boolean {
  const name = nameOf(topic, base);
  const levels = name.split("/");
  const last = levels.pop() ?? "";
  if (EVENTS.has(name) || levels.at(-1) === "config") return true;
  if (last === "ok" || last === "error") return levels.length > 1 && isCommand(levels.slice(0, -1), levels.at(-1) ?? "");
  return isCommand(levels, last) || (topic !== base && (last === "set" || last === "get"));
}

/** Whether the last level is a command behind these. */
function isCommand(before: string[], last: string): boolean {
  if (last === "set" || last === "get") return before.length > 0;
  if (last === "list" || last === "update" || last === "scan") return before.length > 1;
  return Object.hasOwn(BEHIND, last) && BEHIND[last]!.includes(before.at(-1) ?? "");
}

/** The base that a presence message speaks of. */
export function presenceBase(topic: string): string | null {
  return topic.endsWith("/presence") ? topic.slice(0, -"/presence".length) : null;
}

/** Whether nodes there report on change or every quarter of an hour, so that minutes of silence mean nothing. */
export const reportsRarely = (topic: string): boolean => topic.startsWith("node/");

/** Whether a filter with the wildcards `+` and `#` matches a topic, as in the hub: a wildcard in first place never matches `$`. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  for (let at = 0; at < wanted.length; at += 1) {
    if (wanted[at] === "#") return at === wanted.length - 1;
    if (at >= levels.length || (wanted[at] !== "+" && wanted[at] !== levels[at])) return false;
  }
  return wanted.length === levels.length;
}

// What a topic is about: which node, a value or an event, something to read or something to switch.

/** What makes a command of a last level that is a reading elsewhere: the level in front of it. */
const BEHIND = {
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
export function baseOf(topic) {
  const levels = topic.split("/");
  const named = { nodes: 3, node: 2 }[levels[0]] ?? 1;
  return levels.slice(0, Math.max(1, Math.min(named, levels.length - 1))).join("/");
}

/** The topic within its node. */
export function nameOf(topic, base) {
  return topic === base ? topic : topic.slice(base.length + 1);
}

/**
 * Commands, answers and notifications happen; they are not values that something has (docs/protocol.md, clause 6.1).
 * Behind the base of a node alone `set` and `get` are commands here: that is how a dashboard speaks to a node of one topic.
 */
export function isEvent(topic, base = baseOf(topic)) {
  const name = nameOf(topic, base);
  const levels = name.split("/");
  const last = levels.pop();
  if (EVENTS.has(name) || levels.at(-1) === "config") return true;
  if (last === "ok" || last === "error") return levels.length > 1 && isCommand(levels.slice(0, -1), levels.at(-1));
  return isCommand(levels, last) || (topic !== base && (last === "set" || last === "get"));
}

/** Whether the last level is a command behind these. */
function isCommand(before, last) {
  if (last === "set" || last === "get") return before.length > 0;
  if (last === "list" || last === "update" || last === "scan") return before.length > 1;
  return Object.hasOwn(BEHIND, last) && BEHIND[last].includes(before.at(-1));
}

/** The base that a presence message speaks of. */
export function presenceBase(topic) {
  return topic.endsWith("/presence") ? topic.slice(0, -"/presence".length) : null;
}

/** Whether nodes there report on change or every quarter of an hour, so that minutes of silence mean nothing. */
export const reportsRarely = (topic) => topic.startsWith("node/");

const LED_STATES = ["off", "on", "1-dot", "2-dot", "3-dot"];

/**
 * How something that can be switched is switched, or null for everything else. Bridges of the first generation
 * say and take {"state": …}, radio nodes of the second bare values one level deeper.
 */
export function actuatorOf(topic, payload) {
  const levels = topic.split("/");
  const set = `${topic}/set`;
  const bare = levels.at(-1) === "state" ? levels.at(-3) : null;
  if (bare === "relay" || bare === "led") {
    return isSwitch(payload)
      ? { kind: bare, isBare: true, set, choices: [false, true], stateOf: bareState, command: (state) => state, get: `${topic}/get`, question: null }
      : null;
  }
  const kind = levels.at(-2);
  const whole = { kind, set, stateOf: wrappedState, command: (state) => ({ state }), get: `${topic}/get`, question: {} };
  const state = wrappedState(payload);
  if (kind === "relay" && isSwitch(state)) return { ...whole, choices: [false, true] };
  if (kind === "led" && (state === null || typeof state === "string")) return { ...whole, choices: LED_STATES };
  return null;
}

const isSwitch = (state) => state === null || typeof state === "boolean";
const bareState = (payload) => payload;

function wrappedState(payload) {
  return payload !== null && typeof payload === "object" && Object.hasOwn(payload, "state") ? payload.state : undefined;
}

// What a topic is about: which node, a value or an event, something to read or something to switch.

const ACTIONS = new Set(["set", "get", "list", "update", "scan", "ok", "error"]);

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

/** Commands, answers and notifications happen; they are not values that something has. */
export function isEvent(topic) {
  const levels = topic.split("/");
  const last = levels.at(-1);
  return ACTIONS.has(last) || levels.at(-2) === "config" || last === "boot";
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

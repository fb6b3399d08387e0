// How something that can be switched is switched.

import { isObject } from "./frame.js";
import { isOn } from "./units.js";

export type State = boolean | string | null | undefined;

export interface Actuator {
  /** As its title says it: relay, led, power; empty where the device has a name of its own. */
  kind: string;
  /** Whether the payload is the state itself; its topic is one level deeper then. */
  isBare: boolean;
  choices: readonly (boolean | string)[];
  set: string;
  get: string | null;
  question: unknown;
  command(state: State): unknown;
  stateOf(payload: unknown): State;
  /** Whether the hub can tell when the device has done it. */
  isConfirmed: boolean;
  /** Which key of the payload is the state, where there are readings beside it. */
  key?: string | undefined;
}

export const LED_STATES = ["off", "on", "1-dot", "2-dot", "3-dot"] as const;

/**
 * Where other makers say a state, and where they take it: what its title says, the topic, that of its commands, and the key of the state
 * where it is one reading of several. Tasmota, ESPHome, both generations of Shelly, Zigbee2MQTT.
 */
const MAKERS: readonly [kind: string, topic: RegExp, set: string, key?: "output" | "state"][] = [
  ["power", /(^|\/)stat(\/[^/]+\/POWER\d*)$/, "$1cmnd$2"],
  ["switch", /(\/switch\/[^/]+)\/state$/, "$1/command"],
  ["relay", /^(shellies\/.+\/relay\/\d+)$/, "$1/command"],
  ["switch", /\/status(\/switch:\d+)$/, "/command$1", "output"],
  ["", /$/, "/set", "state"],
];

/**
 * How a topic is switched, or null for what is only read. Bridges of the first generation say and take {"state": …},
 * radio nodes of the second bare values one level deeper.
 */
export function actuatorOf(topic: string, payload: unknown): Actuator | null {
  const levels = topic.split("/");
  const there = { set: `${topic}/set`, get: `${topic}/get`, isConfirmed: true };
  const bare = levels.at(-1) === "state" ? levels.at(-3) : undefined;
  if (bare === "relay" || bare === "led") {
    if (!isSwitch(payload)) return null;
    return { ...there, kind: bare, isBare: true, choices: [false, true], question: null, stateOf: bareState, command: (state) => state };
  }
  for (const [kind, pattern, target, key] of MAKERS) {
    const saidIn = (payload: unknown): unknown => (key ? isObject(payload) && payload[key] : payload);
    const said = saidIn(payload);
    const isState = key === "output" ? isObject(payload) && typeof said === "boolean" : typeof said === "string" && /^(on|off)$/i.test(said) && (!key || "linkquality" in (payload as object));
    if (!isState || !pattern.test(topic)) continue;
    const set = topic.replace(pattern, target);
    const isBeside = key === "state";
    const word = (state: State): string => (said === "ON" || said === "OFF" ? (state ? "ON" : "OFF") : state ? "on" : "off");
    return {
      kind, key, set, isBare: kind === "switch" && !key, choices: [false, true], isConfirmed: isBeside, get: isBeside ? there.get : kind === "power" ? set : null,
      question: isBeside ? { state: "" } : "", stateOf: (payload) => isOn(saidIn(payload)), command: (state) => (isBeside ? { state: word(state) } : word(state)),
    };
  }
  const kind = levels.at(-2) ?? "";
  const state = wrappedState(payload);
  const whole = { ...there, kind, isBare: false, question: {}, stateOf: wrappedState, command: (wanted: State) => ({ state: wanted }) };
  if (kind === "relay" && isSwitch(state)) return { ...whole, choices: [false, true] };
  if (kind === "led" && (state === null || typeof state === "string")) return { ...whole, choices: LED_STATES };
  return null;
}

const isSwitch = (state: unknown): state is boolean | null => state === null || typeof state === "boolean";
const bareState = (payload: unknown): State => (isSwitch(payload) ? payload : undefined);

function wrappedState(payload: unknown): State {
  if (!isObject(payload) || !Object.hasOwn(payload, "state")) return undefined;
  const { state } = payload;
  return isSwitch(state) || typeof state === "string" ? state : undefined;
}

// How something that can be switched is switched.

import { isObject } from "./frame.js";
import { isOn } from "./units.js";

export type State = boolean | string | null | undefined;

export interface Actuator {
  /** As its title says it: relay, led, power. */
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
}

export const LED_STATES = ["off", "on", "1-dot", "2-dot", "3-dot"] as const;

/**
 * How a topic is switched, or null for what is only read. Bridges of the first generation say and take {"state": …},
 * radio nodes of the second bare values one level deeper. Tasmota says ON and OFF at stat/NAME/POWER and takes it at cmnd/NAME/POWER,
 * ESPHome at …/switch/NAME/state and …/switch/NAME/command.
 */
export function actuatorOf(topic: string, payload: unknown): Actuator | null {
  const levels = topic.split("/");
  const there = { set: `${topic}/set`, get: `${topic}/get`, isConfirmed: true };
  const bare = levels.at(-1) === "state" ? levels.at(-3) : undefined;
  if (bare === "relay" || bare === "led") {
    if (!isSwitch(payload)) return null;
    return { ...there, kind: bare, isBare: true, choices: [false, true], question: null, stateOf: bareState, command: (state) => state };
  }
  const isBare = bare === "switch";
  if ((isBare || (levels.at(-3) === "stat" && /^POWER\d*$/.test(levels.at(-1)!))) && (payload === "ON" || payload === "OFF")) {
    const set = (isBare ? [...levels.slice(0, -1), "command"] : [...levels.slice(0, -3), "cmnd", ...levels.slice(-2)]).join("/");
    return { kind: isBare ? "switch" : "power", isBare, choices: [false, true], set, get: isBare ? null : set, question: "", isConfirmed: false, stateOf: isOn, command: (state) => (state ? "ON" : "OFF") };
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

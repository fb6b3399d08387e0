// What is known of every topic: pure memory, bounded, and without a word about how it looks.

import { payloadText } from "./frame.js";
import { actuatorOf, baseOf, isEvent, nameOf, presenceBase } from "./topic.js";
import { cut, decimalsOf, titleText } from "./words.js";

export const TOPICS_AT_MOST = 2000;
const NODES_AT_MOST = 2000;
/** So many times its interval a topic may be silent, and so long in any case: `src/talk/every.rs` has the same rule. */
const PATIENCE = 3;
const PATIENCE_AT_LEAST = 5000;
const QUANTITIES_SHOWN = 6;
const TEXT_SHOWN = 200;

/** Which of several quantities is the one in large print, and the order of tiles in a group. */
const RANKS = ["temperature", "relative-humidity", "illuminance", "pressure", "concentration", "voltage"];
const TITLES = { "relative-humidity": "Humidity", illuminance: "Light", concentration: "CO₂", "event-count": "Presses", led: "LED" };

/** All topics and nodes of a hub. */
export class Readings {
  topics = new Map();
  presences = new Map();
  infos = new Map();
  /** Whether there was a topic too many. */
  overflown = false;
  /** How far this machine's clock is ahead of the hub's. */
  #offset = null;

  /** The hub's time, as well as it is known here. */
  now(here = Date.now()) {
    return here - (this.#offset ?? 0);
  }

  /** A first guess of the clock, until messages that are on their way for no time at all tell better. */
  setClock(offset) {
    this.#offset ??= offset;
  }

  /** Takes a frame. Returns what changed: `{reading}`, `{gone}`, `{node}`, or null. */
  take(frame, here = Date.now()) {
    const { topic, payload, options } = frame;
    const time = this.#timeOf(options, here);
    const base = presenceBase(topic);
    if (base !== null && typeof payload?.state === "string") return this.#setPresence(base, payload, time);
    if (isEvent(topic, this.#nodeOf(topic))) return null;
    if (payload === null && options.retain === true) return this.topics.delete(topic) ? { gone: topic } : null;
    if (isInfo(topic, payload)) return this.#setInfo(topic, payload);
    const known = this.topics.get(topic);
    if (!known && this.topics.size >= TOPICS_AT_MOST) {
      this.overflown = true;
      return null;
    }
    const reading = known ?? new Reading(topic, this.#nodeOf(topic));
    reading.take(frame, time);
    this.topics.set(topic, reading);
    return { reading };
  }

  /** The presence of a node, or of the gateway that speaks for it. */
  presenceOf(base) {
    for (let at = base; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
      const presence = this.presences.get(at);
      if (presence) return { ...presence, isGateway: at !== base };
    }
    return null;
  }

  /** The node that a topic belongs to: as a connected node says, or else as topics are usually built. */
  #nodeOf(topic) {
    const usual = baseOf(topic);
    for (let end = topic.lastIndexOf("/"); end > usual.length; end = topic.lastIndexOf("/", end - 1)) {
      if (this.presences.has(topic.slice(0, end))) return topic.slice(0, end);
    }
    return usual;
  }

  /** Gives a node that has come its topics, which were taken for somebody else's. */
  #adopt(base) {
    const adopted = [...this.topics.values()].filter(({ topic }) => topic.startsWith(`${base}/`) && this.#nodeOf(topic) === base);
    const moved = adopted.filter((reading) => reading.base !== base);
    for (const reading of moved) reading.belongTo(base);
    return moved;
  }

  #timeOf(options, here) {
    const time = Date.parse(options.time);
    if (Number.isNaN(time)) return this.now(here);
    if (options.retained === false) this.#learnClock(here - time);
    return time;
  }

  /** The message that took the least time tells the clocks apart; the rest lets it drift back where a clock is set. */
  #learnClock(sample) {
    const offset = this.#offset ?? sample;
    this.#offset = sample < offset ? sample : offset + (sample - offset) * 0.01;
  }

  #setPresence(base, { state, since }, time) {
    if (!this.presences.has(base) && this.presences.size >= NODES_AT_MOST) return null;
    const from = Date.parse(since);
    const before = this.presences.get(base);
    const presence = { isOnline: state === "online", since: Number.isNaN(from) ? time : from };
    this.presences.set(base, presence);
    return { node: base, isBack: presence.isOnline && !before?.isOnline, moved: before ? [] : this.#adopt(base) };
  }

  #setInfo(topic, payload) {
    const node = topic.slice(0, -"/info".length);
    if (!this.infos.has(node) && this.infos.size >= NODES_AT_MOST) return null;
    this.infos.set(node, { text: cut([payload.firmware, payload.version].filter((word) => typeof word === "string").join(" "), TEXT_SHOWN), mode: payload.mode });
    return { node, isInfo: true };
  }
}

const isInfo = (topic, payload) => topic.endsWith("/info") && typeof payload?.firmware === "string";

/** The last value of a topic. */
export class Reading {
  count = 0;
  time = 0;
  /** Whether the hub had kept this value, and nothing was said since it told it. */
  isKept = false;
  actuator = null;
  /** Milliseconds between two readings, as the hub knows them, or null where they are not regular. */
  every = null;
  #line = "";
  #decimals = new Map();

  constructor(topic, base) {
    this.topic = topic;
    this.belongTo(base);
  }

  belongTo(base) {
    this.base = base;
    this.name = nameOf(this.topic, base);
  }

  take({ topic, payload, options, line }, time) {
    this.count += 1;
    this.time = time;
    this.isKept = options.retained === true;
    this.every = options.every > 0 ? options.every * 1000 : null;
    this.payload = payload;
    this.#line = line;
    this.actuator = actuatorOf(topic, payload);
    this.quantities = this.actuator ? null : quantities(topic, payload);
    for (const { key, value } of this.quantities ?? []) {
      if (typeof value === "number") this.#decimals.set(key, Math.max(this.decimals(key), decimalsOf(value)));
    }
  }

  /** The most digits after the point that this quantity came with. */
  decimals(key) {
    return this.#decimals.get(key) ?? 0;
  }

  /** The payload exactly as it was sent. */
  get text() {
    return payloadText(this.#line);
  }

  /** Where the value comes from, less what the title says already. */
  get place() {
    const isBare = this.quantities?.length === 1 && this.name.endsWith(`/${this.quantities[0].key}`);
    return isBare || this.actuator?.isBare ? this.name.slice(0, this.name.lastIndexOf("/")) : this.name;
  }

  get section() {
    if (this.actuator) return "controls";
    return this.quantities?.some(({ value }) => typeof value === "number") ? "sensors" : "other";
  }

  get rank() {
    const rank = RANKS.indexOf(this.quantities?.[0]?.key);
    return rank < 0 ? RANKS.length : rank;
  }

  get title() {
    const levels = this.name.split("/");
    if (this.actuator) {
      const { kind, isBare } = this.actuator;
      const address = levels.at(isBare ? -2 : -1).split("-").at(-1);
      return cut(`${TITLES[kind] ?? titleText(kind)}${address ? ` ${address}` : ""}`, 60);
    }
    const key = this.quantities?.[0]?.key ?? levels.at(-2) ?? this.name;
    return cut(TITLES[key] ?? titleText(key), 60);
  }

  /** Milliseconds of silence that are still normal, or null where nobody can tell. */
  get patience() {
    return this.every === null ? null : Math.max(PATIENCE * this.every, PATIENCE_AT_LEAST);
  }

  isStale(now) {
    return this.patience !== null && now - this.time > this.patience;
  }
}

/** What a payload says, the most important first; null if it is of a kind that nobody agreed on. */
function quantities(topic, payload) {
  const bare = quantity(topic.split("/").at(-1), payload, "");
  if (bare) return [bare];
  if (payload === null || typeof payload !== "object" || Array.isArray(payload)) return null;
  const found = Object.entries(payload).map(([key, value]) => quantity(key, value, `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`));
  if (found.length === 0 || found.length > QUANTITIES_SHOWN || found.includes(null)) return null;
  const order = ({ key }) => (RANKS.includes(key) ? RANKS.indexOf(key) : RANKS.length);
  return found.sort((a, b) => order(a) - order(b));
}

/** A bare value, or a number with its unit; and where it is in the payload, as a JSON pointer. */
function quantity(key, value, path) {
  if (value === null || ["number", "boolean"].includes(typeof value)) return { key, path, value, unit: "" };
  if (typeof value === "string") return { key, path, value: cut(value, TEXT_SHOWN), unit: "" };
  const isPair = Array.isArray(value) && value.length === 2 && typeof value[1] === "string" && value[1].length <= 16;
  if (isPair && (value[0] === null || typeof value[0] === "number")) return { key, path: `${path}/0`, value: value[0], unit: value[1] };
  return null;
}

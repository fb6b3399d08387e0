// What is known of every topic and node: pure memory, bounded, and without a word about how it looks.

import { type Actuator, actuatorOf } from "./actuator.js";
import { type Frame, type Options, isObject, payloadText } from "./frame.js";
import { arranged } from "./layout.js";
import { decimalsOf } from "./numbers.js";
import { type Quantity, quantities, rankOf } from "./quantity.js";
import { WORDS, known as toldAs } from "./text.js";
import { sameUnit } from "./units.js";
import { baseOf, isEvent, nameOf, presenceBase } from "./topic.js";
import { cut, titleText } from "./words.js";

export const TOPICS_AT_MOST = 20_000;
const NODES_AT_MOST = 5_000;
/** So many times its interval a topic may be silent, and so long in any case: `src/talk/every.rs` has the same rule. */
const PATIENCE = 3;
const PATIENCE_AT_LEAST = 5000;
/** A topic that was silent for so many times as long as is normal is called silent, and not only stale. */
const GIVEN_UP = 20;
const TEXT_SHOWN = 200;
/** A clock that is set is off by more than this, for so long, and messages agree on it as well as this. Whatever is late only for once does not. */
const JUMP = 2000;
const JUMP_LASTS = 3000;
const JUMP_AGREED = 1000;

export interface Presence {
  isOnline: boolean;
  since: number;
  /** The connection over which it was heard last. */
  round: number;
}

export interface Info {
  text: string;
  mode: unknown;
  round: number;
}

/** What a frame has changed. */
export type News = { reading: Reading; isNew: boolean } | { gone: string; base: string } | { node: string; isBack: boolean; isInfo: boolean; moved: Reading[] };

/** All topics and nodes of a hub. */
export class Values {
  topics = new Map<string, Reading>();
  presences = new Map<string, Presence>();
  infos = new Map<string, Info>();
  /** The readings of each base that has any. */
  nodes = new Map<string, Set<Reading>>();
  /** Whether there was a topic too many. */
  overflown = false;
  /** Counts connections, so that it is known what was heard over which. */
  round = 0;
  /** The units of bare numbers, by topic, as their boards have told them. */
  #units = new Map<string, string>();
  /** How far this machine's clock is ahead of the hub's. */
  #offset: number | null = null;
  /** What messages tell of another offset, and since when. */
  #jump: { offset: number; since: number } | null = null;

  /** The hub's time, as well as it is known here. */
  now(here = Date.now()): number {
    return here - (this.#offset ?? 0);
  }

  /** A guess of the clock to the second, until messages that are on their way for no time at all tell better; and again where it was set since. */
  setClock(offset: number): void {
    if (this.#offset === null || Math.abs(offset - this.#offset) > JUMP) this.#offset = offset;
  }

  clear(): void {
    for (const map of [this.topics, this.presences, this.infos, this.nodes, this.#units]) map.clear();
    this.overflown = false;
    this.round = 0;
  }

  /** Takes a frame. Returns what changed, or null. */
  take(frame: Frame, here = Date.now()): News | null {
    const { topic, payload, options } = frame;
    const time = this.#timeOf(options, here);
    const base = presenceBase(topic);
    if (base !== null && isObject(payload) && typeof payload.state === "string") return this.#setPresence(base, payload.state, payload.since, time);
    const known = this.topics.get(topic);
    if (!known && isEvent(topic, this.#nodeOf(topic))) return null;
    if (payload === null && options.retain === true) return this.#remove(known);
    if (topic.endsWith("/config") && isObject(payload) && (payload.uniq_id ?? payload.unique_id)) return this.#learnUnit(payload);
    if (topic.endsWith("/info") && isObject(payload) && typeof payload.firmware === "string") return this.#setInfo(topic, payload.firmware, payload);
    if (!known && this.topics.size >= TOPICS_AT_MOST) {
      this.overflown = true;
      return null;
    }
    const reading = known ?? this.#add(topic);
    reading.take(frame, time, this.#units.get(topic));
    reading.round = this.round;
    return { reading, isNew: !known };
  }

  /**
   * Removes what the hub has not told over this connection, once all its last values are there: what it had kept, it has no more, and what may not
   * be read is not there, either. Returns the topics.
   */
  drop(mayRead: (topic: string) => boolean): Set<string> {
    const gone = new Set<string>();
    for (const reading of this.topics.values()) {
      if (reading.round === this.round || (!reading.isStored && mayRead(reading.topic))) continue;
      this.#remove(reading);
      gone.add(reading.topic);
    }
    for (const [map, name] of [[this.presences, "presence"], [this.infos, "info"]] as const) {
      for (const [base, { round }] of map) if (round !== this.round && map.delete(base)) gone.add(`${base}/${name}`);
    }
    return gone;
  }

  /** The presence of a node, or of the gateway that speaks for it. */
  presenceOf(base: string): (Presence & { isGateway: boolean }) | null {
    for (let at = base; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
      const presence = this.presences.get(at);
      if (presence) return { ...presence, isGateway: at !== base };
    }
    return null;
  }

  /** All bases to be shown: those that have values, and those that only are there. A gateway stands with its nodes. */
  bases(): string[] {
    const above = new Set<string>();
    for (const base of this.nodes.keys()) {
      for (let end = base.lastIndexOf("/"); end > 0; end = base.lastIndexOf("/", end - 1)) above.add(base.slice(0, end));
    }
    const alone = [...this.presences.keys()].filter((base) => !this.nodes.has(base) && !above.has(base));
    return [...this.nodes.keys(), ...alone];
  }

  #add(topic: string): Reading {
    const reading = new Reading(topic, this.#nodeOf(topic));
    this.topics.set(topic, reading);
    this.#join(reading);
    return reading;
  }

  #join(reading: Reading): void {
    const node = this.nodes.get(reading.base);
    if (node) node.add(reading);
    else this.nodes.set(reading.base, new Set([reading]));
  }

  #part(reading: Reading): void {
    const node = this.nodes.get(reading.base);
    node?.delete(reading);
    if (node?.size === 0) this.nodes.delete(reading.base);
  }

  #remove(known: Reading | undefined): News | null {
    if (!known) return null;
    this.topics.delete(known.topic);
    this.#part(known);
    return { gone: known.topic, base: known.base };
  }

  /** The node that a topic belongs to: as a connected node says, or else as topics are usually built. */
  #nodeOf(topic: string): string {
    const usual = baseOf(topic);
    for (let end = topic.lastIndexOf("/"); end > usual.length; end = topic.lastIndexOf("/", end - 1)) {
      if (this.presences.has(topic.slice(0, end))) return topic.slice(0, end);
    }
    return usual;
  }

  /** Gives a node that has come its topics, which were taken for somebody else's. */
  #adopt(base: string): Reading[] {
    const moved: Reading[] = [];
    for (let above = base; above !== ""; above = above.slice(0, Math.max(0, above.lastIndexOf("/")))) {
      for (const reading of this.nodes.get(above) ?? []) {
        if (above !== base && reading.topic.startsWith(`${base}/`) && this.#nodeOf(reading.topic) === base) moved.push(reading);
      }
    }
    for (const reading of moved) {
      this.#part(reading);
      reading.belongTo(base);
      this.#join(reading);
    }
    return moved;
  }

  #timeOf(options: Options, here: number): number {
    const time = Date.parse(String(options.time));
    if (Number.isNaN(time)) return this.now(here);
    if (options.retained === false) this.#learnClock(here - time, here);
    return time;
  }

  /** The message that took the least time tells the clocks apart; the rest lets it drift back. Where the clock was set all agree on another time. */
  #learnClock(sample: number, here: number): void {
    const offset = this.#offset ?? sample;
    if (sample < offset + JUMP) {
      this.#jump = null;
      this.#offset = sample < offset ? sample : offset + (sample - offset) * 0.01;
    } else if (this.#jump === null || Math.abs(sample - this.#jump.offset) > JUMP_AGREED) this.#jump = { offset: sample, since: here };
    else if (here - this.#jump.since > JUMP_LASTS) this.#offset = this.#jump.offset;
  }

  /** What a board tells Home Assistant of itself is no value, but it names the unit of a bare number. */
  #learnUnit({ stat_t, unit_of_meas, val_tpl }: Record<string, unknown>): News | null {
    if (typeof stat_t !== "string" || typeof unit_of_meas !== "string" || val_tpl || this.#units.size >= TOPICS_AT_MOST) return null;
    const unit = sameUnit(cut(unit_of_meas, 16));
    this.#units.set(stat_t, unit);
    const reading = this.topics.get(stat_t);
    reading?.measure(unit);
    return reading ? { reading, isNew: false } : null;
  }

  #setPresence(base: string, state: string, since: unknown, time: number): News | null {
    if (!this.presences.has(base) && this.presences.size >= NODES_AT_MOST) return null;
    const from = Date.parse(String(since));
    const before = this.presences.get(base);
    const presence = { isOnline: state === "online", since: Number.isNaN(from) ? time : from, round: this.round };
    this.presences.set(base, presence);
    return { node: base, isBack: presence.isOnline && !before?.isOnline, isInfo: false, moved: before ? [] : this.#adopt(base) };
  }

  #setInfo(topic: string, firmware: string, payload: Record<string, unknown>): News | null {
    const node = topic.slice(0, -"/info".length);
    if (!this.infos.has(node) && this.infos.size >= NODES_AT_MOST) return null;
    const words = [firmware, payload.version].filter((word) => typeof word === "string");
    this.infos.set(node, { text: cut(words.join(" "), TEXT_SHOWN), mode: payload.mode, round: this.round });
    return { node, isBack: false, isInfo: true, moved: [] };
  }
}

export type Freshness = "fresh" | "stale" | "silent";

/** The last value of a topic. */
export class Reading {
  base = "";
  name = "";
  count = 0;
  time = 0;
  payload: unknown = undefined;
  /** Whether the hub had kept this value, and nothing was said since it told it. */
  isKept = false;
  /** Whether the hub keeps what was said last: then it is told again over the next connection. */
  isStored = false;
  /** The connection over which it was said last. */
  round = 0;
  actuator: Actuator | null = null;
  quantities: Quantity[] | null = null;
  /** Milliseconds between two readings, as the hub knows them, or null where they are not regular. */
  every: number | null = null;
  #line = "";
  #decimals = new Map<string, number>();

  constructor(readonly topic: string, base: string) {
    this.belongTo(base);
  }

  belongTo(base: string): void {
    this.base = base;
    this.name = nameOf(this.topic, base);
  }

  take({ topic, payload, options, line }: Frame, time: number, unit?: string): void {
    this.count += 1;
    this.time = time;
    this.isKept = options.retained === true;
    // Whoever says something once leaves what is kept there.
    this.isStored ||= this.isKept || options.kept === true;
    this.every = options.every !== undefined && options.every > 0 ? options.every * 1000 : null;
    this.payload = payload;
    this.#line = line;
    this.actuator = actuatorOf(topic, payload);
    this.measure(unit);
  }

  /** Reads the payload, with this unit if it is a bare number. */
  measure(unit: string | undefined): void {
    const key = this.actuator?.key;
    this.quantities = this.actuator && !key ? null : (quantities(this.topic, this.payload, unit)?.filter(({ path }) => path !== `/${key}`) ?? null);
    for (const { key, value } of this.quantities ?? []) {
      if (typeof value === "number") this.#decimals.set(key, Math.max(this.decimals(key), decimalsOf(value)));
    }
  }

  /** The most digits after the point that this quantity came with. */
  decimals(key: string): number {
    return this.#decimals.get(key) ?? 0;
  }

  /** The payload exactly as it was sent. */
  get text(): string {
    return payloadText(this.#line);
  }

  /** Where the value comes from, less what the title says already. */
  get place(): string {
    const isBare = this.quantities?.length === 1 && this.name.endsWith(`/${this.quantities[0]?.key}`);
    return isBare || this.actuator?.isBare ? this.name.slice(0, this.name.lastIndexOf("/")) : this.name;
  }

  get section(): "sensors" | "controls" | "other" {
    if (this.actuator) return "controls";
    return this.quantities?.some(({ value }) => typeof value === "number") ? "sensors" : "other";
  }

  get rank(): number {
    return rankOf(this.quantities?.[0]?.key ?? "");
  }

  /** What people call it: as they have said, or else what it measures or does. */
  get title(): string {
    return arranged.layout.values.get(this.topic)?.name ?? this.kindTitle;
  }

  /** What it measures or does, whatever people call it. */
  get kindTitle(): string {
    const levels = this.name.split("/");
    if (this.actuator) {
      const { kind, isBare } = this.actuator;
      // Tasmota has the name of the plug in front of POWER.
      const address = kind && levels.at(isBare || kind === "power" ? -2 : -1)?.split(/[-:]/).at(-1);
      return cut(`${titleOf(kind || levels.at(-1)!)}${address ? ` ${address}` : ""}`, 60);
    }
    const quantities = this.quantities ?? [];
    // Many values of a device are told by its name, not by that of the first value.
    if (quantities.length > 1 && rankOf(quantities[0]!.key) === rankOf("") && levels.length > 0) return cut(titleOf(levels.at(-1)!), 60);
    const key = quantities[0]?.key ?? levels.at(-2) ?? this.name;
    // A number alone is no name: of relay/0 it is Relay 0.
    return cut(/^\d+$/.test(key) && levels.length > 1 ? `${titleOf(levels.at(-2)!)} ${key}` : titleOf(key), 60);
  }

  /** Milliseconds of silence that are still normal, or null where nobody can tell. */
  get patience(): number | null {
    return this.every === null ? null : Math.max(PATIENCE * this.every, PATIENCE_AT_LEAST);
  }

  freshness(now: number): Freshness {
    const { patience } = this;
    if (patience === null || now - this.time <= patience) return "fresh";
    return now - this.time > GIVEN_UP * patience ? "silent" : "stale";
  }

  isStale(now: number): boolean {
    return this.freshness(now) !== "fresh";
  }
}

/** A key as a title: of a.b.relative-humidity it is Humidity. */
export function titleOf(key: string): string {
  const last = key.slice(key.lastIndexOf(".") + 1);
  return toldAs(WORDS.titles, last.charAt(0).toLowerCase() + last.slice(1), titleText(last));
}

// Everything this page asks devices to do or to tell.

import type { State } from "./actuator.js";
import { isObject } from "./frame.js";
import type { Reading } from "./values.js";
import { WORDS, known, say } from "./text.js";
import { ANSWER_WITHIN, Wish } from "./wish.js";

/** Two commands to one device in less than this become one: the last wish wins. */
const PAUSE = 100;
/** Nodes that are asked for their devices, and devices of one node, per connection. */
const NODES_ASKED = 200;
const DEVICES_ASKED = 50;
/** The mode of a radio node that sleeps and hears nothing. */
const SLEEPING = 3;

/** What commands need of the connection. */
export interface Sender {
  readonly isLive: boolean;
  send(topic: string, payload: unknown, options?: Record<string, unknown>): boolean;
}

/** What they need to know of a switch. */
export type Switched = Pick<Reading, "topic" | "title" | "actuator">;

export class Commands {
  #hub: Sender;
  #changed: (topic: string) => void;
  #announce: (sentence: string) => void;
  #wishes = new Map<string, Wish>();
  #sending = new Map<string, unknown>();
  #asked = new Map<string, "asked" | "told">();
  #id = 0;

  /** `changed(topic)` is called when a wish has to be drawn anew, `announce(sentence)` when it should be said. */
  constructor(hub: Sender, changed: (topic: string) => void, announce: (sentence: string) => void) {
    this.#hub = hub;
    this.#changed = changed;
    this.#announce = announce;
  }

  wish(topic: string): Wish | null {
    return this.#wishes.get(topic) ?? null;
  }

  /** Asks a device for a state. Confirmed is that only by the device itself. */
  want(reading: Switched & { time?: number }, state: State): void {
    const { topic, actuator } = reading;
    const wish = this.#wishes.get(topic) ?? new Wish();
    if (!actuator || !this.#hub.isLive || wish.isForbidden || (wish.isPending && !wish.isOthers && wish.wanted === state)) return;
    this.#wishes.set(topic, wish);
    wish.fact = reading.time ?? 0;
    wish.ask(state, (this.#id += 1), Date.now(), actuator.isConfirmed === false ? ANSWER_WITHIN * 1000 : undefined);
    this.#announce(`${reading.title}: ${wishText(state)}`);
    this.#changed(topic);
    if (this.#sending.has(topic)) return;
    const confirm = actuator.isConfirmed === false ? {} : { confirm: ANSWER_WITHIN };
    const send = () => this.#hub.send(actuator.set, actuator.command(wish.wanted), { id: wish.id, ...confirm });
    send();
    const sent = wish.id;
    this.#sending.set(topic, setTimeout(() => {
      this.#sending.delete(topic);
      if (wish.isPending && wish.id !== sent) send();
    }, PAUSE));
  }

  /** Somebody else, or this page before it was loaded again, has asked a device for a state. */
  see(reading: Switched & Pick<Reading, "payload">, payload: unknown, now = Date.now()): void {
    const { topic, actuator } = reading;
    const state = actuator?.stateOf(payload);
    const wish = this.#wishes.get(topic) ?? new Wish();
    const isOwn = wish.isPending && !wish.isOthers;
    if (state === undefined || isOwn || actuator?.stateOf(reading.payload) === state) return;
    this.#wishes.set(topic, wish);
    wish.watch(state, now);
    this.#changed(topic);
  }

  /** Asks a device what its state is. */
  askState({ actuator }: Pick<Reading, "actuator">): void {
    if (actuator?.get) this.#hub.send(actuator.get, actuator.question);
  }

  /** A device has reported. */
  report(reading: Switched & Pick<Reading, "payload" | "time"> & { isKept?: boolean }): void {
    const wish = this.#wishes.get(reading.topic);
    const state = reading.actuator?.stateOf(reading.payload);
    // What the hub had kept, and was known before, answers nothing but that it is so.
    if (!wish || (reading.isKept && state !== wish.wanted && reading.time <= wish.fact)) return;
    const { isOthers } = wish;
    if (!wish.report(state) || isOthers) return;
    wish.confirmedAt = reading.time;
    this.#announce(say(WORDS.saidConfirmed, { title: reading.title, state: stateText(state) }));
  }

  /** The device has done what had this id, as the hub has heard. Mostly its report was here before. */
  confirm(id: unknown): void {
    for (const [topic, wish] of this.#wishes) if (wish.confirm(id)) this.#changed(topic);
  }

  /** What had this id came to nothing. */
  refuse(id: unknown, reason: string): void {
    for (const [topic, wish] of this.#wishes) {
      if (!wish.refuse(id, reason)) continue;
      this.#announce(refusalText(wish, reason));
      this.#changed(topic);
    }
  }

  forget(topic: string): void {
    this.#wishes.delete(topic);
  }

  forgetAll(): void {
    this.#wishes.clear();
    this.#asked.clear();
  }

  /** Once a second: who has not answered? */
  wait(now = Date.now()): void {
    for (const [topic, wish] of this.#wishes) {
      const { isOthers } = wish;
      if (!wish.wait(now)) continue;
      if (!isOthers) this.#announce(WORDS.silence.device);
      this.#changed(topic);
    }
  }

  /** The connection broke. */
  lose(): void {
    this.#asked.clear();
    for (const [topic, wish] of this.#wishes) {
      wish.lose();
      this.#changed(topic);
    }
  }

  /** The connection is back: what became of what was asked before? */
  resume(topics: Map<string, Pick<Reading, "actuator">>): void {
    for (const [topic, wish] of this.#wishes) {
      wish.isForbidden = false;
      const reading = topics.get(topic);
      if (wish.trouble === "unsure" && reading?.actuator) this.askState(reading);
    }
  }

  /**
   * Asks a node of the first generation which devices it has. They say nothing of their state until they are asked
   * or switched, and what was never said has no tile.
   */
  askNode(base: string, isBack: boolean): void {
    if (base.split("/", 1)[0] === "node" || !this.#mayAsk(base, isBack)) return;
    this.#hub.send(`${base}/-/-/config/list`, {});
  }

  /** The answer to that. */
  listed(topic: string, payload: unknown): void {
    if (!topic.endsWith("/ok")) return;
    const base = topic.replace(/\/-\/-\/config\/(list\/)?ok$/, "");
    if (base === topic || this.#asked.get(base) !== "asked" || !isObject(payload) || !Array.isArray(payload.actuators)) return;
    this.#asked.set(base, "told");
    const devices = payload.actuators.filter((name) => typeof name === "string" && /^(relay|led)\/[^/+#]+$/.test(name));
    for (const name of devices.slice(0, DEVICES_ASKED)) this.#hub.send(`${base}/${name}/get`, {});
  }

  /** The same for a radio node, which has no list. One that sleeps does not hear it. */
  askRadioNode(node: string, mode: unknown): void {
    if (!/^node\/[^/]+$/.test(node) || mode === SLEEPING || !this.#mayAsk(node, false)) return;
    for (const name of ["relay/-", "relay/0:0", "led/-"]) this.#hub.send(`${node}/${name}/state/get`, null);
  }

  #mayAsk(base: string, isBack: boolean): boolean {
    const isKnown = this.#asked.has(base);
    if (!this.#hub.isLive || (isKnown && !isBack) || (!isKnown && this.#asked.size >= NODES_ASKED)) return false;
    this.#asked.set(base, "asked");
    return true;
  }
}

/** A state in words. */
export function stateText(state: unknown): string {
  if (state === null || state === undefined) return WORDS.notKnown;
  if (state === true || state === "on") return WORDS.on;
  return state === false || state === "off" ? WORDS.off : known(WORDS.leds, String(state));
}

/** Why a wish came to nothing, in words. */
function refusalText(wish: Wish, reason: string): string {
  if (wish.isForbidden) return WORDS.viewOnlyYou;
  switch (wish.trouble) {
    case null: return WORDS.otherSwitched;
    case "silence": return WORDS.silence.device;
    case "offline": return WORDS.notConnected.device;
    default: return say(WORDS.notSwitched, { why: wish.trouble ?? reason });
  }
}

/** A wish in words. */
export function wishText(state: State): string {
  if (typeof state === "boolean") return state ? WORDS.turningOn : WORDS.turningOff;
  return say(WORDS.setting, { state: stateText(state).toLowerCase() });
}

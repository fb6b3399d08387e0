// All that goes over the hub, for the explorer: a tree of every topic with its last message and its rate, and a log of the
// newest messages. Bounded in topics, in messages and in characters.

import { type Frame, payloadText } from "./frame.js";

export const TOPICS_AT_MOST = 20_000;
export const MESSAGES_AT_MOST = 10_000;
export const CHARACTERS_AT_MOST = 4_000_000;
/** Seconds over which a rate is taken. */
const SPAN = 10;

/** One topic, or a level above topics. */
export class Branch {
  children = new Map<string, Branch>();
  /** The last message, if this is a topic. */
  line = "";
  time = 0;
  count = 0;
  isRetained = false;
  /** Messages in this second and those before, of this topic and all below it. */
  #seconds: number[] = [];
  #second = 0;

  constructor(readonly topic: string, readonly level: string) {}

  get isTopic(): boolean {
    return this.count > 0;
  }

  get text(): string {
    return payloadText(this.line);
  }

  add(second: number): void {
    this.#turn(second);
    this.#seconds[0] = (this.#seconds[0] ?? 0) + 1;
  }

  /** Messages a second, over the last ten whole seconds. */
  rate(second: number): number {
    this.#turn(second);
    let sum = 0;
    for (let at = 1; at <= SPAN; at += 1) sum += this.#seconds[at] ?? 0;
    return sum / SPAN;
  }

  #turn(second: number): void {
    const passed = Math.min(second - this.#second, SPAN + 1);
    for (let at = 0; at < passed; at += 1) this.#seconds.unshift(0);
    this.#seconds.length = Math.min(this.#seconds.length, SPAN + 1);
    this.#second = second;
  }
}

export interface Message {
  number: number;
  topic: string;
  line: string;
  time: number;
}

/** What stands where a message was, so that its text is not kept. */
const GONE: Message = { number: 0, topic: "", line: "", time: 0 };

export class Traffic {
  root = new Branch("", "");
  /** How many topics there are, and whether there was one too many. */
  topics = 0;
  overflown = false;
  /** All messages that came, also those that are not in the log any more. */
  count = 0;
  #log: Message[] = [];
  /** Where the oldest message is; what is before it is gone. */
  #start = 0;
  #characters = 0;

  take({ topic, line, options }: Frame, time: number): void {
    const second = Math.floor(time / 1000);
    const branch = this.#branch(topic);
    if (branch) {
      Object.assign(branch, { line, time, count: branch.count + 1, isRetained: options.retained === true });
      let at = this.root;
      at.add(second);
      for (const level of topic.split("/")) {
        const next = at.children.get(level);
        if (!next) break;
        next.add(second);
        at = next;
      }
    }
    this.count += 1;
    this.#log.push({ number: this.count, topic, line, time });
    this.#characters += line.length;
    while (this.#log.length - this.#start > MESSAGES_AT_MOST || this.#characters > CHARACTERS_AT_MOST) {
      this.#characters -= this.#log[this.#start]!.line.length;
      this.#log[this.#start] = GONE;
      this.#start += 1;
    }
    // Room is given back in large pieces, so that a message costs the same whether the log is full or not.
    if (this.#start > MESSAGES_AT_MOST) {
      this.#log = this.#log.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The messages that are kept, oldest first. */
  log(): Message[] {
    return this.#log.slice(this.#start);
  }

  clearLog(): void {
    this.#log = [];
    this.#start = 0;
    this.#characters = 0;
  }

  clear(): void {
    this.clearLog();
    this.root = new Branch("", "");
    Object.assign(this, { topics: 0, overflown: false, count: 0 });
  }

  /** Takes topics out of the tree. What was said stays in the log. */
  drop(isGone: (topic: string) => boolean, at = this.root): void {
    for (const [level, branch] of at.children) {
      this.drop(isGone, branch);
      if (branch.isTopic && isGone(branch.topic)) {
        Object.assign(branch, { line: "", count: 0 });
        this.topics -= 1;
      }
      if (!branch.isTopic && branch.children.size === 0) at.children.delete(level);
    }
  }

  find(topic: string): Branch | null {
    let at: Branch | undefined = this.root;
    for (const level of topic.split("/")) at = at?.children.get(level);
    return at ?? null;
  }

  #branch(topic: string): Branch | null {
    const known = this.find(topic);
    if (known?.isTopic) return known;
    if (this.topics >= TOPICS_AT_MOST) {
      this.overflown = true;
      return null;
    }
    this.topics += 1;
    let at = this.root;
    for (const level of topic.split("/")) {
      const path: string = at === this.root ? level : `${at.topic}/${level}`;
      let next = at.children.get(level);
      if (!next) at.children.set(level, (next = new Branch(path, level)));
      at = next;
    }
    return at;
  }
}

// The connection: opened, watched, lost and taken up again. It knows frames and nothing of what they mean, and gets its
// sockets and its sign-in from outside.

import { type Frame, frames } from "./frame.js";
import { WORDS, say } from "./text.js";

/** Seconds to wait before the next attempt. */
const PAUSES = [0.5, 1, 2, 4, 8, 15, 30];
const HELLO = 5000;
/** Silence after which the hub is asked whether it is there, and how long it may take to say so. */
const SILENCE = 10000;
const ANSWER = 5000;
const WAKE_ANSWER = 2000;
/** So long must a connection hold before its next loss is again a first one. */
const HEALTHY = 10000;
const RESTART_PAUSE = 1;
const OPEN = 1;

const CONFIGURE = "clown.talk/-/config/set";
const CONFIGURED = "clown.talk/-/config/ok";
const PROBE = "clown.talk/-/subscription/get";
const SETTINGS = { batch: 50, conflate: true, options: true, name: "page" };

export type ConnectionState =
  | { name: "connecting" }
  | { name: "live"; user: string; clock: number; publish: string[] | null; isAdmin?: boolean }
  | { name: "waiting"; why: string; since: number; retryAt: number }
  | { name: "out"; why: string | null; demo: boolean };

/** Who is signed in, as far as a connection cares. */
export type SignedIn =
  | { state: "in"; name: string; version: string; demo: boolean; clock: number; publish: string[] | null; isAdmin?: boolean }
  | { state: "out"; demo: boolean }
  | { state: "refused"; message: string }
  | { state: "unreachable" };

type In = Extract<SignedIn, { state: "in" }>;

/** The part of a WebSocket that is used. */
export interface Socket {
  readonly readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { data: string }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** What a connection needs, and whom it tells. */
export interface Surroundings {
  whoAmI(): Promise<SignedIn>;
  openSocket(): Socket;
  changed(state: ConnectionState): void;
  arrived(frames: Frame[], characters: number): void;
  /** The hub has another version than when the page was loaded. */
  updated(): void;
}

/** One hub, over as many sockets as it takes. */
export class Connection {
  #around: Surroundings;
  #socket: Socket | null = null;
  #state: ConnectionState = { name: "connecting" };
  #failures = 0;
  #since: number | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #guard: ReturnType<typeof setTimeout> | undefined;
  #health: ReturnType<typeof setTimeout> | undefined;
  #lastTry = 0;
  #version: string | null = null;
  #isDemo = false;
  /** Counts attempts, so that what a given up one still says is not heard. */
  #attempt = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get isLive(): boolean {
    return this.#state.name === "live";
  }

  /** Asks who is signed in, and opens a socket if somebody is. An attempt that is under way ends: there is one socket at a time. */
  async open(): Promise<void> {
    this.#drop();
    const attempt = (this.#attempt += 1);
    this.#lastTry = Date.now();
    if (this.#state.name !== "waiting") this.#change({ name: "connecting" });
    const who = await this.#around.whoAmI();
    if (attempt !== this.#attempt) return;
    if ("demo" in who) this.#isDemo = who.demo;
    if (who.state === "in") return this.#connect(who);
    if (who.state === "out") return this.#change({ name: "out", why: this.#since === null ? null : WORDS.ended, demo: who.demo });
    this.#lost(who.state === "refused" ? who.message : WORDS.notReachable);
  }

  /** Publishes; false if there is no connection to do it on. */
  send(topic: string, payload: unknown, options?: Record<string, unknown>): boolean {
    return this.sendText(topic, JSON.stringify(payload) ?? "null", options);
  }

  /** The same with a payload that is JSON text already, so that it goes out as somebody wrote it. */
  sendText(topic: string, payload: string, options?: Record<string, unknown>): boolean {
    if (!this.isLive || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(`[${JSON.stringify(topic)},${payload}${options ? `,${JSON.stringify(options)}` : ""}]`);
    return true;
  }

  /** After a sign-out, or before a sign-in with another name. */
  leave(why: string): void {
    this.#drop();
    this.#attempt += 1;
    this.#since ??= Date.now();
    this.#change({ name: "out", why, demo: this.#isDemo });
  }

  /** The network is back or somebody looks: no need to wait out the pause, and no trust in an old socket. */
  wake(): void {
    if (this.#state.name === "waiting" && Date.now() - this.#lastTry > 1000) void this.open();
    else if (this.isLive) this.#probe(WAKE_ANSWER);
  }

  #connect(who: In): void {
    if (this.#version !== null && this.#version !== who.version) this.#around.updated();
    this.#version ??= who.version;
    const socket = this.#around.openSocket();
    this.#socket = socket;
    this.#expect(HELLO, WORDS.noHello);
    socket.onopen = () => socket.send(JSON.stringify([CONFIGURE, SETTINGS]));
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#take(event.data, who);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#closed(event);
    };
    // WebKit may say `error` and nothing more.
    socket.onerror = () => setTimeout(() => socket === this.#socket && this.#closed({ code: 1006, reason: "" }), 1000);
  }

  #take(message: string, who: In): void {
    const arrived = frames(message);
    if (this.#state.name !== "live") {
      if (arrived[0]?.topic !== CONFIGURED) return;
      this.#change({ name: "live", user: who.name, clock: who.clock, publish: who.publish, isAdmin: who.isAdmin === true });
      this.#since = null;
      this.#health = setTimeout(() => (this.#failures = 0), HEALTHY);
    }
    this.#watch();
    this.#around.arrived(arrived, message.length);
  }

  /** Two timers of the watchdog: silence, then a question, then silence again. */
  #watch(): void {
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#probe(ANSWER), SILENCE);
  }

  #probe(patience: number): void {
    if (!this.send(PROBE, {})) return;
    this.#expect(patience, WORDS.noSign);
  }

  #expect(patience: number, complaint: string): void {
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => {
      this.#drop();
      this.#lost(complaint);
    }, patience);
  }

  #closed({ code, reason }: { code: number; reason: string }): void {
    this.#drop();
    if (code === 1008 && reason === "session ended") {
      this.#since ??= Date.now();
      return this.#change({ name: "out", why: WORDS.ended, demo: this.#isDemo });
    }
    // Whether somebody is still signed in is asked when the page connects again.
    if (code === 1008 && reason === "account changed") return this.#lost(WORDS.accountChanged, 0.2);
    if (code === 1012) return this.#lost(WORDS.isRestarting, RESTART_PAUSE);
    this.#lost(reason ? say(WORDS.closed, { reason }) : WORDS.lost);
  }

  #drop(): void {
    for (const timer of [this.#guard, this.#health, this.#retry]) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lost(why: string, pause = PAUSES[Math.min(this.#failures, PAUSES.length - 1)]!): void {
    this.#failures += 1;
    this.#since ??= Date.now();
    // Many pages lose one hub at the same moment; they are not to come back at the same one.
    const wait = pause * 1000 * (0.5 + Math.random());
    this.#retry = setTimeout(() => void this.open(), wait);
    this.#change({ name: "waiting", why, since: this.#since, retryAt: Date.now() + wait });
  }

  #change(state: ConnectionState): void {
    this.#state = state;
    this.#around.changed(state);
  }
}

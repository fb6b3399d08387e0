// The connection: opened, watched, lost and taken up again. It knows frames and nothing of what they mean.

import { frames } from "./frame.js";
import { HUB, whoAmI } from "./session.js";

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
const ENDED = "Your session ended. Sign in again.";

const CONFIGURE = "clown.talk/-/config/set";
const CONFIGURED = "clown.talk/-/config/ok";
const PROBE = "clown.talk/-/subscription/get";
const SETTINGS = { batch: 50, conflate: true, options: true, name: "page" };

/**
 * One hub, over as many sockets as it takes. `told` has `changed(state)`, called with `{name: …}` where the name is
 * connecting, live, waiting (why, since, retryAt), or out (why, demo), and `arrived(frames)`.
 */
export class Hub {
  #told;
  #socket = null;
  #state = { name: "connecting" };
  #failures = 0;
  #since = null;
  #retry = 0;
  #guard = 0;
  #health = 0;
  #lastTry = 0;
  #version = null;
  #isDemo = false;
  /** Counts attempts, so that what a given up one still says is not heard. */
  #attempt = 0;

  constructor(told) {
    this.#told = told;
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  get isLive() {
    return this.#state.name === "live";
  }

  /** Asks who is signed in, and opens a socket if somebody is. */
  async open() {
    clearTimeout(this.#retry);
    const attempt = (this.#attempt += 1);
    this.#lastTry = Date.now();
    if (this.#state.name !== "waiting") this.#change({ name: "connecting" });
    const who = await whoAmI();
    if (attempt !== this.#attempt) return;
    this.#isDemo = who.demo ?? this.#isDemo;
    if (who.state === "in") return this.#connect(who);
    if (who.state === "out") return this.#change({ name: "out", why: this.#since && ENDED, demo: who.demo });
    this.#lost(who.state === "refused" ? who.message : "Hub not reachable.");
  }

  /** Publishes; false if there is no connection to do it on. */
  send(topic, payload, options) {
    if (!this.isLive || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(options ? [topic, payload, options] : [topic, payload]));
    return true;
  }

  /** After a sign-out, or before a sign-in with another name. */
  leave(why) {
    this.#drop();
    this.#attempt += 1;
    this.#since ??= Date.now();
    this.#change({ name: "out", why, demo: this.#isDemo });
  }

  #connect(who) {
    if (this.#version && this.#version !== who.version) this.#told.updated();
    this.#version ??= who.version;
    const socket = new WebSocket(`${HUB.replace(/^http/, "ws")}talk/`);
    this.#socket = socket;
    this.#expect(HELLO, "The hub did not answer.");
    socket.onopen = () => socket.send(JSON.stringify([CONFIGURE, SETTINGS]));
    socket.onmessage = (event) => socket === this.#socket && this.#take(event.data, who);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
    // WebKit may say `error` and nothing more.
    socket.onerror = () => setTimeout(() => socket === this.#socket && this.#closed({ code: 1006, reason: "" }), 1000);
  }

  #take(message, who) {
    const arrived = frames(message);
    if (this.#state.name !== "live") {
      if (arrived[0]?.topic !== CONFIGURED) return;
      this.#change({ name: "live", user: who.name, clock: who.clock });
      this.#since = null;
      this.#health = setTimeout(() => (this.#failures = 0), HEALTHY);
    }
    this.#watch();
    this.#told.arrived(arrived);
  }

  /** Two timers of the watchdog: silence, then a question, then silence again. */
  #watch() {
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => this.#probe(ANSWER), SILENCE);
  }

  #probe(patience) {
    if (!this.send(PROBE, {})) return;
    this.#expect(patience, "The hub does not answer any more.");
  }

  #expect(patience, complaint) {
    clearTimeout(this.#guard);
    this.#guard = setTimeout(() => {
      this.#drop();
      this.#lost(complaint);
    }, patience);
  }

  #closed({ code, reason }) {
    this.#drop();
    if (code === 1008 && reason === "session ended") {
      this.#since ??= Date.now();
      return this.#change({ name: "out", why: ENDED, demo: this.#isDemo });
    }
    // Whether somebody is still signed in is asked when the page connects again.
    if (code === 1008 && reason === "account changed") return this.#lost("Your account was changed.", 0.2);
    if (code === 1012) return this.#lost("Hub is restarting.", RESTART_PAUSE);
    this.#lost(reason ? `The hub closed the connection: ${reason}.` : "Connection lost.");
  }

  #drop() {
    for (const timer of [this.#guard, this.#health, this.#retry]) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lost(why, pause = PAUSES[Math.min(this.#failures, PAUSES.length - 1)]) {
    this.#failures += 1;
    this.#since ??= Date.now();
    // Many pages lose one hub at the same moment; they are not to come back at the same one.
    const wait = pause * 1000 * (0.5 + Math.random());
    this.#retry = setTimeout(() => this.open(), wait);
    this.#change({ name: "waiting", why, since: this.#since, retryAt: Date.now() + wait });
  }

  /** The network is back or somebody looks: no need to wait out the pause, and no trust in an old socket. */
  #wake() {
    if (this.#state.name === "waiting" && Date.now() - this.#lastTry > 1000) this.open();
    else if (this.isLive) this.#probe(WAKE_ANSWER);
  }

  #change(state) {
    this.#state = state;
    this.#told.changed(state);
  }
}

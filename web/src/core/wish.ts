// A switch as the page sees it: what the device reported is the fact, what somebody asked for is a wish until the
// device reports it. No clock and no page in here.

import type { State } from "./actuator.js";
import { WORDS, known } from "./text.js";

/** How many seconds a device may take to report. The hub waits for it, and says what came of it. */
export const ANSWER_WITHIN = 5;
/** Milliseconds after which the hub itself is not waited for any longer. */
const HUB_ANSWERS_WITHIN = 3 * ANSWER_WITHIN * 1000;

/** What the hub says of a command that came to nothing, by the first word of its reason. */
const troubles = (): Record<string, string> => ({ timeout: "silence", offline: "offline", refused: WORDS.deviceRefused });

export class Wish {
  /** What was asked for, while that is not the fact; undefined if nothing is. */
  wanted: State = undefined;
  /** null, or why the wish is not under way any more: silence, offline, unsure, or the hub's reason. */
  trouble: string | null = null;
  isForbidden = false;
  /** Of when the fact was that was known when it was asked. */
  fact = 0;
  id: number | null = null;
  /** Of when the report is that said so. */
  confirmedAt: number | null = null;
  /** Whether somebody else has asked for it, or this page before it was loaded again: then it is only looked at. */
  isOthers = false;
  #since = 0;
  #patience = HUB_ANSWERS_WITHIN;

  get isPending(): boolean {
    return this.wanted !== undefined && this.trouble === null;
  }

  ask(state: State, id: number, now: number, patience = HUB_ANSWERS_WITHIN): void {
    Object.assign(this, { wanted: state, id, trouble: null, isOthers: false });
    this.#since = now;
    this.#patience = patience;
  }

  /** Somebody else has asked for a state. */
  watch(state: State, now: number): void {
    this.ask(state, -1, now, ANSWER_WITHIN * 1000);
    this.isOthers = true;
  }

  /** The device reported. Returns whether that is what was asked for. */
  report(state: State): boolean {
    const isConfirmed = this.wanted !== undefined && this.wanted === state;
    // A late report answers a question that was given up; any other one leaves a pending wish pending.
    if (isConfirmed || this.trouble !== null) Object.assign(this, { wanted: undefined, trouble: null });
    return isConfirmed;
  }

  /** The hub has heard that it is so. Returns whether that was waited for. */
  confirm(id: unknown): boolean {
    const isConfirmed = this.id === id && this.isPending;
    if (isConfirmed) this.wanted = undefined;
    return isConfirmed;
  }

  /** The hub did not pass it on, or the device did not do it. */
  refuse(id: unknown, reason: string): boolean {
    if (this.id !== id || this.wanted === undefined) return false;
    const first = reason.split(":", 1)[0] ?? "";
    this.trouble = known(troubles(), first, reason);
    if (reason.startsWith("forbidden")) Object.assign(this, { isForbidden: true, wanted: undefined, trouble: null });
    // Somebody else wanted something else, and has it: that is a fact, and no trouble.
    if (reason.startsWith("superseded")) Object.assign(this, { wanted: undefined, trouble: null });
    return true;
  }

  /** The connection broke in between: nobody here knows. */
  lose(): void {
    if (this.isPending) Object.assign(this, this.isOthers ? { wanted: undefined } : { trouble: "unsure" });
  }

  /** Returns whether patience with the hub has just run out. */
  wait(now: number): boolean {
    const isOver = this.isPending && now - this.#since >= this.#patience;
    // Who has asked hears of the silence; for the others it is as it was.
    if (isOver) Object.assign(this, this.isOthers ? { wanted: undefined } : { trouble: "silence" });
    return isOver;
  }
}

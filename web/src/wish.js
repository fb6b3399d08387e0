// A switch as the page sees it: what the device reported is the fact, what somebody asked for is a wish until the
// device reports it. No clock and no page in here.

/** How many seconds a device may take to report. The hub waits for it, and says what came of it. */
export const ANSWER_WITHIN = 5;
/** Milliseconds after which the hub itself is not waited for any longer. */
const HUB_ANSWERS_WITHIN = 3 * ANSWER_WITHIN * 1000;

/** What the hub says of a command that came to nothing, by the first word of its reason. */
const TROUBLES = { timeout: "silence", offline: "offline", refused: "the device has refused it" };

export class Wish {
  /** What was asked for, while that is not the fact; undefined if nothing is. */
  wanted = undefined;
  /** null, or why the wish is not under way any more: silence, offline, unsure, or the hub's reason. */
  trouble = null;
  isForbidden = false;
  id = null;
  #since = 0;

  get isPending() {
    return this.wanted !== undefined && this.trouble === null;
  }

  ask(state, id, now) {
    Object.assign(this, { wanted: state, id, trouble: null });
    this.#since = now;
  }

  /** The device reported. Returns whether that is what was asked for. */
  report(state) {
    const isConfirmed = this.wanted !== undefined && this.wanted === state;
    // A late report answers a question that was given up; any other one leaves a pending wish pending.
    if (isConfirmed || this.trouble !== null) Object.assign(this, { wanted: undefined, trouble: null });
    return isConfirmed;
  }

  /** The hub has heard that it is so. Returns whether that was waited for. */
  confirm(id) {
    const isConfirmed = this.id === id && this.isPending;
    if (isConfirmed) this.wanted = undefined;
    return isConfirmed;
  }

  /** The hub did not pass it on, or the device did not do it. */
  refuse(id, reason) {
    if (this.id !== id || this.wanted === undefined) return false;
    this.trouble = TROUBLES[reason.split(":", 1)[0]] ?? reason;
    if (reason.startsWith("forbidden")) Object.assign(this, { isForbidden: true, wanted: undefined, trouble: null });
    // Somebody else wanted something else, and has it: that is a fact, and no trouble.
    if (reason.startsWith("superseded")) Object.assign(this, { wanted: undefined, trouble: null });
    return true;
  }

  /** The connection broke in between: nobody here knows. */
  lose() {
    if (this.isPending) this.trouble = "unsure";
  }

  /** Returns whether patience with the hub has just run out. */
  wait(now) {
    const isOver = this.isPending && now - this.#since >= HUB_ANSWERS_WITHIN;
    if (isOver) this.trouble = "silence";
    return isOver;
  }
}

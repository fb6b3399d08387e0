// A switch as the page sees it: what the device reported is the fact, what somebody asked for is a wish until the
// device reports it. No clock and no page in here.

/** How long a device may take to report. */
export const ANSWER_WITHIN = 5000;

export class Wish {
  /** What was asked for, while that is not the fact; undefined if nothing is. */
  wanted = undefined;
  /** null, or why the wish is not under way any more: silence, unsure, or the hub's reason. */
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

  /** The hub did not pass it on. */
  refuse(id, reason) {
    if (this.id !== id || this.wanted === undefined) return false;
    this.trouble = reason;
    if (reason.startsWith("forbidden")) Object.assign(this, { isForbidden: true, wanted: undefined, trouble: null });
    return true;
  }

  /** The connection broke in between: nobody here knows. */
  lose() {
    if (this.isPending) this.trouble = "unsure";
  }

  /** Returns whether patience has just run out. */
  wait(now) {
    const isOver = this.isPending && now - this.#since >= ANSWER_WITHIN;
    if (isOver) this.trouble = "silence";
    return isOver;
  }
}

// What becomes of a wish: the module alone, without a browser and without a clock.

import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";

import { ANSWER_WITHIN, Wish } from "../src/core/wish.js";

/** Long enough for the hub to have said what came of it. */
const TOO_LONG = 3 * ANSWER_WITHIN * 1000;

function asked(state = true, id = 7, now = 0) {
  const wish = new Wish();
  wish.ask(state, id, now);
  return wish;
}

test("a wish is under way until the device reports the state that was asked for", () => {
  const wish = asked(true);
  assert.equal(wish.isPending, true);
  assert.equal(wish.report(false), false, "another state is no answer");
  assert.equal(wish.isPending, true);
  assert.equal(wish.report(true), true);
  assert.deepEqual([wish.isPending, wish.wanted], [false, undefined]);
  assert.equal(wish.report(true), false, "it is confirmed once");
});

test("the hub's word confirms the wish that has this id, and no other one", () => {
  const wish = asked(true, 7);
  assert.equal(wish.confirm(6), false);
  assert.equal(wish.isPending, true);
  assert.equal(wish.confirm(7), true);
  assert.equal(wish.confirm(7), false);
});

test("why a wish came to nothing is told in the words of the page", () => {
  const reasons = {
    "timeout: the node said nothing": "silence",
    "offline: nodes/0": "offline",
    "refused: busy": "the device has refused it",
    "something else": "something else",
  };
  for (const [reason, trouble] of Object.entries(reasons)) {
    const wish = asked(true, 7);
    assert.equal(wish.refuse(6, reason), false, "that of another id does not matter");
    assert.equal(wish.refuse(7, reason), true);
    assert.deepEqual([wish.trouble, wish.isPending, wish.wanted], [trouble, false, true]);
  }
});

test("what is forbidden is not wanted any more, and what somebody else has is no trouble", () => {
  const forbidden = asked();
  assert.equal(forbidden.refuse(7, "forbidden: this takes the right publish"), true);
  assert.deepEqual([forbidden.isForbidden, forbidden.wanted, forbidden.trouble], [true, undefined, null]);
  const superseded = asked();
  assert.equal(superseded.refuse(7, "superseded"), true);
  assert.deepEqual([superseded.isForbidden, superseded.wanted, superseded.trouble], [false, undefined, null]);
});

test("a report after the patience is over tells how things are, and ends the trouble", () => {
  const wish = asked(true, 7, 1000);
  assert.equal(wish.wait(1000 + TOO_LONG - 1), false);
  assert.equal(wish.wait(1000 + TOO_LONG), true);
  assert.equal(wish.wait(1000 + 2 * TOO_LONG), false, "it is said once");
  assert.equal(wish.trouble, "silence");
  assert.equal(wish.report(false), false);
  assert.deepEqual([wish.trouble, wish.wanted], [null, undefined]);
});

test("where the connection breaks nobody knows what became of a wish, and a new one begins anew", () => {
  const wish = asked();
  wish.lose();
  assert.equal(wish.trouble, "unsure");
  assert.equal(wish.confirm(7), false);
  wish.ask(false, 8, 0);
  assert.deepEqual([wish.isPending, wish.trouble, wish.wanted], [true, null, false]);
  const calm = new Wish();
  calm.lose();
  assert.equal(calm.trouble, null, "nothing was asked for");
});

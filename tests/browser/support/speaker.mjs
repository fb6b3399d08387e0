// A gateway of many numbers, which are said together: in messages of many frames, so that saying them costs next to nothing.

import { connect } from "./node.mjs";

const FRAMES_AT_ONCE = 250;

/** `say(value)` says one value at all topics, and returns when the hub has routed the last of them; with `isAwaited: false` at once. */
export async function speaker(test, hub, { nodes, numbers, base = "nodes/house" }) {
  const gateway = await connect(test, hub, base, "node", { filters: [] });
  const topics = Array.from({ length: nodes * numbers }, (_, at) => `${Math.floor(at / numbers)}/thermometer/${at % numbers}`);
  let said = 0;
  return { topics, say };

  async function say(value, { isAwaited = true } = {}) {
    gateway.frames.length = 0;
    const id = `said ${(said += 1)}`;
    for (let at = 0; at < topics.length; at += FRAMES_AT_ONCE) {
      const some = topics.slice(at, at + FRAMES_AT_ONCE);
      const isLast = at + FRAMES_AT_ONCE >= topics.length;
      gateway.raw.send(some.map((topic, place) => JSON.stringify([topic, { temperature: [value, "℃"] }, ...(isLast && isAwaited && place === some.length - 1 ? [{ id }] : [])])).join("\n"));
    }
    if (isAwaited) await gateway.next((frame) => frame[1]?.id === id);
  }
}

// A hub that has a past: its clocks go from days ago to now in seconds, and readings are said to it on the way.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { folder, startHub } from "./hub.mjs";
import { connect } from "./node.mjs";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The library that moves the clocks of a hub, made here. Without a compiler there is none, and the test fails: the hub itself needs one, too. */
function library(test) {
  const made = join(folder(test), "clock.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", made, fileURLToPath(new URL("clock.c", import.meta.url)), "-ldl"]);
  return made;
}

/**
 * Starts a hub, has `readingsAt(time, step)` said to it for each step of the past, and lets it come to the present. What the
 * function returns are messages `[topic, payload]`, below the base, of a gateway that signs in with `auth`; `set` moves the clocks on, by milliseconds from now. Its clock on the wall and its steady one move together, as time itself would.
 */
export async function hubWithPast(test, { from, step, readingsAt, until = 0, base = "", auth, ...options }) {
  const name = join(folder(test), "clock");
  const file = openSync(name, "w");
  test.after(() => closeSync(file));
  const set = (milliseconds) => {
    const nanoseconds = Buffer.alloc(8);
    nanoseconds.writeBigInt64LE(BigInt(Math.round(milliseconds)) * 1_000_000n);
    writeSync(file, nanoseconds, 0, 8, 0);
  };
  set(-from);
  const env = { LD_PRELOAD: library(test), CLOCK_FILE: name };
  // In the past an hour is a moment: nobody is to be taken for gone in it, and the hub is not to tell its figures hundreds of times.
  const patient = ["limits.ping_seconds=3600", "limits.pong_seconds=3600", "limits.messages_per_second=1000000", "figures.every_seconds=3600"];
  const hub = await startHub(test, { simulator: "off", store: folder(test), ...options, env, settings: [...patient, ...(options.settings ?? [])] });
  const gateway = await connect(test, hub, base, "node", { auth });
  let number = 0;
  for (let ago = from; ago > until; ago -= step) {
    set(-ago);
    const messages = readingsAt(Date.now() - ago, number);
    number += 1;
    for (const [topic, payload] of messages.slice(0, -1)) gateway.send(topic, payload);
    if (messages.length > 0) await gateway.publish(...messages.at(-1));
    gateway.frames.length = 0;
  }
  set(0);
  return { hub, gateway, set };
}

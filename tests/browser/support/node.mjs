// A client of the hub, written against the protocol and with a WebSocket library that the hub does not use.

import { EventEmitter, on, once } from "node:events";
import WebSocket from "ws";

/** Connects and says so, as the hub answers nothing before that; `side` is "node" or "dashboard". */
export async function connect(test, hub, base, side, { auth = "clown:bigclown", ...settings } = {}) {
  const socket = new WebSocket(`ws://${hub.host}/talk/${base}?side=${side}`, { auth });
  const client = new Client(socket);
  test.after(() => socket.terminate());
  await once(socket, "open");
  client.send("clown.talk/-/config/set", settings);
  await client.next(([topic]) => topic === "clown.talk/-/config/ok");
  return client;
}

class Client extends EventEmitter {
  /** Every frame that came, in order. */
  frames = [];
  #socket;

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("message", (message) => {
      const frame = JSON.parse(message.toString());
      this.frames.push(frame);
      this.emit("frame", frame);
    });
  }

  send(...frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The socket, for what is not told as frames. */
  get raw() {
    return this.#socket;
  }

  /** Goes without a word. */
  leave() {
    this.#socket.terminate();
  }

  /** Sends, and returns when the hub has routed it. */
  async publish(topic, payload, options = {}) {
    const id = `${Math.random()}`;
    const answer = this.next((frame) => frame[1]?.id === id);
    this.send(topic, payload, { ...options, id });
    const [kind] = await answer;
    if (kind !== "clown.talk/-/publish/ok") throw new Error(`${topic} was refused`);
  }

  /** The first frame that fits, among those that came and those that will. */
  async next(fits) {
    const known = this.frames.find(fits);
    if (known) return known;
    const signal = AbortSignal.timeout(15_000);
    for await (const [frame] of on(this, "frame", { signal })) if (fits(frame)) return frame;
    throw new Error("unreachable");
  }
}

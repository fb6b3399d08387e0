// The connection alone, with sockets and a hub that only write down.

import "./english.mjs";
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Connection } from "../src/core/connection.ts";

const WHO = { state: "in", name: "clown", version: "1", demo: false, clock: 0, publish: [] };

/** A page with the connection under test: its sockets, its states, and the answers to the question who is signed in, which come when `answer` is called. */
function page() {
  const sockets = [];
  const states = [];
  const asked = [];
  const openSocket = () => {
    const socket = { readyState: 0, sent: [], isClosed: false, send: (text) => socket.sent.push(text), close: () => (socket.isClosed = true) };
    sockets.push(socket);
    return socket;
  };
  const connection = new Connection({ whoAmI: () => new Promise((resolve) => asked.push(resolve)), openSocket, changed: (state) => states.push(state), arrived: () => {}, updated: () => {} });
  const answer = async (at, who = WHO) => {
    asked[at](who);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const configured = (socket) => {
    socket.readyState = 1;
    socket.onopen();
    socket.onmessage({ data: '["clown.talk/-/config/ok", {}]' });
  };
  return { connection, sockets, states, answer, configured, open: () => sockets.filter(({ isClosed }) => !isClosed) };
}

test("who tries again while an attempt is under way has one socket, and its first message is a beginning", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { connection, sockets, states, answer, configured, open } = page();
  void connection.open();
  await answer(0, { state: "unreachable" });
  assert.equal(states.at(-1).name, "waiting");
  void connection.open();
  await answer(1);
  void connection.open();
  assert.equal(open().length, 0, "the attempt before is over");
  // What the one before still says is not heard.
  configured(sockets[0]);
  assert.equal(states.at(-1).name, "waiting");
  await answer(2);
  assert.equal(open().length, 1);
  configured(sockets[1]);
  assert.deepEqual(states.filter(({ name }) => name === "live").length, 1);
  assert.equal(open().length, 1);
});

test("an answer about who is signed in that comes late opens no socket", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { connection, sockets, states, answer } = page();
  void connection.open();
  void connection.open();
  await answer(1);
  await answer(0);
  assert.equal(sockets.length, 1);
  void connection.open();
  connection.leave("You are signed out.");
  await answer(2);
  assert.deepEqual([sockets.length, sockets[0].isClosed, states.at(-1).name], [1, true, "out"]);
});

// What the page sends to devices, and what it says of it: the module alone, with a hub that only writes down.

import "./english.mjs";
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Commands, stateText, wishText } from "../src/core/commands.js";
import { ANSWER_WITHIN } from "../src/core/wish.js";

/** A page with the commands under test, and everything that they did. */
function page() {
  const sent = [];
  const said = [];
  const drawn = [];
  const hub = { isLive: true, send: (topic, payload, options) => sent.push([topic, payload, options]) };
  const commands = new Commands(hub, (topic) => drawn.push(topic), (sentence) => said.push(sentence));
  return { hub, commands, sent, said, drawn };
}

function relay(name = "n/relay/0") {
  const actuator = {
    set: `${name}/set`,
    get: `${name}/get`,
    question: {},
    command: (state) => state,
    stateOf: (payload) => payload,
  };
  return { topic: name, title: "Relay", actuator };
}

test("a command is sent with an id and asks the hub to wait for the device", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const { commands, sent, said, drawn } = page();
    commands.want(relay(), true);
    assert.deepEqual(sent, [["n/relay/0/set", true, { id: 1, confirm: ANSWER_WITHIN }]]);
    assert.deepEqual([said, drawn], [["Relay: Turning on…"], ["n/relay/0"]]);
    commands.report({ ...relay(), payload: true, time: 5 });
    assert.equal(said.at(-1), "Relay: On, confirmed");
    assert.equal(commands.wish("n/relay/0").confirmedAt, 5);
  } finally {
    mock.timers.reset();
  }
});

test("who switches in haste sends the first wish and the last one", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const { commands, sent } = page();
    for (const state of [true, false, true, false]) commands.want(relay(), state);
    mock.timers.tick(99);
    assert.equal(sent.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(sent.map(([, state, { id }]) => [state, id]), [[true, 1], [false, 4]]);
    mock.timers.tick(1000);
    assert.equal(sent.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("who asks for the same twice asks once, and may ask again when nothing came of it", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const { commands, sent } = page();
    commands.want(relay(), true);
    commands.want(relay(), true);
    mock.timers.tick(1000);
    commands.want(relay(), true);
    assert.deepEqual(sent.map(([, state, { id }]) => [state, id]), [[true, 1]]);
    commands.refuse(1, "timeout");
    commands.want(relay(), true);
    assert.equal(sent.length, 2);
    // What somebody else asks for is asked for here, too.
    const other = relay("n/relay/1");
    commands.see({ ...other, payload: false }, true);
    commands.want(other, true);
    assert.equal(sent.length, 3);
  } finally {
    mock.timers.reset();
  }
});

test("nothing is sent without a connection, nor again where it is forbidden until the connection is new", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const { hub, commands, sent, said } = page();
    hub.isLive = false;
    commands.want(relay(), true);
    assert.equal(sent.length, 0);
    hub.isLive = true;
    commands.want(relay(), true);
    commands.refuse(1, "forbidden: this takes the right publish");
    assert.equal(said.at(-1), "View only: your account is not allowed to switch this.");
    mock.timers.tick(1000);
    commands.want(relay(), true);
    assert.equal(sent.length, 1);
    commands.resume(new Map());
    commands.want(relay(), true);
    assert.equal(sent.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test("a refusal is said in a sentence, and the wish is drawn anew", () => {
  const sentences = {
    timeout: "No answer from the device.",
    offline: "Not switched: the device is not connected.",
    superseded: "Somebody else has switched it.",
    "refused: busy": "Not switched: the device has refused it",
  };
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    for (const [reason, sentence] of Object.entries(sentences)) {
      const { commands, said, drawn } = page();
      commands.want(relay(), true);
      commands.refuse(2, reason);
      assert.equal(said.length, 1, "the id of nobody");
      commands.refuse(1, reason);
      assert.deepEqual([said.at(-1), drawn.length], [sentence, 2]);
    }
  } finally {
    mock.timers.reset();
  }
});

test("after a break the page asks what became of its wish", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  try {
    const { commands, sent } = page();
    const reading = relay();
    commands.want(reading, true);
    commands.lose();
    assert.equal(commands.wish(reading.topic).trouble, "unsure");
    commands.resume(new Map([[reading.topic, reading]]));
    assert.deepEqual(sent.at(-1).slice(0, 2), ["n/relay/0/get", {}]);
  } finally {
    mock.timers.reset();
  }
});

test("a node is asked once for its devices, and those of the list for their state", () => {
  const { commands, sent } = page();
  commands.askNode("home/attic", false);
  commands.askNode("home/attic", false);
  assert.deepEqual(sent.map(([topic]) => topic), ["home/attic/-/-/config/list"]);
  const actuators = ["relay/0", "led/-", "thermometer/0", "relay/a/b", 5];
  commands.listed("home/cellar/-/-/config/list/ok", { actuators });
  assert.equal(sent.length, 1, "nobody has asked that one");
  commands.listed("home/attic/-/-/config/list/ok", { actuators });
  assert.deepEqual(sent.slice(1).map(([topic]) => topic), ["home/attic/relay/0/get", "home/attic/led/-/get"]);
  commands.listed("home/attic/-/-/config/list/ok", { actuators });
  assert.equal(sent.length, 3, "a second answer is not looked at");
  commands.askNode("home/attic", true);
  assert.equal(sent.length, 4, "one that is back is asked again");
});

test("no more than 200 nodes and 50 devices of one are asked", () => {
  const { commands, sent } = page();
  for (let n = 0; n < 300; n += 1) commands.askNode(`home/${n}`, false);
  assert.equal(sent.length, 200);
  const actuators = Array.from({ length: 80 }, (_, n) => `relay/${n}`);
  commands.listed("home/0/-/-/config/ok", { actuators });
  assert.equal(sent.length, 250);
});

test("a radio node is asked for what it may have, unless it sleeps", () => {
  const { commands, sent } = page();
  commands.askRadioNode("node/sleeper", 3);
  commands.askRadioNode("node/a/b", 1);
  assert.equal(sent.length, 0);
  commands.askRadioNode("node/awake", 1);
  assert.deepEqual(sent.map(([topic]) => topic), [
    "node/awake/relay/-/state/get",
    "node/awake/relay/0:0/state/get",
    "node/awake/led/-/state/get",
  ]);
});

test("states and wishes are told in words", () => {
  assert.deepEqual([true, false, null, undefined, "1-dot", "toString"].map(stateText), [
    "On", "Off", "Not known", "Not known", "1 dot", "toString",
  ]);
  assert.deepEqual([true, false, "2-dot"].map(wishText), ["Turning on…", "Turning off…", "Setting 2 dots…"]);
});

test("what somebody else asks of a device is seen, and is no trouble of this page", () => {
  const sent = [], changed = [], said = [];
  const commands = new Commands({ isLive: true, send: (...frame) => sent.push(frame) > 0 }, (topic) => changed.push(topic), (sentence) => said.push(sentence));
  const actuator = { kind: "relay", set: "a/relay/1/set", stateOf: (payload) => payload?.state, command: (state) => ({ state }) };
  const reading = (state) => ({ topic: "a/relay/1", title: "Relay 1", actuator, payload: { state }, time: 5 });
  commands.see(reading(false), { state: true }, 10_000);
  assert.deepEqual([commands.wish("a/relay/1").wanted, commands.wish("a/relay/1").isOthers], [true, true]);
  commands.wait(14_999);
  assert.equal(commands.wish("a/relay/1").wanted, true);
  commands.wait(15_000);
  assert.deepEqual([commands.wish("a/relay/1").wanted, commands.wish("a/relay/1").trouble, said], [undefined, null, []]);
  commands.see(reading(false), { state: false }, 20_000);
  commands.see(reading(false), { other: 1 }, 20_000);
  assert.equal(commands.wish("a/relay/1").wanted, undefined, "it is so already, or says nothing");
  commands.see(reading(false), { state: true }, 20_000);
  commands.report(reading(true));
  assert.deepEqual([commands.wish("a/relay/1").wanted, said], [undefined, []]);
  // Its own wish goes before that of others.
  commands.want(reading(false), true);
  commands.see(reading(false), { state: null });
  assert.equal(commands.wish("a/relay/1").wanted, true);
  assert.equal(commands.wish("a/relay/1").isOthers, false);
  assert.equal(sent.length, 1);
});


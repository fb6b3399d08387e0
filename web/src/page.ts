// The page as one thing: the connection, what is known, and what of it is drawn when. Every part of the view reads from here.

import { batch, signal } from "@preact/signals";
import { Commands, type Sender } from "./core/commands.js";
import { Connection, type ConnectionState, type Socket } from "./core/connection.js";
import { type Frame, isObject } from "./core/frame.js";
import type { Past } from "./core/past.js";
import { WORDS } from "./core/text.js";
import { matches } from "./core/topic.js";
import { Traffic } from "./core/traffic.js";
import { type Reading, Values } from "./core/values.js";
import { START } from "./core/view.js";
import { WALL_TOKEN, write } from "./favourites.js";
import { isTravelling, show, view } from "./location.js";
import { Pulse } from "./pulse.js";
import { HUB, signOut, whoAmI } from "./session.js";
import { tools } from "./tools.js";

/** Where the hub says that names, rooms or limits are other ones. Everybody may hear it. */
const LAYOUT = "$SYS/layout/version";
/** What was asked of devices just before this page was there is asked once of the record. */
const EVENTS = "clown.talk/-/events/";
const EVENTS_SINCE = "-1m";
/** Seconds over which messages are counted, and after which silence is called that. */
const RATE_SPAN = 5;
const QUIET_START = 2000;
/** How often a page that stays open says that it is used. With that, its sign-in and its cookie last. */
const IN_USE = 6 * 3600 * 1000;

export const state = signal<ConnectionState>({ name: "connecting" });
export const user = signal<string | null>(null);
/** What this account may publish; null where the hub does not say. */
export const rights = signal<string[] | null>(null);
/** Whether this account may see the pages of the operator. The hub checks it again. */
export const isAdmin = signal(false);
export const isUpdated = signal(false);
export const isQuiet = signal(false);
export const rate = signal(0);
export const skipped = signal(0);
/** The sentence that a screen reader says. */
export const announcement = signal("");
/** Counts seconds, for what is told in them. */
export const second = signal(0);
/** The version of the layout that the hub tells of, or -1 before it has. */
export const layoutVersion = signal(-1);
/** Counts topics and nodes that came, went or moved. */
export const structure = signal(0);

const present = { values: new Values(), traffic: new Traffic() };
/** What every part of the view shows: what is now, or how it was at a moment of the past. */
export let { values, traffic } = present;
/** The moment that is shown in place of now, or null. */
export const moment = signal<number | null>(null);
/** Counts how often everything was forgotten, as one user may see what the next one may not. */
export const forgotten = signal(0);
/** Who wants to hear of each reading: charts, once there are any. */
export const listeners = new Set<(reading: Reading) => void>();
export const pulse = new Pulse();
/** Who has published by hand waits for an answer, by the id of the message. */
export const answers = new Map<string, (isOk: boolean, payload: Record<string, unknown>) => void>();

export const connection = new Connection({
  async whoAmI() {
    const who = await whoAmI();
    // Nothing is drawn for the next one before it is forgotten.
    if (who.state === "in" && user.value !== null && user.value !== who.name) forget();
    return who;
  },
  openSocket: () => new WebSocket(`${HUB.replace(/^http/, "ws")}talk/`) as Socket,
  changed,
  arrived,
  updated: () => (isUpdated.value = true),
});
/** What is said twice is heard twice only if it is another text. */
export const announce = (sentence: string): void => void (announcement.value = sentence === announcement.peek() ? `${sentence}\u00a0` : sentence);
/** Nobody asks for what the hub would refuse: that would fill its record of refusals. */
const sender: Sender = {
  get isLive() {
    return connection.isLive;
  },
  send: (topic, ...rest) => mayPublish(topic) && connection.send(topic, ...rest),
};
export const commands = new Commands(sender, (topic) => pulse.touch(topic), announce);
/** The small lines of tiles: they come beside the first picture, which does without them. */
export let past: Past | null = null;

let liveSince = 0;
/** When something came of the hub last. It is asked for a sign of life sooner than this: who has not heard it for so long was asleep. */
let heardAt = 0;
const ASLEEP = 90e3;
/** Since when nothing was missed. The first values of a page tell by themselves how old they are. */
let sureSince = -Infinity;
/** The filters of this connection as the hub has narrowed them, once it has told, and as text those of the one before. */
let held: string[] | null = null;
let heldBefore = "";
/** Whether the hub is asked for them because all last values are there. */
let isLast = false;
let counts = new Array<number>(RATE_SPAN).fill(0);
let isStructureDirty = false;

/** From which moment on the page knows who was silent, in the hub's time; Infinity if it hears nothing now. */
export const silentFrom = (): number => (isLive() && Date.now() - heardAt < ASLEEP ? present.values.now(Math.min(sureSince, Date.now())) : Infinity);
/** For how many milliseconds the hub has been heard without a pause. */
export const liveFor = (): number => (silentFrom() === Infinity ? 0 : Date.now() - Math.max(liveSince, sureSince));
export const isLive = (): boolean => state.value.name === "live";
/** Whether what is shown is now: nothing is switched or published in the past. */
export const isNow = (): boolean => moment.value === null;

/** Shows how it was at a moment, or, with null, how it is. */
export function showMoment(then: { at: number; values: Values; traffic: Traffic } | null): void {
  batch(() => {
    ({ values, traffic } = then ?? present);
    moment.value = then?.at ?? null;
    structure.value += 1;
    pulse.touchAll();
  });
}

/** What is known of now, whatever is shown. */
export const presentValues = (): Values => present.values;

/** Whether this account may publish there, as far as is known. */
export const mayPublish = (topic: string): boolean => rights.value?.some((filter) => matches(filter, topic)) ?? true;

/** The key under which a node is drawn, beside the topics. */
export const nodeKey = (base: string): string => `\0${base}`;

/** What could not be loaded is tried again when the hub is back. */
async function loadPast(): Promise<void> {
  const loaded = past === null ? await import("./past.js").catch(() => null) : null;
  if (loaded === null || past !== null) return;
  tools.value = { ...tools.value, About: loaded.About };
  past = new loaded.Past((topic, payload) => connection.send(topic, payload));
  pulse.everything();
}

export function start(): void {
  void loadPast();
  setInterval(everySecond, 1000);
  setInterval(() => void (isLive() && whoAmI()), IN_USE);
  addEventListener("online", () => connection.wake());
  document.addEventListener("visibilitychange", () => document.hidden || connection.wake());
  pulse.beforeDrawing = () => {
    if (isStructureDirty) structure.value += 1;
    isStructureDirty = false;
  };
}

export async function leave(): Promise<void> {
  const isTold = await signOut();
  write(WALL_TOKEN, null);
  batch(() => {
    forget();
    isTravelling.value = false;
    show({ ...START, language: view.value.language });
    connection.leave(isTold ? WORDS.youSignedOut : WORDS.signOutFailed);
  });
}

/** What one user may see is nothing for the next one at this screen, and nothing for whoever comes by when nobody is signed in. */
function forget(): void {
  user.value = null;
  rights.value = null;
  isAdmin.value = false;
  skipped.value = liveSince = 0;
  showMoment(null);
  present.values.clear();
  present.traffic.clear();
  commands.forgetAll();
  past?.clear();
  answers.clear();
  forgotten.value += 1;
  restructure();
}

function restructure(): void {
  isStructureDirty = true;
  pulse.soon();
}

function changed(now: ConnectionState): void {
  batch(() => {
    const before = state.value.name;
    state.value = now;
    if (now.name === "live") {
      user.value = now.user;
      rights.value = now.publish;
      isAdmin.value = now.isAdmin === true;
      sureSince = liveSince === 0 ? -Infinity : Date.now();
      liveSince = heardAt = Date.now();
      present.values.setClock(now.clock);
      present.values.round += 1;
      held = null;
      isLast = false;
      past?.restart();
      void loadPast();
      layoutVersion.value = -1;
      connection.send("clown.talk/-/subscription/add", { filters: [LAYOUT] });
      connection.send(`${EVENTS}get`, { since: EVENTS_SINCE });
      commands.resume(present.values.topics);
      if (before === "waiting") announce(WORDS.connectedAgain);
    } else if (now.name === "out") isAdmin.value = false;
    if (before === "live" && now.name !== "live") {
      commands.lose();
      announce(("why" in now && now.why) || WORDS.lost);
    }
    pulse.touchAll();
  });
}

function arrived(frames: Frame[]): void {
  const here = Date.now();
  if (here - heardAt > ASLEEP) sureSince = here;
  heardAt = here;
  counts[0]! += frames.length;
  for (const frame of frames) {
    if (frame.topic.startsWith("clown.talk/")) hubSays(frame);
    else if (frame.topic === LAYOUT) {
      layoutVersion.value = Number(isObject(frame.payload) && frame.payload.version);
      if (frame.options.retained === true) {
        // It was asked for after all else. What has spoken meanwhile comes as that, behind it, and before the answer to this.
        isLast = true;
        connection.send("clown.talk/-/subscription/get", {});
      }
    }
    else take(frame);
  }
}

/** All last values are there. Whatever was not among them is not there any more. */
function dropRest(): void {
  const filters = JSON.stringify(held);
  // Most of the time they are the same, and nothing has to be looked at.
  const isSame = filters === heldBefore;
  heldBefore = filters;
  isLast = false;
  if (present.values.round === 1) return;
  const mayRead = (topic: string): boolean => isSame || (held?.some((filter) => matches(filter, topic)) ?? true);
  const gone = present.values.drop(mayRead);
  if (!isSame) present.traffic.clearLog();
  present.traffic.drop((topic) => gone.has(topic) || !mayRead(topic));
  for (const topic of gone) {
    commands.forget(topic);
    past?.forget(topic);
  }
  if (gone.size > 0) {
    pulse.touchAll();
    restructure();
  }
}

/** The hub ends what may not be read any more. Who has other rights begins anew, with what these are. The hub cuts filters at 64 characters. */
function lessRights(ended: unknown[]): void {
  if (!held?.some((filter) => ended.includes(filter.slice(0, 64)))) return;
  forget();
  void connection.open();
  announce(WORDS.accountChanged);
}

function hubSays(frame: Frame): void {
  const { topic } = frame;
  const payload = isObject(frame.payload) ? frame.payload : {};
  const answer = topic.startsWith("clown.talk/-/publish/") ? answers.get(String(payload.id)) : undefined;
  if (past?.take(frame, (name) => present.values.topics.get(name))) pulse.everything();
  else if (answer) {
    answers.delete(String(payload.id));
    answer(topic.endsWith("/ok"), payload);
  } else if (topic === `${EVENTS}ok` && Array.isArray(payload.events)) payload.events.reverse().forEach(happened);
  else if (topic === "clown.talk/-/subscription/ok" && Array.isArray(payload.filters)) {
    held = payload.filters;
    if (isLast) dropRest();
  } else if (topic === "clown.talk/-/subscription/error" && Array.isArray(payload.filters)) lessRights(payload.filters);
  else if (topic === "clown.talk/-/publish/error") commands.refuse(payload.id, String(payload.reason ?? "refused"));
  else if (topic === "clown.talk/-/publish/ok" && "confirmed" in payload) commands.confirm(payload.id);
  else if (topic === "clown.talk/-/skipped" && Number(payload.count) > 0) {
    counts[0]! += Number(payload.count);
    skipped.value += Number(payload.count);
  }
}

/** What somebody has asked of a device is seen by all. */
function see(topic: string, payload: unknown): void {
  const reading = topic.endsWith("/set") ? present.values.topics.get(topic.slice(0, -"/set".length)) : undefined;
  if (reading?.actuator?.set === topic) commands.see(reading, payload);
}

/** What the hub itself still waits for. */
function happened(event: unknown): void {
  if (isObject(event) && event.kind === "command" && event.result === "waiting") see(String(event.topic), event.payload);
}

/** Takes a message: one that came, or one that was published by hand, as the hub sends nobody what they said themselves. */
export function take(frame: Frame): void {
  commands.listed(frame.topic, frame.payload);
  see(frame.topic, frame.payload);
  present.traffic.take(frame, present.values.now());
  const news = present.values.take(frame);
  if (news === null) return;
  if ("reading" in news) {
    const { reading, isNew } = news;
    if (reading.actuator) commands.report(reading);
    if (isNew && reading.base.startsWith("nodes/")) commands.askNode(reading.base, false);
    if (!reading.isKept) past?.add(reading);
    for (const listener of listeners) listener(reading);
    pulse.touch(reading.topic);
    pulse.touchLater(nodeKey(reading.base));
    if (isNew) restructure();
  } else if ("gone" in news) {
    commands.forget(news.gone);
    past?.forget(news.gone);
    restructure();
  } else {
    const { node, moved, isInfo, isBack } = news;
    // What a gateway says of itself stands at the head of each of its nodes.
    for (const base of present.values.nodes.keys()) if (base === node || base.startsWith(`${node}/`)) pulse.touch(nodeKey(base));
    if (moved.length > 0 || !present.values.nodes.has(node)) restructure();
    if (isInfo) commands.askRadioNode(node, present.values.infos.get(node)?.mode);
    else if (present.values.presences.get(node)?.isOnline) commands.askNode(node, isBack);
  }
}

function everySecond(): void {
  commands.wait();
  counts = [0, ...counts.slice(0, RATE_SPAN - 1)];
  batch(() => {
    rate.value = counts.slice(1).reduce((sum, count) => sum + count, 0) / (RATE_SPAN - 1);
    isQuiet.value = isLive() && present.values.topics.size === 0 && present.values.presences.size === 0 && Date.now() - liveSince > QUIET_START;
    second.value += 1;
  });
  pulse.everySecond();
}

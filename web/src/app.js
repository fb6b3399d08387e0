// The page: puts the connection, the memory and the tiles together, and says how things stand.

import { Commands } from "./commands.js";
import { Hub } from "./hub.js";
import { Past } from "./past.js";
import { Readings, TOPICS_AT_MOST } from "./readings.js";
import { HUB, signOut, whoAmI } from "./session.js";
import { SignIn } from "./signin.js";
import { Wall } from "./wall.js";
import { write } from "./element.js";
import { clockText } from "./words.js";

/** Seconds over which messages are counted, and after which silence is called that. */
const RATE_SPAN = 5;
const QUIET_START = 2000;
/** How often a page that stays open says that it is used. With that, its sign-in and its cookie last. */
const IN_USE = 6 * 3600 * 1000;

const part = (id) => document.getElementById(id);
const announce = (sentence) => write(part("announce"), sentence);

const readings = new Readings();
const hub = new Hub({ changed, arrived, updated });
const commands = new Commands(hub, (topic) => wall.touch(topic), announce);
const past = new Past((topic, payload) => hub.send(topic, payload));
const wall = new Wall(part("board"), readings, commands, past);
const signInForm = new SignIn(() => hub.open());

let state = { name: "connecting" };
let user = null;
let liveSince = 0;
let counts = new Array(RATE_SPAN).fill(0);
let skipped = 0;

start();

async function start() {
  part("sign-out").onclick = leave;
  part("try-address").textContent = `${HUB.replace(/^http/, "ws")}talk/home/attic?side=node`;
  setInterval(second, 1000);
  setInterval(() => hub.isLive && whoAmI(), IN_USE);
  if (!(await signInForm.fromAddress())) hub.open();
}

async function leave() {
  const isTold = await signOut();
  forget();
  hub.leave(isTold ? "You are signed out." : "Could not sign out: the hub is unreachable. This browser stays signed in until the session expires.");
}

/** What one user may see is nothing for the next one at this screen. */
function forget() {
  readings.topics.clear();
  readings.presences.clear();
  readings.infos.clear();
  readings.overflown = false;
  commands.forgetAll();
  past.clear();
  wall.clear();
}

function changed(now) {
  const before = state.name;
  state = now;
  if (now.name === "live") {
    if (user !== null && user !== now.user) forget();
    user = now.user;
    liveSince = Date.now();
    readings.setClock(now.clock);
    signInForm.hide();
    past.restart();
    commands.resume(readings.topics);
    if (before === "waiting") announce("Connected again.");
  } else if (before === "live") {
    commands.lose();
    announce(now.why ?? "Connection lost.");
  }
  if (now.name === "out") signInForm.show(now.why, now.demo);
  if (now.name === "waiting") signInForm.hide();
  part("user").hidden = part("sign-out").hidden = now.name === "out" || user === null;
  part("user-name").textContent = user ?? "";
  wall.setLive(now.name === "live");
  drawState();
}

function arrived(frames) {
  counts[0] += frames.length;
  for (const frame of frames) {
    if (frame.topic.startsWith("clown.talk/")) hubSays(frame);
    else take(frame);
  }
}

function hubSays(frame) {
  const { topic, payload } = frame;
  if (past.take(frame, (name) => readings.topics.get(name))) wall.tick();
  else if (topic === "clown.talk/-/publish/error") commands.refuse(payload.id, String(payload.reason ?? "refused"));
  else if (topic === "clown.talk/-/publish/ok" && "confirmed" in payload) commands.confirm(payload.id);
  else if (topic === "clown.talk/-/skipped" && payload.count > 0) {
    counts[0] += payload.count;
    skipped += payload.count;
  }
}

function take(frame) {
  commands.listed(frame.topic, frame.payload);
  const news = readings.take(frame);
  if (news?.reading) {
    if (news.reading.actuator) commands.report(news.reading);
    if (news.reading.base.startsWith("nodes/")) commands.askNode(news.reading.base, false);
    if (!news.reading.isKept) past.add(news.reading);
    wall.touch(news.reading.topic);
  } else if (news?.gone) {
    commands.forget(news.gone);
    past.forget(news.gone);
    wall.touch(news.gone);
  } else if (news?.node) {
    wall.touchHeads();
    for (const { topic } of news.moved ?? []) wall.touch(topic);
    if (news.isInfo) commands.askRadioNode(news.node, readings.infos.get(news.node).mode);
    else if (readings.presences.get(news.node).isOnline) commands.askNode(news.node, news.isBack);
  }
}

function updated() {
  part("bar").dataset.updated = "";
}

function second() {
  commands.wait();
  wall.tick();
  drawState();
  counts = [0, ...counts.slice(0, RATE_SPAN - 1)];
}

function drawState() {
  const [word, look] = pill();
  write(part("pill-word"), word);
  part("pill").dataset.look = look;
  drawBar();
  drawRate();
  const isQuiet = state.name === "live" && wall.isEmpty && Date.now() - liveSince > QUIET_START;
  part("empty").hidden = !isQuiet;
  part("too-many").hidden = !readings.overflown;
  if (readings.overflown) write(part("too-many"), `There are more than ${TOPICS_AT_MOST.toLocaleString()} topics. The first ${TOPICS_AT_MOST.toLocaleString()} that spoke are shown.`);
}

function pill() {
  switch (state.name) {
    case "live": return ["Live", "live"];
    case "waiting": return [state.why === "Hub is restarting." ? "Hub is restarting" : "Offline", "offline"];
    case "out": return ["Signed out", "out"];
    default: return ["Connecting…", "out"];
  }
}

function drawBar() {
  const bar = part("bar");
  const isWaiting = state.name === "waiting";
  const isUpdated = "updated" in bar.dataset;
  bar.hidden = !isWaiting && !(isUpdated && state.name === "live");
  if (bar.hidden) return;
  bar.dataset.look = isWaiting ? "offline" : "news";
  write(part("bar-words"), isWaiting ? lossText() : "The hub was updated.");
  write(part("bar-count"), isWaiting ? `Next try ${countdownText()}.` : "");
  write(part("bar-button"), isWaiting ? "Retry now" : "Reload");
  part("bar-button").onclick = isWaiting ? () => hub.open() : () => location.reload();
}

function lossText() {
  const values = wall.isEmpty ? "" : ` Values below are from ${clockText(state.since)} or before.`;
  return `${state.why}${values}`;
}

function countdownText() {
  const seconds = Math.ceil((state.retryAt - Date.now()) / 1000);
  return seconds > 0 ? `in ${seconds} s` : "now";
}

function drawRate() {
  const perSecond = counts.slice(1).reduce((sum, count) => sum + count, 0) / (RATE_SPAN - 1);
  const rounded = perSecond >= 10 ? Math.round(perSecond).toLocaleString() : perSecond.toFixed(1);
  write(part("rate"), state.name === "live" ? `${rounded} messages/s` : "");
  if (skipped > 0) part("rate").title = `Of readings that came faster than this page draws, only the newest was sent: ${skipped.toLocaleString()} left out.`;
}

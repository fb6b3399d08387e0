import "./english.mjs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { arranged, bounds, columnsOf, evenUnits, lineOf, logBounds, logSplits, moments, rowsOf, steppedTo } from "../src/core/charts/panels.js";
import { valueAtPath } from "../src/core/charts/pointer.js";
import { eventsPath, historyPath, joinedCsv, parseAnswer, parseEvents } from "../src/core/charts/question.js";
import { DAY, SPANS, dayBefore, isLiveRange, panned, parseRange, rangeOf, rangeText, windowOf, zoomed } from "../src/core/charts/range.js";
import { SERIES_AT_MOST, keyOf, parseRef, refText, toggled } from "../src/core/charts/series.js";
import { figures, trend, valueAt } from "../src/core/charts/statistics.js";
import { TRACK_POINTS_AT_MOST, Track, inSteps, spells } from "../src/core/charts/track.js";
import { axisLabels, durationText, logLabels, scaleLabels } from "../src/core/charts/words.js";
import { START, parseView, viewText } from "../src/core/view.js";

const NOW = 1795770000000;
const MINUTE = 60e3;
const HOUR = 60 * MINUTE;

/** A track of numbers, one a minute from a start on, as the hub tells steps of a minute. */
function stepped(values, { start = NOW - values.length * MINUTE, gaps = [], topic = "attic/t", unit = "℃" } = {}) {
  const track = new Track({ topic, path: "/temperature/0" });
  const at = values.map((value, index) => [start + index * MINUTE, value]).filter(([, value]) => value !== null);
  const list = at.map(([, value]) => value);
  track.take([{ topic, path: "/temperature/0", unit, step: MINUTE, t: at.map(([t]) => t), value: null, count: list.map(() => 6), min: list.map((one) => one - 1), mean: list, max: list.map((one) => one + 1), last: list, gaps: [] }], gaps);
  return track;
}

function raw(points, topic = "attic/t") {
  const track = new Track({ topic, path: "" });
  track.take([{ topic, path: "", unit: "", step: 0, t: points.map(([t]) => t), value: points.map(([, value]) => value), count: null, min: [], mean: [], max: [], last: [], gaps: [] }], []);
  return track;
}

test("a series stands in the address whatever its topic and its place are", () => {
  const refs = [["a/b", "/temperature/0"], ["a", ""], ["a:b/%3A%", "/x:y/~1~0"], ["<b>℃</b>", "/__proto__"], ["a&s=b c", "/?"]].map(([topic, path]) => ({ topic, path }));
  for (const ref of refs) assert.deepEqual(parseRef(refText(ref)), ref);
  assert.equal(refText(refs[0]), "a/b:/temperature/0");
  for (const odd of ["", ":", ":/x", "no colon", "a/+:/x", "#:"]) assert.equal(parseRef(odd), null, odd);
  assert.deepEqual(["/ENERGY/Power", "/temperature/0", "", "/a~1b/0"].map((path) => keyOf({ topic: "x/lux", path })), ["ENERGY.Power", "temperature", "lux", "a/b"]);
  assert.deepEqual(toggled(["a:", "b:"], "a:"), ["b:"]);
  const full = Array.from({ length: SERIES_AT_MOST }, (_, at) => `t${at}:`);
  assert.equal(toggled(full, "more:").length, SERIES_AT_MOST);
});

test("the view of charts comes back from its address", () => {
  const view = { ...START, screen: "charts", series: [refText({ topic: "a:b/<i>&", path: "/x/0" }), "c:"], range: "1795770000000-1795773600000", isWithDayBefore: true, isTable: true, at: NOW };
  assert.deepEqual(parseView(viewText(view)), view);
  assert.deepEqual(parseView(viewText({ ...view, screen: "overview" })).series, [], "other screens say nothing of charts");
  assert.equal(parseView(`#/charts?${Array.from({ length: 50 }, (_, at) => `s=t${at}:`).join("&")}`).series.length, SERIES_AT_MOST);
  assert.equal(parseView("#/?at=yesterday").at, null);
  const long = { ...view, series: Array.from({ length: SERIES_AT_MOST }, (_, at) => refText({ topic: `${at}/${"x".repeat(200)}`, path: "/temperature/0" })) };
  assert.deepEqual(parseView(viewText(long)), long);
});

test("ranges have words, end now or between moments, and none goes into the future", () => {
  assert.deepEqual(SPANS.map((span) => rangeText({ span })), ["10m", "1h", "6h", "24h", "7d", "30d"]);
  for (const text of ["10m", "90s", "36h", "7d", "all", "1795770000000-1795773600000"]) assert.equal(rangeText(parseRange(text)), text);
  for (const odd of ["", "6", "6 h", "-1h", "1795773600000-1795770000000", "0x1-0x9", "99999999999999999999s", "all "]) assert.equal(parseRange(odd), null, odd);
  assert.deepEqual(windowOf({ span: HOUR }, NOW, 0), { from: NOW - HOUR, to: NOW });
  assert.deepEqual(windowOf("all", NOW, NOW - 5 * DAY), { from: NOW - 5 * DAY, to: NOW });
  assert.ok(isLiveRange("all") && isLiveRange({ span: 1 }) && !isLiveRange({ from: 1, to: 2 }));
  const window = { from: NOW - HOUR, to: NOW };
  assert.deepEqual(zoomed(window, 0.5, NOW - HOUR / 2, NOW), { from: NOW - 0.75 * HOUR, to: NOW - 0.25 * HOUR });
  assert.deepEqual(zoomed(window, 2, NOW - HOUR / 2, NOW), { from: NOW - 2 * HOUR, to: NOW });
  assert.deepEqual(panned(window, HOUR, NOW), window, "there is no future");
  assert.deepEqual(panned(window, -HOUR, NOW), { from: NOW - 2 * HOUR, to: NOW - HOUR });
  assert.deepEqual(rangeOf({ from: NOW - HOUR, to: NOW - 10 }, NOW), { span: HOUR }, "what ends now moves on");
  assert.deepEqual(rangeOf({ from: NOW - HOUR, to: NOW - HOUR / 2 }, NOW), { from: NOW - HOUR, to: NOW - HOUR / 2 });
  const day = dayBefore(NOW);
  assert.equal(new Date(day.to).getHours(), 0);
  assert.equal(new Date(day.from).getHours(), 0);
  assert.ok(day.to <= NOW && day.to - day.from >= 23 * HOUR && day.to - day.from <= 25 * HOUR);
});

test("a question is a path of the hub, and what is no answer is none", () => {
  const path = historyPath({ topics: ["a/℃ &", "b"], path: "/x/0", from: -5, to: NOW + 0.5, points: 99999.6, step: 0 });
  const query = new URLSearchParams(path.split("?")[1]);
  assert.deepEqual(query.getAll("topic"), ["a/℃ &", "b"]);
  assert.deepEqual(["since", "until", "points", "step", "path"].map((name) => query.get(name)), ["0", String(NOW + 1), "5000", "0", "/x/0"]);
  assert.equal(new URLSearchParams(historyPath({ topics: ["a"], from: 0, to: 1, points: 3 }, "csv").split("?")[1]).get("format"), "csv");
  assert.match(eventsPath({ filters: ["a/#"], from: 1, to: 2, limit: 3, before: 4 }), /filter=a%2F%23&since=1&until=2&limit=3&before=4$/);
  for (const odd of [null, [], {}, { series: "x" }, "x"]) assert.equal(parseAnswer(odd), null);
  const answer = parseAnswer({ series: [{ topic: "a", path: "", t: [1, 2], value: [1, "x"] }, { topic: "b", path: "", t: [1], step: 60, count: [1], min: [1], mean: [1], max: [1], last: [1], unit: 5 }, { topic: "c", path: "", t: [1, 2], last: [1] }, { topic: 1 }, { topic: "d", path: "", t: ["x"] }], gaps: [{ from: 1, to: 2, why: "hub stopped" }, 7], more: "/api/history?x" });
  assert.deepEqual(answer.series.map(({ topic }) => topic), ["a", "b"]);
  assert.equal(answer.series[1].step, MINUTE);
  assert.equal(answer.series[1].unit, "");
  assert.deepEqual(answer.gaps, [{ from: 1, to: 2, why: "hub stopped" }]);
  assert.equal(answer.more, "api/history?x");
  const { events, isMore } = parseEvents({ events: [{ number: 1, time: "2026-11-21T03:12:00.123Z", kind: "command", topic: "a/set", user: "jana", payload: { state: true }, result: "confirmed" }, { time: "never" }, 7], more: { before: 1 } });
  assert.equal(events.length, 1);
  assert.ok(isMore);
  assert.equal(joinedCsv(["a,b\n1,2\n", "a,b\n3,4\n", "a,b\n"]), "a,b\n1,2\n3,4\n");
});

test("what comes is added to the step that it belongs to, and what comes during a question to its answer", () => {
  const track = stepped([20, 21]);
  const last = track.points.at(-1);
  track.add(last.t + 1000, 30);
  assert.deepEqual({ ...last }, { t: last.t, count: 7, min: 20, mean: 21 + 9 / 7, max: 30, last: 30 });
  track.add(last.t + MINUTE, 22);
  assert.equal(track.points.length, 3);
  track.add(last.t - HOUR, 99);
  assert.equal(track.points.length, 3, "what is older than the last step is known already");
  track.add(NOW + HOUR, Number.NaN);
  assert.equal(track.points.length, 3);
  track.ask();
  track.add(NOW + 5 * MINUTE, 25);
  assert.equal(track.points.length, 3, "it waits");
  track.take([{ topic: "attic/t", path: "", unit: "C", step: 0, t: [NOW], value: [19.25], count: null, min: [], mean: [], max: [], last: [], gaps: [] }], []);
  assert.deepEqual(track.points.map(({ t, last: value }) => [t, value]), [[NOW, 19.25], [NOW + 5 * MINUTE, 25]]);
  assert.equal(track.unit, "℃");
  track.ask();
  track.take([{ topic: "attic/t", path: "", unit: "", step: 0, t: [NOW], value: [19.25], count: null, min: [], mean: [], max: [], last: [], gaps: [] }], []);
  assert.equal(track.unit, "℃", "a unit that only the page knows stays");
  track.add(NOW + 5 * MINUTE, 25);
  assert.equal(track.decimals, 2);
  track.ask();
  track.add(NOW + 6 * MINUTE, 26);
  track.giveUp();
  assert.equal(track.points.length, 3, "an answer that never came loses nothing");
});

test("a long time of live readings is told in steps, with exact least, greatest and count", () => {
  const track = raw([[NOW, 0]]);
  for (let at = 1; at <= 4 * TRACK_POINTS_AT_MOST; at += 1) track.add(NOW + at * 1000, at % 100);
  assert.ok(track.points.length <= TRACK_POINTS_AT_MOST, `${track.points.length}`);
  assert.ok(track.step > 0);
  assert.equal(track.points.reduce((sum, { count }) => sum + count, 0), 4 * TRACK_POINTS_AT_MOST + 1);
  assert.equal(Math.max(...track.points.map(({ max }) => max)), 99);
  assert.equal(Math.min(...track.points.map(({ min }) => min)), 0);
  const wide = inSteps(track.points, 10 * HOUR);
  assert.equal(wide.reduce((sum, { count }) => sum + count, 0), 4 * TRACK_POINTS_AT_MOST + 1);
});

test("gaps stay gaps: by silence, by the hub's word, and not for who speaks rarely", () => {
  const silent = stepped([1, 2, 3, null, null, null, null, null, null, null, 4, 5]);
  assert.equal(silent.breaks().length, 1);
  const places = lineOf(silent, NOW);
  assert.equal(places.filter(({ point }) => point === null).length, 1);
  assert.equal(stepped([1, 2, null, 3, 4]).breaks().length, 0, "one step without a reading is a slow device");
  const told = stepped([1, 2, 3, 4], { gaps: [{ from: NOW - 2.9 * MINUTE, to: NOW - 1.5 * MINUTE, why: "hub stopped" }] });
  assert.ok(told.breaks().length > 0, "the hub says that something is missing");
  const short = stepped([1, 2, 3, 4], { gaps: [{ from: NOW - 2.9 * MINUTE, to: NOW - 2.8 * MINUTE, why: "queue full" }] });
  assert.equal(short.breaks().length, 0, "less than a step is narrower than a point");
  const radio = raw([0, 15, 30, 45].map((minutes) => [NOW + minutes * MINUTE, minutes]), "node/1/thermometer/0:1/temperature");
  assert.equal(radio.breaks().length, 0);
  const known = raw([[NOW, 1], [NOW + 1000, 2], [NOW + 21_000, 3]]);
  assert.equal(known.breaks().length, 0, "of which nobody knows how often it speaks");
  known.every = 1000;
  assert.equal(known.breaks().length, 1);
  // First a reading every ten minutes, then, with another setting, one a second, and a pause in each.
  const slow = Array.from({ length: 40 }, (_, at) => [NOW + at * 10 * MINUTE + (at >= 20 ? HOUR : 0), at]);
  const fast = Array.from({ length: 100 }, (_, at) => [slow.at(-1)[0] + 1000 + at * 1000 + (at >= 50 ? 30_000 : 0), at]);
  const changed = raw([...slow, ...fast]);
  changed.every = 1000;
  assert.deepEqual(changed.breaks().map(({ to }) => to), [slow[20][0], fast[50][0]]);
});

test("lines share an axis of time: a point of one is no break of another one", () => {
  const [one, other] = [raw([[NOW, 1], [NOW + 2000, 2]]), raw([[NOW + 1000, 5], [NOW + HOUR, 6]])];
  const { x, lines } = columnsOf([lineOf(one, NOW), lineOf(other, NOW)]);
  assert.deepEqual(x, [NOW, NOW + 1000, NOW + 2000, (NOW + 1000 + NOW + HOUR) / 2, NOW + HOUR]);
  assert.deepEqual(lines[0].last, [1, undefined, 2, undefined, undefined]);
  assert.deepEqual(lines[1].last, [undefined, 5, undefined, null, 6]);
  assert.deepEqual(lines[1].alone, [1, 4], "a reading between gaps is a dot");
  assert.deepEqual(lines[0].alone, []);
  assert.equal(lineOf(one, NOW, DAY)[0].x, NOW + DAY, "the day before stands a day later");
});

test("panels have two units at most, more are further panels, states have lanes", () => {
  const units = ["℃", "%", "℃", "kPa", "", "ppm"];
  const tracks = units.map((unit) => stepped([1], { unit }));
  const state = new Track({ topic: "relay/1", path: "/state" });
  state.take([{ topic: "relay/1", path: "/state", unit: "", step: 0, t: [NOW], value: [true], count: null, min: [], mean: [], max: [], last: [], gaps: [] }], []);
  const { panels, lanes } = arranged([...tracks, state, new Track({ topic: "x", path: "" })], ({ unit }) => (unit === "ppm" ? [{ value: 1200, words: "high" }] : []));
  assert.deepEqual(panels.map((panel) => panel.units), [["℃", "%"], ["kPa", ""], ["ppm"]]);
  assert.deepEqual(panels.map((panel) => panel.tracks.length), [3, 2, 1]);
  assert.deepEqual(panels[2].limits, [[{ value: 1200, words: "high" }]]);
  assert.deepEqual(lanes, [state]);
});

test("states are spells; while the hub was away nobody knows", () => {
  const track = { changes: [{ t: 0, value: true }, { t: 100, value: false }, { t: 200, value: true }], gaps: [{ from: 120, to: 150, why: "hub stopped" }] };
  assert.deepEqual(spells(track, 50, 300).map(({ from, to, value, isOn }) => [from, to, value, isOn]), [[50, 100, true, true], [100, 120, false, false], [150, 200, false, false], [200, 300, true, true]]);
  assert.deepEqual(spells(track, 110, 115).map(({ from, to }) => [from, to]), [[110, 115]]);
  assert.deepEqual(spells({ changes: [{ t: 0, value: "open" }], gaps: [] }, 10, 20), [{ from: 10, to: 20, value: "open", isOn: true }]);
  const words = new Track({ topic: "door", path: "" });
  for (const [t, value] of [[1, "open"], [2, "open"], [3, "closed"]]) words.add(t, value);
  assert.deepEqual(words.changes.map(({ value }) => value), ["open", "closed"], "what does not change is no change");
});

test("figures of a stretch: least, greatest, mean, slope, and how long a state held", () => {
  const track = stepped(Array.from({ length: 60 }, (_, at) => 20 + at / 60));
  const all = figures(track, NOW - HOUR, NOW);
  assert.deepEqual(all.least, { value: 19, t: NOW - HOUR });
  assert.equal(all.greatest.t, NOW - MINUTE);
  assert.equal(all.count, 360);
  assert.ok(Math.abs(all.mean - 20.4917) < 0.001);
  assert.ok(Math.abs(all.slope - 1) < 1e-9, `${all.slope}`);
  assert.equal(trend({ ...all, least: { value: 20, t: 0 }, greatest: { value: 21, t: 0 } }), "rising");
  const part = figures(track, NOW - 10 * MINUTE, NOW);
  assert.equal(part.count, 60);
  assert.equal(figures(track, NOW - 3 * HOUR, NOW - 2 * HOUR), null);
  assert.equal(figures(raw([[NOW, 5]]), NOW - 1, NOW + 1).slope, null);
  const state = new Track({ topic: "r", path: "" });
  for (const [t, value] of [[NOW - HOUR, true], [NOW - HOUR / 2, false], [NOW - HOUR / 4, true]]) state.add(t, value);
  const held = figures(state, NOW - HOUR, NOW);
  assert.deepEqual(held.held.map(({ value, time }) => [value, time / MINUTE]), [[true, 45], [false, 15]]);
  assert.equal(held.changes, 2);
});

test("the cursor meets what was said there, and steps from point to point", () => {
  const track = stepped([1, 2, 3, null, null, null, null, null, null, null, 4]);
  const first = track.points[0].t;
  assert.equal(valueAt(track, first + MINUTE).value, 1);
  assert.equal(valueAt(track, first + 1.4 * MINUTE).value, 2);
  track.every = 1000;
  assert.equal(valueAt(track, first + 7 * MINUTE), null, "nothing is known in a gap");
  assert.equal(valueAt(track, track.points.at(-1).t + HOUR), null, "nor long after the last word");
  const state = new Track({ topic: "r", path: "" });
  state.add(NOW, true);
  assert.equal(valueAt(state, NOW + HOUR).value, true);
  assert.equal(valueAt(state, NOW - HOUR), null);
  const all = moments([track, state], 0, NOW + HOUR);
  assert.equal(all.length, 5);
  assert.equal(steppedTo(all, null, 1), all[0]);
  assert.equal(steppedTo(all, null, -1), all[4]);
  assert.equal(steppedTo(all, all[1], 1), all[2]);
  assert.equal(steppedTo(all, all[1] + 1, 1), all[2]);
  assert.equal(steppedTo(all, all[1] + 1, -1), all[1]);
  assert.equal(steppedTo(all, all[2], -10), all[0]);
  assert.equal(steppedTo(all, all[4], 1), all[4]);
  assert.equal(steppedTo([], 5, 1), null);
});

test("a table has a row for each time, the newest first, and no more than it may", () => {
  const [one, other] = [raw([[NOW, 1], [NOW + 1, 2]]), raw([[NOW + 1, 5], [NOW + 2, 6]])];
  const rows = rowsOf([one, other], NOW, NOW + 2, 2);
  assert.deepEqual(rows.map(({ t, cells }) => [t - NOW, cells.map((cell) => cell?.last ?? null)]), [[2, [null, 6]], [1, [2, 5]]]);
});

test("what is at a place in a payload, and nothing that is not in it", () => {
  const payload = JSON.parse('{"t": [20.5, "℃"], "a/b": {"~": "21.50"}, "on": true, "s": "open", "__proto__": {"x": 1}}');
  assert.equal(valueAtPath(payload, "/t/0"), 20.5);
  assert.equal(valueAtPath(payload, "/a~1b/~0"), 21.5);
  assert.equal(valueAtPath(payload, "/on"), true);
  assert.equal(valueAtPath(payload, "/s"), "open");
  assert.equal(valueAtPath(payload, "/__proto__/x"), 1, "what the payload itself has");
  assert.equal(valueAtPath({}, "/__proto__/toString"), null);
  assert.equal(valueAtPath({}, "/constructor"), null);
  for (const path of ["/t", "/t/x", "/t/-1", "/none", "/t/0/0"]) assert.equal(valueAtPath(payload, path), null, path);
  assert.equal(valueAtPath(7, ""), 7);
});

test("axes are told in as many digits as they need, the day where it changes", () => {
  assert.deepEqual(scaleLabels([20, 20.25, 20.5], 0.25), ["20.00", "20.25", "20.50"]);
  assert.deepEqual(scaleLabels([-5, 0], 5), ["−5", "0"]);
  const labels = axisLabels([new Date(2026, 10, 28, 22), new Date(2026, 10, 29, 0), new Date(2026, 10, 29, 2)].map(Number), 2 * HOUR);
  assert.deepEqual(labels.map((label) => label.split("\n").length), [2, 2, 1]);
  assert.match(axisLabels([new Date(2026, 10, 29, 18).getTime() - 0.3], HOUR)[0], /^18:00/);
  assert.deepEqual([4500, 59e3, 90e3, HOUR, 26 * HOUR, 2 * DAY].map(durationText), ["4.5 s", "59 s", "1 min 30 s", "1 h", "1 d 2 h", "2 d"]);
  assert.deepEqual(bounds(20, 20).map(Math.round), [20, 20]);
  const [low, high] = bounds(20, 20.01);
  assert.ok(high - low > 0.1, "noise is no mountain");
  assert.ok(bounds(0, 0)[0] < 0);
});

test("a scale by powers has its lines at powers, at their multiples, or at even steps where there is less than a power", () => {
  assert.deepEqual(logSplits(0.5, 20_000), [1, 10, 100, 1000, 10_000]);
  assert.deepEqual(logSplits(3, 600), [5, 10, 20, 50, 100, 200, 500]);
  assert.deepEqual(logSplits(18.7, 24.2), [20, 22, 24]);
  assert.deepEqual(logSplits(2, 9), [2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(logSplits(1e-12, 1e12).length <= 10);
  assert.deepEqual(logLabels([0.002, 0.5, 1, 10, 20_000]), ["0.002", "0.5", "1", "10", (20_000).toLocaleString()]);
  const [low, high] = logBounds(1, 1000);
  assert.ok(low > 0.5 && low < 1 && high > 1000 && high < 2000);
  assert.ok(logBounds(5, 5)[0] < 5 && logBounds(5, 5)[1] > 5 && logBounds(5, 5)[0] > 0);
  for (const size of [1e-9, 1, 1e9]) for (const wide of [1.001, 1.5, 12, 1e5]) assert.ok(logSplits(size, size * wide).every((one) => one > 0), `${size} ${wide}`);
});

test("a scale goes by powers only where everything in sight is above zero", () => {
  const track = (unit, mins, kind = "number") => ({ kind, unit, step: 0, points: mins.map((min, at) => ({ t: at * 10, min, max: min + 1 })) });
  assert.deepEqual(evenUnits([track("℃", [5, -1, 3]), track("lux", [1, 2]), track("%", [0, 1])], 0, 30), ["℃", "%"]);
  assert.deepEqual(evenUnits([track("℃", [5, -1, 3])], 15, 30), [], "what is not in sight does not count");
  assert.deepEqual(evenUnits([track("", [0], "state")], 0, 30), []);
  const view = { ...START, screen: "charts", isLog: true, language: "cs" };
  assert.equal(viewText(view), "#/charts?scale=log&lang=cs");
  assert.deepEqual(parseView(viewText(view)), view);
});

test("the language stands in the address of every screen, and no other word does", () => {
  for (const hash of ["#/?lang=cs", "#/explorer?topic=a&lang=cs", "#/admin/events?user=jana&lang=cs", "#/admin?lang=cs"]) {
    assert.equal(parseView(hash).language, "cs");
    assert.equal(viewText(parseView(hash)), hash);
  }
  assert.equal(parseView("#/admin/events?user=jana&lang=cs").admin, "events?user=jana");
  assert.equal(parseView("#/?lang=__proto__").language, "");
});

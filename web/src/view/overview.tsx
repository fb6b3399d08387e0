// The overview: every node on one line, its values behind it; or all values of one quantity together. A search on top.

import { useComputed } from "@preact/signals";
import { type Sort, byOrder, nodeName, roomOf, roomOrder } from "../core/layout.js";
import type { Search } from "../core/search.js";
import { type Reading, TOPICS_AT_MOST } from "../core/values.js";
import { WORDS, plural, say } from "../core/text.js";
import { favourites, fold, folds } from "../favourites.js";
import { alarms, hasLimits, isArranging, layout } from "../layout.js";
import { GROUPINGS } from "../core/view.js";
import { hasTerm, search, show, toggleTerm, view } from "../location.js";
import { tools } from "../tools.js";
import { isLive, isNow, pulse, second, state, structure, values } from "../page.js";
import { Group, type GroupOf } from "./group.js";
import { SearchBox } from "./search.js";
import { Tile } from "./tile.js";

/** What a search finds is shown open up to so many values. */
const FOUND_OPEN_AT_MOST = 120;
/** With more values than this, those of an open group are drawn when somebody gets there. */
const LAZY_ABOVE = 400;
/** Up to so many nodes are open from the start. */
const OPEN_AT_MOST = 8;
/** So long after the first node came, the others that come still count. */
const SETTLES = 1000;

/** Whether a node is open of which nobody has said it: as many as there were when it came decide that. */
const openers = new Map<string, boolean>();
let firstAt = 0;

function settle(bases: string[]): void {
  if (bases.length === 0) {
    openers.clear();
    firstAt = 0;
    return;
  }
  firstAt ||= Date.now();
  const isSettling = Date.now() - firstAt < SETTLES;
  for (const base of bases) if (isSettling || !openers.has(base)) openers.set(base, bases.length <= OPEN_AT_MOST);
}

const order = new Intl.Collator("en", { numeric: true }).compare;
const placed = (one: Reading, other: Reading): number => byOrder(layout.value.values.get(one.topic), layout.value.values.get(other.topic));
const byRank = (one: Reading, other: Reading): number => placed(one, other) || one.rank - other.rank || order(one.topic, other.topic);

export function Overview() {
  const found = useComputed(() => {
    // New topics, what is searched for, and, where that looks at values, the time.
    void structure.value;
    void layout.value;
    if (!search.value.isEmpty) void second.value;
    void favourites.value;
    return groupsOf(search.value, view.value.by);
  });
  const groups = found.value;
  const values_ = groups.reduce((sum, { readings }) => sum + readings.length, 0);
  const isSearch = !search.value.isEmpty;
  const isOpen = (group: GroupOf): boolean => (isSearch ? values_ <= FOUND_OPEN_AT_MOST : (folds.value.get(group.key) ?? openers.get(group.key) ?? values_ <= FOUND_OPEN_AT_MOST));
  const areAllOpen = groups.length > 0 && groups.every(isOpen);
  const stars = isSearch ? [] : [...favourites.value].flatMap((topic) => values.topics.get(topic) ?? []);
  return (
    <>
      {tools.value.Alarms ? <tools.value.Alarms /> : hasLimits.value && <p class="panel" style={{ height: "46px", margin: "0 0 12px" }} />}
      <Tools groups={groups} areAllOpen={areAllOpen} isSearch={isSearch} found={values_} />
      {isArranging.value && tools.value.Bar && <tools.value.Bar />}
      {stars.length > 0 && (
        <section class="favourites" aria-labelledby="favourites">
          <h2 id="favourites">{WORDS.favourites}</h2>
          <ul class="tiles">{stars.map((reading) => <Tile key={reading.topic} reading={reading} isAway />)}</ul>
        </section>
      )}
      <div id="board" class="board" data-offline={state.value.name === "live" ? undefined : ""}>
        {groups.map((group) => <Group key={group.key} group={group} isOpen={isOpen(group)} canFold={!isSearch} isLazy={values_ > LAZY_ABOVE} />)}
      </div>
      {isSearch && groups.length === 0 && values.topics.size > 0 && (
        <p class="note">{`${WORDS.nothingFits} `}<button type="button" class="quiet" onClick={() => show({ search: "" })}>{WORDS.showAll}</button></p>
      )}
      {values.overflown && <p id="too-many" class="note">{say(WORDS.tooManyTopics, { count: TOPICS_AT_MOST })}</p>}
    </>
  );
}

function Tools({ groups, areAllOpen, isSearch, found }: { groups: GroupOf[]; areAllOpen: boolean; isSearch: boolean; found: number }) {
  const { by } = view.value;
  return (
    <div class="tools">
      <SearchBox says={isSearch ? plural(WORDS.values, found) : ""} />
      <Troubles />
      <div class="choose" role="group" aria-label={WORDS.groupBy}>
        {GROUPINGS.map((one) => <button key={one} type="button" aria-pressed={by === one} onClick={() => show({ by: one })}>{WORDS.by[one]}</button>)}
      </div>
      <button type="button" class="quiet" disabled={isSearch || groups.length === 0} onClick={() => fold(groups.map(({ key }) => [key, !areAllOpen]))}>{areAllOpen ? WORDS.foldAll : WORDS.openAll}</button>
      {layout.value.mayChange && <button type="button" class="quiet" aria-pressed={isArranging.value} disabled={!isNow()} onClick={() => (isArranging.value = !isArranging.value)}>{isArranging.value ? WORDS.done : WORDS.arrange}</button>}
    </div>
  );
}

/** How many nodes are offline and values stale: each is a filter, too. */
function Troubles() {
  const counts = useComputed(() => {
    void second.value;
    void structure.value;
    return isLive() ? troubles() : null;
  });
  const { offline = 0, stale = 0 } = counts.value ?? {};
  const chips: [string, string, number][] = [[plural(WORDS.offlineCount, offline), "is:offline", offline], [plural(WORDS.stale, stale), "is:stale", stale]];
  const { length } = alarms.value;
  if (length > 0 || hasTerm("is:alarm")) chips.unshift([plural(WORDS.alarms, length), "is:alarm", length]);
  return (
    <div class="chips" role="group" aria-label={WORDS.wrong}>
      {chips.map(([words, term, count]) => {
        const isOn = hasTerm(term);
        const isNone = count === 0;
        return <button key={term} type="button" class="chip" data-wrong={isNone ? undefined : term === "is:alarm" ? "alarm" : ""} aria-pressed={isOn} disabled={isNone && !isOn} onClick={() => toggleTerm(term)}>{words}</button>;
      })}
    </div>
  );
}

function troubles(): { offline: number; stale: number } {
  const now = values.now();
  let offline = 0;
  let stale = 0;
  for (const base of values.bases()) {
    if (values.presenceOf(base)?.isOnline === false) offline += 1;
    else for (const reading of values.nodes.get(base) ?? []) if (reading.isStale(now)) stale += 1;
  }
  return { offline, stale };
}

/** A node or a value among those that it stands with, in the order of the screen. */
export function neighbours(sort: Sort, id: string): string[] {
  if (sort === "nodes") return values.bases().sort(byNode);
  const reading = values.topics.get(id);
  const beside = reading ? [...(values.nodes.get(reading.base) ?? [])].filter(({ section }) => section === reading.section) : [];
  return beside.sort(byRank).map(({ topic }) => topic);
}

/** A bridge stands before radio nodes, and those before everything else. */
function byNode(one: string, other: string): number {
  const kind = (base: string) => (base.startsWith("nodes/") ? 0 : base.startsWith("node/") ? 1 : 2);
  const { nodes } = layout.value;
  return byOrder(nodes.get(one), nodes.get(other)) || kind(one) - kind(other) || order(one, other);
}

function groupsOf(wanted: Search, by: (typeof GROUPINGS)[number]): GroupOf[] {
  const bases = values.bases();
  settle(bases);
  const now = values.now();
  const groups: GroupOf[] = [];
  for (const base of bases.sort(byNode)) {
    const all = [...(values.nodes.get(base) ?? [])];
    const isOffline = values.presenceOf(base)?.isOnline === false;
    const fits = (reading: Reading) => wanted.matches(reading, { now, isOffline, isFavourite: favourites.value.has(reading.topic) });
    const readings = wanted.isEmpty ? all : all.filter(fits);
    const isNamed = all.length === 0 && (wanted.matchesTopic(base, nodeName(layout.value, base)) || (isOffline && wanted.text.trim() === "is:offline"));
    if (wanted.isEmpty || readings.length > 0 || isNamed) groups.push({ key: base, title: nodeName(layout.value, base), base, readings: readings.sort(byRank), of: all.length });
  }
  if (by === "node") return asBefore(groups);
  const all = groups.flatMap(({ readings }) => readings);
  return asBefore(by === "room" ? byRoom(all) : byQuantity(all));
}

let last = new Map<string, GroupOf>();

/** What has not changed since the last time is the very same object, so that it is not drawn again. */
function asBefore(groups: GroupOf[]): GroupOf[] {
  const same = groups.map((group) => {
    const before = last.get(group.key);
    const isSame = before?.title === group.title && before.of === group.of && before.readings.length === group.readings.length && before.readings.every((reading, at) => reading === group.readings[at]);
    return isSame ? before : group;
  });
  last = new Map(same.map((group) => [group.key, group]));
  return same;
}

/** Readings by what is said of each. */
function gathered(readings: Reading[], said: (reading: Reading) => string): [string, Reading[]][] {
  const found = new Map<string, Reading[]>();
  for (const reading of readings) {
    const title = said(reading);
    const group = found.get(title);
    if (group) group.push(reading);
    else found.set(title, [reading]);
  }
  return [...found];
}

/** What has no room stands last. */
function byRoom(readings: Reading[]): GroupOf[] {
  const inOrder = roomOrder(layout.value);
  const rooms = gathered(readings, ({ topic, base }) => roomOf(layout.value, topic, base)).sort(([one], [other]) => inOrder(one, other));
  return rooms.map(([room, group]) => ({ key: `room ${room}`, title: room || WORDS.noRoom, base: null, readings: group, of: group.length }));
}

function byQuantity(readings: Reading[]): GroupOf[] {
  const found = gathered(readings, (reading) => (reading.section === "controls" ? WORDS.switches : reading.kindTitle));
  const groups = found.map(([title, group]) => ({ key: `quantity ${title}`, title, base: null, readings: group.sort((one, other) => placed(one, other) || order(one.topic, other.topic)), of: group.length }));
  return groups.sort((one, other) => one.readings[0]!.rank - other.readings[0]!.rank || order(one.title, other.title));
}

// The whole board looks different when the connection is lost or back.
state.subscribe(() => pulse.touchAll());

// The explorer: every topic as a tree, what was said there last, all messages as they come, and a form to publish.

import "../app.js";
import { signal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { formatted } from "../core/payload.js";
import { type Branch, TOPICS_AT_MOST } from "../core/traffic.js";
import { type Row, rows } from "../core/tree.js";
import { type Reading, titleOf } from "../core/values.js";
import { EXPLORER, WORDS, plural, pointed, say, wholeText } from "../core/text.js";
import { ageText, cut, exactText } from "../core/words.js";
import { favourites } from "../favourites.js";
import { search, show, view } from "../location.js";
import { moment, second, skipped, traffic, values } from "../page.js";
import { LINE_HEIGHT, List } from "./list.js";
import { CopyAs } from "./copyas.js";
import { Log } from "./log.js";
import { ChartLink, chartAddress, chartedOf, openChart } from "./parts.js";
import { Publish, draft } from "./publish.js";
import { SearchBox } from "./search.js";
import { valueText } from "./tile.js";

/** Branches that somebody has opened or closed. At the start those at the top are open, if there are few, and those on the way to the topic that is shown. */
const folded = signal<ReadonlyMap<string, boolean>>(new Map());
const PAYLOAD_SHOWN = 200;

export function Explorer() {
  const { topic } = view.value;
  return (
    <>
      <div class="tools">
        <SearchBox says={skipped.value > 0 ? plural(EXPLORER.gaveWay, skipped.value) : ""} />
      </div>
      <div class="explorer">
        <Tree />
        <div class="beside">
          <Detail topic={topic} />
          <Publish />
          <Log key={String(moment.value)} />
        </div>
      </div>
    </>
  );
}

const TOP_AT_MOST = 8;
const isOpen = (topic: string): boolean => folded.value.get(topic) ?? (view.value.topic.startsWith(`${topic}/`) || (!topic.includes("/") && traffic.root.children.size <= TOP_AT_MOST));

function Tree() {
  const [current, setCurrent] = useState(view.value.topic);
  void second.value;
  const wanted = search.value;
  const now = values.now();
  const fits = wanted.isEmpty ? null : (branch: Branch) => {
    const reading = values.topics.get(branch.topic);
    const isOffline = reading !== undefined && values.presenceOf(reading.base)?.isOnline === false;
    return wanted.matchesTopic(branch.topic, branch.line) || (reading !== undefined && wanted.matches(reading, { now, isOffline, isFavourite: favourites.value.has(branch.topic) }));
  };
  const found = rows(traffic.root, isOpen, fits);
  const at = found.findIndex(({ branch }) => branch.topic === current);
  const choose = (row: Row | undefined) => {
    if (!row) return;
    setCurrent(row.branch.topic);
    if (row.branch.isTopic) show({ topic: row.branch.topic });
  };
  const fold = (topics: string[], isOpen: boolean) => {
    folded.value = new Map([...folded.value, ...topics.map((topic): [string, boolean] => [topic, isOpen])]);
  };
  const onKey = (event: KeyboardEvent) => {
    const row = found[at];
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: found.length - 1, PageDown: at + 10, PageUp: at - 10 };
    const to = steps[event.key];
    if (to !== undefined) choose(found[Math.max(0, Math.min(to, found.length - 1))]);
    else if (!row) return;
    else if (event.key === "ArrowRight") row.isOpen && row.branch.children.size > 0 ? choose(found[at + 1]) : fold([row.branch.topic], true);
    else if (event.key === "ArrowLeft") row.isOpen && row.branch.children.size > 0 && fits === null ? fold([row.branch.topic], false) : choose(found.slice(0, at).findLast(({ depth }) => depth < row.depth));
    else if (event.key === "*") fold(found.filter(({ depth }) => depth === row.depth).map(({ branch }) => branch.topic), true);
    else if (event.key === "Enter") fold([row.branch.topic], !row.isOpen);
    else return;
    event.preventDefault();
  };
  const time = Math.floor(now / 1000);
  return (
    <section class="panel tree" aria-labelledby="tree-title">
      <h2><span id="tree-title">{EXPLORER.topics}</span> <span class="of">{`${traffic.overflown ? say(EXPLORER.noMore, { count: traffic.topics, most: TOPICS_AT_MOST }) : wholeText(traffic.topics)} · ${pointed(traffic.root.rate(time).toFixed(1))}/s`}</span></h2>
      <List role="tree" aria-label={EXPLORER.topics} items={found} current={at} onKeyDown={onKey} aria-activedescendant={at >= 0 ? `branch-${current}` : undefined}
        line={(row, index) => <BranchLine key={row.branch.topic} row={row} isCurrent={index === at} time={time} onChoose={() => {
          choose(row);
          if (row.branch.children.size > 0 && fits === null) fold([row.branch.topic], !row.isOpen);
        }} />} />
    </section>
  );
}

function BranchLine({ row: { branch, depth, isOpen }, isCurrent, time, onChoose }: { row: Row; isCurrent: boolean; time: number; onChoose(): void }) {
  const rate = branch.rate(time);
  const hasMore = branch.children.size > 0;
  return (
    <div role="treeitem" id={`branch-${branch.topic}`} class="branch" aria-level={depth + 1} aria-expanded={hasMore ? isOpen : undefined} aria-selected={isCurrent}
      style={{ height: `${LINE_HEIGHT}px`, paddingLeft: `${8 + Math.min(depth, 12) * 16}px` }} onClick={onChoose}>
      <span class="twist" data-open={hasMore ? String(isOpen) : undefined} aria-hidden="true" />
      <span class="level">{branch.level === "" ? EXPLORER.emptyLevel : branch.level}</span>
      {branch.isTopic && <span class="last">{branch.text.slice(0, PAYLOAD_SHOWN)}</span>}
      <span class="speed">{rate > 0 ? `${rate >= 10 ? Math.round(rate) : pointed(rate.toFixed(1))}/s` : ""}</span>
    </div>
  );
}

function Detail({ topic }: { topic: string }) {
  const branch = topic === "" ? null : traffic.find(topic);
  const line = branch?.line ?? "";
  const text = useMemo(() => branch?.text ?? "", [line]);
  // What is not here whole can be said nowhere else.
  const isCut = text.endsWith(WORDS.cutHere);
  const [copied, setCopied] = useState("");
  void second.value;
  if (branch === null || !branch.isTopic) {
    return <section class="panel"><h2>{EXPLORER.message}</h2><p class="note">{topic === "" ? EXPLORER.choose : say(EXPLORER.nothingSaid, { topic: topic.slice(0, 300) })}</p></section>;
  }
  const copy = (what: string, words: string) => void navigator.clipboard?.writeText(words).then(() => setCopied(what), () => setCopied(""));
  return (
    <section class="panel detail" aria-labelledby="detail-title">
      <h2 id="detail-title" class="code">{topic}</h2>
      <p class="of">{`${ageText(branch.time, values.now())} · ${exactText(branch.time)} · ${plural(WORDS.messages, branch.count)}${branch.isRetained ? ` · ${EXPLORER.kept}` : ""}`}</p>
      <pre tabIndex={0} aria-label={EXPLORER.payload}>{formatted(text)}</pre>
      <Leaves reading={values.topics.get(topic)} />
      <div class="actions">
        <button type="button" onClick={() => copy("payload", text)}>{copied === "payload" ? EXPLORER.copied : EXPLORER.copyPayload}</button>
        <button type="button" onClick={() => copy("topic", topic)}>{copied === "topic" ? EXPLORER.copied : EXPLORER.copyTopic}</button>
        {!isCut && <button type="button" onClick={() => (draft.value = { topic, payload: text })}>{EXPLORER.publishHere}</button>}
      </div>
      {!isCut && <CopyAs topic={topic} payload={text} isRetained={branch.isRetained} />}
    </section>
  );
}

/** Each number and state of a message, as a way to its chart. */
function Leaves({ reading }: { reading: Reading | undefined }) {
  if (!reading) return null;
  const leaves = (reading.quantities ?? []).filter(({ value, isOn }) => typeof value === "number" || isOn !== undefined);
  const state = reading.actuator ? chartedOf(reading) : null;
  if (leaves.length === 0 && !state) return null;
  return (
    <ul class="leaves" aria-label={EXPLORER.charts}>
      {state && <li><a class="button" href={chartAddress(state)} onClick={openChart}>{say(EXPLORER.chartOf, { title: reading.title })}</a></li>}
      {leaves.map((one) => <li key={one.path}><ChartLink topic={reading.topic} quantity={one}><span class="key">{cut(titleOf(one.key), 60)}</span>{` ${valueText(one, reading.decimals(one.key))} ${one.unit}`}</ChartLink></li>)}
    </ul>
  );
}

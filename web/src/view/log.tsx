// Messages as they come, the newest first. It stops by itself when somebody scrolls away from the top, and counts on.

import { useEffect, useState } from "preact/hooks";
import { type Message, MESSAGES_AT_MOST } from "../core/traffic.js";
import { TEXT_KEPT, payloadText } from "../core/frame.js";
import { EXPLORER, plural, say } from "../core/text.js";
import { clockText } from "../core/words.js";
import { search, show } from "../location.js";
import { traffic } from "../page.js";
import { LINE_HEIGHT, List } from "./list.js";
import { download } from "./parts.js";

/** Milliseconds between two pictures; with a search, which looks at every message, a second. */
const DRAWN = 250;
const SEARCHED = 1000;
const PAYLOAD_SHOWN = 300;

export function Log() {
  const [, draw] = useState(0);
  const [paused, setPaused] = useState<{ messages: Message[]; count: number } | null>(null);
  const [cut, setCut] = useState(0);
  const wanted = search.value;
  useEffect(() => {
    const timer = setInterval(() => draw((times) => times + 1), wanted.isEmpty ? DRAWN : SEARCHED);
    return () => clearInterval(timer);
  }, [wanted.isEmpty]);
  const pause = () => setPaused((before) => before ?? { messages: traffic.log(), count: traffic.count });
  const all = paused?.messages ?? traffic.log();
  const found = (wanted.isEmpty ? [...all] : all.filter(({ topic, line }) => wanted.matchesTopic(topic, line))).reverse();
  const news = paused ? traffic.count - paused.count : 0;
  return (
    <section class="panel log" aria-labelledby="log-title">
      <h2><span id="log-title">{EXPLORER.messages}</span> <span class="of">{paused ? plural(EXPLORER.news, news) : say(EXPLORER.ofAtMost, { count: found.length, most: MESSAGES_AT_MOST })}</span></h2>
      <div class="actions">
        <button type="button" aria-pressed={paused !== null} onClick={() => (paused ? setPaused(null) : pause())}>{paused ? EXPLORER.goOn : EXPLORER.pause}</button>
        <button type="button" class="quiet" onClick={() => {
          traffic.clearLog();
          setPaused(null);
        }}>{EXPLORER.clear}</button>
        <button type="button" class="quiet" onClick={() => {
          const lines = whole(found);
          setCut(found.length - lines.length);
          download("messages.ndjson", new Blob(lines));
        }}>{EXPLORER.export}</button>
        {cut > 0 && <span class="of">{say(EXPLORER.cut, { count: cut })}</span>}
      </div>
      <List role="log" aria-label={EXPLORER.messages} aria-live="off" items={found} onScrolled={(top) => top > LINE_HEIGHT && pause()}
        line={({ number, topic, line, time }) => (
          <div key={number} class="message" style={{ height: `${LINE_HEIGHT}px` }} onClick={() => show({ topic })}>
            <time>{clockText(time)}</time>
            <span class="level">{topic}</span>
            <span class="last">{payloadText(line).slice(0, PAYLOAD_SHOWN)}</span>
          </div>
        )} />
    </section>
  );
}

/** The lines of messages as they came, the oldest first. Of those that are very long only the beginning is there (`frames`), which nobody could read. */
const whole = (messages: Message[]): string[] => messages.filter(({ line }) => line.length < TEXT_KEPT * 2).map(({ line }) => `${line}\n`).reverse();

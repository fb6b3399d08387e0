// The form to publish a message by hand. What is wrong is told while it is typed; nothing goes out without a connection.

import { effect, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { frames } from "../core/frame.js";
import { checkPayload, formatted, topicTrouble } from "../core/payload.js";
import { EXPLORER, WORDS, plural, say } from "../core/text.js";
import { clockText } from "../core/words.js";
import { announce, answers, connection, forgotten, isLive, isNow, mayPublish, presentValues, rights, take, traffic } from "../page.js";

/** Answers that are waited for. */
const ANSWERS_AT_MOST = 100;
let published = 0;

/** The payload goes out as it was written. The answer is a sentence. */
function publish(topic: string, payload: string, options: Record<string, unknown>, told: (isOk: boolean, sentence: string) => void): void {
  const id = `by hand ${(published += 1)}`;
  if (!connection.sendText(topic, payload, { ...options, id })) return told(false, EXPLORER.noConnection);
  if (answers.size >= ANSWERS_AT_MOST) answers.delete(answers.keys().next().value!);
  answers.set(id, (isOk, { reason }) => told(isOk, isOk ? EXPLORER.sent : say(EXPLORER.refused, { reason: String(reason) })));
}

/** What is in the form: other parts may put something there. */
const NOTHING = { topic: "", payload: "" };
export const draft = signal(NOTHING);
effect(() => {
  void forgotten.value;
  draft.value = NOTHING;
});

export function Publish() {
  const [isKept, setKept] = useState(false);
  const [answer, setAnswer] = useState<{ isOk: boolean; sentence: string } | null>(null);
  if (rights.value?.length === 0) return <section class="panel"><h2>{EXPLORER.publish}</h2><p class="note">{EXPLORER.publishNothing}</p></section>;
  const { topic, payload } = draft.value;
  const isEmpty = topic === "" && payload === "";
  const ofTopic = topicTrouble(topic) ?? (mayPublish(topic) ? null : EXPLORER.mayNot);
  const { trouble: ofPayload, bytes } = checkPayload(payload);
  const hint = ofTopic !== null || topic === "" ? null : topic.startsWith("/") ? EXPLORER.slash : traffic.find(topic) === null ? EXPLORER.nobody : null;
  const canSend = isLive() && isNow() && ofTopic === null && ofPayload === null;
  const told = (isOk: boolean, sentence: string) => {
    setAnswer({ isOk, sentence: isOk ? `${sentence} ${clockText(Date.now())}` : sentence });
    announce(sentence);
  };
  const send = () => {
    if (!canSend) return;
    setAnswer(null);
    const line = payload.replaceAll(/[\r\n]+/g, " ");
    const options = isKept ? { retain: true } : {};
    const count = () => presentValues().topics.get(topic)?.count;
    const before = count();
    publish(topic, line, options, (isOk, sentence) => {
      // The hub sends nobody what they said themselves. Who says it by hand wants to see it among the rest, unless somebody was faster.
      const said = isOk ? frames(`[${JSON.stringify(topic)},${line}]`)[0] : undefined;
      if (said && count() === before) take({ ...said, options: { ...options, kept: isKept } });
      else if (said) traffic.take(said, presentValues().now());
      told(isOk, sentence);
    });
  };
  return (
    <section class="panel publish" aria-labelledby="publish-title">
      <h2 id="publish-title">{EXPLORER.publish}</h2>
      <form onSubmit={(event) => {
        event.preventDefault();
        send();
      }} onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && send()}>
        <label for="publish-topic">{EXPLORER.topic}</label>
        <input id="publish-topic" value={topic} autocomplete="off" autocapitalize="none" spellcheck={false} aria-describedby="topic-says" aria-invalid={!isEmpty && ofTopic !== null ? "true" : undefined}
          onInput={(event) => (draft.value = { topic: event.currentTarget.value, payload })} />
        <p id="topic-says" class={ofTopic && !isEmpty ? "hint-line trouble" : "hint-line"}>{isEmpty ? EXPLORER.topicHint : (ofTopic ?? hint ?? "")}</p>
        <label for="publish-payload">{EXPLORER.payload}</label>
        <textarea id="publish-payload" rows={3} value={payload} spellcheck={false} aria-describedby="payload-says" aria-invalid={!isEmpty && ofPayload !== null ? "true" : undefined}
          onInput={(event) => (draft.value = { topic, payload: event.currentTarget.value })} />
        <p id="payload-says" class={ofPayload && !isEmpty ? "hint-line trouble" : "hint-line"}>{ofPayload ?? plural(EXPLORER.bytes, bytes)}</p>
        <label class="check"><input type="checkbox" checked={isKept} onChange={(event) => setKept(event.currentTarget.checked)} />{EXPLORER.retain}</label>
        <div class="actions">
          <button type="submit" class="filled" aria-disabled={canSend ? undefined : "true"}>{EXPLORER.send}</button>
          <button type="button" aria-disabled={ofPayload === null ? undefined : "true"} onClick={() => ofPayload === null && (draft.value = { topic, payload: formatted(payload) })}>{EXPLORER.format}</button>
          <p class={answer && !answer.isOk ? "answer trouble" : "answer"}>{answer?.sentence ?? (!isNow() ? WORDS.lockedPast : isLive() ? "" : EXPLORER.noConnection)}</p>
        </div>
      </form>
    </section>
  );
}

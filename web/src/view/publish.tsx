// The form to publish a message by hand. What is wrong is told while it is typed; nothing goes out without a connection.

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { checkPayload, formatted } from "../core/payload.js";
import { topicTrouble } from "../core/topic.js";
import { clockText } from "../core/words.js";
import { announce, isLive, isNow, mayPublish, publish, rights, traffic } from "../page.js";

/** What is in the form: other parts may put something there. */
export const draft = signal({ topic: "", payload: "" });

export function Publish() {
  const [isKept, setKept] = useState(false);
  const [answer, setAnswer] = useState<{ isOk: boolean; sentence: string } | null>(null);
  if (rights.value?.length === 0) return <section class="panel"><h2>Publish</h2><p class="note">View only: your account may publish nothing.</p></section>;
  const { topic, payload } = draft.value;
  const isEmpty = topic === "" && payload === "";
  const ofTopic = topicTrouble(topic) ?? (mayPublish(topic) ? null : "Your account may not publish there.");
  const { trouble: ofPayload, bytes } = checkPayload(payload);
  const hint = ofTopic !== null || topic === "" ? null : topic.startsWith("/") ? "This topic begins with a slash: its first level is empty." : traffic.find(topic) === null ? "Nobody has said anything at this topic yet." : null;
  const canSend = isLive() && isNow() && ofTopic === null && ofPayload === null;
  const told = (isOk: boolean, sentence: string) => {
    setAnswer({ isOk, sentence: isOk ? `${sentence} ${clockText(Date.now())}` : sentence });
    announce(sentence);
  };
  const send = () => {
    if (!canSend) return;
    setAnswer(null);
    publish(topic, payload.replaceAll(/[\r\n]+/g, " "), isKept ? { retain: true } : {}, told);
  };
  return (
    <section class="panel publish" aria-labelledby="publish-title">
      <h2 id="publish-title">Publish</h2>
      <form onSubmit={(event) => {
        event.preventDefault();
        send();
      }} onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && send()}>
        <label for="publish-topic">Topic</label>
        <input id="publish-topic" value={topic} autocomplete="off" autocapitalize="none" spellcheck={false} aria-describedby="topic-says" aria-invalid={!isEmpty && ofTopic !== null ? "true" : undefined}
          onInput={(event) => (draft.value = { topic: event.currentTarget.value, payload })} />
        <p id="topic-says" class={ofTopic && !isEmpty ? "hint-line trouble" : "hint-line"}>{isEmpty ? "As relay/1/set, from the root." : (ofTopic ?? hint ?? "")}</p>
        <label for="publish-payload">Payload</label>
        <textarea id="publish-payload" rows={3} value={payload} spellcheck={false} aria-describedby="payload-says" aria-invalid={!isEmpty && ofPayload !== null ? "true" : undefined}
          onInput={(event) => (draft.value = { topic, payload: event.currentTarget.value })} />
        <p id="payload-says" class={ofPayload && !isEmpty ? "hint-line trouble" : "hint-line"}>{ofPayload ?? `JSON, ${bytes} ${bytes === 1 ? "byte" : "bytes"}. Ctrl and Enter send.`}</p>
        <label class="check"><input type="checkbox" checked={isKept} onChange={(event) => setKept(event.currentTarget.checked)} />Have the hub keep it (retain)</label>
        <div class="actions">
          <button type="submit" class="filled" aria-disabled={canSend ? undefined : "true"}>Send</button>
          <button type="button" aria-disabled={ofPayload === null ? undefined : "true"} onClick={() => ofPayload === null && (draft.value = { topic, payload: formatted(payload) })}>Format</button>
          <p class={answer && !answer.isOk ? "answer trouble" : "answer"}>{answer?.sentence ?? (!isNow() ? "Locked: what is shown is the past." : isLive() ? "" : "There is no connection.")}</p>
        </div>
      </form>
    </section>
  );
}

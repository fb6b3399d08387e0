// The record of events: who did what, when, and what came of it.

import { useEffect, useState } from "preact/hooks";
import { call } from "../../admin.js";
import { type Asked, type Happened, SPANS, askedText, isQuestion, parseAsked, parseEvents, pathOf, resultText } from "../../core/admin/events.js";
import { EVENTS, WORDS, known, plural } from "../../core/text.js";
import { cut, exactText } from "../../core/words.js";
import { show } from "../../location.js";
import { Check, Choose, Field, Head, type Outcome, Says } from "./parts.js";

const PAYLOAD_SHOWN = 200;

export function Events({ query }: { query: string }) {
  const asked = parseAsked(query);
  const [draft, setDraft] = useState<Asked>(asked);
  const [list, setList] = useState<Happened[] | null>(null);
  const [isAll, setAll] = useState(false);
  const [hasMore, setMore] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const read = async (before: Happened[], isWanted: () => boolean) => {
    const reply = await call("GET", pathOf(asked, before.at(-1)?.number ?? null));
    if (!isWanted()) return;
    setOutcome(reply.isOk ? null : { isOk: false, sentence: reply.sentence });
    const { events, hasMore } = parseEvents(reply.isOk ? reply.body : null);
    setList([...before, ...events]);
    setMore(hasMore && events.length > 0);
  };
  useEffect(() => {
    let isWanted = true;
    setDraft(asked);
    setList(null);
    void read([], () => isWanted);
    return () => void (isWanted = false);
  }, [query]);
  const shown = list?.filter((one) => isAll || !isQuestion(one)) ?? [];
  const isMoment = !Object.hasOwn(SPANS, draft.when);
  return (
    <>
      <Head title={EVENTS.title} about={EVENTS.about} />
      <form class="asks" onSubmit={(event) => {
        event.preventDefault();
        const text = askedText(draft);
        if (text === query) void read([], () => true);
        else show({ admin: text === "" ? "events" : `events?${text}` });
      }}>
        <Field label={EVENTS.topic} value={draft.topic} isCode onInput={(topic) => setDraft({ ...draft, topic })} />
        <Field label={EVENTS.user} value={draft.user} onInput={(user) => setDraft({ ...draft, user })} />
        <Choose label={EVENTS.when} value={isMoment ? "moment" : draft.when} names={Object.entries(EVENTS.spans)} onChange={(when) => setDraft({ ...draft, when: when === "moment" ? localText(Date.now()) : when })} />
        {isMoment && <Field label={EVENTS.moment} type="datetime-local" value={draft.when} onInput={(when) => setDraft({ ...draft, when })} />}
        <button type="submit" class="filled">{EVENTS.ask}</button>
      </form>
      <form class="asks"><Check label={EVENTS.questions} isOn={isAll} onChange={setAll} />{list !== null && shown.length < list.length && <p class="of">{plural(EVENTS.hidden, list.length - shown.length)}</p>}</form>
      <Says outcome={outcome} />
      {list === null ? <p class="note">{WORDS.loading}</p> : shown.length === 0 ? outcome === null && <p class="note">{EVENTS.none}</p> : (
        <div class="scrolled panel events" tabIndex={0} role="region" aria-label={EVENTS.title}>
          <table>
            <thead><tr><th scope="col">{EVENTS.time}</th><th scope="col">{EVENTS.who}</th><th scope="col">{EVENTS.what}</th></tr></thead>
            <tbody>{shown.map((one) => <Row key={one.number} one={one} />)}</tbody>
          </table>
        </div>
      )}
      {hasMore && list !== null && <p class="actions"><button type="button" onClick={() => void read(list, () => true)}>{EVENTS.more}</button></p>}
    </>
  );
}

function Row({ one }: { one: Happened }) {
  const { time, user, client, address, kind, topic, payload } = one;
  return (
    <tr>
      <td><time>{Number.isNaN(time) ? "" : exactText(time)}</time></td>
      <td><b>{cut(user, 80)}</b><span class="row-more">{cut([client, address].filter(Boolean).join(", "), 120)}</span></td>
      <td>
        {known(EVENTS.kinds, kind)}{topic !== "" && <> <span class="code">{cut(topic, 300)}</span></>}{payload !== "" && <> <span class="code">{cut(payload, PAYLOAD_SHOWN)}</span></>}
        <span class="row-more">{resultText(one)}</span>
      </td>
    </tr>
  );
}

/** As the field of a moment wants it: the time here, without a zone. */
function localText(time: number): string {
  const here = new Date(time - new Date(time).getTimezoneOffset() * 60e3);
  return here.toISOString().slice(0, 16);
}

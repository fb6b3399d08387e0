// All accounts; one of them to change, with what it may and why.

import { useState } from "preact/hooks";
import { type Reply, accountPath, accounts, accountsTrouble, call, change, isDemo, tokenPath } from "../../admin.js";
import { type Account, type Draft, EMPTY, bodyOf, lines } from "../../core/admin/accounts.js";
import { isObject } from "../../core/frame.js";
import { ACCOUNTS, COMMON, EXPLAIN, TOKENS, WORDS, known, plural, say } from "../../core/text.js";
import { cut } from "../../core/words.js";
import { user } from "../../page.js";
import { Field, Head, type Outcome, Says, Sure, told } from "./parts.js";
import { Rights } from "./rights.js";

export function Accounts() {
  const [chosen, setChosen] = useState<string | null>(null);
  const [isNew, setNew] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const all = accounts.value?.list.filter(({ isToken }) => !isToken) ?? [];
  const account = all.find(({ name }) => name === chosen) ?? null;
  const done = (after: Outcome, name: string | null) => {
    setOutcome(told(after));
    setNew(false);
    setChosen(name);
  };
  return (
    <>
      <Head title={ACCOUNTS.title} about={ACCOUNTS.about}>
        <button type="button" class="filled" disabled={isDemo.value} onClick={() => {
          setOutcome(null);
          setChosen(null);
          setNew(true);
        }}>{ACCOUNTS.add}</button>
      </Head>
      {isDemo.value && <p class="warning">{ACCOUNTS.demo}</p>}
      <Says outcome={accountsTrouble.value === "" ? outcome : { isOk: false, sentence: accountsTrouble.value }} />
      <div class="two">
        <ul class="rows-of" aria-label={ACCOUNTS.title}>
          {accounts.value === null && accountsTrouble.value === "" && <li class="note">{WORDS.loading}</li>}
          {accounts.value !== null && all.length === 0 && <li class="note">{ACCOUNTS.none}</li>}
          {all.map((one) => (
            <li key={one.name}>
              <button type="button" class="row" aria-pressed={one.name === chosen} onClick={() => {
                setOutcome(null);
                setNew(false);
                setChosen(one.name);
              }}><Line account={one} /></button>
            </li>
          ))}
        </ul>
        {isNew && <Editor key="new" account={null} start={EMPTY} onDone={(_, name) => done({ isOk: true, sentence: say(ACCOUNTS.saved, { name }) }, name)} onCancel={() => setNew(false)} />}
        {account && !isNew && (
          <div class="beside">
            <Editor key={account.name} account={account} start={account} onDone={(method, name) => done({ isOk: true, sentence: method === "PUT" ? say(ACCOUNTS.saved, { name }) : say(ACCOUNTS.removed, { name }) }, method === "PUT" ? name : null)} onCancel={() => setChosen(null)} />
            <Explain key={`${account.name} why`} account={account} />
          </div>
        )}
      </div>
    </>
  );
}

/** What somebody may do, in one line. */
function rightsWords({ subscribe, publish, retain, admin }: Account["rights"]): string {
  const listed = (filters: string[]) => {
    if (filters.length === 0) return COMMON.nothing;
    const list = filters.slice(0, 3).join(", ");
    return filters.includes("#") ? COMMON.everything : filters.length > 3 ? say(COMMON.andMore, { list, count: filters.length - 3 }) : list;
  };
  return [say(COMMON.reads, { filters: listed(subscribe) }), say(COMMON.publishes, { filters: listed(publish) }), retain && COMMON.retains, admin && COMMON.isAdmin].filter(Boolean).join(", ");
}

/** An account or a token in a few words. */
export function Line({ account }: { account: Account }) {
  const { name, rights, connections, validUntil, from, note } = account;
  const facts = [connections === 0 ? ACCOUNTS.unconnected : plural(ACCOUNTS.connections, connections), validUntil && say(ACCOUNTS.until, { moment: validUntil }), from && say(ACCOUNTS.fromNetworks, { networks: lines(from).join(", ") }), note].filter(Boolean);
  return (
    <>
      <span class="row-name">{name}{rights.admin && <span class="badge">{ACCOUNTS.adminBadge}</span>}{name === user.value && <span class="badge">{ACCOUNTS.you}</span>}</span>
      <span class="row-more">{cut(rightsWords(rights), 300)}</span>
      <span class="row-more">{cut(facts.join(" · "), 300)}</span>
    </>
  );
}

type Method = "PUT" | "DELETE" | "POST";

/** An account that is there or a new one, or a new token: that is posted, and what is told of it is told once. */
export function Editor({ account, start, isToken = false, onDone, onCancel }: { account: Account | null; start: Draft; isToken?: boolean; onDone(method: Method, name: string, body: unknown): void; onCancel(): void }) {
  const [draft, setDraft] = useState(start);
  /** What was in force when this form was filled. */
  const [before, setBefore] = useState(start);
  const [isShown, setShown] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const set = (more: Partial<Draft>) => setDraft((known) => ({ ...known, ...more }));
  const send = async (method: Method) => {
    setBusy(true);
    setOutcome(null);
    const reply: Reply = await change(method, (isToken ? tokenPath : accountPath)(draft.name), method === "DELETE" ? undefined : bodyOf(draft, isToken));
    setBusy(false);
    if (!reply.isOk) {
      // What nobody has touched here is as somebody else has it now.
      const now = accounts.value?.list.find(({ name }) => account?.name === name);
      if (now) {
        setDraft((known) => {
          const untouched = (Object.keys(EMPTY) as (keyof Draft)[]).filter((key) => known[key] === before[key]);
          return { ...known, ...Object.fromEntries(untouched.map((key) => [key, now[key]])) };
        });
        setBefore(now);
      }
      return setOutcome({ isOk: false, sentence: reply.sentence });
    }
    set({ password: "" });
    setBefore({ ...draft, password: "" });
    onDone(method, draft.name, reply.body);
  };
  const title = account ? say(ACCOUNTS.edit, { name: account.name }) : isToken ? TOKENS.add : ACCOUNTS.add;
  return (
    <section class="panel editor" aria-labelledby="editor-title">
      <h2 id="editor-title">{title}</h2>
      <form onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void send(isToken ? "POST" : "PUT");
      }}>
        {!account && <Field label={ACCOUNTS.name} value={draft.name} isNeeded onInput={(name) => set({ name })} />}
        {!isToken && <div class="field">
          <label for="account-password">{account?.hasPassword ? ACCOUNTS.keepsPassword : ACCOUNTS.password}</label>
          <div class="with-button">
            <input id="account-password" {...({ type: isShown ? "text" : "password" } as { type: "password" })} value={draft.password} autocomplete="new-password" maxLength={1024} onInput={(event) => set({ password: event.currentTarget.value })} />
            <button type="button" class="quiet" aria-controls="account-password" aria-pressed={isShown} onClick={() => setShown(!isShown)}>{isShown ? ACCOUNTS.hide : ACCOUNTS.show}</button>
          </div>
        </div>}
        <Rights draft={draft} isToken={isToken} set={set} />
        <Says outcome={outcome} />
        <div class="actions">
          <button type="submit" class="filled" disabled={isBusy}>{isToken ? TOKENS.make : COMMON.save}</button>
          <button type="button" onClick={onCancel}>{COMMON.cancel}</button>
          {account && <Sure name={ACCOUNTS.remove} ask={say(ACCOUNTS.removeAsk, { name: account.name })} yes={ACCOUNTS.removeYes} isBusy={isBusy} onYes={() => void send("DELETE")} />}
        </div>
      </form>
    </section>
  );
}

/** May it publish to a topic, and why? The hub answers, by the rights that are in force. */
function Explain({ account: { name } }: { account: Account }) {
  const [topic, setTopic] = useState("");
  const [answers, setAnswers] = useState<[string, boolean, string][]>([]);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const ask = async () => {
    const reply = await call("GET", `${accountPath(name)}/explain?topic=${encodeURIComponent(topic)}`);
    const body = reply.isOk && isObject(reply.body) ? reply.body : {};
    setOutcome(reply.isOk ? null : { isOk: false, sentence: reply.sentence });
    setAnswers(Object.keys(EXPLAIN.rights).flatMap((right) => {
      const answer = body[right];
      return isObject(answer) ? [[right, answer.allowed === true, String(answer.why)] as [string, boolean, string]] : [];
    }));
  };
  return (
    <section class="panel explain" aria-labelledby="explain-title">
      <h2 id="explain-title">{EXPLAIN.title}</h2>
      <p class="of">{EXPLAIN.about}</p>
      <form onSubmit={(event) => {
        event.preventDefault();
        void ask();
      }}>
        <Field label={EXPLAIN.topic} value={topic} isCode isNeeded onInput={setTopic} />
        <div class="actions"><button type="submit">{EXPLAIN.ask}</button></div>
      </form>
      <Says outcome={outcome} />
      <dl class="answers" aria-live="polite">
        {answers.map(([right, isAllowed, why]) => [<dt key={right} data-allowed={isAllowed}>{known(EXPLAIN.rights, right)}</dt>, <dd key={`${right} why`}>{why}</dd>])}
      </dl>
    </section>
  );
}

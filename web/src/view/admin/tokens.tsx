// All tokens: made, shown once, revoked.

import { useState } from "preact/hooks";
import { accounts, accountsTrouble, change, isDemo, tokenPath } from "../../admin.js";
import { EMPTY } from "../../core/admin/accounts.js";
import { isObject } from "../../core/frame.js";
import { ACCOUNTS, TOKENS, say } from "../../core/text.js";
import { Editor, Line } from "./accounts.js";
import { Copy, Head, type Outcome, Says, Sure, told } from "./parts.js";

export function Tokens() {
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const all = accounts.value?.list.filter(({ isToken }) => isToken) ?? [];
  const revoke = async (name: string) => {
    setBusy(true);
    const reply = await change("DELETE", tokenPath(name));
    setBusy(false);
    setOutcome(told(reply.isOk ? { isOk: true, sentence: say(TOKENS.revoked, { name }) } : { isOk: false, sentence: reply.sentence }));
  };
  return (
    <>
      <Head title={TOKENS.title} about={TOKENS.about}>
        <button type="button" class="filled" disabled={isDemo.value} onClick={() => {
          setOutcome(null);
          setMade(null);
          setNew(true);
        }}>{TOKENS.add}</button>
      </Head>
      {isDemo.value && <p class="warning">{ACCOUNTS.demo}</p>}
      <Says outcome={accountsTrouble.value === "" ? outcome : { isOk: false, sentence: accountsTrouble.value }} />
      {made && (
        <section class="panel made" aria-label={say(TOKENS.made, { name: made.name })}>
          <p>{say(TOKENS.made, { name: made.name })}</p>
          <p class="secret code">{made.token}</p>
          <div class="actions"><Copy text={made.token} /><button type="button" onClick={() => setMade(null)}>{TOKENS.done}</button></div>
        </section>
      )}
      {isNew && <Editor account={null} start={{ ...EMPTY, role: "dashboard" }} isToken onCancel={() => setNew(false)} onDone={(_, name, body) => {
        setNew(false);
        if (isObject(body)) setMade({ name, token: String(body.token) });
      }} />}
      <ul class="rows-of wide" aria-label={TOKENS.title}>
        {accounts.value !== null && all.length === 0 && <li class="note">{TOKENS.none}</li>}
        {all.map((one) => (
          <li key={one.name} class="row">
            <Line account={one} />
            <div class="actions"><Sure name={TOKENS.revoke} ask={say(TOKENS.revokeAsk, { name: one.name })} yes={TOKENS.revokeYes} isBusy={isBusy} onYes={() => void revoke(one.name)} /></div>
          </li>
        ))}
      </ul>
    </>
  );
}

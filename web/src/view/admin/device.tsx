// A new device: its token, shown once, a program to begin with, and its first reading.

import { effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { accountPath, call, change, isDemo, tokenPath } from "../../admin.js";
import { EMPTY, bodyOf } from "../../core/admin/accounts.js";
import { type Device as Facts, SNIPPETS, addressOf, codeOf, isLocal } from "../../core/admin/snippets.js";
import { isObject } from "../../core/frame.js";
import { type Reading, titleOf } from "../../core/values.js";
import { ACCOUNTS, DEVICE, say } from "../../core/text.js";
import { cut } from "../../core/words.js";
import { forgotten, listeners, second, user, values } from "../../page.js";
import { HUB } from "../../session.js";
import { valueText } from "../tile.js";
import { Code } from "../qr.js";
import { Choose, Copy, Field, Head, type Outcome, Says } from "./parts.js";

/** The device that was made last. It is forgotten with the page and with the sign-in: the token is told once. */
const made = signal<(Facts & { canRead: boolean; since: number }) | null>(null);
effect(() => {
  void forgotten.value;
  made.value = null;
});

export function Device() {
  const [draft, setDraft] = useState({ name: "", base: "" });
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const device = made.value;
  const base = draft.base === "" && draft.name !== "" ? `home/${draft.name}` : draft.base;
  const make = async () => {
    setBusy(true);
    const times = forgotten.value;
    const body = bodyOf({ ...EMPTY, role: "node", base }, true);
    const reply = await change("POST", tokenPath(draft.name), body);
    if (reply.isOk && isObject(reply.body)) {
      const mine = await call("GET", `${accountPath(user.value ?? "")}/explain?topic=${encodeURIComponent(`${base}/#`)}`);
      const canRead = mine.isOk && isObject(mine.body) && isObject(mine.body.subscribe) && mine.body.subscribe.allowed === true;
      if (times === forgotten.value) made.value = { hub: HUB, name: draft.name, token: String(reply.body.token), base, canRead, since: values.now() };
      setOutcome(null);
    } else if (!reply.isOk) setOutcome({ isOk: false, sentence: reply.sentence });
    setBusy(false);
  };
  return (
    <>
      <Head title={DEVICE.title} about={DEVICE.about}>
        {device && <button type="button" onClick={() => {
          made.value = null;
          setDraft({ name: "", base: "" });
        }}>{DEVICE.another}</button>}
      </Head>
      {isDemo.value && <p class="warning">{ACCOUNTS.demo}</p>}
      {device ? <Made device={device} canRead={device.canRead} since={device.since} /> : (
        <section class="panel editor" aria-label={DEVICE.title}>
          <form onSubmit={(event) => {
            event.preventDefault();
            if (!isBusy && !isDemo.value) void make();
          }}>
            <Field label={DEVICE.name} value={draft.name} isNeeded onInput={(name) => setDraft({ ...draft, name })} />
            <Field label={DEVICE.base} value={base} isCode isNeeded onInput={(base) => setDraft({ ...draft, base })} />
            <Says outcome={outcome} />
            <div class="actions"><button type="submit" class="filled" disabled={isBusy || isDemo.value}>{DEVICE.make}</button></div>
          </form>
        </section>
      )}
    </>
  );
}

function Made({ device, canRead, since }: { device: Facts; canRead: boolean; since: number }) {
  const [language, setLanguage] = useState(SNIPPETS[0]![0]);
  const program = SNIPPETS.find(([key]) => key === language)?.[2](device) ?? "";
  const facts = [[DEVICE.address, addressOf(device), DEVICE.copy.address], [DEVICE.name, device.name, DEVICE.copy.name], [DEVICE.token, device.token, DEVICE.copy.token]] as const;
  return (
    <div class="two device">
      <section class="panel" aria-label={device.name}>
        <h2>{device.name}</h2>
        <p class="warning">{DEVICE.once}</p>
        {isLocal(device.hub) && <p class="of">{DEVICE.local}</p>}
        <div class="facts">
          <dl>
            {facts.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`} class="code">{value}</dd>])}
          </dl>
          <Code text={codeOf(device)} label={DEVICE.code} />
        </div>
        <div class="actions">{facts.map(([name, value, copy]) => <Copy key={name} text={value} name={copy} />)}</div>
        <First device={device} canRead={canRead} since={since} />
      </section>
      <section class="panel" aria-labelledby="program-title">
        <h2 id="program-title">{DEVICE.program}</h2>
        <form><Choose label={DEVICE.language} value={language} names={SNIPPETS.map(([key, name]) => [key, name] as const)} onChange={setLanguage} /></form>
        <pre tabIndex={0} class="program" aria-label={DEVICE.program}>{program}</pre>
        <div class="actions"><Copy text={program} /></div>
      </section>
    </div>
  );
}

/** Waits for what the device says. */
function First({ device: { base }, canRead, since }: { device: Facts; canRead: boolean; since: number }) {
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    const listen = (reading: Reading) => {
      if (reading.topic.startsWith(`${base}/`) && !reading.isKept) setSpoken(sentenceOf(reading));
    };
    // What it said while another page of the operator was shown.
    for (const reading of values.topics.values()) if (reading.topic.startsWith(`${base}/`) && reading.time >= since) setSpoken(sentenceOf(reading));
    listeners.add(listen);
    return () => void listeners.delete(listen);
  }, [base]);
  void second.value;
  const isConnected = values.presenceOf(base)?.isOnline === true;
  const words = spoken !== "" ? say(DEVICE.spoken, { what: spoken }) : !canRead ? say(DEVICE.unreadable, { base }) : isConnected ? DEVICE.connected : say(DEVICE.waiting, { base });
  return <p class="first" data-spoken={spoken !== "" ? "" : undefined} role="status">{words}</p>;
}

function sentenceOf(reading: Reading): string {
  const quantities = reading.quantities ?? [];
  if (quantities.length === 0) return `${reading.title} ${cut(reading.text, 100)}`;
  return quantities.slice(0, 3).map((one) => `${cut(titleOf(one.key), 60)} ${valueText(one, reading.decimals(one.key))}${one.unit ? ` ${one.unit}` : ""}`).join(", ");
}

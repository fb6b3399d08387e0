// Small parts that several pages of the operator have.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { announce } from "../../page.js";
import { COMMON } from "../../core/text.js";

export function Copy({ text, name = COMMON.copy }: { text: string; name?: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <button type="button" onClick={() => void navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false))}>
      {isCopied ? COMMON.copied : name}
    </button>
  );
}

/** A button that asks before it does something that cannot be taken back. The focus is on "Cancel", so a stray key does no harm. */
export function Sure({ name, ask, yes, isBusy, isAsking = false, onYes, onNo }: { name: string; ask: string; yes: string; isBusy: boolean; isAsking?: boolean; onYes(): void; onNo?(): void }) {
  const [isAsked, setAsked] = useState(isAsking);
  const no = useRef<HTMLButtonElement>(null);
  // Once, when it is asked, and not each time it is drawn.
  useLayoutEffect(() => no.current?.focus(), [isAsked]);
  if (!isAsked) return <button type="button" class="danger" onClick={() => setAsked(true)}>{name}</button>;
  return (
    <div class="sure" role="group" aria-label={ask}>
      <p>{ask}</p>
      <button type="button" class="filled" disabled={isBusy} onClick={onYes}>{yes}</button>
      <button ref={no} type="button" onClick={() => {
        setAsked(false);
        onNo?.();
      }}>{COMMON.cancel}</button>
    </div>
  );
}

interface FieldInput {
  label: string;
  value: string;
  onInput(value: string): void;
  isCode?: boolean;
  isNeeded?: boolean;
  rows?: number;
  type?: "text" | "datetime-local";
  /** Where proposals for it stand. */
  list?: string;
}

/** A text with its label; with `rows` one of several lines. */
export function Field({ label, value, onInput, isCode = false, isNeeded = false, rows, type = "text", list }: FieldInput) {
  const id = useId();
  const common = { id, value, class: isCode ? "code" : undefined, autocomplete: "off", autocapitalize: "none", spellcheck: false, required: isNeeded } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined
        ? <input {...common} {...({ type } as { type: "text" })} list={list} onInput={(event) => onInput(event.currentTarget.value)} />
        : <textarea {...common} rows={rows} onInput={(event) => onInput(event.currentTarget.value)} />}
    </div>
  );
}

export function Choose({ label, value, names, onChange }: { label: string; value: string; names: readonly (readonly [string, string])[]; onChange(value: string): void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {names.map(([key, name]) => <option key={key} value={key}>{name}</option>)}
      </select>
    </div>
  );
}

export function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange(isOn: boolean): void }) {
  return <label class="check"><input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />{label}</label>;
}

/** What came of something: for the eyes, and for a screen reader where it is no trouble. */
export interface Outcome {
  isOk: boolean;
  sentence: string;
}

export function told(outcome: Outcome): Outcome {
  if (outcome.isOk) announce(outcome.sentence);
  return outcome;
}

export function Says({ outcome }: { outcome: Outcome | null }) {
  return <p class={outcome && !outcome.isOk ? "answer trouble" : "answer"} role={outcome && !outcome.isOk ? "alert" : undefined}>{outcome?.sentence ?? ""}</p>;
}

export function Head({ title, about, children }: { title: string; about: string; children?: ComponentChildren }) {
  return (
    <div class="page-head">
      <div><h2>{title}</h2><p class="of">{about}</p></div>
      {children}
    </div>
  );
}

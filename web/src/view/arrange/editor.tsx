// One node or value in a dialog: its name, room and icon, and of a value its limits.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { changeOf, isSame, save } from "../../arrange.js";
import { type Entry, type Limit, type Sort, entryOf, roomsOf } from "../../core/layout.js";
import { ARRANGE, COMMON, known, pointed, say } from "../../core/text.js";
import { typedNumber } from "../../core/typed.js";
import { titleOf } from "../../core/values.js";
import { layout } from "../../layout.js";
import { announce, values } from "../../page.js";
import { Choose, Field, type Outcome, Says } from "../admin/parts.js";
import { ICONS, Icon } from "./icon.js";

const MINUTE = 60;

interface Draft {
  name: string;
  room: string;
  icon: string;
  silent: string;
  /** By the places of values. */
  limits: Map<string, { low: string; high: string }>;
}

const written = (number: number | undefined): string => (number === undefined ? "" : pointed(String(number)));

function draftOf({ name = "", room = "", icon = "", silent, limits = {} }: Entry): Draft {
  const texts = Object.entries(limits).map(([path, { low, high }]) => [path, { low: written(low), high: written(high) }] as const);
  return { name, room, icon, silent: written(silent === undefined ? undefined : silent / MINUTE), limits: new Map(texts) };
}

/** A number as people write it, or undefined for nothing. Throws the sentence about what is none. */
function number(label: string, text: string): number | undefined {
  if (text.trim() === "") return undefined;
  const value = typedNumber(text);
  if (value === null) throw say(ARRANGE.notNumber, { label, example: pointed("1250.5") });
  return value;
}

/** What is to be saved: what is empty is not there, and what is not edited here stays. */
function entryFrom(before: Entry, { name, room, icon, silent, limits }: Draft, nameOf: (path: string) => string): Entry {
  const minutes = number(ARRANGE.silent, silent);
  const bounds: [string, Limit][] = [...limits].flatMap(([path, { low, high }]) => {
    const limit = { low: number(say(ARRANGE.low, { what: nameOf(path) }), low), high: number(say(ARRANGE.high, { what: nameOf(path) }), high) };
    return limit.low === undefined && limit.high === undefined ? [] : [[path, limit]];
  });
  return {
    ...(name.trim() !== "" && { name: name.trim() }), ...(room.trim() !== "" && { room: room.trim() }), ...(icon !== "" && { icon }),
    ...(before.order !== undefined && { order: before.order }), ...(minutes !== undefined && { silent: Math.max(1, Math.round(minutes * MINUTE)) }),
    ...(bounds.length > 0 && { limits: Object.fromEntries(bounds) }),
  };
}

export function Editor({ sort, id, title: given, onClose }: { sort: Sort; id: string; title: string; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [seen, setSeen] = useState(layout.value);
  // It is not renamed while somebody edits it.
  const [title] = useState(given);
  const [draft, setDraft] = useState(() => draftOf(entryOf(layout.value, sort, id)));
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [heading, list] = [useId(), useId()];
  useEffect(() => dialog.current?.showModal(), []);
  const set = (more: Partial<Draft>) => setDraft((before) => ({ ...before, ...more }));
  const reading = sort === "values" ? values.topics.get(id) : undefined;
  const numbers = (reading?.quantities ?? []).filter(({ value, path }) => typeof value === "number" || draft.limits.has(path));
  const nameOf = (path: string): string => titleOf(numbers.find((one) => one.path === path)?.key ?? path);
  const now = entryOf(layout.value, sort, id);
  // Somebody else was faster: what they have made of it is there already.
  const isOther = !isSame(now, entryOf(seen, sort, id));
  const send = async (from = seen) => {
    let entry: Entry;
    try {
      entry = entryFrom(entryOf(from, sort, id), draft, nameOf);
    } catch (wrong) {
      return setOutcome({ isOk: false, sentence: String(wrong) });
    }
    setBusy(true);
    const saved = await save(changeOf(sort, [[id, entry]]), from);
    setBusy(false);
    if (!saved.isOk) return setOutcome(saved);
    announce(say(ARRANGE.saved, { title: entry.name ?? title }));
    dialog.current?.close();
  };
  const roomOfNode = reading && layout.value.nodes.get(reading.base)?.room;
  return (
    <dialog ref={dialog} class="edit" aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}><Icon name={draft.icon} />{say(ARRANGE.edit, { title })}</h2>
      <p class="of code">{id}</p>
      <form onSubmit={(event) => {
        event.preventDefault();
        if (!isBusy) void send();
      }}>
        <Field label={ARRANGE.name} value={draft.name} onInput={(name) => set({ name })} />
        <Field label={roomOfNode ? say(ARRANGE.roomOfNode, { room: roomOfNode }) : ARRANGE.room} value={draft.room} list={list} onInput={(room) => set({ room })} />
        <datalist id={list}>{roomsOf(layout.value).map((room) => <option key={room} value={room} />)}</datalist>
        <Choose label={ARRANGE.icon} value={draft.icon} names={[["", ARRANGE.noIcon], ...Object.keys(ICONS).map((one) => [one, known(ARRANGE.icons, one)] as const)]} onChange={(icon) => set({ icon })} />
        {sort === "values" && (
          <fieldset class="limits">
            <legend>{ARRANGE.limits}</legend>
            {numbers.map(({ path, key, unit }) => {
              const limit = draft.limits.get(path) ?? { low: "", high: "" };
              const what = `${titleOf(key)}${unit && ` (${unit})`}`;
              const bound = (more: Partial<typeof limit>) => set({ limits: new Map([...draft.limits, [path, { ...limit, ...more }]]) });
              return (
                <div key={path} class="fields">
                  <Field label={say(ARRANGE.low, { what })} value={limit.low} onInput={(low) => bound({ low })} />
                  <Field label={say(ARRANGE.high, { what })} value={limit.high} onInput={(high) => bound({ high })} />
                </div>
              );
            })}
            <Field label={ARRANGE.silent} value={draft.silent} onInput={(silent) => set({ silent })} />
          </fieldset>
        )}
        <Says outcome={isOther ? { isOk: false, sentence: ARRANGE.changed } : outcome} />
        <div class="actions">
          {isOther ? (
            <>
              <button type="button" class="filled" onClick={() => {
                setSeen(layout.value);
                setDraft(draftOf(now));
                setOutcome(null);
              }}>{ARRANGE.theirs}</button>
              <button type="button" disabled={isBusy} onClick={() => {
                setSeen(layout.value);
                void send(layout.value);
              }}>{ARRANGE.mine}</button>
            </>
          ) : <button type="submit" class="filled" disabled={isBusy}>{ARRANGE.save}</button>}
          <button type="button" onClick={() => dialog.current?.close()}>{COMMON.cancel}</button>
        </div>
      </form>
    </dialog>
  );
}

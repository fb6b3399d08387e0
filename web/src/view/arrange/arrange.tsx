// What is loaded when somebody arranges things, or when there are limits.

import "../../app.js";
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Change, exported, imported, moved, save } from "../../arrange.js";
import { type Sort, roomsOf } from "../../core/layout.js";
import { ARRANGE, say } from "../../core/text.js";
import { layout } from "../../layout.js";
import { announce } from "../../page.js";
import { type Outcome, Says, Sure, told } from "../admin/parts.js";
import { download } from "../parts.js";
import { neighbours } from "../overview.js";
import { Editor } from "./editor.js";

export { Alarms } from "./alarms.js";
export { Icon } from "./icon.js";

const FILE = "clown-hub-layout.json";
const FILE_AT_MOST = 1_000_000;

/** What is being edited. It stays, whatever becomes of the tile where somebody began. */
const editing = signal<{ sort: Sort; id: string; title: string; opener: HTMLElement } | null>(null);

/** Behind a node or a value: what can be changed of it. */
export function Buttons({ sort, id, title }: { sort: Sort; id: string; title: string }) {
  const box = useRef<HTMLDivElement>(null);
  const move = async (by: number) => {
    const change = moved(sort, neighbours(sort, id), id, by);
    if (change === null) return;
    const focused = document.activeElement;
    const { isOk, sentence } = await save(change, layout.value);
    announce(isOk ? say(ARRANGE.moved, { title }) : sentence);
    // An element that is put elsewhere has lost the focus.
    requestAnimationFrame(() => focused instanceof HTMLElement && box.current?.contains(focused) && focused.focus());
  };
  return (
    <div ref={box} class="arrange">
      <button type="button" aria-label={say(ARRANGE.edit, { title })} onClick={({ currentTarget }) => (editing.value = { sort, id, title, opener: currentTarget })}>{ARRANGE.editShort}</button>
      <button type="button" class="quiet" aria-label={say(ARRANGE.earlier, { title })} onClick={() => void move(-1)}>↑</button>
      <button type="button" class="quiet" aria-label={say(ARRANGE.later, { title })} onClick={() => void move(1)}>↓</button>
    </div>
  );
}

export function Bar() {
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [file, setFile] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const rooms = roomsOf(layout.value);
  useEffect(() => () => void (editing.value = null), []);
  const saveFile = async () => {
    const text = await exported();
    if (text === null) return setOutcome({ isOk: false, sentence: ARRANGE.exportFailed });
    download(FILE, new Blob([text], { type: "application/json" }));
  };
  const replace = async (text: string) => {
    setBusy(true);
    setOutcome(told(await imported(text)));
    setBusy(false);
    setFile(null);
  };
  const order = async (change: Change) => {
    const { isOk, sentence } = await save(change, layout.value);
    setOutcome(isOk ? null : { isOk, sentence });
  };
  return (
    <section class="panel arranging" aria-label={ARRANGE.about}>
      <p>{ARRANGE.about}</p>
      {!layout.value.isStored && <p class="warning">{ARRANGE.unstored}</p>}
      <div class="actions">
        <button type="button" onClick={() => void saveFile()}>{ARRANGE.export}</button>
        <input ref={picker} type="file" accept=".json,application/json" hidden aria-label={ARRANGE.import} onChange={async ({ currentTarget }) => {
          const chosen = currentTarget.files?.[0];
          currentTarget.value = "";
          if (chosen) setFile(await chosen.slice(0, FILE_AT_MOST).text());
        }} />
        {file === null
          ? <button type="button" onClick={() => picker.current?.click()}>{ARRANGE.import}</button>
          : <Sure key={file} name={ARRANGE.import} ask={ARRANGE.importAsk} yes={ARRANGE.importYes} isBusy={isBusy} isAsking onNo={() => setFile(null)} onYes={() => void replace(file)} />}
      </div>
      {rooms.length > 1 && (
        <div class="rooms" role="group" aria-label={ARRANGE.rooms}>
          <span>{ARRANGE.rooms}</span>
          <ol>{rooms.map((room, at) => (
            <li key={room}>{room}{at > 0 && <button type="button" class="quiet" aria-label={say(ARRANGE.roomEarlier, { room })} onClick={() => {
              const next = [...rooms];
              next.splice(at - 1, 0, ...next.splice(at, 1));
              void order({ rooms: next });
            }}>↑</button>}</li>
          ))}</ol>
        </div>
      )}
      <Says outcome={outcome} />
      {editing.value && <Editor sort={editing.value.sort} id={editing.value.id} title={editing.value.title} onClose={() => {
        const { opener } = editing.value!;
        editing.value = null;
        opener.focus();
      }} />}
    </section>
  );
}

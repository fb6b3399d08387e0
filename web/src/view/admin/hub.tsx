// The hub itself: its figures, a copy of its store, and the configuration in effect.

import { useEffect, useState } from "preact/hooks";
import { call } from "../../admin.js";
import { type Figures, bytesText, pathOf, uptimeText } from "../../core/admin/figures.js";
import { isObject } from "../../core/frame.js";
import { HUB_PAGE, WORDS, known, pointed, say, wholeText } from "../../core/text.js";
import { cut } from "../../core/words.js";
import { HUB } from "../../session.js";
import { figures, figuresTrouble, trail, useFigures } from "./figures.js";
import { Check, Field, Head, Says } from "./parts.js";

/** Told as so much a second: what they count since the start says little. */
const RATES = new Set(["messages/published", "messages/sent"]);
const BYTES = /(^|\/|_)(bytes|held)$/;

export function Hub() {
  useFigures();
  const all = figures.value;
  const about = all === null ? HUB_PAGE.about : [say(HUB_PAGE.version, { version: String(all.get("version") ?? "") }), say(HUB_PAGE.up, { span: uptimeText(Number(all.get("uptime")) || 0) }), HUB_PAGE.about].join(" · ");
  return (
    <>
      <Head title={HUB_PAGE.title} about={about} />
      <Says outcome={figuresTrouble.value === "" ? null : { isOk: false, sentence: figuresTrouble.value }} />
      {all === null ? figuresTrouble.value === "" && <p class="note">{WORDS.loading}</p> : all.size === 0 ? <p class="note">{HUB_PAGE.none}</p> : <Tiles all={all} />}
      <Backup store={all?.get("store/state")} />
      <Configuration />
      {all !== null && <All all={all} />}
    </>
  );
}

function Tiles({ all }: { all: Figures }) {
  const names = Object.keys(HUB_PAGE.tiles).filter((name) => all.has(name) && !(name === "tls/days_left" && all.get("tls/expires") === 0));
  return (
    <ul class="tiles figures-of-hub">
      {names.map((name) => {
        const isRate = RATES.has(name);
        const points = isRate ? trail.rates(name) : trail.of(name);
        const path = pathOf(points);
        const value = isRate ? rateText(points.at(-1)?.value) : valueText(name, all.get(name));
        return (
          <li key={name} class="tile" data-figure={name}>
            <h3>{known(HUB_PAGE.tiles, name)}</h3>
            <p class="value"><span class="number" data-size={value.length > 20 ? "small" : value.length > 8 ? "middle" : undefined}>{value}</span>{isRate && <span class="unit">{" /s"}</span>}</p>
            <svg class="sparkline" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">{path !== null && <path vector-effect="non-scaling-stroke" d={path} />}</svg>
          </li>
        );
      })}
    </ul>
  );
}

const rateText = (value: number | undefined): string => (value === undefined ? "–" : value >= 10 ? wholeText(Math.round(value)) : pointed(value.toFixed(1)));

function valueText(name: string, value: unknown): string {
  if (name === "store/state") return known(HUB_PAGE.stores, String(value), cut(String(value), 60));
  if (typeof value !== "number") return cut(typeof value === "string" ? value : JSON.stringify(value), 200);
  return BYTES.test(name) ? bytesText(value) : wholeText(value);
}

function Backup({ store }: { store: unknown }) {
  return (
    <section class="panel" aria-labelledby="backup-title">
      <h2 id="backup-title">{HUB_PAGE.backup}</h2>
      <p class="of">{store === "off" ? HUB_PAGE.backupNone : HUB_PAGE.backupAbout}</p>
      {store !== "off" && <p class="actions"><a class="button framed" href={`${HUB}api/backup`} download>{HUB_PAGE.backupGet}</a></p>}
    </section>
  );
}

interface Key {
  name: string;
  value: string;
  origin: string;
  meaning: string;
}

function Configuration() {
  const [keys, setKeys] = useState<Key[]>([]);
  const [trouble, setTrouble] = useState("");
  const [wanted, setWanted] = useState("");
  const [isChanged, setChanged] = useState(false);
  useEffect(() => {
    void call("GET", "api/config").then((reply) => {
      setTrouble(reply.isOk ? "" : reply.sentence);
      const list = reply.isOk && isObject(reply.body) && Array.isArray(reply.body.keys) ? reply.body.keys.filter(isObject) : [];
      setKeys(list.map(({ name, value, origin, meaning }) => ({ name: String(name), value: String(value), origin: String(origin), meaning: String(meaning) })));
    });
  }, []);
  const found = keys.filter(({ name, meaning, origin }) => `${name} ${meaning}`.toLowerCase().includes(wanted.toLowerCase()) && !(isChanged && origin === "default"));
  return (
    <section class="panel" aria-labelledby="config-title">
      <h2 id="config-title">{HUB_PAGE.config}</h2>
      <p class="of">{HUB_PAGE.configAbout}</p>
      <form class="asks" onSubmit={(event) => event.preventDefault()}>
        <Field label={HUB_PAGE.find} value={wanted} isCode onInput={setWanted} />
        <Check label={HUB_PAGE.changed} isOn={isChanged} onChange={setChanged} />
      </form>
      <Says outcome={trouble === "" ? null : { isOk: false, sentence: trouble }} />
      <div class="scrolled low" tabIndex={0} role="region" aria-label={HUB_PAGE.keys}>
        <table>
          <thead><tr><th scope="col">{HUB_PAGE.key}</th><th scope="col">{HUB_PAGE.value}</th><th scope="col">{HUB_PAGE.origin}</th></tr></thead>
          <tbody>
            {found.map(({ name, value, origin, meaning }) => (
              <tr key={name}><th scope="row"><span class="code">{name}</span><span class="row-more">{meaning}</span></th><td class="code">{cut(value, 400)}</td><td>{origin}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function All({ all }: { all: Figures }) {
  return (
    <details class="panel all-figures">
      <summary>{HUB_PAGE.all}</summary>
      <table>
        <thead><tr><th scope="col">{HUB_PAGE.figure}</th><th scope="col">{HUB_PAGE.value}</th></tr></thead>
        <tbody>{[...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => <tr key={name}><th scope="row" class="code">{name}</th><td>{valueText(name, value)}</td></tr>)}</tbody>
      </table>
    </details>
  );
}

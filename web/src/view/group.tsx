// One node, or one quantity, on one line; and, when it is open, its values below.

import { useId, useRef } from "preact/hooks";
import { numberText } from "../core/numbers.js";
import { entryOf } from "../core/layout.js";
import type { Reading } from "../core/values.js";
import { WORDS, plural, say } from "../core/text.js";
import { cut, sinceText } from "../core/words.js";
import { fold } from "../favourites.js";
import { isArranging, layout } from "../layout.js";
import { isLive, nodeKey, pulse, values } from "../page.js";
import { tools } from "../tools.js";
import { usePulse } from "../pulse.js";
import { Picture } from "./parts.js";
import { Tile } from "./tile.js";

export interface GroupOf {
  key: string;
  title: string;
  /** The node, or null for a quantity. */
  base: string | null;
  /** What of it is shown. */
  readings: Reading[];
  /** How many values there are. */
  of: number;
}

const SECTIONS = ["sensors", "controls", "other"] as const;
/** Numbers of a node on its line. */
const GLANCED = 4;

/** Where a search says what is open, nothing can be folded. */
export function Group({ group, isOpen, canFold, isLazy }: { group: GroupOf; isOpen: boolean; canFold: boolean; isLazy: boolean }) {
  const id = useId();
  const { base, title, readings } = group;
  const [ref, beat] = usePulse(pulse, nodeKey(base ?? group.key));
  const wasSeen = useRef(false);
  wasSeen.current ||= pulse.isInSight(nodeKey(base ?? group.key));
  const presence = base === null ? null : values.presenceOf(base);
  const isHere = isLive();
  const entry = base === null ? undefined : entryOf(layout.value, "nodes", base);
  const heading = <><Picture name={entry?.icon} />{cut(title, 200)}</>;
  const state = presence === null ? null : presence.isOnline ? (isHere ? "online" : "was-online") : "offline";
  return (
    <section ref={ref} class="group" aria-labelledby={id} data-presence={state ?? undefined} data-open={isOpen ? "" : undefined}>
      <div class="head">
        <h2 id={id}>{canFold ? <button type="button" class="fold" aria-expanded={isOpen} onClick={() => fold([[group.key, !isOpen]])}>{heading}</button> : heading}</h2>
        <Line beat={beat} group={group} state={state} isHere={isHere} isOpen={isOpen} />
        {isArranging.value && base !== null && tools.value.Buttons && <tools.value.Buttons sort="nodes" id={base} title={title} />}
      </div>
      {isOpen && isLazy && !wasSeen.current && <div class="unseen" style={{ height: `${Math.ceil(readings.length / 6) * 12.5}rem` }} />}
      {isOpen && (!isLazy || wasSeen.current) && SECTIONS.map((section) => {
        const tiles = readings.filter((reading) => reading.section === section);
        return tiles.length > 0 && <ul key={section} class="tiles" aria-label={WORDS.sections[section]}>{tiles.map((reading) => <Tile key={reading.topic} reading={reading} isAway={base === null} />)}</ul>;
      })}
    </section>
  );
}

function Line({ group: { base, readings, of }, state, isHere, isOpen }: { group: GroupOf; state: keyof typeof WORDS.presence | null; isHere: boolean; isOpen: boolean; beat: number }) {
  const now = values.now();
  const presence = base === null ? null : values.presenceOf(base);
  const stale = isHere && state !== "offline" ? readings.filter((reading) => reading.isStale(now)).length : 0;
  const isPart = readings.length < of;
  const size = of === 0 ? WORDS.noValues : isPart ? plural(WORDS.valuesOf, of, { found: readings.length }) : plural(WORDS.values, of);
  // What people have named still says what it is called on the wire.
  const own = base !== null && layout.value.nodes.get(base)?.name !== undefined ? base : null;
  const about = [own, base === null ? null : values.infos.get(base)?.text, size].filter(Boolean).join(", ");
  return (
    <p class="line">
      {presence && <span class={presence.isGateway ? "dot hollow" : "dot"} aria-hidden="true" />}
      {presence && " "}
      {presence && <span class="presence">{presence.isGateway ? say(WORDS.gateway, { word: WORDS.presence[state!] }) : WORDS.presence[state!]}<span class="since">{` ${say(WORDS.since, { time: sinceText(presence.since, now) })}`}</span></span>}
      <span class="about">{`${presence ? " · " : ""}${about}`}</span>
      {stale > 0 && <span class="wrong">{` · ${plural(WORDS.stale, stale)}`}</span>}
      {!isOpen && base !== null && <span class="glance">{glance(readings)}</span>}
    </p>
  );
}

/** The first numbers of a node. */
function glance(readings: Reading[]): string {
  const texts: string[] = [];
  const kinds = new Set<string>();
  for (const reading of readings) {
    const first = reading.quantities?.[0];
    if (typeof first?.value !== "number" || first.unit === "") continue;
    // One of a kind: two thermometers say less than a thermometer and a hygrometer.
    if (kinds.has(first.key)) continue;
    kinds.add(first.key);
    texts.push(`${numberText(first.value, first.unit, reading.decimals(first.key))} ${first.unit}`);
    if (texts.length === GLANCED) break;
  }
  return texts.join("  ");
}

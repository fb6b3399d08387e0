// One tile: a value with its age, and behind it what exactly was sent and when.

import { useState } from "preact/hooks";
import { alarmOf, entryOf, nodeName } from "../core/layout.js";
import { numberText } from "../core/numbers.js";
import type { Quantity } from "../core/quantity.js";
import { type Reading, titleOf } from "../core/values.js";
import { spokenUnit } from "../core/units.js";
import { WORDS, say } from "../core/text.js";
import { ageText, cut, exactText, sinceText, spanText } from "../core/words.js";
import { isArranging, layout } from "../layout.js";
import { isLive, isNow, pulse, values } from "../page.js";
import { tools } from "../tools.js";
import { usePulse } from "../pulse.js";
import { Control } from "./control.js";
import { ChartLink, Clock, Picture } from "./parts.js";
import { Sparkline } from "./sparkline.js";

const RAW_SHOWN = 160;
export const LINES_SHOWN = 6;
/** A last value that is older than this, and not stale, is told with its time until the device speaks again. */
const KEPT_FOR = 60e3;

/** `isAway` is whether it stands away from its node, and has to say where it belongs. */
export function Tile({ reading, isAway = false }: { reading: Reading; isAway?: boolean }) {
  const [ref, beat] = usePulse(pulse, reading.topic);
  const [isOpen, setOpen] = useState(false);
  const [pointed, setPointed] = useState("");
  const now = values.now();
  const isHere = isLive();
  const isStale = isHere && reading.isStale(now);
  const isOffline = values.presenceOf(reading.base)?.isOnline === false;
  const entry = entryOf(layout.value, "values", reading.topic);
  const alarm = isHere ? alarmOf(layout.value, reading, now) : null;
  const name = [isAway && nodeName(layout.value, reading.base), entry.name !== undefined && reading.kindTitle, reading.place].filter(Boolean).join(" · ");
  return (
    <li ref={ref} class={`tile ${kindOf(reading)}`} data-stale={isStale ? "" : undefined} data-alarm={alarm ? "" : undefined} data-presence={isAway && isOffline ? "offline" : undefined}
      title={pointed || undefined} onPointerEnter={() => setPointed(cut(`${exactText(reading.time)}\n${reading.text}`, 400))}>
      <h3><Picture name={entry.icon} />{reading.title}</h3>
      <p class="name">{cut(name, 200)}</p>
      {alarm && <p class="alarm" title={alarm.sentence}>{alarm.word}<span class="hidden">{`: ${alarm.sentence}`}</span></p>}
      {reading.actuator && <Control reading={reading} label={isAway ? `${reading.title}, ${name}` : reading.title} beat={beat} isOffline={isOffline} />}
      {reading.quantities ? <Values reading={reading} quantities={reading.quantities} /> : !reading.actuator && <Raw text={reading.text} />}
      {reading.section === "sensors" && <Sparkline key={`${isNow()}`} reading={reading} now={now} isAsked={isHere && isNow() && pulse.isInSight(reading.topic)} />}
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {isStale && <Clock />}
          <span class="age">{ageOf(reading, now, isHere)}</span>
          <span class="hidden">{`, ${say(WORDS.details, { title: reading.title, name: cut(reading.name, 80) })}`}</span>
        </summary>
        {isOpen && tools.value.About && <tools.value.About reading={reading} beat={beat} />}
      </details>
      {isArranging.value && tools.value.Buttons && <tools.value.Buttons sort="values" id={reading.topic} title={reading.title} />}
    </li>
  );
}

/** Without a connection nothing is the fault of the device: then there is only an age. */
function ageOf(reading: Reading, now: number, isHere: boolean): string {
  const { time, isKept } = reading;
  const freshness = isHere ? reading.freshness(now) : "fresh";
  if (freshness === "silent") return say(WORDS.silentSince, { time: sinceText(time, now) });
  if (freshness === "stale") return say(WORDS.noDataFor, { span: spanText((now - time) / 1000) });
  return isKept && now - time >= KEPT_FOR ? say(WORDS.asOf, { time: sinceText(time, now) }) : ageText(time, now);
}

function kindOf({ actuator, quantities }: Reading): string {
  if (actuator) return actuator.choices.length === 2 ? "switching" : "choosing";
  return quantities ? `reading-${quantities.length}` : "raw";
}

/** One value in large print, the others in lines below it. */
function Values({ reading, quantities }: { reading: Reading; quantities: Quantity[] }) {
  const [first, ...others] = quantities;
  const isNamed = first !== undefined && (others.length > 0 || reading.actuator) && titleOf(first.key) !== reading.kindTitle;
  return (
    <div class="values">
      {first && <p class="value"><ChartLink topic={reading.topic} quantity={first}>{isNamed && <span class="key">{cut(titleOf(first.key), 60)} </span>}<Value quantity={first} decimals={reading.decimals(first.key)} /></ChartLink></p>}
      {others.slice(0, LINES_SHOWN - 1).map((one) => (
        <p key={one.path} class="more"><ChartLink topic={reading.topic} quantity={one}><span class="key">{cut(nameIn(one.key), 60)} </span><Value quantity={one} decimals={reading.decimals(one.key)} /></ChartLink></p>
      ))}
      {others.length >= LINES_SHOWN && <p class="more key">{say(WORDS.more, { count: others.length - LINES_SHOWN + 1 })}</p>}
    </div>
  );
}

/** The last two keys of a nested value: ENERGY.Power is told as such, as Power alone may be anything. */
const nameIn = (key: string): string => (key.includes(".") ? key.split(".").slice(-2).join(" ") : titleOf(key));

function Value({ quantity: { value, unit, isOn }, decimals }: { quantity: Quantity; decimals: number }) {
  const text = valueText({ value, unit, isOn }, decimals);
  // Long texts and numbers get smaller before they wrap.
  const size = text.length > 14 ? "small" : text.length > 8 ? "middle" : undefined;
  const isShown = value !== null && unit !== "";
  return (
    <>
      <span class="number" data-size={size}>{text}</span>
      {isShown && " "}
      {isShown && <span class="unit" aria-hidden="true">{unit}</span>}
      {isShown && <span class="hidden">{spokenUnit(unit)}</span>}
    </>
  );
}

/** A value in words and digits. A state is told as it was sent, with a large letter. */
export function valueText({ value, unit, isOn }: Pick<Quantity, "value" | "unit" | "isOn">, decimals: number): string {
  if (value === null) return WORDS.notAvailable;
  if (typeof value === "number") return numberText(value, unit, decimals);
  if (typeof value === "boolean") return value ? WORDS.yes : WORDS.no;
  if (value === "") return WORDS.emptyText;
  return isOn === undefined ? value : value.charAt(0).toUpperCase() + value.slice(1).toLowerCase();
}

/** What nobody agreed on is shown as it is. */
function Raw({ text }: { text: string }) {
  return <pre>{text.length > RAW_SHOWN ? `${text.slice(0, RAW_SHOWN)}… ${WORDS.wholeInDetails}` : text}</pre>;
}

// The inside of a tile that switches something. The knob shows the fact; a wish is drawn apart from it.

import { useId, useLayoutEffect, useRef } from "preact/hooks";
import type { State } from "../core/actuator.js";
import { stateText, wishText } from "../core/commands.js";
import type { Reading } from "../core/values.js";
import type { Wish } from "../core/wish.js";
import { WORDS, known, say } from "../core/text.js";
import { cut, whenText } from "../core/words.js";
import { commands, isLive, isNow, mayPublish, values } from "../page.js";

/** `label` says whose it is, where that is not clear from where it stands. */
export function Control({ reading, label, isOffline }: { reading: Reading; label: string; isOffline: boolean; beat: number }) {
  const status = useId();
  const { topic, payload, actuator } = reading;
  if (!actuator) return null;
  // What was asked for just now is nothing that was in the past.
  const wish = isNow() ? commands.wish(topic) : null;
  const state = actuator.stateOf(payload);
  const isForbidden = wish?.isForbidden === true || !mayPublish(actuator.set);
  const canSwitch = isLive() && isNow() && !isForbidden;
  const isPending = wish?.isPending === true;
  const want = (wanted: State) => {
    if (wanted !== undefined) commands.want(reading, wanted);
  };
  const input = { title: label, status, state, canSwitch, wanted: isPending ? wish?.wanted : undefined, want };
  const isTold = Boolean(wish?.trouble) && canSwitch;
  return (
    <div class="control" aria-busy={isPending ? "true" : undefined}>
      <div class="fact">
        <p class="state">{state === null || state === undefined ? (isForbidden ? WORDS.notKnown : "") : cut(stateText(state), 40)}</p>
        {!isForbidden && (actuator.choices.length === 2 ? <Switch {...input} /> : <Choice {...input} choices={actuator.choices} />)}
      </div>
      <p class={wish?.trouble ? "status trouble" : "status"} id={status}>{statusText(reading, wish, state, isForbidden, isOffline)}</p>
      {isTold && (
        <div class="actions">
          <button type="button" onClick={() => want(wish?.wanted)}>{WORDS.tryAgain}</button>
          <button type="button" class="quiet" onClick={() => commands.askState(reading)}>{WORDS.askState}</button>
        </div>
      )}
    </div>
  );
}

function statusText({ time, actuator }: Reading, wish: Wish | null, state: State, isForbidden: boolean, isOffline: boolean): string {
  const trouble = wish?.trouble ?? null;
  if (isForbidden) return wish?.isForbidden ? WORDS.viewOnlyYou : WORDS.viewOnly;
  if (!isNow()) return WORDS.lockedPast;
  if (!isLive() && trouble === null) return WORDS.waitingForHub;
  if (wish?.isPending) return wishText(wish.wanted);
  const fact = state === null || state === undefined ? WORDS.stateUnknown : say(WORDS.still, { state: stateText(state).toLowerCase(), time: whenText(time, values.now()) });
  const kind = actuator?.kind ?? "";
  switch (trouble) {
    case null:
      if (wish?.confirmedAt === time) return say(WORDS.confirmed, { time: whenText(time, values.now()) });
      return state === null || state === undefined ? fact : isOffline ? WORDS.nodeOffline : "";
    case "silence": return `${known(WORDS.silence, kind, WORDS.silence.device)} ${fact}`;
    case "offline": return `${known(WORDS.notConnected, kind, WORDS.notConnected.device)} ${fact}`;
    case "unsure": return WORDS.unsure;
    default: return `${say(WORDS.notSwitched, { why: cut(trouble, 120) })}. ${fact}`;
  }
}

interface Input {
  title: string;
  /** The element that tells more. */
  status: string;
  state: State;
  /** What was asked for and is under way, or undefined. */
  wanted: State;
  canSwitch: boolean;
  want(state: State): void;
}

/** On and off. Where the device does not know its own state there is nothing to flip: two buttons then. */
function Switch({ title, status, state, wanted, canSwitch, want }: Input) {
  const button = useRef<HTMLButtonElement>(null);
  const pair = useRef<HTMLDivElement>(null);
  const hadFocus = useRef(false);
  const isKnown = typeof state === "boolean";
  // Where it is, or is on its way to: a click turns that round. The second one of a double click does not.
  const aim = wanted ?? state === true;
  // The focus goes along, or a keyboard would be sent back to the top of the page by the first report.
  hadFocus.current = isKnown && pair.current?.contains(document.activeElement) === true;
  useLayoutEffect(() => {
    if (hadFocus.current) button.current?.focus();
  });
  const disabled = canSwitch ? undefined : "true";
  if (isKnown) {
    return (
      <button ref={button} type="button" role="switch" class="switch" aria-label={title} aria-describedby={status} aria-checked={state} aria-disabled={disabled}
        data-wish={wanted === undefined || wanted === state ? undefined : wanted ? "on" : "off"} onClick={({ detail }) => canSwitch && detail !== 2 && want(!aim)}>
        <span class="knob" />
      </button>
    );
  }
  return (
    <div ref={pair} class="pair" role="group" aria-label={title} aria-describedby={status}>
      {[true, false].map((one) => (
        <button key={one} type="button" aria-disabled={disabled} data-wish={wanted === one ? "this" : undefined} onClick={() => canSwitch && want(one)}>{stateText(one)}</button>
      ))}
    </div>
  );
}

/** One of a few. Choosing changes nothing by itself: the mark stays on what the device reported. */
function Choice({ title, status, state, wanted, canSwitch, want, choices }: Input & { choices: readonly State[] }) {
  const name = useId();
  const fieldset = useRef<HTMLFieldSetElement>(null);
  const check = () => {
    for (const input of fieldset.current?.querySelectorAll("input") ?? []) input.checked = input.value === state;
  };
  useLayoutEffect(check);
  return (
    <fieldset ref={fieldset} class="choices" aria-describedby={status} disabled={!canSwitch}>
      <legend class="hidden">{title}</legend>
      {choices.map((one) => (
        <label key={one} data-wish={wanted === one && wanted !== state ? "this" : undefined}>
          <input type="radio" name={name} value={String(one)} onChange={() => {
            check();
            want(one);
          }} />
          <span>{stateText(one)}</span>
        </label>
      ))}
    </fieldset>
  );
}

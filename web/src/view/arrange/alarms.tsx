// What is not as it should be, and how the page says so besides: with a sound, and by the system. Each browser chooses for itself.

import { effect, signal } from "@preact/signals";
import type { Alarm } from "../../core/layout.js";
import { ARRANGE, WORDS, plural } from "../../core/text.js";
import { read, write } from "../../favourites.js";
import { alarms, hasLimits } from "../../layout.js";
import { Check } from "../admin/parts.js";

const SHOWN = 20;
const TOLD_AT_ONCE = 5;
const NOTES = [880, 660];
const NOTE = 0.18;

const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isLoud = signal(read("alarm sound", isBoolean) ?? false);
const isNotified = signal(read("alarm notification", isBoolean) ?? false);
const isBlocked = signal(false);
/** Counts answers of the browser: it may have said no, and then the mark goes. */
const answers = signal(0);
const canNotify = (): boolean => isSecureContext && "Notification" in globalThis && Notification.permission !== "denied";
let audio: AudioContext | null = null;
let known = new Map<string, string>();

function sound(): void {
  audio ??= new AudioContext();
  const { currentTime, destination } = audio;
  void audio.resume();
  isBlocked.value = audio.state !== "running";
  NOTES.forEach((frequency, at) => {
    const [tone, volume] = [audio!.createOscillator(), audio!.createGain()];
    tone.frequency.value = frequency;
    volume.gain.value = 0.2;
    tone.connect(volume).connect(destination);
    tone.start(currentTime + at * NOTE);
    tone.stop(currentTime + (at + 1) * NOTE);
  });
}

function notify({ topic, sentence }: Alarm): void {
  try {
    new Notification("Clown Hub", { body: sentence, tag: topic });
  } catch {
    // Some browsers let only service workers do that.
    isNotified.value = false;
  }
}

addEventListener("pointerdown", () => void audio?.resume().then(() => (isBlocked.value = false)));

effect(() => {
  const now = alarms.value;
  const fresh = now.filter(({ topic, kind }) => known.get(topic) !== kind);
  known = new Map(now.map(({ topic, kind }) => [topic, kind]));
  if (fresh.length === 0) return;
  if (isLoud.peek()) sound();
  if (isNotified.peek() && canNotify()) fresh.slice(0, TOLD_AT_ONCE).forEach(notify);
});

export function Alarms() {
  void answers.value;
  const now = alarms.value;
  if (!hasLimits.value) return null;
  return (
    <details class="panel alarms" data-alarm={now.length > 0 ? "" : undefined}>
      <summary><b>{now.length === 0 ? ARRANGE.alarms : plural(WORDS.alarms, now.length)}</b><span class="alarm-first">{now.length === 0 ? ARRANGE.none : now[0]!.sentence}</span></summary>
      <ul>{now.slice(0, SHOWN).map(({ topic, sentence }) => <li key={topic}>{sentence}</li>)}</ul>
      <form>
        <Check label={ARRANGE.sound} isOn={isLoud.value} onChange={(isOn) => {
          isLoud.value = isOn;
          write("alarm sound", isOn);
          if (isOn) sound();
        }} />
        <Check label={ARRANGE.notify} isOn={isNotified.value && canNotify()} onChange={async (isOn) => {
          const isAllowed = isOn && canNotify() && (await Notification.requestPermission()) === "granted";
          isNotified.value = isAllowed;
          write("alarm notification", isAllowed);
          answers.value += 1;
        }} />
      </form>
      {!canNotify() && <p class="of">{ARRANGE.noNotify}</p>}
      {isBlocked.value && isLoud.value && <p class="of">{ARRANGE.blocked}</p>}
    </details>
  );
}

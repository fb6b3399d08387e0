// The last hour of a number as a small line. It takes its place from the start, so nothing moves when it comes.

import { useRef } from "preact/hooks";
import { numberText } from "../core/numbers.js";
import type { Line } from "../core/past.js";
import { WORDS, say } from "../core/text.js";
import type { Reading } from "../core/values.js";
import { past } from "../page.js";

/** The line moves by itself, slowly: a tenth of what one can see. */
const MOVES = 20e3;

/** `isAsked` is whether somebody can see it: what nobody sees is not asked for. */
export function Sparkline({ reading, now, isAsked }: { reading: Reading; now: number; isAsked: boolean }) {
  const last = useRef<{ version: string; line: Line | null; words: string }>({ version: "", line: null, words: "" });
  if (isAsked && past) {
    const hour = past.of(reading);
    const version = hour ? `${hour.again} ${hour.version} ${Math.floor(now / MOVES)}` : "";
    if (version !== last.current.version) {
      const line = hour?.isKept ? past.drawn(hour.pieces(now), now) : null;
      last.current = { version, line, words: line ? words(reading, line) : "" };
    }
  }
  const { line, words: title } = last.current;
  return (
    <svg class="sparkline" onClick={toChart} viewBox="0 0 100 24" preserveAspectRatio="none" role={line ? "img" : undefined} aria-hidden={line ? undefined : "true"}>
      {line && <title>{title}</title>}
      <path vector-effect="non-scaling-stroke" d={line?.path} />
    </svg>
  );
}

/** The link at the value leads there, also for a keyboard. */
function toChart({ currentTarget }: MouseEvent & { currentTarget: SVGElement }): void {
  currentTarget.closest(".tile")?.querySelector<HTMLElement>(".to-chart")?.click();
}

function words(reading: Reading, { low, high, isWhole }: Line): string {
  const first = reading.quantities?.[0];
  if (!first) return "";
  const [from, to] = [low, high].map((value) => numberText(value, first.unit, reading.decimals(first.key)));
  const range = from === to ? from! : say(WORDS.fromTo, { low: from!, high: to! });
  return say(isWhole ? WORDS.lastHour : WORDS.lastHourGaps, { range: first.unit ? `${range} ${first.unit}` : range });
}

// The line of a series in small, as it is in the chart.

import { COLOURS, DASHES } from "./plot.js";

export function Swatch({ at }: { at: number }) {
  return (
    <svg class="swatch" viewBox="0 0 28 8" aria-hidden="true">
      <path d="M0 4h28" fill="none" stroke={`var(--ink-${(at % COLOURS) + 1})`} stroke-width="2.5" stroke-dasharray={DASHES[at % DASHES.length]!.join(" ") || undefined} />
    </svg>
  );
}

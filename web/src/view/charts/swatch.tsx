// The line of a series in small, as it is in the chart. A state is a bar there.

import { arranged } from "../../core/charts/panels.js";
import type { Shown } from "../../charts.js";
import { COLOURS, DASHES } from "./plot.js";

export interface Look {
  /** The number of its colour. */
  colour: number;
  dash: readonly number[];
  isState: boolean;
}

/** How each series looks: the first line of a panel is a whole one. */
export function looksOf(all: readonly Shown[]): Map<string, Look> {
  const { panels } = arranged(all.map(({ track }) => track));
  return new Map(all.map(({ text, track }, at) => {
    const place = Math.max(0, panels.find(({ tracks }) => tracks.includes(track))?.tracks.indexOf(track) ?? 0);
    return [text, { colour: at % COLOURS, dash: DASHES[place % DASHES.length]!, isState: track.kind === "state" }];
  }));
}

export function Swatch({ look }: { look: Look | undefined }) {
  if (!look) return null;
  const dash = look.dash.join(" ");
  return (
    <svg class="swatch" viewBox="0 0 28 8" aria-hidden="true">
      {look.isState ? <path d="M0 1h16v6h-16zM16 5h12v2h-12z" fill="var(--ok-filled)" /> : <path d="M0 4h28" fill="none" stroke={`var(--ink-${look.colour + 1})`} stroke-width="2.5" stroke-dasharray={dash === "" ? undefined : dash} />}
    </svg>
  );
}

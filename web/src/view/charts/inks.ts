// The colours that canvases are painted with: those of the page, as the browser has worked them out for this theme.

import { signal } from "@preact/signals";
import { COLOURS, type Inks, withAlpha } from "./plot.js";

const QUERIES = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];

function read(): Inks {
  const probe = document.createElement("i");
  document.body.append(probe);
  const ink = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  // Where the system paints, lines of a grid would be as bright as the values.
  const isForced = matchMedia("(forced-colors: active)").matches;
  const inks = {
    lines: Array.from({ length: COLOURS }, (_, at) => ink(`ink-${at + 1}`)),
    text: ink("text"), muted: ink("muted"), grid: isForced ? withAlpha(ink("line"), "40") : ink("line"), card: ground(), on: ink("ok-filled"), off: ink("muted"), onText: isForced ? ground() : "#fff", select: ink("focus"),
    font: getComputedStyle(document.body).fontFamily,
  };
  probe.remove();
  return inks;
}

/** What is behind the lines; where the system paints, its own ground. */
function ground(): string {
  const probe = document.createElement("i");
  probe.className = "panel";
  document.body.append(probe);
  const { backgroundColor } = getComputedStyle(probe);
  probe.remove();
  return backgroundColor;
}

export const inks = signal<Inks | null>(null);

/** Follows the theme of the system while the charts are there. Returns what ends it. */
export function followTheme(): () => void {
  const end = new AbortController();
  const change = (): void => void (inks.value = read());
  for (const query of QUERIES) matchMedia(query).addEventListener("change", change, { signal: end.signal });
  change();
  return () => end.abort();
}

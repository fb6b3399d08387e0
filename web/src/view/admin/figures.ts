// The figures of the hub, asked for as long as somebody looks at them.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../../admin.js";
import { type Figures, Trail, parseFigures } from "../../core/admin/figures.js";

/** The hub tells them every 10 s, with the usual settings; what is not new costs little. */
const EVERY = 5000;

export const figures = signal<Figures | null>(null);
export const figuresTrouble = signal("");
export const trail = new Trail();

async function look(): Promise<void> {
  const reply = await call("GET", "api/topics?filter=%24SYS/hub/%23&limit=1000");
  figuresTrouble.value = reply.isOk ? "" : reply.sentence;
  if (!reply.isOk) return;
  const all = parseFigures(reply.body);
  trail.take(all, Date.now());
  figures.value = all;
}

/** Keeps them new while a page is shown. */
export function useFigures(): void {
  useEffect(() => {
    void look();
    const timer = setInterval(() => document.hidden || void look(), EVERY);
    return () => clearInterval(timer);
  }, []);
}

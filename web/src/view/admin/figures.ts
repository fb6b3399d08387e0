// The figures of the hub, asked for as long as somebody looks at them.

import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../../admin.js";
import { type Figures, Trail, parseFigures, toldAt } from "../../core/admin/figures.js";
import { forgotten } from "../../page.js";

/** The hub tells them every 10 s, with the usual settings; what is not new costs little. */
const EVERY = 5000;

export const figures = signal<Figures | null>(null);
export const figuresTrouble = signal("");
export let trail = new Trail();
effect(() => {
  void forgotten.value;
  figures.value = null;
  figuresTrouble.value = "";
  trail = new Trail();
});

async function look(): Promise<void> {
  const times = forgotten.value;
  const reply = await call("GET", "api/topics?filter=%24SYS/hub/%23&limit=1000");
  if (times !== forgotten.value) return;
  figuresTrouble.value = reply.isOk ? "" : reply.sentence;
  if (!reply.isOk) return;
  const all = parseFigures(reply.body);
  trail.take(all, toldAt(reply.body) || Date.now());
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

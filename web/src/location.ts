// The view in the address: changed by the page, by Back and Forward, and by who types it.

import { computed, effect, signal } from "@preact/signals";
import type { Search } from "./core/search.js";
import { language } from "./language.js";
import { type View, parseView, viewText } from "./core/view.js";

export const view = signal<View>(parseView(location.hash));
/** Whether somebody wants the slider that shows the past. */
export const isTravelling = signal(false);

/** What understands searches comes beside the first picture. Until then everything is found. */
const parser = signal<((text: string) => Search) | null>(null);
const EVERYTHING: Search = { text: "", isEmpty: true, isLively: false, trouble: null, matches: () => true, matchesTopic: () => true };
export const searchFor = (text: string): Search => (text === "" ? EVERYTHING : (parser.value?.(text) ?? EVERYTHING));
export const search = computed(() => searchFor(view.value.search));

export function loadSearch(): void {
  if (parser.peek() === null) void import("./past.js").then(({ parseSearch }) => (parser.value = parseSearch), () => {});
}
// What could not be loaded is tried again when somebody searches.
effect(() => {
  if (view.value.search !== "") loadSearch();
});

/** Whether somebody has come to an address of another language: then the page is loaded anew. */
export const isOtherLanguage = (): boolean => view.value.language !== "" && view.value.language !== language;

addEventListener("hashchange", () => {
  view.value = parseView(location.hash);
  if (isOtherLanguage()) location.reload();
});

/** Shows something else. Another screen is a step for Back; a letter in the search box is none. */
export function show(change: Partial<View>): void {
  const before = view.value;
  view.value = { ...before, ...change };
  const address = location.pathname + location.search + viewText(view.value);
  if (view.value.screen === before.screen) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** The search with a term more, or without it if it has it. */
export function toggleTerm(term: string): void {
  const terms = view.value.search.split(/\s+/).filter(Boolean);
  const others = terms.filter((one) => one !== term);
  show({ search: (others.length < terms.length ? others : [...terms, term]).join(" ") });
}

export const hasTerm = (term: string): boolean => view.value.search.split(/\s+/).includes(term);

// What the pages beside that of values have in common: their texts stand in their HTML in English, and are told here in the language
// that is wanted.

import { type Language, speak } from "./core/text.js";
import { fillLanguages, language, tag } from "./language.js";

type Texts = Readonly<Record<string, unknown>>;

/** Loads the texts of a page and puts them where its HTML names them. `texts` tells which they are, once they are there. */
export async function begin(loads: Readonly<Record<Language, () => Promise<{ default: object }>>>, texts: () => unknown): Promise<void> {
  speak((await loads[language]()).default, tag);
  const all = texts() as Texts;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) element.textContent = String(all[element.dataset.text!]);
  for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) element.setAttribute("aria-label", String(all[element.dataset.label!]));
  document.getElementById("main")!.hidden = false;
  fillLanguages(document.getElementById("language") as HTMLSelectElement);
}

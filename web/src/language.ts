// Which language is told: what the address says, what was chosen before, or what the browser prefers. Its texts are loaded, and no others.

import { LANGUAGES, type Language, isLanguage, speak } from "./core/text.js";

const KEPT = `clown-hub language ${new URL(".", import.meta.url).pathname}`;
const IN_ADDRESS = /([?&]lang=)(\w+)/;

const FIRST = { en: () => import("texts:en/first"), cs: () => import("texts:cs/first") };
const LATER = { en: () => import("texts:en/later"), cs: () => import("texts:cs/later") };

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

const main = (tag: string): string => tag.split("-", 1)[0]!;

export const language: Language = [IN_ADDRESS.exec(location.hash)?.[2], kept(), ...navigator.languages.map(main)].find(isLanguage) ?? "en";
/** As the browser writes this language. English without a country writes days before months, as most of the world does. */
export const tag: string = navigator.languages.find((one) => main(one) === language) ?? (language === "en" ? "en-GB" : language);
document.documentElement.lang = language;

export const firstTexts = async (): Promise<void> => speak((await FIRST[language]()).default, tag);
/** What later parts of the page say. */
export const laterTexts = async (): Promise<void> => speak((await LATER[language]()).default);

/** Has the page told in another language from now on. It is loaded anew, so that no text of the old one stays. */
export function chooseLanguage(next: string): void {
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // Then the browser's own language is back the next time.
  }
  history.replaceState(null, "", location.pathname + location.search + location.hash.replace(IN_ADDRESS, `$1${next}`));
  location.reload();
}

/** Has the box with this id choose the language. */
export function fillLanguages(box: HTMLSelectElement): void {
  box.replaceChildren(...Object.entries(LANGUAGES).map(([name, words]) => Object.assign(document.createElement("option"), { value: name, textContent: words, lang: name })));
  box.value = language;
  box.onchange = () => chooseLanguage(box.value);
}

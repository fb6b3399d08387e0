// The texts of the page in the language that is told, and how numbers are written in it. Who begins a page says which one before
// anything else runs: nothing here looks at a browser.

import type * as en from "../words/en.js";

/** A text for each class of numbers; `other` is there in every language. */
export type Forms = { readonly [form in Intl.LDMLPluralRule]?: string } & { readonly other: string };
/** The same keys with the texts of another language. */
export type Same<Texts> = Texts extends string ? string : Texts extends { readonly one: string; readonly other: string } ? Forms : { readonly [Key in keyof Texts]: Same<Texts[Key]> };
/** The names of what has to be put into a text. */
export type Holes<Text> = Text extends `${string}{${infer Hole}}${infer Rest}` ? Hole | Holes<Rest> : never;
type Given<Hole extends string> = Readonly<Record<Hole, string | number>>;

/** Languages by their own names. The first one is told where no other is wanted. */
export const LANGUAGES = { en: "English", cs: "Čeština" } as const;
export type Language = keyof typeof LANGUAGES;
export const isLanguage = (name: unknown): name is Language => typeof name === "string" && Object.hasOwn(LANGUAGES, name);

/** What one part of the page says each. They are empty until `speak` has been called with them: read them when they are told. */
export let WORDS: typeof en.WORDS;
export let EMPTY: typeof en.EMPTY;
export let EXPLORER: typeof en.EXPLORER;
export let CHARTS: typeof en.CHARTS;
export let TRAVEL: typeof en.TRAVEL;
export let ARRANGE: typeof en.ARRANGE;
export let SHARE: typeof en.SHARE;
export let COMMON: typeof en.COMMON;
export let ACCOUNTS: typeof en.ACCOUNTS;
export let EXPLAIN: typeof en.EXPLAIN;
export let TOKENS: typeof en.TOKENS;
export let DEVICE: typeof en.DEVICE;
export let EVENTS: typeof en.EVENTS;
export let LINKS: typeof en.LINKS;
export let HUB_PAGE: typeof en.HUB_PAGE;
export let CHECK: typeof en.CHECK;
export let DIAGNOSTICS: typeof en.DIAGNOSTICS;

/** How numbers and times are written. */
export let locale: string | undefined;
let rules = new Intl.PluralRules("en");
let whole = new Intl.NumberFormat();
let point = ".";

/** Takes texts, and with a tag as `cs-CZ` how their language writes. */
export function speak(texts: object, tag?: string): void {
  ({
    WORDS = WORDS, EMPTY = EMPTY, EXPLORER = EXPLORER, CHARTS = CHARTS, TRAVEL = TRAVEL, ARRANGE = ARRANGE, SHARE = SHARE, COMMON = COMMON, ACCOUNTS = ACCOUNTS, EXPLAIN = EXPLAIN, TOKENS = TOKENS,
    DEVICE = DEVICE, EVENTS = EVENTS, LINKS = LINKS, HUB_PAGE = HUB_PAGE, CHECK = CHECK, DIAGNOSTICS = DIAGNOSTICS,
  } = texts as typeof en);
  if (tag === undefined) return;
  locale = tag;
  rules = new Intl.PluralRules(tag);
  whole = new Intl.NumberFormat(tag);
  point = whole.format(1.5)[1]!;
}

/** 12,345. One format for all of them: making one takes longer than a hundred uses. */
export const wholeText = (number: number): string => whole.format(number);

/** Digits as JavaScript writes them, with the minus and the point of the language. */
export const pointed = (digits: string): string => digits.replaceAll("-", "−").replace(".", point);

/** A text with what belongs into it. */
export const say = <Text extends string>(text: Text, given: Given<Holes<Text>>): string => put(text, given);

function put(text: string, given: Given<string>): string {
  return text.replace(/\{(\w+)\}/g, (_, hole: string) => {
    const value = given[hole];
    return typeof value === "number" ? wholeText(value) : String(value);
  });
}

/** The form for so many of something: 1 value, 2 values. */
export function plural<Of extends Forms>(forms: Of, count: number, ...given: [Exclude<Holes<Of["other"]>, "count">] extends [never] ? [] : [Given<Exclude<Holes<Of["other"]>, "count">>]): string {
  return put((forms as Forms)[rules.select(count)] ?? forms.other, { ...given[0], count });
}

/** The text of a key that comes from outside, or what is to be told in its place. */
export const known = (texts: Readonly<Record<string, string>>, key: string, otherwise = key): string => (Object.hasOwn(texts, key) ? texts[key]! : otherwise);

// The texts of the page, read from its sources, and what of one language is on a screen.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** All texts of a language, by sections. The files have nothing but texts in them. */
export function textsOf(language) {
  const file = readFileSync(fileURLToPath(new URL(`../../../web/src/words/${language}.ts`, import.meta.url)), "utf8");
  const script = file.replaceAll(/^import .*$/gm, "").replaceAll(/^export const (\w+)(: [^=]+)? = /gm, "texts.$1 = ").replaceAll(/ as const;$/gm, ";");
  return new Function("texts", `${script}\nreturn texts;`)({});
}

function leaves(texts, at = []) {
  return Object.entries(texts).flatMap(([key, value]) => (typeof value === "string" ? [[[...at, key].join("."), value]] : leaves(value, [...at, key])));
}

const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** What tells whether a text is one of the first language and none of the second: whole, with whatever was put into it. */
export function onlyIn(texts, others) {
  const known = new Set(leaves(others).map(([, text]) => text));
  const ours = leaves(texts).map(([, text]) => text).filter((text) => !known.has(text) && text.replaceAll(/\{\w+\}/g, "").match(/\p{L}{3}/u));
  const patterns = ours.map((text) => `^${text.split(/\{\w+\}/).map(escaped).join(".+")}$`);
  const all = new RegExp(patterns.join("|"), "u");
  return (text) => all.test(text);
}

/** Everything on the screen that is read or read out, piece by piece; what devices and the hub itself say is left out. */
export function told(page) {
  return page.evaluate(() => {
    const pieces = new Set();
    const add = (text) => text?.trim() && pieces.add(text.trim());
    add(document.title);
    const isSaid = (element) => element.closest("#late, pre, code, .code, .secret, .about, script, style, noscript, .low tbody, .answers dd, .place, #log .what, option[lang]");
    for (const element of document.querySelectorAll("body *")) {
      if (isSaid(element)) continue;
      for (const name of ["aria-label", "title", "placeholder", "aria-valuetext", "aria-roledescription"]) add(element.getAttribute(name));
      const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent);
      for (const one of text) add(one);
      add(text.join(""));
      // Parts of one sentence stand in several text nodes.
      for (const sentence of one_(text)) add(sentence);
    }
    function one_(texts) {
      return texts.flatMap((text) => text.split(" · "));
    }
    return [...pieces];
  });
}

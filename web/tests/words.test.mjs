import "./english.mjs";
// Every text is there in every language, is used, and stands nowhere else.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LANGUAGES, WORDS, isLanguage, known, plural, pointed, say, speak, wholeText } from "../src/core/text.ts";
import { numberText } from "../src/core/numbers.ts";
import { ageText, intervalText } from "../src/core/words.ts";
import * as cs from "../src/words/cs.ts";
import * as en from "../src/words/en.ts";

/** The tests are run in web/. */
const SRC = "src";
const CZECH = { name: "Czech", texts: cs, tag: "cs" };
const ENGLISH = { name: "English", texts: en, tag: "en" };

/** What is the same in both languages, as it is a name, a unit or a word that both have. */
const SAME = new Set(["CO₂", "LED", "PNG", "CSV", "HTTP", "WebSocket", "Port", "Interval", "Role", "Hub", "Alarm", "Socket", "{what}: {value}", "{name}, {range}: {values}, {when} {last}, {trend}.", "{name}, {range}: {held}, {changes}, {when} {last}."]);

const isForms = (value) => typeof value === "object" && "other" in value && "one" in value;

/** All texts by their places; the forms of a plural stay together. */
function leaves(texts, at = "") {
  return Object.entries(texts).flatMap(([key, value]) => (typeof value === "string" || isForms(value) ? [[`${at}${key}`, value]] : leaves(value, `${at}${key}.`)));
}

const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, hole]) => hole).sort();
const forms = (value) => (typeof value === "string" ? [value] : Object.values(value));

function sources(folder = SRC) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : [path];
  });
}

test("each text is there in each language, with the same to be put into it", () => {
  const [english, czech] = [new Map(leaves(en)), new Map(leaves(cs))];
  assert.deepEqual([...czech.keys()].sort(), [...english.keys()].sort());
  for (const [place, text] of english) {
    assert.equal(typeof czech.get(place), typeof text, place);
    for (const form of forms(czech.get(place))) {
      const wanted = holes(forms(text).at(-1)).filter((hole, at, all) => all.indexOf(hole) === at);
      const found = holes(form).filter((hole, at, all) => all.indexOf(hole) === at);
      // One of something may be told without its number.
      assert.deepEqual(found.filter((hole) => hole !== "count"), wanted.filter((hole) => hole !== "count"), place);
      assert.ok(form.trim() === form && form !== "", `${place} is empty, or has blanks around it`);
    }
  }
});

test("what depends on a number has a form for each class of its language", () => {
  for (const { name, texts, tag } of [ENGLISH, CZECH]) {
    // Everything that is counted is whole.
    const rules = new Intl.PluralRules(tag);
    const classes = [...new Set(Array.from({ length: 1000 }, (_, count) => rules.select(count)))].sort();
    const all = leaves(texts).filter(([, value]) => typeof value !== "string");
    assert.ok(all.length > 15);
    for (const [place, value] of all) assert.deepEqual(Object.keys(value).sort(), classes, `${name}: ${place}`);
  }
});

test("no text is the same in two languages, but for names", () => {
  const czech = new Map(leaves(cs));
  const same = leaves(en).filter(([place, text]) => typeof text === "string" && text === czech.get(place) && !SAME.has(text));
  assert.deepEqual(same, []);
});

test("no text is there that nobody tells", () => {
  const all = sources().filter((path) => !/words[/\\](en|cs)\.ts$/.test(path)).map((path) => readFileSync(path, "utf8")).join("\n");
  const unused = Object.entries(en).flatMap(([section, texts]) => Object.keys(texts).filter((key) => !new RegExp(`\\b${section}\\.${key}\\b`).test(all)).map((key) => `${section}.${key}`));
  assert.deepEqual(unused, []);
});

/** What looks like words and is none that anybody reads: names, keys, what is told to a browser. */
const NO_WORDS = [
  /^(Escape|Enter|Home|End|Backspace|Space|Page(Up|Down)|Arrow\w+)$/, /^clown-hub /, /^Clown Hub$/, /^Clown Hub, $/, /^(session ended|account changed|no clipboard|wall token|alarm (sound|notification)|by hand )$/, /^Link: $/, /^(panel explain|two device|chart-summary chart-keys|caps complaint|--set simulator\.run=on)$/, /^(use strict|history is off|Pa|Wh)$/, /\$\{|=>|\w\(|\.replaceAll/,
  /^(GET|POST|PUT|PATCH|DELETE)$/, /^[\d\sMmLlHhVvAaCcSsZzQq.,-]+$/, /(px|rem|em) /, /^\(prefers-|^\(forced|^\(pointer/, /^English$|^Čeština$/, /^(Notification|Content-Type|Python|JavaScript|MicroPython|MQTT)$/,
];

test("no text stands in the code", () => {
  const out = mkdtempSync(join(tmpdir(), "clown-hub-words-"));
  try {
    // As JavaScript, in which everything that is told is a string.
    const files = sources().filter((path) => /\.(tsx?|js)$/.test(path) && !path.endsWith(".d.ts") && !/words[/\\](en|cs)\.ts$|snippets|copyas\.ts$/.test(path));
    execFileSync(process.execPath, ["node_modules/esbuild/bin/esbuild", ...files, "--jsx=automatic", "--charset=utf8", `--outdir=${out}`, `--outbase=${SRC}`, "--log-level=error"]);
    const classes = new Set(sources().filter((path) => path.endsWith(".css")).flatMap((path) => readFileSync(path, "utf8").match(/\.[a-z][\w-]*/g)).map((name) => name.slice(1)));
    const isWords = (text) => {
      const words = text.trim();
      const looksLikeIt = /\p{L}{2,}[,:]? \p{L}{2,}/u.test(words) || /^\p{Lu}\p{Ll}+[.:…]?$/u.test(words);
      return looksLikeIt && !NO_WORDS.some((pattern) => pattern.test(text)) && !words.split(/\s+/).every((word) => classes.has(word));
    };
    const found = [];
    for (const path of sources(out)) {
      readFileSync(path, "utf8").split("\n").forEach((line) => {
        if (/^\s*(import|export) .*from "/.test(line) || /querySelector|matches\(|closest\(/.test(line)) return;
        const strings = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text);
        const templates = [...line.matchAll(/`([^`]*)`/g)].flatMap(([, text]) => text.split(/\$\{[^}]*\}/));
        for (const text of [...strings, ...templates]) if (isWords(text)) found.push(`${path.slice(out.length + 1)}: ${text}`);
      });
    }
    assert.deepEqual(found, []);
    const html = sources().filter((path) => /(index|check|diagnostics)\.html$/.test(path)).flatMap((path) => readFileSync(path, "utf8").match(/>[^<>{}]*\p{L}{2,} ?[^<>{}]*</gu) ?? []);
    assert.deepEqual(html.filter((text) => !/>(Clown Hub|ws|wss|Hello, hub ℃)</.test(text)), []);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("a text is put together as it is, whatever is put into it", () => {
  assert.equal(say("{a} and {b}, {a}", { a: "{b}", b: "$&" }), "{b} and $&, {b}");
  assert.equal(say("{count} of them", { count: 12345 }), `${wholeText(12345)} of them`);
  assert.equal(known({ a: "x" }, "__proto__"), "__proto__");
  assert.equal(known({ a: "x" }, "b", "y"), "y");
  assert.deepEqual(["en", "cs", "de", "toString", null].map(isLanguage), [true, true, false, false, false]);
  assert.deepEqual(Object.keys(LANGUAGES), ["en", "cs"]);
});

test("Czech has its own plurals, commas and words", () => {
  try {
    speak(cs, "cs-CZ");
    assert.deepEqual([0, 1, 2, 4, 5, 22].map((count) => plural(WORDS.values, count)), ["0 hodnot", "1 hodnota", "2 hodnoty", "4 hodnoty", "5 hodnot", "22 hodnot"]);
    assert.deepEqual([1, 3, 5].map((count) => plural(WORDS.triesLeft, count)), ["Do vynucené přestávky zbývá jeden pokus.", "Do vynucené přestávky zbývají 3 pokusy.", "Do vynucené přestávky zbývá 5 pokusů."]);
    assert.equal(pointed("-0.5"), "−0,5");
    assert.equal(intervalText(500), "0,5 s");
    assert.equal(ageText(0, 48_000), "před 48 s");
    assert.equal(wholeText(12345).replace(/\s/, " "), "12 345");
  } finally {
    speak(en, "en-GB");
  }
  assert.equal(numberText(20.756, "℃", 3), "20.8");
});

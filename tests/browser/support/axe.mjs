// What axe finds on a page. It comes into the page once, and is asked for what is wrong alone: to tell what is right takes time, too.

import axe from "axe-core";

/** Colours are few, and axe reads each of them thousands of times, which is most of its work: here it reads each once. */
function rememberColours() {
  const { Color } = globalThis.axe.commons.color;
  const { parseString } = Color.prototype;
  const known = new Map();
  Color.prototype.parseString = function remembered(text) {
    const before = known.get(text);
    if (before) return Object.assign(this, before);
    parseString.call(this, text);
    known.set(text, { r: this.r, g: this.g, b: this.b, alpha: this.alpha });
    return this;
  };
}

/** All that is wrong, by all the rules that axe has from the start. */
export async function violationsOf(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) {
    await page.evaluate(axe.source);
    await page.evaluate(rememberColours);
  }
  return page.evaluate(async () => (await globalThis.axe.run(document, { resultTypes: ["violations"] })).violations);
}

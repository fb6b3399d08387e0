// What holds for everybody, on each screen, in each theme and at each width: axe finds nothing, nothing is wider than the screen, and
// what one presses is large enough for a finger.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { violationsOf } from "./axe.mjs";

/** A desk, a phone, and a narrow phone or a page at 400 %: axe looks at these. */
const WIDTHS = [1280, 390, 320];

/** A wide screen, and each width at which the page changes, and the next one. */
const EDGES = [2560, 2400, 2399, 901, 900, 641, 640, 341, 340];

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const small = (page, targets) => page.evaluate((targets) => {
  // What is far out of sight has no size before it is drawn: the tile of a device that has just come.
  for (const tile of document.querySelectorAll(".tile")) tile.style.contentVisibility = "visible";
  return [...document.querySelectorAll(targets)]
    .filter((target) => target.checkVisibility())
    .filter((target) => target.getBoundingClientRect().height < 44 || target.getBoundingClientRect().width < 44)
    .map((target) => target.outerHTML);
}, targets);

/**
 * Looks at a page at all widths, and leaves it at 1280 px. `where` is what a failure calls it; `targets` chooses what one presses.
 * `SHOTS` names a folder for pictures.
 */
export async function assertForEverybody(page, where, { targets = "" } = {}) {
  const { height } = page.viewportSize();
  for (const width of EDGES) {
    await page.setViewportSize({ width, height });
    assert.equal(await overflow(page), 0, `${where}: wider than ${width} px`);
  }
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height });
    const violations = await violationsOf(page);
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), [], `${where}, ${width} px`);
    assert.equal(await overflow(page), 0, `${where}: wider than ${width} px`);
    if (targets) assert.deepEqual(await small(page, targets), [], `${where}: targets under 44 px at ${width} px`);
    if (process.env.SHOTS) {
      mkdirSync(process.env.SHOTS, { recursive: true });
      await page.screenshot({ path: join(process.env.SHOTS, `${where.replaceAll(/\W+/g, "-")}-${width}.png`) });
    }
  }
  await page.setViewportSize({ width: WIDTHS[0], height });
}

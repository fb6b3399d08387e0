// The tree of topics as it is drawn, line by line.

import type { Branch } from "./traffic.js";

/** A line of the tree as it is drawn. */
export interface Row {
  branch: Branch;
  depth: number;
  isOpen: boolean;
}

const order = new Intl.Collator("en", { numeric: true }).compare;
const sorted = new WeakMap<Branch, readonly Branch[]>();

/** What is below it, in order. Topics come and do not go: while there are no more of them, the order is that of before. */
function inOrder(branch: Branch): readonly Branch[] {
  const known = sorted.get(branch);
  if (known?.length === branch.children.size) return known;
  const now = [...branch.children.values()].sort((one, other) => order(one.level, other.level));
  sorted.set(branch, now);
  return now;
}

/** The lines of the tree that are to be seen: what is open, and what a search lets through. */
export function rows(root: Branch, isOpen: (topic: string) => boolean, fits: ((branch: Branch) => boolean) | null): Row[] {
  const found: Row[] = [];
  const walk = (branch: Branch, depth: number): boolean => {
    let isThere = false;
    for (const child of inOrder(branch)) {
      const at = found.length;
      const open = fits !== null || isOpen(child.topic);
      found.push({ branch: child, depth, isOpen: open });
      const isFit = fits === null || (child.isTopic && fits(child));
      const isBelow = (open || fits !== null) && walk(child, depth + 1);
      if (isFit || isBelow) isThere = true;
      else found.length = at;
    }
    return isThere;
  };
  walk(root, 0);
  return found;
}

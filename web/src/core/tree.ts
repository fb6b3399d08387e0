// The tree of topics as it is drawn, line by line.

import type { Branch } from "./traffic.js";

/** A line of the tree as it is drawn. */
export interface Row {
  branch: Branch;
  depth: number;
  isOpen: boolean;
}

/** The lines of the tree that are to be seen: what is open, and what a search lets through. */
export function rows(root: Branch, isOpen: (topic: string) => boolean, fits: ((branch: Branch) => boolean) | null): Row[] {
  const found: Row[] = [];
  const walk = (branch: Branch, depth: number): boolean => {
    let isThere = false;
    for (const child of branch.inOrder) {
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

// When what is drawn. Messages only mark what they change; once per picture the marked parts are drawn that are in sight.
// What is out of sight waits for the next second: there it is not missing when it is searched or read out.

import { type Signal, batch, signal } from "@preact/signals";
import { useCallback } from "preact/hooks";

/** Parts out of sight are drawn each second up to this many, and beyond that every ten seconds. */
const MANY = 400;
const SELDOM = 10;
/** So many of them in one picture: drawn all at once, a thousand would hold up what is in sight. */
const ASIDE = 25;

export class Pulse {
  beforeDrawing: () => void = () => {};
  #beats = new Map<string, { beat: Signal<number>; parts: number }>();
  #dirty = new Set<string>();
  #later = new Set<string>();
  /** Keys in sight, with the elements that are: one topic may stand in two places. */
  #seen = new Map<string, Set<Element>>();
  #frame = 0;
  #seconds = 0;
  #areAllDue = false;
  /** Those out of sight that are still to be drawn in this round. */
  #aside: Iterator<string> | null = null;
  #sight = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: "200px" });
  #keys = new WeakMap<Element, string>();

  /** Something has new content. */
  touch(key: string): void {
    if (!this.#beats.has(key)) return;
    this.#dirty.add(key);
    this.soon();
  }

  /** The same, but a second is soon enough. */
  touchLater(key: string): void {
    this.#later.add(key);
  }

  /** All that is in sight has. */
  everything(): void {
    for (const key of this.#seen.keys()) this.#dirty.add(key);
    this.soon();
  }

  touchAll(): void {
    this.#areAllDue = true;
    this.soon();
  }

  soon(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  everySecond(): void {
    this.#seconds += 1;
    for (const key of this.#later) if (this.#seen.has(key)) this.#dirty.add(key);
    this.#later.clear();
    if (this.#beats.size <= MANY || this.#seconds % SELDOM === 0) this.#aside ??= this.#beats.keys();
    this.everything();
  }

  isInSight(key: string): boolean {
    return this.#seen.has(key);
  }

  /** The signal of a key, for as long as something is drawn under it. */
  of(key: string): Signal<number> {
    let known = this.#beats.get(key);
    if (!known) this.#beats.set(key, (known = { beat: signal(0), parts: 0 }));
    return known.beat;
  }

  observe(key: string, element: Element): void {
    this.of(key);
    this.#beats.get(key)!.parts += 1;
    this.#keys.set(element, key);
    this.#sight.observe(element);
  }

  unobserve(key: string, element: Element): void {
    this.#sight.unobserve(element);
    this.#leave(key, element);
    const known = this.#beats.get(key);
    if (!known || (known.parts -= 1) > 0) return;
    this.#beats.delete(key);
    this.#seen.delete(key);
  }

  #look(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const key = this.#keys.get(target);
      if (key === undefined || !this.#beats.has(key)) continue;
      if (!isIntersecting) {
        this.#leave(key, target);
        continue;
      }
      this.#seen.set(key, (this.#seen.get(key) ?? new Set()).add(target));
      this.touch(key);
    }
  }

  #leave(key: string, element: Element): void {
    const elements = this.#seen.get(key);
    elements?.delete(element);
    if (elements?.size === 0) this.#seen.delete(key);
  }

  #draw(): void {
    batch(() => {
      this.beforeDrawing();
      const isAll = this.#areAllDue;
      this.#areAllDue = false;
      const due = isAll ? this.#beats.keys() : this.#dirty;
      for (const key of due) {
        const known = this.#beats.get(key);
        // Out of sight it waits for its second.
        if (known && (isAll || this.#seen.has(key))) known.beat.value += 1;
      }
      this.#dirty.clear();
      if (isAll) this.#aside = null;
      this.#drawAside();
    });
  }

  /** The next few out of sight. Those that come meanwhile are among them; those that go are not. */
  #drawAside(): void {
    for (let drawn = 0; this.#aside && drawn < ASIDE;) {
      const { done, value } = this.#aside.next();
      if (done) this.#aside = null;
      else if (!this.#seen.has(value)) {
        drawn += 1;
        this.#beats.get(value)!.beat.value += 1;
      }
    }
    if (this.#aside) this.soon();
  }
}

/**
 * Draws a component again when its key has something new, and watches whether it is in sight. Returns the ref for its
 * element, and a number for the parts of it that read signals themselves: they are drawn again only if something they get is new.
 */
export function usePulse(pulse: Pulse, key: string): [ref: (element: Element | null) => (() => void) | void, beat: number] {
  // Read, so that the component hears of it.
  const beat = pulse.of(key).value;
  const ref = useCallback((element: Element | null) => {
    if (element === null) return;
    pulse.observe(key, element);
    return () => pulse.unobserve(key, element);
  }, [pulse, key]);
  return [ref, beat];
}

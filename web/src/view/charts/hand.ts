// What a hand does on a panel: it points, zooms, moves and selects, with a mouse, a finger or two.

import type { Window } from "../../core/charts/range.js";

/** Whom it is told to. Moments are milliseconds. */
export interface Heard {
  pointed(moment: number | null): void;
  zoomed(factor: number, at: number): void;
  /** By so many milliseconds, since the last time. */
  moved(by: number): void;
  selected(window: Window | null): void;
  back(): void;
}

const WHEEL = 0.0016;
/** A finger that rests so long points; one that moves before that moves the chart. */
const LONG_PRESS = 450;
const SLOP = 8;

export class Hand {
  #over: HTMLElement;
  #heard: Heard;
  #momentAt: (left: number) => number;
  #touches = new Map<number, number>();
  #doing: "nothing" | "moving" | "selecting" | "pointing" = "nothing";
  #lastX = 0;
  #startX = 0;
  #start = 0;
  #press: ReturnType<typeof setTimeout> | undefined;
  #end = new AbortController();

  constructor(over: HTMLElement, heard: Heard, momentAt: (left: number) => number) {
    this.#over = over;
    this.#heard = heard;
    this.#momentAt = momentAt;
    over.style.touchAction = "pan-y";
    const { signal } = this.#end;
    over.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    over.addEventListener("pointermove", (event) => this.#move(event), { signal });
    for (const name of ["pointerup", "pointercancel"] as const) over.addEventListener(name, (event) => this.#up(event), { signal });
    over.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#doing === "nothing" && heard.pointed(null), { signal });
    over.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    over.addEventListener("dblclick", () => heard.back(), { signal });
  }

  end(): void {
    clearTimeout(this.#press);
    this.#end.abort();
  }

  #left(event: { clientX: number }): number {
    return event.clientX - this.#over.getBoundingClientRect().left;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const x = this.#left(event);
    this.#touches.set(event.pointerId, x);
    this.#lastX = this.#startX = x;
    this.#start = this.#momentAt(x);
    if (event.pointerType === "mouse") {
      this.#over.setPointerCapture(event.pointerId);
      this.#doing = event.shiftKey ? "selecting" : "moving";
      if (event.shiftKey) event.preventDefault();
      return;
    }
    clearTimeout(this.#press);
    this.#doing = "nothing";
    if (this.#touches.size > 1) return;
    this.#press = setTimeout(() => {
      this.#doing = "pointing";
      this.#heard.pointed(this.#momentAt(x));
    }, LONG_PRESS);
  }

  #move(event: PointerEvent): void {
    const x = this.#left(event);
    const before = this.#touches.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") this.#heard.pointed(this.#momentAt(x));
      return;
    }
    this.#touches.set(event.pointerId, x);
    if (this.#touches.size === 2) return this.#pinch(event.pointerId, before, x);
    if (this.#doing === "nothing" && Math.abs(x - this.#startX) > SLOP) {
      clearTimeout(this.#press);
      this.#doing = "moving";
    }
    const by = this.#momentAt(this.#lastX) - this.#momentAt(x);
    this.#lastX = x;
    if (this.#doing === "pointing") this.#heard.pointed(this.#momentAt(x));
    else if (this.#doing === "moving" && by !== 0) this.#heard.moved(by);
    else if (this.#doing === "selecting") {
      const now = this.#momentAt(x);
      this.#heard.selected({ from: Math.min(this.#start, now), to: Math.max(this.#start, now) });
    }
  }

  #pinch(moved: number, before: number, now: number): void {
    clearTimeout(this.#press);
    this.#doing = "nothing";
    const other = [...this.#touches].find(([id]) => id !== moved)![1];
    const [wide, wider] = [Math.abs(before - other), Math.abs(now - other)];
    if (wide > SLOP && wider > SLOP) this.#heard.zoomed(wide / wider, this.#momentAt((now + other) / 2));
  }

  #up(event: PointerEvent): void {
    clearTimeout(this.#press);
    this.#touches.delete(event.pointerId);
    if (this.#touches.size > 0) {
      this.#lastX = this.#startX = [...this.#touches.values()][0]!;
      return;
    }
    if (this.#doing === "selecting" && Math.abs(this.#left(event) - this.#startX) < 3) this.#heard.selected(null);
    this.#doing = "nothing";
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const { width } = this.#over.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      return this.#heard.moved((this.#momentAt(width) - this.#momentAt(0)) * ((event.deltaX * lines) / width));
    }
    // A pinch on a touchpad comes as a wheel with Ctrl, and in small steps.
    const speed = WHEEL * lines * (event.ctrlKey ? 6 : 1);
    this.#heard.zoomed(Math.exp(Math.max(-1, Math.min(1, event.deltaY * speed))), this.#momentAt(this.#left(event)));
  }
}

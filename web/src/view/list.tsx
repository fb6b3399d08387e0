// A list of any length of which only the lines in sight are drawn. All lines have one height.

import type { ComponentChildren, HTMLAttributes } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** A finger needs more room than a mouse. */
export const LINE_HEIGHT = matchMedia("(pointer: coarse)").matches ? 44 : 32;
const BEYOND = 8;

type Props<T> = Omit<HTMLAttributes<HTMLDivElement>, "onScroll"> & {
  items: readonly T[];
  line(item: T, at: number): ComponentChildren;
  /** A line that has to be in sight, or nothing. */
  current?: number;
  onScrolled?(top: number): void;
  role: "tree" | "log" | "list";
};

export function List<T>({ items, line, current, onScrolled, ...rest }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 600));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (current === undefined || current < 0) return;
    const { scrollTop, clientHeight } = box.current!;
    if (current * LINE_HEIGHT < scrollTop) box.current!.scrollTop = current * LINE_HEIGHT;
    else if ((current + 1) * LINE_HEIGHT > scrollTop + clientHeight) box.current!.scrollTop = (current + 1) * LINE_HEIGHT - clientHeight;
  }, [current]);
  const first = Math.max(0, Math.floor(top / LINE_HEIGHT) - BEYOND);
  const shown = items.slice(first, first + Math.ceil(height / LINE_HEIGHT) + 2 * BEYOND);
  return (
    <div {...rest} ref={box} class="list" tabIndex={0} onScroll={(event) => {
      setTop(event.currentTarget.scrollTop);
      onScrolled?.(event.currentTarget.scrollTop);
    }}>
      <div class="lines" role="presentation" style={{ paddingTop: `${first * LINE_HEIGHT}px`, height: `${items.length * LINE_HEIGHT}px` }}>{shown.map((item, at) => line(item, first + at))}</div>
    </div>
  );
}

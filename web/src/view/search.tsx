// The box of the search, on every screen the same.

import { useLayoutEffect, useRef } from "preact/hooks";
import { WORDS } from "../core/text.js";
import { search, show, view } from "../location.js";

export const isTyping = (target: EventTarget | null): boolean => target instanceof Element && target.matches("input, textarea, select, [contenteditable]");

/** `says` is what the search has come to. What is wrong in it is said in its place. */
export function SearchBox({ says }: { says: string }) {
  const box = useRef<HTMLInputElement>(null);
  // The key works as soon as the box is there: an effect after the next picture would miss the first letters.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
      event.preventDefault();
      box.current?.select();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const { trouble } = search.value;
  return (
    <div class="find" role="search">
      <label class="hidden" for="search">{WORDS.find}</label>
      <input ref={box} id="search" type="search" value={view.value.search} placeholder={WORDS.findHint} autocomplete="off" autocapitalize="none" spellcheck={false} maxLength={400}
        aria-describedby="search-says" onInput={(event) => show({ search: event.currentTarget.value })} onKeyDown={(event) => event.key === "Escape" && show({ search: "" })} />
      <p id="search-says" class={trouble ? "says trouble" : "says"}>{trouble ?? says}</p>
    </div>
  );
}

// Small parts that stand in several places.

import type { ComponentChildren } from "preact";
import { type Ref, refText } from "../core/charts/series.js";
import { isObject } from "../core/frame.js";
import { type Holes, WORDS } from "../core/text.js";
import type { Quantity } from "../core/quantity.js";
import type { Reading } from "../core/values.js";
import { START, viewText } from "../core/view.js";
import { show } from "../location.js";
import { tools } from "../tools.js";

/** The address of the chart of one series. */
export const chartAddress = (ref: Ref): string => viewText({ ...START, screen: "charts", series: [refText(ref)] });

/** Opens the chart that a link leads to, and keeps what else is shown, as the moment. A new tab is left to the browser. */
export function openChart(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const series = new URLSearchParams(event.currentTarget.hash.split("?")[1]).getAll("s");
  show({ screen: "charts", series, search: "" });
}

/** What a chart of a reading shows first: its state, or its first value. */
export function chartedOf({ topic, actuator, payload, quantities }: Reading): Ref | null {
  if (actuator) return { topic, path: isObject(payload) ? `/${actuator.key ?? "state"}` : "" };
  const first = quantities?.[0];
  return first ? { topic, path: first.path } : null;
}

/** A value that leads to its chart, if it can have one. */
export function ChartLink({ topic, quantity: { path, value, isOn }, children }: { topic: string; quantity: Quantity; children: ComponentChildren }) {
  if (typeof value !== "number" && isOn === undefined) return <>{children}</>;
  return <a class="to-chart" href={chartAddress({ topic, path })} onClick={openChart}>{children}<span class="hidden">{`, ${WORDS.toChart}`}</span></a>;
}

/** Has the browser keep something as a file. */
export function download(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A text with elements in it. */
export const woven = <Text extends string>(text: Text, elements: Readonly<Record<Holes<Text>, ComponentChildren>>): ComponentChildren[] =>
  text.split(/\{(\w+)\}/).map((part, at) => (at % 2 === 1 ? elements[part as Holes<Text>] : part));

/** The picture that people have given to something, as soon as there is what draws it. */
export function Picture({ name }: { name: string | undefined }) {
  const Icon = tools.value.Icon;
  return name === undefined ? null : Icon ? <Icon name={name} /> : <svg class="icon" />;
}

/** The picture of a clock, for what is stale. */
export function Clock() {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M8 4.5V8l2.5 1.5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

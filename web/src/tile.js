// One tile: a value with its age, and behind it what exactly was sent and when.

import { Control } from "./control.js";
import { element, icon, mark, show, write } from "./element.js";
import { Sparkline } from "./sparkline.js";
import { ageText, cut, exactText, intervalText, numberText, sinceText, spanText, spokenUnit, titleText } from "./words.js";

const RAW_SHOWN = 160;
const GIVEN_UP = 20;
/** A last value that is older than this, and not stale, is told with its time until the device speaks again. */
const KEPT_FOR = 60e3;

export class Tile {
  #reading;
  #inside;
  #sparkline;
  #clock = icon("clock");
  #age = element("span", "age");
  #about = element("dl");
  #details;
  #isOpen = false;
  isStale = false;
  isInSight = false;

  constructor(reading, commands, past) {
    this.#reading = reading;
    this.kind = kindOf(reading);
    this.section = reading.section;
    this.base = reading.base;
    this.#inside = insideOf(this.kind, reading, commands);
    this.#sparkline = this.section === "sensors" ? new Sparkline(reading, past) : null;
    const title = element("h3", {}, reading.title);
    const name = element("p", "name", cut(reading.place, 200));
    const summary = element("summary", {}, this.#clock, this.#age, element("span", "hidden", `, details of ${reading.title}, ${cut(reading.name, 80)}`));
    this.#details = element("details", {}, summary, this.#about);
    this.#details.ontoggle = () => this.#toggle();
    this.element = element("li", `tile ${this.kind}`, title, name, this.#inside.element, ...(this.#sparkline ? [this.#sparkline.element] : []), this.#details);
    this.element.onpointerenter = () => mark(this.#inside.element, "title", cut(`${exactText(reading.time)}\n${reading.text}`, 400));
  }

  /** Whether this is still the right kind of tile for what the topic now says. */
  fits(reading) {
    return this.kind === kindOf(reading) && this.section === reading.section && this.base === reading.base;
  }

  draw(now, isLive) {
    this.#inside.draw(isLive);
    this.drawAge(now, isLive);
    if (this.#isOpen) this.#drawAbout();
  }

  /** Without a connection nothing is the fault of the device: then there is only an age. */
  drawAge(now, isLive) {
    const { time, patience, isKept } = this.#reading;
    this.isStale = isLive && this.#reading.isStale(now);
    const silence = now - time;
    show(this.#clock, this.isStale);
    mark(this.element, "data-stale", this.isStale ? "" : null);
    if (this.isInSight && isLive) this.#sparkline?.draw(now);
    if (this.isStale && silence > GIVEN_UP * patience) write(this.#age, `Silent since ${sinceText(time, now)}`);
    else if (this.isStale) write(this.#age, `No data for ${spanText(silence / 1000)}`);
    else if (isKept && silence >= KEPT_FOR) write(this.#age, `as of ${sinceText(time, now)}`);
    else write(this.#age, ageText(time, now));
  }

  #toggle() {
    this.#isOpen = this.#details.open;
    if (this.#isOpen) this.#drawAbout();
  }

  #drawAbout() {
    const { topic, time, count, text, every } = this.#reading;
    const facts = [["Topic", topic], ["Time", exactText(time)], ["Payload", text], ["Seen", `${count} ${count === 1 ? "message" : "messages"}`], ["Interval", every === null ? "not regular, or not known yet" : intervalText(every)]];
    if (this.#about.childElementCount === 0) {
      for (const [name] of facts) this.#about.append(element("dt", {}, name), element("dd", name === "Topic" || name === "Payload" ? "code" : ""));
    }
    facts.forEach(([, value], at) => write(this.#about.children[at * 2 + 1], value));
  }
}

function kindOf(reading) {
  if (reading.actuator) return reading.actuator.choices.length === 2 ? "switching" : "choosing";
  return reading.quantities ? `reading-${reading.quantities.length}` : "raw";
}

function insideOf(kind, reading, commands) {
  if (reading.actuator) return new Control(reading, commands);
  return kind === "raw" ? new Raw(reading) : new Values(reading);
}

/** One value in large print, the others in lines below it. */
class Values {
  #reading;
  #lines;

  constructor(reading) {
    this.#reading = reading;
    this.#lines = reading.quantities.map(() => new ValueLine());
    const [first, ...others] = this.#lines;
    first.element.className = "value";
    this.element = element("div", "values", first.element);
    others.forEach((line, at) => {
      const name = element("span", "key", `${titleText(reading.quantities[at + 1].key)} `);
      line.element.prepend(name);
      line.element.className = "more";
      this.element.append(line.element);
    });
  }

  draw() {
    this.#reading.quantities.forEach((quantity, at) => this.#lines[at].draw(quantity, this.#reading.decimals(quantity.key)));
  }
}

class ValueLine {
  #number = element("span", "number");
  #unit = element("span", { class: "unit", "aria-hidden": "true" });
  #spoken = element("span", "hidden");
  element = element("p", {}, this.#number, " ", this.#unit, this.#spoken);

  draw({ value, unit }, decimals) {
    const text = valueText(value, unit, decimals);
    write(this.#number, text);
    // Long texts and numbers get smaller before they wrap.
    mark(this.#number, "data-size", text.length > 14 ? "small" : text.length > 8 ? "middle" : null);
    write(this.#unit, value === null ? "" : unit);
    write(this.#spoken, value === null ? "" : spokenUnit(unit));
  }
}

function valueText(value, unit, decimals) {
  if (value === null) return "Not available";
  return typeof value === "number" ? numberText(value, unit, decimals) : value === "" ? "(empty text)" : String(value);
}

/** What nobody agreed on is shown as it is. */
class Raw {
  #reading;
  element = element("pre");

  constructor(reading) {
    this.#reading = reading;
  }

  draw() {
    const { text } = this.#reading;
    write(this.element, text.length > RAW_SHOWN ? `${text.slice(0, RAW_SHOWN)}… (whole in the details)` : text);
  }
}

// The last hour of a number as a small line. It takes its place from the start, so nothing moves when it comes.

import { mark, picture, write } from "./element.js";
import { drawn } from "./past.js";
import { numberText } from "./words.js";

/** The line moves by itself, slowly: a tenth of what one can see. */
const MOVES = 20e3;

export class Sparkline {
  #reading;
  #past;
  #title = picture("title");
  #path = picture("path", { "vector-effect": "non-scaling-stroke" });
  #version = "";
  element = picture("svg", { class: "sparkline", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" });

  constructor(reading, past) {
    this.#reading = reading;
    this.#past = past;
    this.element.append(this.#title, this.#path);
  }

  /** Draws if there is something new to see. */
  draw(now) {
    const hour = this.#past.of(this.#reading);
    const version = hour ? `${hour.again} ${hour.version} ${Math.floor(now / MOVES)}` : "";
    if (version === this.#version) return;
    this.#version = version;
    const line = hour?.isKept ? drawn(hour.pieces(now), now) : null;
    mark(this.#path, "d", line?.path ?? null);
    mark(this.element, "role", line ? "img" : null);
    mark(this.element, "aria-hidden", line ? null : "true");
    write(this.#title, line ? this.#words(line) : "");
  }

  #words({ low, high, isWhole }) {
    const { key, unit } = this.#reading.quantities[0];
    const [from, to] = [low, high].map((value) => numberText(value, unit, this.#reading.decimals(key)));
    const range = from === to ? from : `${from} to ${to}`;
    return `last hour: ${range}${unit ? ` ${unit}` : ""}${isWhole ? "" : ", with gaps"}`;
  }
}

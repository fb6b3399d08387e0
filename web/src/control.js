// The inside of a tile that switches something. The knob shows the fact; a wish is drawn apart from it.

import { stateText, wishText } from "./commands.js";
import { element, mark, show, write } from "./element.js";
import { clockText, cut } from "./words.js";

let made = 0;

export class Control {
  #reading;
  #commands;
  #state = element("p", "state");
  #status = element("p", { class: "status", id: `status-${(made += 1)}` });
  #retry = element("button", { type: "button" }, "Try again");
  #question = element("button", { type: "button", class: "quiet" }, "Ask state");
  #actions = element("div", "actions", this.#retry, this.#question);
  #input;

  constructor(reading, commands) {
    this.#reading = reading;
    this.#commands = commands;
    const Input = reading.actuator.choices.length === 2 ? Switch : Choice;
    this.#input = new Input(reading, this.#status.id, (state) => this.#want(state));
    this.#retry.onclick = () => this.#want(this.#commands.wish(reading.topic)?.wanted);
    this.#question.onclick = () => commands.askState(this.#reading);
    this.element = element("div", "control", element("div", "fact", this.#state, this.#input.element), this.#status, this.#actions);
  }

  draw(isLive) {
    const { topic, payload, actuator } = this.#reading;
    const wish = this.#commands.wish(topic);
    const state = actuator.stateOf(payload);
    const canSwitch = isLive && !wish?.isForbidden;
    write(this.#state, state === null ? "" : cut(stateText(state), 40));
    write(this.#status, this.#statusText(wish, state, isLive));
    mark(this.#status, "class", wish?.trouble ? "status trouble" : "status");
    mark(this.element, "aria-busy", wish?.isPending ? "true" : null);
    show(this.#actions, Boolean(wish?.trouble) && canSwitch);
    this.#input.draw(state, wish?.isPending ? wish.wanted : undefined, canSwitch, Boolean(wish?.isForbidden));
  }

  #want(state) {
    if (state !== undefined) this.#commands.want(this.#reading, state);
  }

  #statusText(wish, state, isLive) {
    if (wish?.isForbidden) return "View only: your account is not allowed to switch this.";
    if (!isLive && !wish?.trouble) return "Waiting for the hub.";
    if (wish?.isPending) return wishText(wish.wanted);
    const { time, actuator } = this.#reading;
    const fact = state === null ? "Its state is not known." : `Still ${stateText(state).toLowerCase()} as of ${clockText(time)}.`;
    switch (wish?.trouble ?? null) {
      case null: return wish?.confirmedAt === time ? `Confirmed ${clockText(time)}.` : state === null ? fact : "";
      case "silence": return `No answer from the ${actuator.kind === "led" ? "LED" : actuator.kind}. ${fact}`;
      case "offline": return `Not switched: the ${actuator.kind === "led" ? "LED" : actuator.kind} is not connected. ${fact}`;
      case "unsure": return "Sent, not confirmed.";
      default: return `Not switched: ${cut(wish.trouble, 120)}. ${fact}`;
    }
  }
}

/** On and off. Where the device does not know its own state there is nothing to flip: two buttons then. */
class Switch {
  #button;
  #pair;
  /** Where it is, or is on its way to: a click turns that round. */
  #aim = false;

  constructor(reading, status, want) {
    this.#button = element("button", { type: "button", role: "switch", class: "switch", "aria-label": reading.title, "aria-describedby": status }, element("span", "knob"));
    this.#button.onclick = () => isEnabled(this.#button) && want(!this.#aim);
    this.#pair = element("div", { class: "pair", role: "group", "aria-label": reading.title, "aria-describedby": status });
    for (const state of [true, false]) {
      const button = element("button", { type: "button" }, stateText(state));
      button.onclick = () => isEnabled(button) && want(state);
      this.#pair.append(button);
    }
    this.element = element("div", {}, this.#button, this.#pair);
  }

  draw(state, wanted, canSwitch, isForbidden) {
    const isKnown = typeof state === "boolean";
    this.#aim = wanted ?? state === true;
    // The focus goes along, or a keyboard would be sent back to the top of the page by the first report.
    const hadFocus = isKnown && this.#pair.contains(document.activeElement);
    show(this.#button, isKnown && !isForbidden);
    show(this.#pair, !isKnown && !isForbidden);
    if (hadFocus) this.#button.focus();
    mark(this.#button, "aria-checked", isKnown ? state : "false");
    mark(this.#button, "data-wish", wanted === undefined || wanted === state ? null : wanted ? "on" : "off");
    for (const button of [this.#button, ...this.#pair.children]) mark(button, "aria-disabled", canSwitch ? null : "true");
    [...this.#pair.children].forEach((button, at) => mark(button, "data-wish", wanted === (at === 0) ? "this" : null));
  }
}

/** One of a few. Choosing changes nothing by itself: the mark stays on what the device reported. */
class Choice {
  #choices;
  #fact = undefined;

  constructor(reading, status, want) {
    const name = `choice-${status}`;
    this.element = element("fieldset", { class: "choices", "aria-describedby": status }, element("legend", "hidden", reading.title));
    this.#choices = reading.actuator.choices.map((state) => {
      const input = element("input", { type: "radio", name, value: state });
      input.onchange = () => {
        this.#check();
        want(state);
      };
      const label = element("label", {}, input, element("span", {}, stateText(state)));
      this.element.append(label);
      return { state, input, label };
    });
  }

  draw(state, wanted, canSwitch, isForbidden) {
    this.#fact = state;
    show(this.element, !isForbidden);
    if (this.element.disabled === canSwitch) this.element.disabled = !canSwitch;
    this.#check();
    for (const choice of this.#choices) mark(choice.label, "data-wish", wanted === choice.state && wanted !== state ? "this" : null);
  }

  #check() {
    for (const { state, input } of this.#choices) {
      if (input.checked !== (state === this.#fact)) input.checked = state === this.#fact;
    }
  }
}

const isEnabled = (button) => button.getAttribute("aria-disabled") !== "true";

// The sign-in form: keeps the name, selects a password that was wrong, and says in words what to do.

import { cleanAddress, fromAddress, signIn } from "./session.js";

const part = (id) => document.getElementById(id);

/** Calls `entered` when somebody has signed in. */
export class SignIn {
  #entered;
  #countdown = 0;
  #section = part("sign-in");
  #name = part("name");
  #password = part("password");
  #stay = part("stay");
  #complaint = part("complaint");
  #enter = part("enter");

  constructor(entered) {
    this.#entered = entered;
    part("form").onsubmit = (event) => {
      event.preventDefault();
      this.#submit(this.#name.value, this.#password.value, this.#stay.checked);
    };
    part("show").onclick = () => this.#reveal(this.#password.type === "password");
    for (const kind of ["keydown", "keyup"]) this.#password.addEventListener(kind, (event) => this.#hintCapsLock(event));
  }

  /** Uses what stands in the address, if anything does. Returns whether it did. */
  async fromAddress() {
    const given = fromAddress();
    if (!given) return false;
    const refused = await signIn(given.name, given.password, false);
    if (refused) {
      this.#name.value = given.name;
      this.show(null, false);
      this.#complain(refused);
    } else cleanAddress();
    return true;
  }

  show(why, isDemo) {
    this.#section.hidden = false;
    part("sign-in-why").hidden = !why;
    part("sign-in-why").textContent = why ?? "";
    part("demo").hidden = !isDemo;
    if (isDemo) this.#name.value ||= "clown";
    if (isDemo && this.#name.value === "clown") this.#password.value = "bigclown";
    (this.#name.value === "" ? this.#name : isDemo ? this.#enter : this.#password).focus({ preventScroll: !why });
  }

  hide() {
    this.#section.hidden = true;
    this.#reveal(false);
    this.#complain(null);
    this.#password.value = "";
  }

  async #submit(name, password, stay) {
    if (this.#enter.disabled) return;
    this.#complain(null);
    this.#enter.disabled = true;
    const refused = await signIn(name, password, stay);
    this.#enter.disabled = false;
    if (refused) this.#complain(refused);
    else if (fromAddress()) cleanAddress();
    else this.#entered();
  }

  #complain(refused) {
    clearInterval(this.#countdown);
    this.#complaint.textContent = refused ? refused.sentence : "";
    if (!refused) return this.#password.removeAttribute("aria-invalid");
    this.#password.setAttribute("aria-invalid", "true");
    if (refused.wait > 0) this.#pause(refused);
    else {
      this.#password.focus();
      this.#password.select();
    }
  }

  /** No try before the hub wants one; it would only count as another wrong one. */
  #pause({ sentence, wait }) {
    const until = Date.now() + wait * 1000;
    this.#complaint.textContent = `${sentence} Try again in ${wait} s.`;
    this.#enter.disabled = true;
    this.#countdown = setInterval(() => {
      const left = Math.ceil((until - Date.now()) / 1000);
      this.#enter.textContent = left > 0 ? `Sign in (${left} s)` : "Sign in";
      if (left > 0) return;
      clearInterval(this.#countdown);
      this.#enter.disabled = false;
      this.#complaint.textContent = "";
    }, 1000);
  }

  #reveal(isShown) {
    this.#password.type = isShown ? "text" : "password";
    part("show").textContent = isShown ? "Hide" : "Show";
    part("show").setAttribute("aria-pressed", isShown);
  }

  #hintCapsLock(event) {
    part("caps").hidden = !event.getModifierState?.("CapsLock");
  }
}

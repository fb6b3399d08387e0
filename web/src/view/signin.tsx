// The sign-in form: keeps the name, selects a password that was wrong, and says in words what to do.

import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { WORDS, say } from "../core/text.js";
import { withoutToken } from "../core/view.js";
import { WALL_TOKEN, write } from "../favourites.js";
import { isOtherLanguage, view } from "../location.js";
import { connection } from "../page.js";
import { woven } from "./parts.js";
import { type Refusal, cleanAddress, enterByToken, fromAddress, signIn, whoAmI } from "../session.js";

/** What is in the form outlives it: it comes and goes with the connection. */
const name = signal("");
const refused = signal<Refusal | null>(null);

/** Uses what stands in the address, if anything does. Returns whether it did. */
export async function enterFromAddress(): Promise<boolean> {
  const given = fromAddress();
  if (!given) {
    await enterByLink();
    return false;
  }
  const refusal = await signIn(given.name, given.password, false);
  if (refusal === null) {
    cleanAddress();
    return true;
  }
  name.value = given.name;
  refused.value = refusal;
  return false;
}

/**
 * The token of a link leaves the address at once. Who has signed in by a name keeps that. On a wall the token is kept, as nobody
 * stands there to sign in again. Returns whether the token let somebody in.
 */
async function enterByLink(): Promise<boolean> {
  const [hash, token] = withoutToken(location.hash);
  if (token === null) return false;
  history.replaceState(null, "", location.pathname + location.search + hash);
  const who = await whoAmI();
  if (who.state === "in" && !who.isToken) return false;
  const { isKiosk } = view.value;
  const refusal = await enterByToken(token, isKiosk);
  if (isKiosk && !refusal?.isOver) write(WALL_TOKEN, token);
  refused.value = refusal;
  return refusal === null;
}

// A link is opened where the page is already. One in another language is used when the page is loaded again.
addEventListener("hashchange", async () => {
  if (!isOtherLanguage() && (await enterByLink())) void connection.open();
});

export function SignIn({ why, isDemo }: { why: string | null; isDemo: boolean }) {
  const nameBox = useRef<HTMLInputElement>(null);
  const passwordBox = useRef<HTMLInputElement>(null);
  const stay = useRef<HTMLInputElement>(null);
  const enter = useRef<HTMLButtonElement>(null);
  const [isShown, setShown] = useState(false);
  const [isCaps, setCaps] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const left = useCountdown(refused.value);

  useLayoutEffect(() => {
    if (isDemo) name.value ||= "clown";
    nameBox.current!.value = name.value;
    if (isDemo && name.value === "clown" && refused.value === null) passwordBox.current!.value = "bigclown";
    (name.value === "" ? nameBox : isDemo ? enter : passwordBox).current?.focus({ preventScroll: why === null });
  }, [isDemo]);
  // A form that is gone has no complaint any more.
  useEffect(() => () => void (refused.value = null), []);
  useLayoutEffect(() => {
    if (refused.value === null || refused.value.wait > 0) return;
    passwordBox.current?.focus();
    passwordBox.current?.select();
  }, [refused.value]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (isBusy || left > 0) return;
    setBusy(true);
    refused.value = null;
    const refusal = await signIn(nameBox.current!.value, passwordBox.current!.value, stay.current!.checked);
    setBusy(false);
    refused.value = refusal;
    if (refusal !== null) return;
    if (fromAddress()) cleanAddress();
    else void connection.open();
  };
  const hintCapsLock = (event: KeyboardEvent) => setCaps(event.getModifierState("CapsLock"));
  const refusal = refused.value;
  return (
    <section id="sign-in" class="sign-in" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{WORDS.signIn}</h2>
      {why !== null && <p id="sign-in-why" class="why">{why}</p>}
      <form method="post" action="api/session" onSubmit={(event) => void submit(event)}>
        <label for="name">{WORDS.name}</label>
        <input ref={nameBox} id="name" name="name" autocomplete="username" autocapitalize="none" spellcheck={false} maxLength={64} required onInput={(event) => (name.value = event.currentTarget.value)} />
        <label for="password">{WORDS.password}</label>
        <div class="with-button">
          <input ref={passwordBox} id="password" name="password" {...({ type: isShown ? "text" : "password" } as { type: "password" })} autocomplete="current-password" maxLength={1024} aria-describedby="caps complaint" aria-invalid={refusal ? "true" : undefined} required
            onKeyDown={hintCapsLock} onKeyUp={hintCapsLock} />
          <button type="button" class="quiet" aria-controls="password" aria-pressed={isShown} onClick={() => setShown(!isShown)}>{isShown ? WORDS.hide : WORDS.show}</button>
        </div>
        <p id="caps" class="hint" hidden={!isCaps}>{WORDS.capsLock}</p>
        <label class="check"><input ref={stay} id="stay" name="stay" type="checkbox" />{WORDS.stay}</label>
        <p id="complaint" class="complaint" role="alert">{refusal === null || (refusal.wait > 0 && left === 0) ? "" : refusal.wait > 0 ? say(WORDS.tryAgainIn, { sentence: refusal.sentence, count: refusal.wait }) : refusal.sentence}</p>
        <button ref={enter} id="enter" type="submit" class="filled" disabled={isBusy || left > 0}>{left > 0 ? say(WORDS.signInWait, { count: left }) : WORDS.signIn}</button>
      </form>
      <p class="trouble-link"><a href="check">{WORDS.troubleCheck}</a></p>
      {isDemo && (
        <div class="demo">
          <p>{woven(WORDS.demo, { name: <b>clown</b>, password: <b>bigclown</b> })}</p>
        </div>
      )}
    </section>
  );
}

/** Seconds until the hub wants another try: no try before that, it would only count as another wrong one. */
function useCountdown(refusal: Refusal | null): number {
  const [left, setLeft] = useState(0);
  useLayoutEffect(() => {
    const until = Date.now() + (refusal?.wait ?? 0) * 1000;
    const count = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    count();
    if (!refusal?.wait) return undefined;
    const timer = setInterval(count, 1000);
    return () => clearInterval(timer);
  }, [refusal]);
  return left;
}

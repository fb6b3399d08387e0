// A link to what is on the screen: for people with an account, or for anybody, with a token that reads this and nothing else. And the
// same on a wall.

import "../../app.js";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { accounts, change, isDemo, readAccounts, tokenPath } from "../../admin.js";
import { parseRef } from "../../core/charts/series.js";
import { isObject } from "../../core/frame.js";
import { SHARE, plural, say } from "../../core/text.js";
import { TOKEN, viewText } from "../../core/view.js";
import { WALL_TOKEN, read, write } from "../../favourites.js";
import { search, show, view } from "../../location.js";
import { connection, isAdmin, presentValues, state, values } from "../../page.js";
import { HUB, enterByToken } from "../../session.js";
import { Check, Choose, Copy, Field, type Outcome, Says, Sure, told } from "../admin/parts.js";
import { Code } from "../qr.js";

/** The notes of such tokens begin so. */
const NOTE = "Link: ";
const DAY = 24 * 3600e3;
const FILTERS_AT_MOST = 100;
const AGAIN = 10_000;

/** Filters of what is on the screen, with what says whether its nodes are there. */
function filtersNow(): string[] {
  const { screen, series, topic } = view.value;
  if (screen === "explorer" && topic !== "") return [`${topic}/#`];
  const isWhole = screen !== "charts" && search.value.isEmpty;
  if (isWhole) return ["#"];
  const now = values.now();
  const isOffline = (base: string): boolean => values.presenceOf(base)?.isOnline === false;
  const found = screen === "charts" ? series.flatMap((text) => parseRef(text)?.topic ?? [])
    : [...values.topics.values()].filter((one) => search.value.matches(one, { now, isOffline: isOffline(one.base), isFavourite: false })).map((one) => one.topic);
  const bases = found.flatMap((one) => values.topics.get(one)?.base ?? []).map((base) => `${base}/presence`);
  return [...new Set([...found, ...bases])].slice(0, FILTERS_AT_MOST);
}

const addressOf = (hash: string): string => HUB + hash;

/** The address of the view, perhaps on a wall, perhaps with a token. */
function linkTo(isKiosk: boolean, token?: string): string {
  const hash = viewText({ ...view.value, isKiosk });
  return addressOf(token === undefined ? hash : `${hash}${hash.includes("?") ? "&" : "?"}${TOKEN}=${token}`);
}

export function Share({ onClose }: { onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
    if (isAdmin.value) void readAccounts();
  }, []);
  const link = linkTo(false);
  return (
    <dialog ref={dialog} class="sharing" aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>{SHARE.title}</h2>
      <section aria-label={SHARE.link}>
        <h3>{SHARE.link}</h3>
        <p class="of">{SHARE.linkAbout}</p>
        <p class="secret code">{link}</p>
        <div class="actions"><Copy text={link} name={SHARE.copyLink} /></div>
      </section>
      <section aria-label={SHARE.guest}>
        <h3>{SHARE.guest}</h3>
        {!isAdmin.value ? <p class="of">{SHARE.guestAdmins}</p> : isDemo.value ? <p class="of">{SHARE.demo}</p> : <Guest />}
      </section>
      <section aria-label={SHARE.wall}>
        <h3>{SHARE.wall}</h3>
        <p class="of">{SHARE.wallAbout}</p>
        <div class="actions"><button type="button" onClick={() => {
          dialog.current?.close();
          show({ isKiosk: true });
          void document.documentElement.requestFullscreen?.().catch(() => {});
        }}>{SHARE.wallStart}</button></div>
      </section>
      <div class="actions"><button type="button" onClick={() => dialog.current?.close()}>{SHARE.close}</button></div>
    </dialog>
  );
}

/** Makes links for those who have no account, and revokes them. */
function Guest() {
  const [filters, setFilters] = useState(() => filtersNow().join("\n"));
  const [days, setDays] = useState("7");
  const [isWall, setWall] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const links = (accounts.value?.list ?? []).filter(({ isToken, note }) => isToken && note.startsWith(NOTE));
  const send = async (work: () => Promise<Outcome | null>) => {
    setBusy(true);
    setOutcome(await work());
    setBusy(false);
  };
  const make = async (): Promise<Outcome | null> => {
    const subscribe = filters.split("\n").map((line) => line.trim()).filter(Boolean);
    if (subscribe.length === 0) return { isOk: false, sentence: SHARE.nobody };
    const name = `link-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`;
    const until = days === "" ? {} : { valid_until: new Date(presentValues().now() + Number(days) * DAY).toISOString().slice(0, 10) };
    const reply = await change("POST", tokenPath(name), { subscribe, note: `${NOTE}${viewText(view.value)}`.slice(0, 200), ...until });
    if (!reply.isOk) return { isOk: false, sentence: reply.sentence };
    setMade(linkTo(isWall, isObject(reply.body) ? String(reply.body.token) : ""));
    return null;
  };
  const revoke = async (name: string): Promise<Outcome> => {
    const reply = await change("DELETE", tokenPath(name));
    return told(reply.isOk ? { isOk: true, sentence: SHARE.revoked } : { isOk: false, sentence: reply.sentence });
  };
  return (
    <>
      <p class="of">{SHARE.guestAbout}</p>
      {made === null ? (
        <form onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy) void send(make);
        }}>
          <Field label={SHARE.filters} value={filters} rows={3} isCode onInput={setFilters} />
          <Choose label={SHARE.lasts} value={days} names={Object.entries(SHARE.spans)} onChange={setDays} />
          <Check label={SHARE.isWall} isOn={isWall} onChange={setWall} />
          <div class="actions"><button type="submit" class="filled" disabled={isBusy}>{SHARE.make}</button></div>
        </form>
      ) : (
        <div class="made">
          <p><b>{SHARE.made}</b></p>
          <p class="secret code">{made}</p>
          <Code text={made} label={SHARE.code} />
          <div class="actions"><Copy text={made} name={SHARE.copyLink} /></div>
        </div>
      )}
      <Says outcome={outcome} />
      <h4>{SHARE.links}</h4>
      <ul class="rows-of" aria-label={SHARE.links}>
        {links.length === 0 && <li class="of">{SHARE.none}</li>}
        {links.map(({ name, note, rights, validUntil, connections }) => (
          <li key={name} class="row">
            <span class="row-name">{name}</span>
            <span class="row-more">{[rights.subscribe.slice(0, 3).join(", "), note.slice(NOTE.length), validUntil === "" ? SHARE.forever : say(SHARE.until, { day: validUntil }), connections === 0 ? SHARE.unused : plural(SHARE.used, connections)].join(" · ")}</span>
            <div class="actions"><Sure name={SHARE.revoke} ask={SHARE.revokeAsk} yes={SHARE.revokeYes} isBusy={isBusy} onYes={() => void send(() => revoke(name))} /></div>
          </li>
        ))}
      </ul>
    </>
  );
}

const isText = (value: unknown): value is string => typeof value === "string";

/** What a wall needs: a screen that stays awake, and a way in again where the sign-in was lost. */
export function Kiosk() {
  useLayoutEffect(() => {
    let lock: { release(): Promise<void> } | null = null;
    const stayAwake = async () => {
      if (document.hidden) return;
      // Over plain http there is none; then the machine has to be told.
      lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    };
    const onKey = ({ key }: KeyboardEvent) => key === "Escape" && leave();
    void stayAwake();
    document.addEventListener("visibilitychange", stayAwake);
    addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("visibilitychange", stayAwake);
      removeEventListener("keydown", onKey);
      void lock?.release();
    };
  }, []);
  const { name } = state.value;
  useEffect(() => {
    const token = read(WALL_TOKEN, isText);
    if (name !== "out" || token === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enter = async () => {
      const refusal = await enterByToken(token, true);
      if (refusal === null) void connection.open();
      // What was revoked is not tried again.
      else if (refusal.isOver) write(WALL_TOKEN, null);
      else timer = setTimeout(enter, Math.max(AGAIN, refusal.wait * 1000));
    };
    void enter();
    return () => clearTimeout(timer);
  }, [name]);
  return (
    <>
      <h1 class="hidden">Clown Hub</h1>
      <button type="button" class="leave-wall quiet" onClick={leave}>{SHARE.wallLeave}</button>
    </>
  );
}

function leave(): void {
  show({ isKiosk: false });
  if (document.fullscreenElement) void document.exitFullscreen();
}

// The page from above: header, the bar of the connection, and one of the screens.

import { computed, effect, signal } from "@preact/signals";
import { Component, type ComponentChildren, type ComponentType, render } from "preact";
import { LANGUAGES, WORDS, pointed, say, wholeText } from "./core/text.js";
import { whenText } from "./core/words.js";
import { SCREENS, parseView } from "./core/view.js";
import { chooseLanguage, language, laterTexts } from "./language.js";
import { alarms, hasLimits, isArranging, isWhole, layout } from "./layout.js";
import { isTravelling, loadSearch, show, view } from "./location.js";
import { announcement, connection, forgotten, isAdmin, isLive, isQuiet, isUpdated, leave, moment, rate, rights, second, skipped, start, state, user, values } from "./page.js";
import { tools } from "./tools.js";
import { HUB } from "./session.js";
import { Overview } from "./view/overview.js";
import { isTyping } from "./view/search.js";
import { SignIn, enterFromAddress } from "./view/signin.js";

/** What is loaded when somebody goes there, or points to where it is reached from. */
const PARTS = {
  explorer: () => import("./view/explorer.js").then(({ Explorer }) => Explorer),
  charts: () => import("./view/charts/charts.js").then(({ Charts }) => Charts),
  admin: () => import("./view/operate.js").then(({ Admin }) => Admin),
  travel: () => import("./view/operate.js").then(({ Travel }) => Travel),
  share: () => import("./view/operate.js").then(({ Share }) => Share),
  kiosk: () => import("./view/operate.js").then(({ Kiosk }) => Kiosk),
  empty: () => import("./view/operate.js").then(({ Empty }) => Empty),
};
/** What stands among the pieces of the overview. */
const arranging = () => import("./view/operate.js").then(({ Alarms, Bar, Buttons, Icon }) => ({ Alarms, Bar, Buttons, Icon }));
/** The style and the texts of what is loaded later. The name of the style has a hash, and stands in the head of the page. */
let later: Promise<unknown> | null = null;

function style(): Promise<unknown> {
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href: HUB + (document.querySelector<HTMLMetaElement>('meta[name="later-style"]')?.content ?? "") });
  document.head.append(link);
  return new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject }));
}

type Part = keyof typeof PARTS | "arrange";
type Given = ComponentType<{ onClose(): void }>;
/** Those that are there; null is one that did not come. */
const parts = signal<Partial<Record<Exclude<Part, "share">, ComponentType | null> & { share: Given | null }>>({});
const asked = new Set<Part>();

function load(part: Part): void {
  if (asked.has(part)) return;
  asked.add(part);
  later ??= Promise.all([style(), laterTexts()]);
  const comes = part === "arrange" ? arranging().then((pieces) => () => void (tools.value = { ...tools.value, ...pieces })) : PARTS[part]().then((component) => () => void (parts.value = { ...parts.value, [part]: component }));
  // Nothing is drawn before its texts are there.
  Promise.all([comes, later]).then(([take]) => take(), () => {
    // Without the hub nothing comes. The next one who goes there tries again.
    asked.delete(part);
    later = null;
    parts.value = { ...parts.value, [part]: null };
  });
}

const isSharing = signal(false);
effect(() => {
  void forgotten.value;
  isSharing.value = false;
});

/** Whether the slider is there that shows the past. */
const isLookingBack = computed(() => isTravelling.value || view.value.at !== null);

/** Operator's pages are no screen for others. */
const screenNow = computed(() => (view.value.screen === "admin" && !isAdmin.value ? "overview" : view.value.screen));

effect(() => {
  const screen = screenNow.value;
  // What could not be loaded is tried again when the hub is back.
  void state.value.name;
  if (screen !== "overview") load(screen);
  if (isLookingBack.value && user.value !== null) load("travel");
  if (isSharing.value) load("share");
  if (view.value.isKiosk) load("kiosk");
  if (isQuiet.value) load("empty");
  // Alarms may sound and be told by the system, and icons are drawn.
  if (isArranging.value || hasLimits.value || [layout.value.nodes, layout.value.values].some((entries) => [...entries.values()].some(({ icon }) => icon))) load("arrange");
});

/** What cannot be drawn is taken away as a whole, and said: Preact would leave half of it, and draw it once more beside that. */
class Guard extends Component<{ children: ComponentChildren }, { isBroken?: true }> {
  override componentDidCatch(error: unknown): void {
    reportError(error);
    this.setState({ isBroken: true });
  }

  override render() {
    return this.state.isBroken ? <Missing onTry={() => location.reload()} /> : this.props.children;
  }
}

function Missing({ onTry }: { onTry(): void }) {
  return (
    <div class="bar" role="alert">
      <p>{WORDS.notShown}</p>
      <button type="button" onClick={onTry}>{WORDS.tryAgain}</button>
    </div>
  );
}

function App() {
  const now = state.value;
  const screen = screenNow.value;
  const Screen = screen === "overview" ? (isWhole.value ? Overview : undefined) : parts.value[screen];
  const Travel = parts.value.travel;
  const isIn = now.name !== "out" && user.value !== null;
  const { isKiosk } = view.value;
  const { kiosk: Kiosk, share: Share, empty: Empty } = parts.value;
  const isMissing = isIn && [Screen, isSharing.value && Share, isLookingBack.value && Travel].includes(null);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>{WORDS.skip}</a>
      {!isKiosk && <Header isIn={isIn} />}
      {isIn && isSharing.value && Share && <Share onClose={() => (isSharing.value = false)} />}
      <Bar />
      {isIn && isLookingBack.value && Travel && <Travel key={forgotten.value} />}
      <main id="main" tabIndex={-1} data-kiosk={isKiosk ? "" : undefined} data-past={moment.value === null ? undefined : ""}>
        {isMissing && <Missing key="missing" onTry={() => (isLive() ? location.reload() : void connection.open())} />}
        {isKiosk && Kiosk && <Kiosk key="kiosk" />}
        {now.name === "out" && <SignIn key="sign-in" why={now.why} isDemo={now.demo} />}
        {isIn && isQuiet.value && screen !== "admin" && Empty && <Empty key="empty" />}
        {user.value !== null && (Screen ? <Guard key={`${screen} ${forgotten.value}`}><Screen /></Guard> : !isMissing && <p key="wait" class="note">{WORDS.loading}</p>)}
      </main>
      {!isKiosk && <Languages />}
      <p id="announce" class="hidden" role="status" aria-live="polite">{announcement}</p>
    </>
  );
}

/** Brings the slider, or goes back to now. */
function lookBack(isWanted: boolean): void {
  isTravelling.value = isWanted;
  if (!isWanted) show({ at: null });
}

function Header({ isIn }: { isIn: boolean }) {
  const [word, look] = pill();
  const screen = screenNow.value;
  return (
    <header>
      <h1><img src="icon.svg" alt="" width="28" height="28" />Clown Hub</h1>
      <nav aria-label={WORDS.screens} hidden={!isIn}>
        {SCREENS.filter((one) => one !== "admin" || isAdmin.value).map((one) => (
          <a key={one} href={`#/${one === "overview" ? "" : one}`} aria-current={screen === one ? "page" : undefined} onClick={(event) => {
            event.preventDefault();
            show({ screen: one });
          }}>{WORDS.screen[one]}</a>
        ))}
      </nav>
      <button id="look-back" type="button" class="quiet" hidden={!isIn} aria-pressed={isLookingBack.value} onClick={() => lookBack(!isLookingBack.value)}>{WORDS.lookBack}</button>
      <button id="share" type="button" class="quiet" hidden={!isIn || screen === "admin"} onClick={() => (isSharing.value = true)}>{WORDS.share}</button>
      <a id="pill" class="pill" data-look={look} href={`${HUB}check`} title={WORDS.runCheck}><span class="dot" aria-hidden="true" /><span id="pill-word">{word}</span></a>
      <Rate />
      {isIn && rights.value?.length === 0 && <p class="view-only">{WORDS.viewOnly}</p>}
      <p id="user" class="user" hidden={!isIn}><span class="hidden">{`${WORDS.signedInAs} `}</span><span id="user-name">{user.value ?? ""}</span></p>
      <button id="sign-out" type="button" class="quiet" hidden={!isIn} onClick={() => void leave()}>{WORDS.signOut}</button>
    </header>
  );
}

/** Which language is told: here, or by the address. */
function Languages() {
  return (
    <footer>
      <label for="language">{WORDS.language}</label>
      <select id="language" class="language" value={language} onChange={(event) => chooseLanguage(event.currentTarget.value)}>
        {Object.entries(LANGUAGES).map(([name, words]) => <option key={name} value={name} lang={name}>{words}</option>)}
      </select>
    </footer>
  );
}

function pill(): [string, string] {
  const now = state.value;
  if (moment.value !== null) return [WORDS.past, "past"];
  switch (now.name) {
    case "live": return [WORDS.live, "live"];
    case "waiting": return [now.why === WORDS.isRestarting ? WORDS.restarting : WORDS.offlinePill, "offline"];
    case "out": return [WORDS.signedOut, "out"];
    default: return [WORDS.connecting, "out"];
  }
}

function Rate() {
  const perSecond = rate.value;
  const rounded = perSecond >= 10 ? wholeText(Math.round(perSecond)) : pointed(perSecond.toFixed(1));
  const leftOut = skipped.value > 0 ? say(WORDS.leftOut, { count: skipped.value }) : undefined;
  return <p id="rate" class="rate" title={leftOut}>{state.value.name === "live" ? say(WORDS.rate, { rate: rounded }) : ""}</p>;
}

/** One quiet bar for as long as the connection is lost. */
function Bar() {
  const now = state.value;
  void second.value;
  if (now.name === "waiting") {
    const hasValues = values.topics.size > 0 || values.presences.size > 0;
    const left = Math.ceil((now.retryAt - Date.now()) / 1000);
    return (
      <div id="bar" class="bar" data-look="offline">
        <p>{`${now.why}${hasValues ? ` ${say(WORDS.valuesFrom, { time: whenText(now.since, Date.now()) })}` : ""}`} <span id="bar-count">{left > 0 ? say(WORDS.nextTry, { count: left }) : WORDS.nextNow}</span></p>
        <button type="button" onClick={() => void connection.open()}>{WORDS.retry}</button>
      </div>
    );
  }
  if (!isUpdated.value || now.name !== "live") return null;
  return (
    <div id="bar" class="bar" data-look="news">
      <p>{WORDS.updated}</p>
      <button type="button" onClick={() => location.reload()}>{WORDS.reload}</button>
    </div>
  );
}

/** Title and icon of the tab tell, too, that nothing here is new any more. */
const picture = (inside: string): string => `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#d63b3b" stroke-width="5">${inside}</svg>`)}`;
const HUB_NAME = "Clown Hub";
const LOST = picture('<circle cx="16" cy="16" r="11"/><path d="M8 8l16 16"/>');
const ALARM = picture('<path d="M16 3l13 25H3z" fill="#d63b3b"/><path d="M16 11v8m0 3v3" stroke="#fff" stroke-width="3"/>');
effect(() => {
  const isLost = state.value.name === "waiting";
  const count = alarms.value.length;
  document.title = (isLost ? `${WORDS.offlinePill} – ` : moment.value !== null ? `${WORDS.past} – ` : count > 0 ? `(${count}) ${alarms.value[0]!.sentence} – ` : "") + HUB_NAME;
  document.querySelector('link[rel="icon"]')?.setAttribute("href", isLost ? LOST : count > 0 ? ALARM : "icon.svg");
});

/** Who points at a way to a screen will probably go there. */
addEventListener("pointerover", ({ target }) => {
  const link = target instanceof Element ? target.closest<HTMLAnchorElement>('a[href^="#/"]') : null;
  const screen = link ? parseView(link.hash).screen : "overview";
  if (screen !== "overview") load(screen);
});

/** g and a letter go to a screen. */
let isGoing = false;
addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  if (isTyping(target) || ctrlKey || metaKey || altKey) return;
  if (isGoing && key === "v") show({ screen: "overview" });
  if (isGoing && key === "c") show({ screen: "charts" });
  if (isGoing && key === "e") show({ screen: "explorer" });
  if (isGoing && key === "o" && isAdmin.value) show({ screen: "admin" });
  if (isGoing && key === "b") lookBack(!isLookingBack.value);
  isGoing = key === "g";
});

render(<App />, document.getElementById("page")!);
start();
loadSearch();
if (!(await enterFromAddress())) void connection.open();

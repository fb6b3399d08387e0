// The page from above: header, the bar of the connection, and one of the screens.

import { effect, signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import { clockText, wholeText } from "./core/words.js";
import { show, view } from "./location.js";
import { announcement, connection, isQuiet, isUpdated, leave, rate, rights, second, skipped, start, state, user, values } from "./page.js";
import { HUB } from "./session.js";
import { Overview } from "./view/overview.js";
import { isTyping } from "./view/search.js";
import { SignIn, enterFromAddress } from "./view/signin.js";

/** The explorer is loaded when somebody goes there. */
const explorer = signal<ComponentType | null>(null);

effect(() => {
  if (view.value.screen === "explorer" && explorer.peek() === null) void import("./view/explorer.js").then(({ Explorer }) => (explorer.value = Explorer));
});

function App() {
  const now = state.value;
  const Explorer = explorer.value;
  const isIn = now.name !== "out" && user.value !== null;
  const isOverview = view.value.screen === "overview";
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>Skip to the values</a>
      <Header isIn={isIn} />
      <Bar />
      <main id="main" tabIndex={-1}>
        {now.name === "out" && <SignIn key="sign-in" why={now.why} isDemo={now.demo} />}
        {isQuiet.value && <Empty key="empty" />}
        {user.value !== null && (isOverview ? <Overview key="overview" /> : Explorer ? <Explorer key="explorer" /> : <p key="wait" class="note">Loading…</p>)}
      </main>
      <p id="announce" class="hidden" role="status" aria-live="polite">{announcement}</p>
    </>
  );
}

function Header({ isIn }: { isIn: boolean }) {
  const [word, look] = pill();
  const { screen } = view.value;
  return (
    <header>
      <h1><img src="icon.svg" alt="" width="28" height="28" />Clown Hub</h1>
      <nav aria-label="Screens" hidden={!isIn}>
        {(["overview", "explorer"] as const).map((one) => (
          <a key={one} href={`#/${one === "overview" ? "" : one}`} aria-current={screen === one ? "page" : undefined} onClick={(event) => {
            event.preventDefault();
            show({ screen: one });
          }}>{one === "overview" ? "Values" : "Explorer"}</a>
        ))}
      </nav>
      <p id="pill" class="pill" data-look={look}><span class="dot" aria-hidden="true" /><span id="pill-word">{word}</span></p>
      <Rate />
      {isIn && rights.value?.length === 0 && <p class="view-only">View only</p>}
      <p id="user" class="user" hidden={!isIn}><span class="hidden">Signed in as </span><span id="user-name">{user.value ?? ""}</span></p>
      <button id="sign-out" type="button" class="quiet" hidden={!isIn} onClick={() => void leave()}>Sign out</button>
    </header>
  );
}

function pill(): [string, string] {
  const now = state.value;
  switch (now.name) {
    case "live": return ["Live", "live"];
    case "waiting": return [now.why === "Hub is restarting." ? "Hub is restarting" : "Offline", "offline"];
    case "out": return ["Signed out", "out"];
    default: return ["Connecting…", "out"];
  }
}

function Rate() {
  const perSecond = rate.value;
  const rounded = perSecond >= 10 ? wholeText(Math.round(perSecond)) : perSecond.toFixed(1);
  const leftOut = skipped.value > 0 ? `Of readings that came faster than this page draws, only the newest was sent: ${wholeText(skipped.value)} left out.` : undefined;
  return <p id="rate" class="rate" title={leftOut}>{state.value.name === "live" ? `${rounded} messages/s` : ""}</p>;
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
        <p>{`${now.why}${hasValues ? ` Values below are from ${clockText(now.since)} or before.` : ""}`} <span id="bar-count">{`Next try ${left > 0 ? `in ${left} s` : "now"}.`}</span></p>
        <button type="button" onClick={() => void connection.open()}>Retry now</button>
      </div>
    );
  }
  if (!isUpdated.value || now.name !== "live") return null;
  return (
    <div id="bar" class="bar" data-look="news">
      <p>The hub was updated.</p>
      <button type="button" onClick={() => location.reload()}>Reload</button>
    </div>
  );
}

function Empty() {
  return (
    <section id="empty" class="empty" aria-labelledby="empty-title">
      <h2 id="empty-title">No device has spoken yet</h2>
      <ul>
        <li>Is a device or its gateway plugged in, and does it connect to this hub? Its log says so.</li>
        <li>Nothing at hand? Restart the hub with <code>--set simulator.run=on</code>, and simulated devices speak.</li>
        <li>Try it by hand: open <code>{`${HUB.replace(/^http/, "ws")}talk/home/attic?side=node`}</code> with a WebSocket tool and your name and password, and send <code>{'["thermometer/0", {"temperature": [20.5, "℃"]}]'}</code></li>
      </ul>
    </section>
  );
}

/** Title and icon of the tab tell, too, that nothing here is new any more. */
const LOST = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="11" fill="none" stroke="#d63b3b" stroke-width="5"/><path d="M8 8l16 16" stroke="#d63b3b" stroke-width="5"/></svg>')}`;
effect(() => {
  const isLost = state.value.name === "waiting";
  document.title = isLost ? "Offline – Clown Hub" : "Clown Hub";
  document.querySelector('link[rel="icon"]')?.setAttribute("href", isLost ? LOST : "icon.svg");
});

/** g and a letter go to a screen. */
let isGoing = false;
addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  if (isTyping(target) || ctrlKey || metaKey || altKey) return;
  if (isGoing && key === "v") show({ screen: "overview" });
  if (isGoing && key === "e") show({ screen: "explorer" });
  isGoing = key === "g";
});

render(<App />, document.getElementById("page")!);
start();
if (!(await enterFromAddress())) void connection.open();

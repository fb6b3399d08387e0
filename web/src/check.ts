// The page of the self-check. It stands by itself and shares no script with the page of values: it works where that does not.

import { type Answer, type Opened, type Step, check, report } from "./core/check.js";
import { CHECK } from "./core/text.js";
import { begin } from "./pages.js";

const HUB = location.origin + new URL(".", import.meta.url).pathname;
const PATIENCE = 10_000;
const KEPT = "clown-hub self-check";
const TEXTS = { en: () => import("texts:en/check"), cs: () => import("texts:cs/check") };

await begin(TEXTS, () => CHECK);

const [list, verdict, again, copy] = ["steps", "verdict", "again", "copy"].map((id) => document.getElementById(id)!) as [HTMLElement, HTMLElement, HTMLButtonElement, HTMLButtonElement];
let steps: Step[] = [];

async function ask(method: "GET" | "POST", path: string): Promise<Answer | null> {
  const began = performance.now();
  try {
    const response = await fetch(HUB + path, { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    const took = performance.now() - began;
    // The header has whole seconds: half of one is the best guess for the rest.
    const date = Date.parse(response.headers.get("date") ?? "");
    const body: unknown = await response.json().catch(() => null);
    return { status: response.status, body: (body ?? {}) as Record<string, unknown>, took, ahead: Number.isNaN(date) ? null : Date.now() - took / 2 - date - 500 };
  } catch {
    return null;
  }
}

function openSocket(): Promise<Opened | null> {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = new WebSocket(`${HUB.replace(/^http/, "ws")}talk/`);
    let took = 0;
    const done = (echo: number | null) => {
      clearTimeout(timer);
      resolve(took > 0 ? { took, echo } : null);
      socket.close();
    };
    const timer = setTimeout(() => done(null), PATIENCE);
    socket.onopen = () => {
      took = performance.now() - began;
      socket.send(JSON.stringify(["clown.talk/-/config/set", { filters: [], name: "self-check" }]));
    };
    socket.onmessage = () => done(performance.now() - began - took);
    socket.onerror = socket.onclose = () => done(null);
  });
}

function keeps(): boolean {
  try {
    localStorage.setItem(KEPT, "1");
    localStorage.removeItem(KEPT);
    return true;
  } catch {
    return false;
  }
}

function line({ name, look, sentence }: Step): HTMLLIElement {
  const item = document.createElement("li");
  item.className = "panel";
  item.dataset.look = look;
  const parts = [["b", CHECK.names[name]], ["span", CHECK.looks[look]], ["p", sentence]].map(([tag, text]) => Object.assign(document.createElement(tag!), { textContent: text }));
  parts[1]!.className = "look";
  item.append(...parts);
  return item;
}

async function run(): Promise<void> {
  again.disabled = copy.disabled = true;
  copy.textContent = CHECK.copy;
  steps = [];
  list.replaceChildren();
  verdict.textContent = "";
  for await (const step of check({ origin: location.origin, ask, openSocket, hasCookies: navigator.cookieEnabled, isSecure: isSecureContext, keeps: keeps() })) {
    steps.push(step);
    list.append(line(step));
  }
  const isWrong = steps.some(({ look }) => look === "bad");
  verdict.textContent = isWrong ? CHECK.wrong : CHECK.fine;
  again.disabled = copy.disabled = false;
}

again.addEventListener("click", () => void run());
copy.addEventListener("click", async () => {
  const text = report(steps, [`Clown Hub, ${location.origin}`, new Date().toISOString(), navigator.userAgent]);
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  if (isCopied) return void (copy.textContent = CHECK.copied);
  // Over plain http there is no clipboard: the text is shown, marked and ready to be copied.
  const box = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, rows: 12 });
  box.setAttribute("aria-label", CHECK.report);
  copy.parentElement!.after(box);
  box.select();
});
void run();

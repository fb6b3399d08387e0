// The page /diagnostics: one WebSocket to wherever it is told, and what went over it.

import { DIAGNOSTICS, plural, say as put } from "./core/text.js";
import { begin } from "./pages.js";

await begin({ en: () => import("texts:en/diagnostics"), cs: () => import("texts:cs/diagnostics") }, () => DIAGNOSTICS);

/** Lines that the log keeps, and characters of one line. */
const LINES = 500;
const CHARACTERS = 4096;
/** What may wait to be written before nothing more is taken. */
const WAITING = 1024 * 1024;

const [where, say, state, pill, trouble, scroll, log, leftOut] =
  ["where", "say", "state", "pill", "trouble", "scroll", "log", "left-out"].map((id) => document.getElementById(id));
const [scheme, host, port, path, message] =
  ["scheme", "host", "port", "path", "message"].map((id) => document.getElementById(id));
const [open, close, preset, send, clear] = ["open", "close", "preset", "send", "clear"].map((id) => document.getElementById(id));

let socket = null;
let dropped = 0;

const PREFIX = new URL(".", import.meta.url).pathname;
reset(`${PREFIX}echo`);
show("closed");

where.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!socket) connect();
});
/** What a page of the hub says first, with the sign-in of this browser. */
preset.addEventListener("click", () => {
  if (socket) return complain(DIAGNOSTICS.closeFirst);
  trouble.textContent = "";
  reset(`${PREFIX}talk/`);
  message.value = '["clown.talk/-/config/set", {"filters": ["#"]}]';
});
close.addEventListener("click", () => socket?.close(1000));
say.addEventListener("submit", (event) => {
  event.preventDefault();
  speak();
});
message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  speak();
});
clear.addEventListener("click", () => {
  log.replaceChildren();
  dropped = 0;
  leftOut.hidden = true;
});

/** A path of this hub. */
function reset(there) {
  scheme.value = location.protocol === "https:" ? "wss" : "ws";
  host.value = location.hostname;
  port.value = location.port;
  path.value = there;
}

function connect() {
  trouble.textContent = "";
  const address = `${scheme.value}://${host.value.trim()}${port.value ? `:${port.value}` : ""}/${path.value.trim().replace(/^\//, "")}`;
  let here;
  try {
    here = new WebSocket(address);
  } catch {
    return complain(put(DIAGNOSTICS.noAddress, { address }));
  }
  here.binaryType = "arraybuffer";
  socket = here;
  show("opening");
  let opened = false;
  here.addEventListener("open", () => {
    opened = true;
    show("open");
    note("opened", address);
    if (document.activeElement === open) message.focus();
  });
  here.addEventListener("message", ({ data }) =>
    note("received", typeof data === "string" ? data : plural(DIAGNOSTICS.bytes, data.byteLength, { hex: hex(data) })));
  here.addEventListener("close", ({ code, reason }) => {
    socket = null;
    show("closed");
    if (!opened) {
      complain(put(DIAGNOSTICS.notOpened, { address, origin: location.origin }));
    } else {
      note(code === 1000 ? "closed" : "trouble", reason ? `${code} ${reason}` : code === 1006 ? put(DIAGNOSTICS.noGoodBye, { code: "1006" }) : String(code));
    }
  });
}

function speak() {
  if (socket?.readyState !== WebSocket.OPEN) return complain(DIAGNOSTICS.openFirst);
  if (socket.bufferedAmount > WAITING) return complain(DIAGNOSTICS.slow);
  trouble.textContent = "";
  socket.send(message.value);
  note("sent", message.value);
}

function complain(words) {
  trouble.textContent = words;
  note("trouble", words);
}

/** Buttons that do nothing now say so, but keep the focus where it is. */
function show(now) {
  where.dataset.state = now;
  pill.dataset.look = now === "open" ? "live" : now;
  state.textContent = DIAGNOSTICS.states[now];
  open.setAttribute("aria-disabled", now !== "closed");
  close.setAttribute("aria-disabled", now === "closed");
  send.setAttribute("aria-disabled", now !== "open");
  for (const field of [host, port, path]) field.readOnly = now !== "closed";
  scheme.disabled = now !== "closed";
}

function note(kind, text) {
  const line = document.createElement("li");
  line.dataset.kind = kind;
  const when = document.createElement("time");
  when.textContent = new Date().toISOString().slice(11, 23);
  const what = document.createElement("b");
  what.textContent = DIAGNOSTICS.kinds[kind];
  const words = document.createElement("span");
  words.className = "what";
  words.textContent = text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}… ${plural(DIAGNOSTICS.characters, text.length)}` : text;
  line.append(when, what, words);
  const follows = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 8;
  log.append(line);
  if (log.childElementCount > LINES) {
    log.firstElementChild.remove();
    dropped += 1;
    leftOut.hidden = false;
    leftOut.textContent = plural(DIAGNOSTICS.older, dropped);
  }
  if (follows) scroll.scrollTop = scroll.scrollHeight;
}

function hex(buffer) {
  const bytes = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, 64));
  const shown = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return buffer.byteLength > bytes.length ? `${shown} …` : shown;
}

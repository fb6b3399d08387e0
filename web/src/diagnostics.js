// The page /diagnostics: one WebSocket to wherever it is told, and what went over it.

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
  if (socket) return complain("Close the socket first.");
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
    return complain(`${address} is no address of a WebSocket. Look at host, port and path; a path has no #.`);
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
    note("received", typeof data === "string" ? data : `${data.byteLength} bytes: ${hex(data)}`));
  here.addEventListener("close", ({ code, reason }) => {
    socket = null;
    show("closed");
    if (!opened) {
      complain(`${address} could not be opened. Does something listen there, on this path? Does it want a sign-in, or refuse pages from ${location.origin}?`);
    } else {
      note(code === 1000 ? "closed" : "trouble", `${code}${reason ? ` ${reason}` : code === 1006 ? " without a good-bye" : ""}`);
    }
  });
}

function speak() {
  if (socket?.readyState !== WebSocket.OPEN) return complain("Open the socket first.");
  if (socket.bufferedAmount > WAITING) return complain("The other side reads too slowly; this was not sent.");
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
  state.textContent = { closed: "Closed", opening: "Opening…", open: "Open" }[now];
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
  what.textContent = { opened: "Opened", closed: "Closed", sent: "Sent", received: "Received", trouble: "Trouble" }[kind];
  const words = document.createElement("span");
  words.className = "what";
  words.textContent = text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}… (${text.length} characters)` : text;
  line.append(when, what, words);
  const follows = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 8;
  log.append(line);
  if (log.childElementCount > LINES) {
    log.firstElementChild.remove();
    dropped += 1;
    leftOut.hidden = false;
    leftOut.textContent = `${dropped} older lines are not shown.`;
  }
  if (follows) scroll.scrollTop = scroll.scrollHeight;
}

function hex(buffer) {
  const bytes = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, 64));
  const shown = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return buffer.byteLength > bytes.length ? `${shown} …` : shown;
}

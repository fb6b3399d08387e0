// Who is signed in. Every address is built from the origin: in a page opened as http://name:password@host/ the
// browser refuses relative ones, because they would carry the password.

/** Where the hub is: in front of its paths a proxy may leave a prefix. This file lies at the top. */
export const HUB = location.origin + new URL(".", import.meta.url).pathname;

const SESSION = `${HUB}api/session`;
const PATIENCE = 5000;

/** Asks the hub who this is. Never throws: no answer is an answer too. */
export async function whoAmI() {
  const answer = await ask("GET");
  if (!answer) return { state: "unreachable" };
  const clock = clockOffset(answer.response);
  if (answer.response.ok) return { state: "in", name: answer.body.name, version: answer.body.version, demo: answer.body.demo === true, clock };
  if (answer.response.status === 401) return { state: "out", demo: answer.body.demo === true };
  return { state: "refused", message: answer.body.message ?? `The hub answered ${answer.response.status}.` };
}

/** Signs in, for a few hours or for as long as the page is used; what comes back is null, or what went wrong: a sentence, and seconds to wait if there are any. */
export async function signIn(name, password, stay) {
  const answer = await ask("POST", { name, password, stay });
  if (!answer) return { sentence: "The hub does not answer. Is it running, and is the network there?", wait: 0 };
  const { response, body } = answer;
  if (response.ok) return null;
  const wait = Number(response.headers.get("retry-after")) || 0;
  return { sentence: refusal(response.status, body), wait };
}

/** Signs out; false if the hub could not be told. */
export async function signOut() {
  const answer = await ask("DELETE");
  return answer?.response.ok === true;
}

/** Name and password that stood in the address of this page, if any. */
export function fromAddress() {
  const address = new URL(document.baseURI);
  if (address.username === "") return null;
  try {
    return { name: decodeURIComponent(address.username), password: decodeURIComponent(address.password) };
  } catch {
    return { name: address.username, password: address.password };
  }
}

/** The only way to get a password out of the address bar: rewriting the history keeps it. */
export function cleanAddress() {
  location.replace(location.origin + location.pathname + location.search);
}

function refusal(status, body) {
  if (status === 401) {
    const left = Number(body.tries_left);
    const tries = left === 1 ? "one more try" : `${left} more tries`;
    const rest = Number.isInteger(left) && left <= 5 ? ` There ${left === 1 ? "is" : "are"} ${tries} before a pause.` : "";
    return `That name and password do not match.${rest}`;
  }
  if (status === 429) return "Too many wrong passwords.";
  if (status === 503) return "The hub is busy.";
  return body.message ?? `The hub answered ${status}.`;
}

async function ask(method, content) {
  try {
    const response = await fetch(SESSION, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
      ...(content && { headers: { "content-type": "application/json" }, body: JSON.stringify(content) }),
    });
    const body = await response.json().catch(() => ({}));
    return { response, body: body ?? {} };
  } catch {
    return null;
  }
}

/** By how much this machine's clock is ahead of the hub's; the header has whole seconds, so little means nothing. */
function clockOffset(response) {
  const offset = Date.now() - Date.parse(response.headers.get("date")) - 500;
  return Math.abs(offset) > 2000 ? offset : 0;
}

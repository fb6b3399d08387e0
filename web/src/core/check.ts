// What can stand between a page and its hub, tried one after the other and told in words. What it touches comes from outside.

/** What one request came to: a status, the error that the hub names, and when it was there by both clocks. Null is no answer. */
export interface Answer {
  status: number;
  body: Record<string, unknown>;
  took: number;
  /** By how many milliseconds this machine is ahead of the hub, or null where nobody tells. */
  ahead: number | null;
}

/** How a socket went. */
export interface Opened {
  took: number;
  /** Milliseconds of a question and its answer, or null if none came. */
  echo: number | null;
}

export interface Surroundings {
  origin: string;
  ask(method: "GET" | "POST", path: string): Promise<Answer | null>;
  /** Null is a socket that did not open. */
  openSocket(): Promise<Opened | null>;
  hasCookies: boolean;
  isSecure: boolean;
  keeps: boolean;
}

export interface Step {
  name: keyof typeof NAMES;
  look: "ok" | "bad" | "note";
  sentence: string;
}

export const NAMES = { http: "HTTP", origin: "Address", session: "Sign-in", socket: "WebSocket", echo: "Answers", clock: "Clock", browser: "Browser" } as const;

const CLOCKS_AGREE = 2500;
const SLOW = 1000;

/** Says each step as soon as it is known. What rests on a step that failed is not tried. */
export async function* check(around: Surroundings): AsyncGenerator<Step> {
  const { origin, hasCookies, isSecure, keeps } = around;
  const health = await around.ask("GET", "healthz");
  if (health === null) return yield { name: "http", look: "bad", sentence: `Nothing answers at ${origin}. Is the hub running, and is this machine in its network?` };
  if (health.status !== 200 || health.body.status !== "ok") {
    return yield { name: "http", look: "bad", sentence: `Something answers with ${health.status}, and it is not the hub. A proxy in front of it has lost it, or sends /healthz elsewhere.` };
  }
  yield { name: "http", look: health.took > SLOW ? "note" : "ok", sentence: `The hub answers in ${Math.round(health.took)} ms.` };
  // Of its own page a browser names the origin only where something is sent. Nothing stands in it, so nobody is signed in by it.
  const sent = await around.ask("POST", "api/session");
  if (sent?.body.error === "origin") {
    return yield {
      name: "origin", look: "bad",
      sentence: `The hub refuses pages of ${origin}, as it knows itself by another name. If a proxy stands between, it has to pass the name on (nginx: proxy_set_header Host $http_host). Else name this one in the configuration of the hub: server.origins = ["${origin}"]`,
    };
  }
  yield { name: "origin", look: "ok", sentence: `The hub serves pages of ${origin}.` };
  const session = await around.ask("GET", "api/session");
  const isIn = session?.status === 200;
  if (isIn) yield { name: "session", look: "ok", sentence: `You are signed in as ${String(session.body.name)}, and the browser sends its cookie.` };
  else if (!hasCookies) yield { name: "session", look: "bad", sentence: "This browser keeps no cookies for this address, so no sign-in lasts. Allow them for this page." };
  else yield { name: "session", look: "note", sentence: "Nobody is signed in here." };
  if (!isIn) yield { name: "socket", look: "note", sentence: "Not tried: it takes a sign-in. Sign in, and run this again." };
  else {
    const opened = await around.openSocket();
    if (opened === null) {
      yield {
        name: "socket", look: "bad",
        sentence: 'HTTP works, the WebSocket does not: something between here and the hub is in the way. nginx needs proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and proxy_set_header Connection "upgrade"; a proxy that compresses has to leave /talk alone.',
      };
    } else {
      yield { name: "socket", look: opened.took > SLOW ? "note" : "ok", sentence: `It opens in ${Math.round(opened.took)} ms.` };
      yield opened.echo === null ? { name: "echo", look: "bad", sentence: "The WebSocket opens, but no answer comes through it. A proxy may hold messages back: it must not buffer /talk." }
        : { name: "echo", look: opened.echo > SLOW ? "note" : "ok", sentence: `A question is answered in ${Math.round(opened.echo)} ms.` };
    }
  }
  const ahead = session?.ahead ?? health.ahead;
  if (ahead === null) yield { name: "clock", look: "note", sentence: "The hub does not tell its time." };
  else if (Math.abs(ahead) <= CLOCKS_AGREE) yield { name: "clock", look: "ok", sentence: "The clocks of this machine and of the hub agree." };
  else yield { name: "clock", look: "note", sentence: `The clock of this machine is ${spanOf(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} that of the hub. The page goes by the hub's.` };
  const lacks = [...(keeps ? [] : ["It keeps nothing for this page, so favourites are forgotten."]), ...(isSecure ? [] : ["Over plain http it offers no notifications, copies nothing by a button, and lets no page keep the screen awake."])];
  yield { name: "browser", look: lacks.length > 0 ? "note" : "ok", sentence: lacks.join(" ") || "It offers all that the page can use." };
}

function spanOf(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** All of it as text, for whoever helps. No name and no token is in it but what the steps say. */
export const report = (steps: readonly Step[], about: readonly string[]): string => [...about, ...steps.map(({ name, look, sentence }) => `[${look}] ${NAMES[name]}: ${sentence}`)].join("\n");

// What can stand between a page and its hub, tried one after the other and told in words. What it touches comes from outside.

import { CHECK, say } from "./text.js";

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
  name: "http" | "origin" | "session" | "socket" | "echo" | "clock" | "browser";
  look: "ok" | "bad" | "note";
  sentence: string;
}

const CLOCKS_AGREE = 2500;
const SLOW = 1000;

/** Says each step as soon as it is known. What rests on a step that failed is not tried. */
export async function* check(around: Surroundings): AsyncGenerator<Step> {
  const { origin, hasCookies, isSecure, keeps } = around;
  const health = await around.ask("GET", "healthz");
  if (health === null) return yield { name: "http", look: "bad", sentence: say(CHECK.noHub, { origin }) };
  if (health.status !== 200 || health.body.status !== "ok") {
    return yield { name: "http", look: "bad", sentence: say(CHECK.otherServer, { status: health.status }) };
  }
  yield { name: "http", look: health.took > SLOW ? "note" : "ok", sentence: say(CHECK.answers, { took: Math.round(health.took) }) };
  // Of its own page a browser names the origin only where something is sent. Nothing stands in it, so nobody is signed in by it.
  const sent = await around.ask("POST", "api/session");
  if (sent?.body.error === "origin") {
    return yield {
      name: "origin", look: "bad",
      sentence: say(CHECK.refusesOrigin, { origin }),
    };
  }
  yield { name: "origin", look: "ok", sentence: say(CHECK.serves, { origin }) };
  const session = await around.ask("GET", "api/session");
  const isIn = session?.status === 200;
  if (isIn) yield { name: "session", look: "ok", sentence: say(CHECK.signedIn, { name: String(session.body.name) }) };
  else if (!hasCookies) yield { name: "session", look: "bad", sentence: CHECK.noCookies };
  else yield { name: "session", look: "note", sentence: CHECK.nobody };
  if (!isIn) yield { name: "socket", look: "note", sentence: CHECK.notTried };
  else {
    const opened = await around.openSocket();
    if (opened === null) {
      yield {
        name: "socket", look: "bad",
        sentence: CHECK.noSocket,
      };
    } else {
      yield { name: "socket", look: opened.took > SLOW ? "note" : "ok", sentence: say(CHECK.opens, { took: Math.round(opened.took) }) };
      yield opened.echo === null ? { name: "echo", look: "bad", sentence: CHECK.noAnswer }
        : { name: "echo", look: opened.echo > SLOW ? "note" : "ok", sentence: say(CHECK.echoes, { took: Math.round(opened.echo) }) };
    }
  }
  const ahead = session?.ahead ?? health.ahead;
  if (ahead === null) yield { name: "clock", look: "note", sentence: CHECK.noTime };
  else if (Math.abs(ahead) <= CLOCKS_AGREE) yield { name: "clock", look: "ok", sentence: CHECK.clocksAgree };
  else yield { name: "clock", look: "note", sentence: say(ahead > 0 ? CHECK.ahead : CHECK.behind, { span: spanOf(Math.abs(ahead)) }) };
  const lacks = [...(keeps ? [] : [CHECK.keepsNothing]), ...(isSecure ? [] : [CHECK.notSecure])];
  yield { name: "browser", look: lacks.length > 0 ? "note" : "ok", sentence: lacks.join(" ") || CHECK.offersAll };
}

function spanOf(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** All of it as text, for whoever helps. No name and no token is in it but what the steps say. */
export const report = (steps: readonly Step[], about: readonly string[]): string => [...about, ...steps.map(({ name, look, sentence }) => `[${look}] ${CHECK.names[name]}: ${sentence}`)].join("\n");

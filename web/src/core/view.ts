// What is shown, as the part of the address behind #. Nothing secret stands in it.

import { isLanguage } from "./text.js";

export const SCREENS = ["overview", "charts", "explorer", "admin"] as const;
export const GROUPINGS = ["node", "room", "quantity"] as const;

export interface View {
  screen: (typeof SCREENS)[number];
  /** What is searched for. */
  search: string;
  by: (typeof GROUPINGS)[number];
  /** The topic that the explorer tells about, or none. */
  topic: string;
  /** What the charts show: series and range in the words of `charts/series.ts` and `charts/range.ts`, and what else is drawn. */
  series: readonly string[];
  range: string;
  isWithDayBefore: boolean;
  isTable: boolean;
  /** Whether scales are logarithmic, where they can be. */
  isLog: boolean;
  /** Which page of the operator is shown, and what it is asked: `events?topic=a/b`. */
  admin: string;
  /** The moment that is shown in place of now, in milliseconds, or null. */
  at: number | null;
  /** The language that it is told in, or none for that of the browser. */
  language: string;
  /** Whether it hangs on a wall: nothing but what is shown. */
  isKiosk: boolean;
}

export const START: View = { screen: "overview", search: "", by: "node", topic: "", series: [], range: "", isWithDayBefore: false, isTable: false, isLog: false, admin: "", at: null, language: "", isKiosk: false };

/** Long enough for as many series as there can be, with long topics. */
const LONGEST = 16_000;
const SERIES_AT_MOST = 12;

/** The token of a link stands in the address as this, until the page has used it. */
export const TOKEN = "k";

/** The part of an address behind #, and the token that stood in it, or null. */
export function withoutToken(hash: string): [rest: string, token: string | null] {
  const [path = "", query = ""] = hash.split("?", 2);
  const given = new URLSearchParams(query);
  const token = given.get(TOKEN);
  given.delete(TOKEN);
  return [path + (given.size > 0 ? `?${given}` : ""), token];
}

/** #/explorer?q=attic&topic=a/b, #/charts?s=a/b:/temperature/0&r=6h */
export function parseView(hash: string): View {
  const [path = "", query = ""] = hash.replace(/^#/, "").slice(0, LONGEST).split("?", 2);
  const given = new URLSearchParams(query);
  const [first, ...rest] = path.replace(/^\//, "").split("/");
  const screen = SCREENS.find((one) => one === first) ?? START.screen;
  const by = GROUPINGS.find((one) => one === given.get("by")) ?? START.by;
  const at = Date.parse(given.get("at") ?? "");
  const language = given.get("lang") ?? "";
  // A view has no token, also where the rest of the address goes into it as it is.
  for (const name of ["lang", TOKEN]) given.delete(name);
  return {
    screen,
    search: given.get("q") ?? "",
    by,
    topic: given.get("topic") ?? "",
    series: [...new Set(given.getAll("s"))].slice(0, SERIES_AT_MOST),
    range: given.get("r") ?? "",
    isWithDayBefore: given.get("before") === "day",
    isTable: given.get("as") === "table",
    isLog: given.get("scale") === "log",
    admin: screen === "admin" ? rest.join("/") + (given.size > 0 ? `?${given}` : "") : "",
    at: Number.isNaN(at) ? null : at,
    language: isLanguage(language) ? language : "",
    isKiosk: screen !== "admin" && given.get("kiosk") === "1",
  };
}

/** The shortest address of a view: what is as at the start is left out. */
export function viewText({ screen, search, by, topic, series, range, isWithDayBefore, isTable, isLog, admin, at, language, isKiosk }: View): string {
  if (screen === "admin") return `#/admin${admin && `/${admin}`}${language && `${admin.includes("?") ? "&" : "?"}lang=${language}`}`;
  const query = new URLSearchParams();
  if (search !== "") query.set("q", search);
  if (by !== START.by) query.set("by", by);
  if (topic !== "" && screen === "explorer") query.set("topic", topic);
  if (screen === "charts") {
    for (const one of series) query.append("s", one);
    if (range !== "") query.set("r", range);
    if (isWithDayBefore) query.set("before", "day");
    if (isTable) query.set("as", "table");
    if (isLog) query.set("scale", "log");
  }
  if (isKiosk) query.set("kiosk", "1");
  if (language !== "") query.set("lang", language);
  if (at !== null) query.set("at", new Date(at).toISOString());
  const path = screen === START.screen ? "#/" : `#/${screen}`;
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

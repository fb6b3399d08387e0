// What is shown, as the part of the address behind #. Nothing secret stands in it.

export const SCREENS = ["overview", "explorer"] as const;
export const GROUPINGS = ["node", "quantity"] as const;

export interface View {
  screen: (typeof SCREENS)[number];
  /** What is searched for. */
  search: string;
  by: (typeof GROUPINGS)[number];
  /** The topic that the explorer tells about, or none. */
  topic: string;
}

export const START: View = { screen: "overview", search: "", by: "node", topic: "" };

const LONGEST = 2000;

/** #/explorer?q=attic&topic=a/b */
export function parseView(hash: string): View {
  const [path = "", query = ""] = hash.replace(/^#/, "").slice(0, LONGEST).split("?", 2);
  const given = new URLSearchParams(query);
  const screen = SCREENS.find((one) => one === path.replace(/^\//, "")) ?? START.screen;
  const by = GROUPINGS.find((one) => one === given.get("by")) ?? START.by;
  return { screen, search: given.get("q") ?? "", by, topic: given.get("topic") ?? "" };
}

/** The shortest address of a view: what is as at the start is left out. */
export function viewText({ screen, search, by, topic }: View): string {
  const query = new URLSearchParams();
  if (search !== "") query.set("q", search);
  if (by !== START.by) query.set("by", by);
  if (topic !== "" && screen === "explorer") query.set("topic", topic);
  const path = screen === START.screen ? "#/" : `#/${screen}`;
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

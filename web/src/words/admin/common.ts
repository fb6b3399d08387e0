// Words that all pages of the operator use.

export const COMMON = {
  pages: "Pages of the operator",
  names: { accounts: "Accounts", tokens: "Tokens", device: "Add a device", events: "Who did what", links: "Links", hub: "The hub" },
  refused: "The hub says no:",
  signedOut: "You are signed out.",
  unreachable: "The hub does not answer.",
  loading: "Loading…",
  copy: "Copy",
  copied: "Copied",
  cancel: "Cancel",
  save: "Save",
  nothing: "nothing",
  everything: "everything",
} as const;

/** What somebody may do, in one line. */
export function rightsWords({ subscribe, publish, retain, admin }: { subscribe: string[]; publish: string[]; retain: boolean; admin: boolean }): string {
  const listed = (filters: string[]) => (filters.length === 0 ? COMMON.nothing : filters.includes("#") ? COMMON.everything : `${filters.slice(0, 3).join(", ")}${filters.length > 3 ? ` and ${filters.length - 3} more` : ""}`);
  return `Reads ${listed(subscribe)}, publishes ${listed(publish)}${retain ? ", may have the hub keep it" : ""}${admin ? ", is an admin" : ""}`;
}

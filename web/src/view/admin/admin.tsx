// The pages of the operator, and the way between them. Only admins get here; the hub answers nobody else.

import "../../app.js";
import { useEffect } from "preact/hooks";
import { readAccounts } from "../../admin.js";
import { show, view } from "../../location.js";
import { COMMON } from "../../core/text.js";
import { Accounts } from "./accounts.js";
import { Device } from "./device.js";
import { Events } from "./events.js";
import { Hub } from "./hub.js";
import { Links } from "./links.js";
import { Tokens } from "./tokens.js";

const PAGES = { accounts: Accounts, tokens: Tokens, device: Device, events: Events, links: Links, hub: Hub } as const;
type Name = keyof typeof PAGES;
const NAMES = Object.keys(PAGES) as Name[];

export function Admin() {
  const [path = "", query = ""] = view.value.admin.split("?", 2);
  const name = NAMES.find((one) => one === path) ?? "accounts";
  const Page = PAGES[name];
  useEffect(() => void readAccounts(), []);
  return (
    <div class="admin">
      <nav class="pages" aria-label={COMMON.pages}>
        {NAMES.map((one) => (
          <a key={one} href={`#/admin/${one}`} aria-current={one === name ? "page" : undefined} onClick={(event) => {
            event.preventDefault();
            show({ admin: one });
          }}>{COMMON.names[one]}</a>
        ))}
      </nav>
      <Page key={name} query={query} />
    </div>
  );
}

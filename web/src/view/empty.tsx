// What to do where no device has spoken.

import { EMPTY } from "../core/text.js";
import { HUB } from "../session.js";
import { woven } from "./parts.js";

export function Empty() {
  return (
    <section id="empty" class="empty" aria-labelledby="empty-title">
      <h2 id="empty-title">{EMPTY.title}</h2>
      <ul>
        <li>{EMPTY.plugged}</li>
        <li>{woven(EMPTY.simulator, { command: <code>--set simulator.run=on</code> })}</li>
        <li>{woven(EMPTY.byHand, { address: <code>{`${HUB.replace(/^http/, "ws")}talk/home/attic?side=node`}</code>, frame: <code>{'["thermometer/0", {"temperature": [20.5, "℃"]}]'}</code> })}</li>
      </ul>
    </section>
  );
}

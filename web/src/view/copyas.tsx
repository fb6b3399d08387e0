// The message of the explorer as a command, to be copied.

import { useId, useState } from "preact/hooks";
import { FORM_NAMES, copiedAs } from "../core/copyas.js";
import { EXPLORER } from "../core/text.js";
import { user } from "../page.js";
import { HUB } from "../session.js";

export function CopyAs({ topic, payload, isRetained }: { topic: string; payload: string; isRetained: boolean }) {
  const [form, setForm] = useState(FORM_NAMES[0]!);
  const [isOpen, setOpen] = useState(false);
  const [copied, setCopied] = useState("");
  const id = useId();
  const command = isOpen ? copiedAs(form, { hub: HUB, user: user.value ?? "", topic, payload, isRetained }) : "";
  return (
    <details class="copy-as" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{EXPLORER.copyAs}</summary>
      <p class="of">{form === "mosquitto_pub" ? `${EXPLORER.copyAsHow} ${EXPLORER.copyAsMqtt}` : EXPLORER.copyAsHow}</p>
      <div class="actions">
        <label class="hidden" for={id}>{EXPLORER.copyAs}</label>
        <select id={id} value={form} onChange={(event) => setForm(event.currentTarget.value)}>{FORM_NAMES.map((one) => <option key={one}>{one}</option>)}</select>
        <button type="button" onClick={() => void navigator.clipboard?.writeText(command).then(() => setCopied(command), () => setCopied(""))}>{copied !== "" && copied === command ? EXPLORER.copied : EXPLORER.copyCommand}</button>
      </div>
      <pre tabIndex={0} aria-label={EXPLORER.command}>{command}</pre>
    </details>
  );
}

// The fields that accounts and tokens have in common.

import { type Draft, ROLES } from "../../core/admin/accounts.js";
import { ACCOUNTS } from "../../core/text.js";
import { Check, Choose, Field } from "./parts.js";

export function Rights({ draft, isToken, set }: { draft: Draft; isToken: boolean; set(change: Partial<Draft>): void }) {
  const roles = ROLES.filter((role) => !isToken || role !== "admin").map((role) => [role, ACCOUNTS.roles[role]!] as const);
  const hasBase = draft.role !== "" && draft.role !== "admin";
  return (
    <>
      <div class="fields">
        <Choose label={ACCOUNTS.role} value={draft.role} names={roles} onChange={(role) => set({ role })} />
        {hasBase && <Field label={ACCOUNTS.base} value={draft.base} isCode onInput={(base) => set({ base })} />}
      </div>
      <div class="fields">
        <Field label={ACCOUNTS.subscribe} value={draft.subscribe} isCode rows={3} onInput={(subscribe) => set({ subscribe })} />
        <Field label={ACCOUNTS.publish} value={draft.publish} isCode rows={3} onInput={(publish) => set({ publish })} />
      </div>
      <Check label={ACCOUNTS.retain} isOn={draft.retain} onChange={(retain) => set({ retain })} />
      {!isToken && <Check label={ACCOUNTS.admin} isOn={draft.admin} onChange={(admin) => set({ admin })} />}
      {!isToken && <Check label={ACCOUNTS.certificate} isOn={draft.certificate} onChange={(certificate) => set({ certificate })} />}
      <div class="fields">
        <Field label={ACCOUNTS.from} value={draft.from} isCode rows={2} onInput={(from) => set({ from })} />
        <Field label={ACCOUNTS.validUntil} value={draft.validUntil} onInput={(validUntil) => set({ validUntil })} />
      </div>
      <Field label={ACCOUNTS.note} value={draft.note} onInput={(note) => set({ note })} />
    </>
  );
}

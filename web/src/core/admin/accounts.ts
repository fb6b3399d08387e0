// Accounts and tokens, as the hub tells them and wants them back.

import { isObject } from "../frame.js";

export const ROLES = ["", "dashboard", "operator", "node", "admin"] as const;

/** What somebody may change of an account. Lists have one entry a line, as people write them. */
export interface Draft {
  name: string;
  password: string;
  role: string;
  base: string;
  subscribe: string;
  publish: string;
  retain: boolean;
  admin: boolean;
  certificate: boolean;
  from: string;
  validUntil: string;
  note: string;
}

export interface Account extends Draft {
  isToken: boolean;
  hasPassword: boolean;
  /** All that it may do, with its role. */
  rights: { subscribe: string[]; publish: string[]; retain: boolean; admin: boolean };
  connections: number;
}

export const EMPTY: Draft = { name: "", password: "", role: "", base: "", subscribe: "", publish: "", retain: false, admin: false, certificate: false, from: "", validUntil: "", note: "" };

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** The last day of something that ends with that day, which is told as the first moment of the next one. */
const dayOf = (until: string): string => (until.endsWith("T00:00:00Z") ? new Date(Date.parse(until) - 1).toISOString().slice(0, 10) : until);

export function parseAccount(value: unknown): Account | null {
  if (!isObject(value) || typeof value.name !== "string") return null;
  const rights = isObject(value.rights) ? value.rights : {};
  return {
    name: value.name, password: "", role: text(value.role), base: text(value.base),
    subscribe: texts(value.subscribe).join("\n"), publish: texts(value.publish).join("\n"), from: texts(value.from).join("\n"),
    retain: value.retain === true, admin: value.admin === true, certificate: value.certificate === true,
    validUntil: dayOf(text(value.valid_until)), note: text(value.note),
    isToken: value.token === true, hasPassword: value.has_password === true, connections: Number(value.connections) || 0,
    rights: { subscribe: texts(rights.subscribe), publish: texts(rights.publish), retain: rights.retain === true, admin: rights.admin === true },
  };
}

export const lines = (written: string): string[] => written.split("\n").map((one) => one.trim()).filter(Boolean);

/** The body of a change: what is empty or off is left out, and with that it is off. */
export function bodyOf(draft: Draft, isToken: boolean): Record<string, unknown> {
  const { password, role, base, retain, admin, certificate, validUntil, note } = draft;
  const body: Record<string, unknown> = { subscribe: lines(draft.subscribe), publish: lines(draft.publish), from: lines(draft.from) };
  if (role !== "") body.role = role;
  if (role !== "" && role !== "admin" && base.trim() !== "") body.base = base.trim();
  if (retain) body.retain = true;
  if (validUntil.trim() !== "") body.valid_until = validUntil.trim();
  if (note.trim() !== "") body.note = note.trim();
  if (isToken) return body;
  if (password !== "") body.password = password;
  if (admin) body.admin = true;
  if (certificate) body.certificate = true;
  return body;
}

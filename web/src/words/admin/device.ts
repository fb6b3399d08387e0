// The words of the page that adds a device.

export const DEVICE = {
  title: "Add a device",
  about: "Makes a token for one device, which reads and publishes below its base, and nowhere else.",
  name: "Name of the device",
  base: "Base: where its topics begin",
  make: "Make its token",
  once: "This is shown once. Copy it, or scan the code, before you leave this page.",
  local: "Only this machine has this address. Open the page at the address of the hub in your network, or put that in place of it.",
  address: "Address",
  token: "Token (its password)",
  copy: { address: "Copy address", name: "Copy name", token: "Copy token" },
  code: "Code with the address, the name and the token",
  program: "A program to begin with",
  language: "Language",
  waiting: (base: string) => `Waiting for the device at ${base}…`,
  connected: "It is connected. Waiting for its first reading…",
  spoken: (what: string) => `It has spoken: ${what}`,
  unreadable: (base: string) => `Your account may not read ${base}, so this page cannot tell when the device speaks.`,
  another: "Add another device",
} as const;

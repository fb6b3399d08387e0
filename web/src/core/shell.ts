// What shells and programs are given: the parts of an address, and texts in quotes.

/** Where a hub is, from the address that the page has: `http://hub:8080/`, with the prefix of a proxy if there is one. */
export function place(hub: string): { host: string; port: number; isTls: boolean; prefix: string } {
  const { hostname, port, protocol, pathname } = new URL(hub);
  const isTls = protocol === "https:";
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (isTls ? 443 : 80), isTls, prefix: pathname };
}

/** In single quotes a shell takes everything as it is, but single quotes. */
export const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

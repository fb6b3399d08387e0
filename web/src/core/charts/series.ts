// Which number of which topic a chart shows, and how that stands in an address.

/** A place in the payloads of a topic; the place is a JSON pointer, empty for a bare value. */
export interface Ref {
  topic: string;
  path: string;
}

/** No chart shows more. */
export const SERIES_AT_MOST = 12;

const escaped = (text: string): string => text.replaceAll("%", "%25").replaceAll(":", "%3A");
const unescaped = (text: string): string => text.replaceAll("%3A", ":").replaceAll("%25", "%");

/** thermometer/i2c0-48:/temperature/0 */
export const refText = ({ topic, path }: Ref): string => `${escaped(topic)}:${escaped(path)}`;

/** A series from its text, or null for what is none. */
export function parseRef(text: string): Ref | null {
  const colon = text.indexOf(":");
  const topic = unescaped(text.slice(0, Math.max(0, colon)));
  return topic === "" || /[+#]/.test(topic) ? null : { topic, path: unescaped(text.slice(colon + 1)) };
}

/** The name of a place in words of the payload: /ENERGY/Power is ENERGY.Power, /temperature/0 is temperature. */
export function keyOf({ topic, path }: Ref): string {
  const keys = path.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (keys.length > 0 && keys.at(-1) === "0") keys.pop();
  return keys.length > 0 ? keys.join(".") : topic.slice(topic.lastIndexOf("/") + 1);
}

/** The same list with a series more, or without it if it is there. */
export function toggled(list: readonly string[], ref: string): string[] {
  return list.includes(ref) ? list.filter((one) => one !== ref) : [...list, ref].slice(0, SERIES_AT_MOST);
}

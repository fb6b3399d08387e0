// A message as a command that publishes it, to be copied into a shell or a program. The password is never in it: it is taken from a
// variable of the surroundings.

import { place, shell } from "./shell.js";

export interface Copied {
  /** The address of the hub as the page has it. */
  hub: string;
  user: string;
  topic: string;
  /** JSON, as it was sent. */
  payload: string;
  isRetained: boolean;
}

const SECRET = '"$HUB_PASSWORD"';

/** The message as a frame. */
function frameOf({ topic, payload, isRetained }: Copied): string {
  return `[${JSON.stringify(topic)},${payload}${isRetained ? ',{"retain":true}' : ""}]`;
}

const socketOf = ({ hub }: Copied): string => `${hub.replace(/^http/, "ws")}talk/`;

/** `sh` has no way to write a line break within a word but the line break itself: JSON needs none between its parts. */
const oneLine = (text: string): string => text.replaceAll(/[\r\n]+/g, " ");

function curl(message: Copied): string {
  const { hub, user, topic, payload, isRetained } = message;
  const levels = topic.toWellFormed().split("/").map(encodeURIComponent);
  // What stands for a folder elsewhere is a level here.
  const asIs = levels.some((level) => level === "." || level === "..") ? " --path-as-is" : "";
  const address = `${hub}api/topics/${levels.join("/")}${isRetained ? "?retain=true" : ""}`;
  return `curl${asIs} -u ${shell(`${user}:`)}${SECRET} --json ${shell(payload)} ${shell(address)}`;
}

function mosquitto(message: Copied): string {
  // A terminal may take these for keys, where the command is pasted. In an address they are escaped.
  if (/\p{Cc}/u.test(message.topic)) return curl(message);
  const { host, isTls } = place(message.hub);
  const way = isTls ? "-p 8883 --cafile authority.pem" : "-p 1883";
  return `mosquitto_pub -h ${shell(host)} ${way} -u ${shell(message.user)} -P ${SECRET}${message.isRetained ? " -r" : ""} -t ${shell(message.topic)} -m ${shell(message.payload)}`;
}

function websocat(message: Copied): string {
  return `printf '%s\\n' ${shell(frameOf(message))} | websocat --basic-auth ${shell(`${message.user}:`)}${SECRET} ${shell(socketOf(message))}`;
}

/** A text of JSON is one of Python and of JavaScript, too. */
const quoted = (text: string): string => JSON.stringify(text);

function python(message: Copied): string {
  return `# pip install websockets
import asyncio, base64, os
import websockets

async def main():
    login = base64.b64encode((${quoted(message.user)} + ":" + os.environ["HUB_PASSWORD"]).encode()).decode()
    async with websockets.connect(${quoted(socketOf(message))}, additional_headers={"Authorization": "Basic " + login}) as hub:
        await hub.send(${quoted(frameOf(message))})

asyncio.run(main())
`;
}

function javascript(message: Copied): string {
  return `// npm install ws
import { WebSocket } from "ws";

const hub = new WebSocket(${quoted(socketOf(message))}, { auth: ${quoted(message.user)} + ":" + process.env.HUB_PASSWORD });
hub.on("open", () => hub.send(${quoted(frameOf(message))}, () => hub.close()));
hub.on("error", (error) => console.error(error.message));
`;
}

const FORMS: Record<string, (message: Copied) => string> = { curl, mosquitto_pub: mosquitto, websocat, Python: python, JavaScript: javascript };

/** Names of what a message can be copied as. */
export const FORM_NAMES: readonly string[] = Object.keys(FORMS);

export const copiedAs = (form: string, message: Copied): string => (Object.hasOwn(FORMS, form) ? FORMS[form]! : curl)({ ...message, payload: oneLine(message.payload) });

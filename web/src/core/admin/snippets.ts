// What a new device needs to come in, and programs to begin with. They are shown as text and copied; none of it is run here.

import { place, shell } from "../shell.js";

export interface Device {
  /** The address of the hub as the page has it: `http://hub:8080/`, with the prefix of a proxy if there is one. */
  hub: string;
  name: string;
  token: string;
  base: string;
}

/** Where it connects to: `ws://hub:8080/talk/nodes/porch?side=node`. */
export const addressOf = ({ hub, base }: Device): string => `${hub.replace(/^http/, "ws")}talk/${pathOf(base)}?side=node`;

/** All of it in one text, for a code that a device or a phone scans. */
export function codeOf(device: Device): string {
  const [scheme, rest] = addressOf(device).split("://");
  return `${scheme}://${encodeURIComponent(device.name)}:${device.token}@${rest}`;
}

const pathOf = (base: string): string => base.split("/").map(encodeURIComponent).join("/");
const plain = (text: string): string => JSON.stringify(text);

/** Whether devices of the network cannot reach this address, as it is that of one machine for itself. */
export const isLocal = (hub: string): boolean => /^(localhost|127\.|::1$)/.test(place(hub).host);

function arduino(device: Device): string {
  const { host, port, isTls, prefix } = place(device.hub);
  return `// With the library "WebSockets" by Markus Sattler.
#include <WiFi.h>
#include <WebSocketsClient.h>

WebSocketsClient hub;
unsigned long spoken = 0;

void arrived(WStype_t type, uint8_t* text, size_t length) {
  if (type == WStype_CONNECTED) hub.sendTXT("[\\"clown.talk/-/config/set\\", {\\"filters\\": []}]");
}

void setup() {
  WiFi.begin("name of the network", "its password");
  while (WiFi.status() != WL_CONNECTED) delay(200);
  hub.${isTls ? "beginSSL" : "begin"}(${plain(host)}, ${port}, ${plain(`${prefix}talk/${pathOf(device.base)}?side=node`)});
  hub.setAuthorization(${plain(device.name)}, ${plain(device.token)});
  hub.setReconnectInterval(5000);
  hub.onEvent(arrived);
}

void loop() {
  hub.loop();
  if (hub.isConnected() && millis() - spoken > 10000) {
    spoken = millis();
    hub.sendTXT("[\\"temperature\\", 21.5]");
  }
}
`;
}

function micropython(device: Device): string {
  const { host, port, isTls, prefix } = place(device.hub);
  return `# Copy clown.py of the hub's examples/micropython onto the board, too, and join the network first.
import socket
import time
import clown
${isTls ? "import ssl\n" : ""}
wire = socket.socket()
wire.connect(socket.getaddrinfo(${plain(host)}, ${port})[0][-1])
${isTls ? `wire = ssl.wrap_socket(wire, server_hostname=${plain(host)})\n` : ""}link = clown.Link(wire, ${plain(`${host}:${port}`)}, ${plain(`${prefix}talk/${pathOf(device.base)}?side=node`)}, ${plain(device.name)}, ${plain(device.token)})
link.send('["clown.talk/-/config/set", {"filters": []}]')
while True:
    link.send('["temperature", 21.5]')
    time.sleep(10)
`;
}

function pythonProgram(device: Device): string {
  return `# pip install websockets
import asyncio
import json
import websockets

async def main():
    async with websockets.connect(${plain(codeOf(device))}) as hub:
        await hub.send(json.dumps(["clown.talk/-/config/set", {"filters": []}]))
        while True:
            await hub.send(json.dumps(["temperature", 21.5]))
            await asyncio.sleep(10)

asyncio.run(main())
`;
}

function javascript(device: Device): string {
  return `// npm install ws
import { WebSocket } from "ws";

const hub = new WebSocket(${plain(addressOf(device))}, { auth: ${plain(`${device.name}:${device.token}`)} });
const say = (...frame) => hub.send(JSON.stringify(frame));

hub.on("open", () => {
  say("clown.talk/-/config/set", { filters: [] });
  say("temperature", 21.5);
  setInterval(() => say("temperature", 21.5), 10_000);
});
hub.on("close", (code, reason) => {
  console.error(code, String(reason));
  process.exit(1);
});
hub.on("error", (error) => console.error(error.message));
`;
}

function curl(device: Device): string {
  return `# One reading, without a connection that stays.
curl -H ${shell(`Authorization: Bearer ${device.token}`)} --json 21.5 ${shell(`${device.hub}api/topics/${pathOf(device.base)}/temperature?retain=true`)}
`;
}

function mqtt(device: Device): string {
  const { host, isTls } = place(device.hub);
  const way = isTls ? "-p 8883 --cafile authority.pem" : "-p 1883";
  return `# The hub takes MQTT where its configuration has mqtt.${isTls ? "tls_" : ""}listen (docs/mqtt.md).
mosquitto_pub -h ${shell(host)} ${way} -u ${shell(device.name)} -P ${shell(device.token)} -t ${shell(`${device.base}/temperature`)} -m 21.5
`;
}

export const SNIPPETS: readonly [string, string, (device: Device) => string][] = [
  ["arduino", "ESP32 / Arduino", arduino], ["micropython", "MicroPython", micropython], ["python", "Python", pythonProgram],
  ["javascript", "JavaScript", javascript], ["curl", "curl", curl], ["mqtt", "MQTT", mqtt],
];

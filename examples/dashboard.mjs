// A dashboard in Node: prints temperatures, switches a relay on and waits until the relay says so.
//
//   npm install ws
//   node dashboard.mjs ws://clown:bigclown@127.0.0.1:8080

import { WebSocket } from "ws";

const hub = process.argv[2] ?? "ws://clown:bigclown@127.0.0.1:8080";
const relay = "relay/i2c0-3b";

// ws takes the name and the password out of the URL.
const socket = new WebSocket(`${hub}/auth/clown-talk-server_nodes_bridge_0`);
const say = (...frame) => socket.send(JSON.stringify(frame));
const seen = new Set();

socket.on("open", () => {
  say("clown.talk/-/config/set", { filters: ["thermometer/#", relay], retained: false });
  say(`${relay}/set`, { state: true });
});
socket.on("message", (message) => {
  const [topic, payload] = JSON.parse(message);
  console.log(topic, JSON.stringify(payload));
  if (topic === relay && payload.state === true) console.log("the relay is on");
  seen.add(topic.split("/")[0]);
  if (seen.has("thermometer") && seen.has("relay")) socket.close(1000);
});
socket.on("close", (code) => (process.exitCode = code === 1000 ? 0 : 1));
socket.on("error", (error) => console.error(error.message));

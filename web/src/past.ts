// The small lines of tiles, as a part that comes later: with what it shares with the first view in one file.

import "./app.js";

export { Past } from "./core/past.js";

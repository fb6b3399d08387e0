// What understands searches, as a part that comes later: with what it shares with the first view in one file.

import "./app.js";

export { parseSearch } from "./core/search.js";

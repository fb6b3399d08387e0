// What comes beside the first view: the small lines and the details of tiles, and what understands searches. With what it shares with
// the first view in one file.

import "./app.js";

export { Past } from "./core/past.js";
export { parseSearch } from "./core/search.js";
export { About } from "./view/about.js";

// Where the page begins: its language first, as everything else is told in it.

import { firstTexts } from "./language.js";

await firstTexts();
await import("./app.js");

// Where the page begins: its language first, as everything else is told in it.

import { firstTexts } from "./language.js";

// What hangs on a wall has no head: the one that index.html brings goes before it is seen for long.
if (/[?&]kiosk=1/.test(location.hash)) document.getElementById("page")!.replaceChildren();
await firstTexts();
await import("./app.js");

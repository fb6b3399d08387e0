// What is there for who operates the hub, begins with it, shares it, arranges things or looks back: one part, as all of it has the same fields and buttons.

export { Admin } from "./admin/admin.js";
export { Alarms, Bar, Buttons, Icon } from "./arrange/arrange.js";
export { Empty } from "./empty.js";
export { Kiosk, Share } from "./share/share.js";
export { Travel } from "./travel.js";

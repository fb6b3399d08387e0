// Making and changing elements. Text goes in as text only: what devices and people send is never read as HTML.

/** An element with attributes and children; a string child is text, and `class` may stand in for all attributes. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  const given = typeof attributes === "string" ? { class: attributes } : attributes;
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Writes only what is new: an unchanged text costs no layout. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, attribute, value) {
  if (value === null) node.removeAttribute(attribute);
  else if (node.getAttribute(attribute) !== String(value)) node.setAttribute(attribute, value);
}

/** By attribute, because pictures have no property of that name. */
export function show(node, isShown) {
  if (node.hasAttribute("hidden") === isShown) node.toggleAttribute("hidden", !isShown);
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a picture. */
export function picture(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A picture of the few that stand in the page. */
export function icon(name) {
  return picture("svg", { class: "icon", "aria-hidden": "true" }, picture("use", { href: `#${name}` }));
}

// Elements, made without markup: text from outside only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes, listeners (`onclick`) and children.
 * @param {string} tag
 * @param {Record<string, any>} [given]
 * @param {...(Node|string|null|false)} children
 * @returns {any}
 */
export function el(tag, given = {}, ...children) {
  return filled(document.createElement(tag), given, children);
}

/**
 * The same in SVG.
 * @param {string} tag
 * @param {Record<string, any>} [given]
 * @param {...(Node|string|null|false)} children
 * @returns {any}
 */
export function svg(tag, given = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), given, children);
}

/** @param {any} made @param {Record<string, any>} given @param {any[]} children */
function filled(made, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) made.append(child);
  return made;
}

/**
 * An element of the page by its id.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * A picture of lines in a square of 20 units, for a button.
 * @param {string} path
 * @returns {any}
 */
export function icon(path) {
  return svg("svg", { class: "icon-lines", viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: path }));
}

/** A colour patch beside a name. @param {string} colour @param {string} [title] */
export function patch(colour, title) {
  const made = el("span", { class: "patch", title, "aria-hidden": "true" });
  made.style.background = colour;
  return made;
}

/** Say something for a moment. @param {string} text @param {boolean} [isWrong] */
export function say(text, isWrong = false) {
  const box = byId("says");
  const line = el("p", { class: isWrong ? "wrong" : "" }, text);
  box.replaceChildren(line);
  window.setTimeout(() => line.remove(), isWrong ? 9000 : 3500);
}

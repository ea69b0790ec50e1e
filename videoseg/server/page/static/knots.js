// Knots of a track's outline on the frame that is shown: dragged, they bend it, as an edit of the run.

import { svg } from "./dom.js";
import { format, parse } from "./paths.js";
import { edit, outlinesOf } from "./results.js";
import { state, touched } from "./state.js";

/** @typedef {import("./paths.js").Ring} Ring */

const APART = 18;
const REACH = 12;

/** @type {{path: string, rings: Ring[], handles: {ring: number, at: number}[], chosen: number, frame: number}|null} */
let outline = null;
/** @type {{handle: number, rings: Ring[], x: number, y: number}|null} */
let drag = null;

/** Take over the outline that is shown. @param {number} unit Pixels of the frame in one of the screen. */
export function readKnots(unit) {
  const isOn = state.tool === "knots" && state.mode === "review" && !state.playing && !state.scrubbing;
  const found = isOn ? outlinesOf(state.shown).find((each) => each.track === state.track) : undefined;
  if (!found) {
    outline = drag = null;
    return;
  }
  if (outline?.path === found.path && outline.frame === state.shown) return;
  const rings = parse(found.path);
  outline = { path: found.path, rings, handles: handlesOf(rings, APART * unit), chosen: 0, frame: state.shown };
  drag = null;
}

/** Knots that are far enough apart to be taken hold of. @param {Ring[]} rings @param {number} apart */
function handlesOf(rings, apart) {
  return rings.flatMap((ring, number) => {
    /** @type {{ring: number, at: number}[]} */ const found = [];
    ring.forEach((point, at) => {
      const last = found.length ? ring[found[found.length - 1].at] : null;
      if (point.isKnot && (!last || Math.hypot(point.x - last.x, point.y - last.y) >= apart)) found.push({ ring: number, at });
    });
    const end = ring[found[found.length - 1].at];
    if (found.length > 3 && Math.hypot(end.x - ring[0].x, end.y - ring[0].y) < apart) found.pop();
    return found;
  });
}

/** Take hold of the knot at a place, if there is one. @param {{x: number, y: number}} at @param {number} unit */
export function beginKnot(at, unit) {
  if (!outline) return false;
  const { rings, handles } = outline;
  const far = handles.map((each) => Math.hypot(rings[each.ring][each.at].x - at.x, rings[each.ring][each.at].y - at.y));
  const best = far.indexOf(Math.min(...far));
  if (best < 0 || far[best] > REACH * unit) return false;
  outline.chosen = best;
  drag = { handle: best, rings: structuredClone(rings), x: at.x, y: at.y };
  return true;
}

/** @param {{x: number, y: number}} at */
export function moveKnot(at) {
  if (outline && drag) outline.rings = bent(drag.rings, drag.handle, at.x - drag.x, at.y - drag.y);
}

/** @param {boolean} counts */
export function endKnot(counts) {
  if (outline && drag && !counts) outline.rings = drag.rings;
  drag = null;
  if (counts) keepKnots();
}

/** Rings with one handle moved; what lies between it and its neighbours follows, the less the further off. @param {Ring[]} rings @param {number} handle @param {number} dx @param {number} dy */
function bent(rings, handle, dx, dy) {
  const made = structuredClone(rings);
  if (!outline) return made;
  const { ring, at } = outline.handles[handle];
  const points = made[ring];
  const own = outline.handles.filter((each) => each.ring === ring).map((each) => each.at);
  const place = own.indexOf(at);
  const size = points.length;
  const back = own.length > 1 ? (at - own[(place + own.length - 1) % own.length] + size) % size : size / 2;
  const on = own.length > 1 ? (own[(place + 1) % own.length] - at + size) % size : size / 2;
  points.forEach((point, number) => {
    const after = (number - at + size) % size;
    const share = after <= on ? 1 - after / on : 1 - (size - after) / back;
    if (share <= 0) return;
    point.x += share * dx;
    point.y += share * dy;
  });
  return made;
}

/** Choose the next knot, or the one before. @param {1|-1} by */
export function chooseKnot(by) {
  if (!outline?.handles.length) return;
  outline.chosen = (outline.chosen + by + outline.handles.length) % outline.handles.length;
  touched("knots");
}

/** Move the knot that is chosen; whether there is one. @param {number} dx @param {number} dy */
export function nudgeKnot(dx, dy) {
  if (!outline?.handles.length) return false;
  outline.rings = bent(outline.rings, outline.chosen, dx, dy);
  touched("knots");
  return true;
}

/** The outline as it was bent becomes an edit of the run. */
export function keepKnots() {
  if (!outline) return;
  const path = format(outline.rings);
  if (path === format(parse(outline.path))) return;
  void edit({ edit: "outline", track: state.track, at: state.shown, path }).then((done) => {
    if (!done) outline = null;
    touched("knots");
  });
}

/** What is drawn of them. @param {number} unit */
export function drawnKnots(unit) {
  if (!outline) return [];
  const { rings, handles, chosen } = outline;
  const line = svg("path", { d: format(rings), class: "bent", "vector-effect": "non-scaling-stroke" });
  const dots = handles.map(({ ring, at }, number) => {
    const { x, y } = rings[ring][at];
    return svg("circle", { cx: x, cy: y, r: (number === chosen ? 6 : 4.5) * unit, class: `knot${number === chosen ? " chosen" : ""}`, "vector-effect": "non-scaling-stroke" });
  });
  return [svg("g", { class: "mark knots" }, line, ...dots)];
}

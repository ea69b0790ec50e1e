// The picture with its outlines and marks; pointer, zoom and pan.

import { beginStroke, drawnStrokes, endStroke, moveBrush } from "./brush.js";
import { colourOf, dashesOf } from "./colours.js";
import { drawWith, fitTo } from "./clock.js";
import { byId, el, svg } from "./dom.js";
import { beginKnot, drawnKnots, endKnot, keepKnots, moveKnot, nudgeKnot, readKnots } from "./knots.js";
import { answerOf, cueAt, mark, paint } from "./marks.js";
import { fingerDown, fingerUp, pinched } from "./pinch.js";
import { foundOn, outlinesOf } from "./results.js";
import { change, state, watch } from "./state.js";

const MARGIN = 16;
const LEAST_DRAG = 4;

/** @type {any} */ let stage;
/** @type {any} */ let sheet;
/** @type {HTMLCanvasElement} */ let canvas;
/** @type {any} */ let drawing;
/** @type {any} */ let outlines;
/** @type {any} */ let marks;
const lens = { zoom: 1, x: 0, y: 0 };
/** @type {null | {kind: string, x: number, y: number, moved: boolean, lensX: number, lensY: number}} */
let drag = null;
let spaceIsDown = false;

/** Build the stage. */
export function buildStage() {
  const { width, height } = state.project;
  stage = byId("stage");
  canvas = el("canvas", { "aria-hidden": "true" });
  outlines = svg("g");
  marks = svg("g");
  drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "Outlines" },
    checkerboard(), outlines, marks);
  sheet = el("div", { class: "sheet" }, canvas, drawing);
  stage.replaceChildren(sheet);
  drawWith(draw);
  stage.addEventListener("pointerdown", begin);
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => { fingerUp(event); cancel(); });
  stage.addEventListener("contextmenu", (/** @type {Event} */ event) => event.preventDefault());
  stage.addEventListener("wheel", wheel, { passive: false });
  stage.addEventListener("pointerleave", () => { byId("place").textContent = ""; if (!drag) moveBrush(null); drawMarks(); });
  new ResizeObserver(lay).observe(stage);
  watch(["shown", "answers", "objects", "active", "mode", "results", "outlines", "track", "onlyTrack",
    "opacity", "labels", "look", "before", "correction", "merging"], drawOutlines);
  watch(["shown", "objects", "active", "mode", "correction", "answers", "outlines", "results", "tool",
    "brush", "track", "playing", "scrubbing", "knots"], () => drawMarks());
  watch(["tool"], () => { stage.dataset.tool = state.tool; });
  watch(["shown"], () => { stage.dataset.shown = String(state.shown); });
  stage.dataset.tool = state.tool;
  lay();
}

/** Where the keyboard marks, pixels of the frame; null until it is moved. @type {null | {x: number, y: number}} */
let cursor = null;

/** Move the place that the keyboard marks. @param {number} x @param {number} y Pixels of the frame. */
export function moveCursor(x, y) {
  if (state.tool === "knots" && nudgeKnot(x * unit() / 2, y * unit() / 2)) return;
  const { width, height } = state.project;
  const from = cursor ?? { x: width / 2, y: height / 2 };
  cursor = { x: Math.max(0, Math.min(width - 1, from.x + x)), y: Math.max(0, Math.min(height - 1, from.y + y)) };
  byId("place").textContent = `x ${Math.floor(cursor.x)}  y ${Math.floor(cursor.y)}`;
  drawMarks();
}

/** Mark where the cursor is. @param {boolean} isNot Whether what is there is not meant. */
export function markAtCursor(isNot) {
  if (state.tool === "knots") return keepKnots();
  if (!cursor || state.tool === "choose") return;
  if (state.tool === "brush") paint([isNot ? -state.brush : state.brush, cursor.x, cursor.y]);
  else mark(isNot || state.tool === "not-point" ? "not-point" : "point", [cursor.x, cursor.y]);
}

/** Pixels of the frame in one of the screen. */
function unit() {
  return state.project.width / Math.max(1, sheet.clientWidth);
}

/** Whether the space bar is down, for panning. @param {boolean} isDown */
export function pan(isDown) {
  spaceIsDown = isDown;
  stage.dataset.pans = isDown ? "yes" : "";
}

function size() {
  const { width, height, aspect } = state.project;
  const wide = width * aspect;
  const box = stage.getBoundingClientRect();
  const fit = Math.min((box.width - 2 * MARGIN) / wide, (box.height - 2 * MARGIN) / height);
  const factor = Math.max(0.02, fit) * lens.zoom;
  return { wide: wide * factor, high: height * factor, box };
}

function lay() {
  const { wide, high, box } = size();
  sheet.style.width = `${wide}px`;
  sheet.style.height = `${high}px`;
  sheet.style.left = `${(box.width - wide) / 2 + lens.x}px`;
  sheet.style.top = `${(box.height - high) / 2 + lens.y}px`;
  fitTo(wide * window.devicePixelRatio);
  drawMarks();
  drawOutlines();
}

/** @param {number} factor @param {{x: number, y: number}} [about] Pixels of the window. */
export function zoom(factor, about) {
  const box = stage.getBoundingClientRect();
  const x = (about?.x ?? box.left + box.width / 2) - box.left - box.width / 2;
  const y = (about?.y ?? box.top + box.height / 2) - box.top - box.height / 2;
  const next = Math.max(1, Math.min(32, lens.zoom * factor));
  const by = next / lens.zoom;
  lens.x = x - (x - lens.x) * by;
  lens.y = y - (y - lens.y) * by;
  lens.zoom = next;
  if (next === 1) lens.x = lens.y = 0;
  lay();
}

/** The whole picture. */
export function fit() {
  Object.assign(lens, { zoom: 1, x: 0, y: 0 });
  lay();
}

/** @param {ImageBitmap} image */
function draw(image) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d")?.drawImage(image, 0, 0);
}

/** Where an event is, in pixels of the frame. @param {PointerEvent|WheelEvent} event */
function placeOf(event) {
  const box = sheet.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * state.project.width;
  const y = ((event.clientY - box.top) / box.height) * state.project.height;
  return { x, y, inside: x >= 0 && y >= 0 && x < state.project.width && y < state.project.height };
}

/** @param {WheelEvent} event */
function wheel(event) {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), { x: event.clientX, y: event.clientY });
}

/** @param {PointerEvent} event */
function begin(event) {
  document.body.dataset.pointer = "yes"; // no ring of the keyboard's focus where nobody needs it
  stage.focus({ preventScroll: true });
  if (fingerDown(event)) return cancel();
  const at = placeOf(event);
  cursor = null;
  const pans = event.button === 1 || spaceIsDown || state.tool === "pan";
  if (state.tool === "knots" && event.button === 0 && beginKnot(at, unit())) return drags("knot", at, event);
  if (!pans && event.button === 0 && state.mode === "review" && choose(event)) return;
  if (!pans && !at.inside) return;
  let kind = state.tool;
  const isNot = event.button === 2 || event.altKey || event.shiftKey;
  if (kind === "brush" && !pans) beginStroke(at, isNot);
  else if (isNot) kind = "not-point";
  drags(pans ? "pan" : kind, pans ? { x: event.clientX, y: event.clientY } : at, event);
}

/** @param {string} kind @param {{x: number, y: number}} at @param {PointerEvent} event */
function drags(kind, { x, y }, event) {
  drag = { kind, x, y, moved: false, lensX: lens.x, lensY: lens.y };
  stage.setPointerCapture(event.pointerId);
  drawMarks();
}

function cancel() {
  drag = null;
  endStroke(false);
  endKnot(false);
  drawMarks();
}

/** In review, a click with the choosing tool takes the track below it. @param {PointerEvent} event */
function choose(event) {
  if (state.tool !== "choose" && state.tool !== "knots") return false;
  const hit = /** @type {Element} */ (event.target).closest?.("[data-track]");
  change({ track: hit ? Number(hit.getAttribute("data-track")) : null, correction: null });
  return true;
}

/** @param {PointerEvent} event */
function move(event) {
  const pinch = pinched(event);
  if (pinch) {
    lens.x += pinch.dx;
    lens.y += pinch.dy;
    return zoom(pinch.factor, pinch.about);
  }
  const at = placeOf(event);
  const place = byId("place");
  place.textContent = at.inside ? `x ${Math.floor(at.x)}  y ${Math.floor(at.y)}` : "";
  if (state.tool === "brush" || state.tool === "knots") {
    for (const each of event.getCoalescedEvents?.() ?? []) moveBrush(placeOf(each));
    moveBrush(at);
    moveKnot(at);
    drawMarks();
  }
  if (!drag || drag.kind === "brush" || drag.kind === "knot") return;
  if (drag.kind === "pan") {
    lens.x = drag.lensX + event.clientX - drag.x;
    lens.y = drag.lensY + event.clientY - drag.y;
    lay();
    return;
  }
  const near = Math.hypot(at.x - drag.x, at.y - drag.y) * (sheet.clientWidth / state.project.width);
  drag.moved ||= near > LEAST_DRAG;
  if (drag.moved && drag.kind !== "not-point") drawMarks(boxOf(drag, at));
}

/** @param {PointerEvent} event */
function end(event) {
  fingerUp(event);
  if (!drag) return;
  const { kind, moved } = drag;
  const at = placeOf(event);
  const box = boxOf(drag, at);
  drag = null;
  if (kind === "pan") return;
  if (kind === "brush") return endStroke(true);
  if (kind === "knot") return endKnot(true);
  if (moved && kind !== "not-point") {
    if (box[2] - box[0] > 2 && box[3] - box[1] > 2) mark("box", box);
    else drawMarks();
  } else if (kind === "box") drawMarks();
  else if (at.inside) mark(kind === "not-point" ? "not-point" : "point", [at.x, at.y]);
}

/** @param {{x: number, y: number}} a @param {{x: number, y: number}} b */
function boxOf(a, b) {
  const clamp = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(0, Math.min(most, value));
  const { width, height } = state.project;
  return [clamp(Math.min(a.x, b.x), width), clamp(Math.min(a.y, b.y), height),
    clamp(Math.max(a.x, b.x), width), clamp(Math.max(a.y, b.y), height)];
}

function checkerboard() {
  const side = state.project.height / 40;
  return svg("defs", {},
    svg("pattern", { id: "checker", width: 2 * side, height: 2 * side, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: 2 * side, height: 2 * side, fill: "#9a9a9a" }),
      svg("rect", { width: side, height: side, fill: "#666" }),
      svg("rect", { x: side, y: side, width: side, height: side, fill: "#666" })),
    svg("mask", { id: "outside" }));
}

/** What is drawn on the frame that is shown. @returns {{path: string, colour: string, dashes: string, label: string, track?: number, faint?: boolean}[]} */
function shapes() {
  if (state.mode === "mark") {
    return state.objects.flatMap((object, place) =>
      (answerOf(object, state.shown)?.paths ?? []).map((each) => ({
        path: each.path, colour: colourOf(place + 1), dashes: dashesOf(place + 1), label: object.label,
      })));
  }
  const found = outlinesOf(state.shown)
    .filter((each) => !state.onlyTrack || each.track === state.track)
    .map((each) => ({
      path: each.path, colour: colourOf(each.track), dashes: dashesOf(each.track),
      label: labelOf(each.track), track: each.track,
      faint: state.correction !== null && each.track === state.track,
    }));
  const correction = state.correction && answerOf(state.correction, state.shown);
  for (const each of correction ? correction.paths : []) {
    found.push({ path: each.path, colour: "#ffffff", dashes: "6 3", label: "new outline", track: state.track ?? 0, faint: false });
  }
  return found;
}

/** @param {number} track */
function labelOf(track) {
  const found = state.results?.tracks.find((/** @type {any} */ each) => each.track === track);
  return found ? `${found.label} ${track}` : `${track}`;
}

function drawOutlines() {
  if (!outlines) return;
  const { width, height } = state.project;
  const found = shapes();
  const whole = { width, height };
  const cut = drawing.querySelector("#outside");
  cut.replaceChildren(svg("rect", { ...whole, fill: "#fff" }),
    ...found.map((each) => svg("path", { d: each.path, fill: "#000", "fill-rule": "evenodd" })));
  const ground = [];
  if (state.look === "matte") ground.push(svg("rect", { ...whole, fill: "#000" }));
  if (state.look === "checker") ground.push(svg("rect", { ...whole, fill: "url(#checker)", mask: "url(#outside)" }));
  const before = state.before && state.mode === "review" ? foundOn(state.shown) : [];
  outlines.replaceChildren(...ground, ...found.map(drawn), ...before.map(drawnBefore));
}

/** @param {ReturnType<typeof shapes>[number]} each */
function drawn(each) {
  if (state.look === "matte") return svg("path", { d: each.path, fill: "#fff", "fill-rule": "evenodd" });
  if (state.look === "checker") return svg("path", { d: each.path, fill: "transparent", "data-track": each.track });
  const strong = each.track !== undefined && each.track === state.track;
  const path = { d: each.path, "fill-rule": "evenodd", "vector-effect": "non-scaling-stroke" };
  const group = svg("g", { class: `outline${strong ? " strong" : ""}${each.faint ? " faint" : ""}`, "data-track": each.track },
    svg("path", { ...path, class: "halo" }),
    svg("path", { ...path, stroke: each.colour, "stroke-dasharray": each.dashes || null, fill: each.colour, "fill-opacity": each.faint ? 0 : state.opacity }));
  if (state.labels) group.append(label(each));
  return group;
}

/** @param {string} path As the model found it. */
function drawnBefore(path) {
  const line = { d: path, "vector-effect": "non-scaling-stroke" };
  return svg("g", { class: "mark before" }, svg("path", { ...line, class: "halo" }), svg("path", { ...line, stroke: "#fff", "stroke-width": 1.5, "stroke-dasharray": "2 3", fill: "none" }));
}

/** @param {ReturnType<typeof shapes>[number]} each */
function label(each) {
  const probe = svg("path", { d: each.path });
  outlines.append(probe);
  const box = probe.getBBox();
  probe.remove();
  const one = unit();
  const text = svg("text", { class: "label", x: box.x + box.width / 2, y: Math.max(16 * one, box.y + Math.min(20 * one, box.height / 2)), "font-size": 13 * one, "text-anchor": "middle" });
  text.textContent = each.label;
  return text;
}

/** @param {number[]} [dragged] */
function drawMarks(dragged) {
  if (!marks) return;
  const one = unit();
  const objects = state.mode === "mark" ? state.objects : state.correction ? [state.correction] : [];
  const made = objects.flatMap((object, place) => {
    const cue = cueAt(object, state.shown, false);
    const colour = state.mode === "mark" ? colourOf(place + 1) : "#fff";
    if (!cue) return [];
    return [
      ...(cue.box ?? []).map((box) => boxMark(box, colour)),
      ...(cue.point ?? []).map((each) => pointMark(each, colour, true, one)),
      ...(cue["not-point"] ?? []).map((each) => pointMark(each, colour, false, one)),
    ];
  });
  if (cursor) {
    const cross = `M${cursor.x - 14 * one} ${cursor.y}h${28 * one}M${cursor.x} ${cursor.y - 14 * one}v${28 * one}`;
    const line = { d: cross, "vector-effect": "non-scaling-stroke" };
    made.push(svg("g", { class: "mark cursor" }, svg("path", { ...line, class: "halo" }), svg("path", { ...line, stroke: "#fff", "stroke-width": 1.5 })));
  }
  if (Array.isArray(dragged)) made.push(boxMark(dragged, colourOf(state.active + 1)));
  readKnots(one);
  marks.replaceChildren(...drawnStrokes(objects), ...drawnKnots(one), ...made);
}

/** @param {number[]} box @param {string} colour */
function boxMark([x1, y1, x2, y2], colour) {
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, fill: "none", "vector-effect": "non-scaling-stroke" };
  return svg("g", { class: "mark" }, svg("rect", { ...place, class: "halo" }), svg("rect", { ...place, stroke: colour, "stroke-dasharray": "5 3" }));
}

/** A plus for what is meant, a minus for what is not. @param {number[]} at @param {string} colour @param {boolean} positive @param {number} unit */
function pointMark([x, y], colour, positive, unit) {
  const arm = 3.5 * unit;
  const lines = `M${x - arm} ${y}h${2 * arm}${positive ? `M${x} ${y - arm}v${2 * arm}` : ""}`;
  return svg("g", { class: "mark" },
    svg("circle", { cx: x, cy: y, r: 8 * unit, fill: positive ? colour : "#111", stroke: positive ? "#111" : colour, "vector-effect": "non-scaling-stroke", "stroke-width": 2 }),
    svg("path", { d: lines, stroke: positive ? "#111" : "#fff", "stroke-width": 2, "vector-effect": "non-scaling-stroke" }));
}

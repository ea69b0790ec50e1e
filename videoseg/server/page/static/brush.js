// The brush: strokes that add to an outline or take away from it.

import { svg } from "./dom.js";
import { answerOf, cueAt, paint } from "./marks.js";
import { state } from "./state.js";

const LEAST_STEP = 1.5;
/** Width of a stroke and its points, x, y, x, y; of one that takes away it is negative. @type {number[]|null} */
let stroke = null;
/** @type {{x: number, y: number}|null} */
let over = null;

/** @param {{x: number, y: number}} at Pixels of the frame. @param {boolean} takes Whether it takes away. */
export function beginStroke(at, takes) {
  stroke = [takes ? -state.brush : state.brush, round(at.x), round(at.y)];
}

/** The pointer is at another place. @param {{x: number, y: number}|null} at */
export function moveBrush(at) {
  over = at;
  if (!stroke || !at) return;
  const [x, y] = stroke.slice(-2);
  if (Math.hypot(at.x - x, at.y - y) >= LEAST_STEP) stroke.push(round(at.x), round(at.y));
}

/** The stroke is done, or given up. @param {boolean} counts */
export function endStroke(counts) {
  const made = stroke;
  stroke = null;
  if (made && counts) paint(made);
}

/** Larger or smaller. @param {number} factor */
export function widthOfBrush(factor) {
  return Math.max(2, Math.min(400, Math.round(state.brush * factor)));
}

/** What is drawn of strokes that no outline shows yet, and of the brush. @param {import("./types.js").Marked[]} objects */
export function drawnStrokes(objects) {
  const waiting = objects.flatMap((object) => {
    const cue = cueAt(object, state.shown, false);
    return cue?.paint && !answerOf(object, state.shown) ? cue.paint.strokes : [];
  });
  const made = [...waiting, ...(stroke ? [stroke] : [])].map(drawn);
  if (state.tool === "brush" && over) {
    const circle = { cx: over.x, cy: over.y, r: state.brush / 2, fill: "none", "vector-effect": "non-scaling-stroke" };
    made.push(svg("g", { class: "mark" }, svg("circle", { ...circle, class: "halo" }), svg("circle", { ...circle, stroke: "#fff", "stroke-width": 1.5 })));
  }
  return made;
}

/** @param {number[]} given */
function drawn(given) {
  const [width, ...numbers] = given;
  const points = numbers.length === 2 ? [...numbers, numbers[0] + 0.01, numbers[1]] : numbers;
  return svg("polyline", { class: "mark stroke", points: points.join(" "), stroke: width > 0 ? "#fff" : "#000", "stroke-width": Math.abs(width) });
}

/** @param {number} value */
function round(value) {
  return Math.round(2 * value) / 2;
}

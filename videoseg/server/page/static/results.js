// What a run has found: its tracks, and the outlines of the frames that are near.

import { get, post, Refused } from "./api.js";
import { Blocks } from "./blocks.js";
import { say } from "./dom.js";
import { change, state, touched, watch } from "./state.js";

/** @typedef {import("./types.js").Outline} Outline */

const AGAIN_MS = 700;
/** @type {Blocks<Outline>} */
const outlines = new Blocks("outlines", () => touched("outlines"));
/** @type {Blocks<{prompt: number, path: string}>} */
const found = new Blocks("found", () => touched("outlines"));

/** Begin to show results. */
export function beginResults() {
  watch(["shown", "mode", "before"], () => { if (state.mode === "review") loadAround(); });
}

function loadAround() {
  outlines.around(state.shown);
  if (state.before) found.around(state.shown);
}

/** Read what the run has found; again until all of it is read. */
export async function loadResults() {
  take(await get("results"), false);
}

/** Show what other windows and programs have edited meanwhile, if they have. */
export async function loadEdits() {
  if (!state.results) return;
  const results = await get("results");
  if (results.generation !== state.results.generation) take(results, false);
}

let again = 0;

/** @param {any} results @param {boolean} isMore Whether it is the same run, of which more was read. */
function take(results, isMore) {
  if (!isMore) {
    outlines.clear();
    found.clear();
  }
  const tracks = results.tracks.map((/** @type {any} */ each) => each.track);
  const track = tracks.includes(state.track) ? state.track : tracks.length === 1 ? tracks[0] : null;
  change({ results, track });
  loadAround();
  window.clearTimeout(again);
  if (results.reason) say(results.reason, true);
  else if (!results.whole) again = window.setTimeout(() => void readOn().catch(() => {}), AGAIN_MS);
}

async function readOn() {
  const before = state.results?.generation;
  const results = await get("results");
  take(results, results.generation === before);
}

/** The outlines of a frame, as far as they are here. @param {number} index @returns {Outline[]} */
export function outlinesOf(index) {
  return outlines.of(index);
}

/** Paths of what the model found on a frame, before it was steadied. @param {number} index @returns {string[]} */
export function foundOn(index) {
  return found.of(index).map((each) => each.path);
}

/** Change the run; what others have changed meanwhile is shown instead. @param {object} said */
export async function edit(said) {
  try {
    take(await post("edits", { generation: state.results.generation, ...said }), false);
    return true;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    if (error instanceof Refused && error.status === 409) await loadResults();
    return false;
  }
}

/** The next place to look at again, or the one before. @param {1|-1} direction */
export function nextDoubt(direction) {
  const stops = state.results.review.filter((/** @type {any} */ each) => each.frame !== null)
    .sort((/** @type {any} */ a, /** @type {any} */ b) => a.frame - b.frame);
  if (!stops.length) return null;
  const later = stops.filter((/** @type {any} */ each) => (each.frame - state.index) * direction > 0);
  if (later.length) return direction > 0 ? later[0] : later[later.length - 1];
  return direction > 0 ? stops[0] : stops[stops.length - 1];
}

// What a run has found: its tracks, and the outlines of the frames that are near.

import { get, post, Refused } from "./api.js";
import { say } from "./dom.js";
import { change, state, touched, watch } from "./state.js";

/** @typedef {import("./types.js").Outline} Outline */

const BLOCK = 60;
const MOST_BLOCKS = 60;
const AGAIN_MS = 700;
/** @type {Map<number, Record<string, Outline[]>>} */
const blocks = new Map();
/** @type {Set<number>} */
const coming = new Set();

/** Begin to show results. */
export function beginResults() {
  watch(["shown", "mode"], () => { if (state.mode === "review") loadAround(state.shown); });
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
/** Counts what makes the outlines that are here worthless. */
let version = 0;

/** @param {any} results @param {boolean} isMore Whether it is the same run, of which more was read. */
function take(results, isMore) {
  if (!isMore) {
    blocks.clear();
    version += 1;
  }
  const tracks = results.tracks.map((/** @type {any} */ each) => each.track);
  const track = tracks.includes(state.track) ? state.track : tracks.length === 1 ? tracks[0] : null;
  change({ results, track });
  loadAround(state.shown);
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
  return blocks.get(Math.floor(index / BLOCK))?.[String(index)] ?? [];
}

/** @param {number} index */
function loadAround(index) {
  const block = Math.floor(Math.max(0, index) / BLOCK);
  for (const each of [block, block + 1]) if (!blocks.has(each) && !coming.has(each)) void load(each);
}

/** @param {number} block */
async function load(block) {
  coming.add(block);
  const asked = version;
  try {
    const got = await get(`outlines/${block * BLOCK}/${(block + 1) * BLOCK}`);
    if (asked !== version) return;
    blocks.set(block, got.frames);
    if (blocks.size > MOST_BLOCKS) blocks.delete(blocks.keys().next().value ?? -1);
    touched("outlines");
    const isThere = Object.keys(got.frames).length === BLOCK;
    if (!got.whole && !isThere) window.setTimeout(() => { if (asked === version) void load(block); }, AGAIN_MS);
  } catch {
    // It is asked for again with the next frame.
  } finally {
    coming.delete(block);
    if (asked !== version) loadAround(state.shown);
  }
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

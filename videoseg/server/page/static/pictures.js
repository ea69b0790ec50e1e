// Pictures of frames: those that are here, those that are coming, and those that nobody wants any more.

import { picture } from "./api.js";

/** @typedef {import("./api.js").Picture} Picture */

const MOST_KEPT = 300;

/** @type {Map<string, Picture>} */
const kept = new Map();
/** @type {Map<string, {made: Promise<Picture>, ends: AbortController}>} */
const coming = new Map();

/** How many are coming. */
export function howManyCome() {
  return coming.size;
}

/** A frame's picture. @param {number} index @param {number} scale @returns {Promise<Picture>} */
export function load(index, scale) {
  const key = `${index}/${scale}`;
  const found = kept.get(key);
  if (found) return Promise.resolve(found);
  const asked = coming.get(key);
  if (asked) return asked.made;
  const ends = new AbortController();
  const made = picture(index, scale, ends.signal)
    .then((got) => {
      kept.set(key, got);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value ?? "");
      return got;
    })
    .finally(() => { if (coming.get(key)?.ends === ends) coming.delete(key); });
  coming.set(key, { made, ends });
  return made;
}

/** Whether a frame's picture is here. @param {number} index @param {number} scale */
export function isHere(index, scale) {
  return kept.has(`${index}/${scale}`);
}

/** Ask no longer for what is coming: somebody has gone elsewhere. */
export function dropComing() {
  for (const { ends } of coming.values()) ends.abort();
  coming.clear();
}

/** Whether something went wrong because nobody wanted it any more. @param {unknown} error */
export function isDropped(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

// Frames on the screen: the newest that is asked for, near ones while somebody looks for a place, and
// playing at the clip's own times.

import { picture } from "./api.js";
import { say } from "./dom.js";
import { dropComing, howManyCome, isDropped, isHere, load } from "./pictures.js";
import { beginSound, endSound, heard } from "./sound.js";
import { change, state } from "./state.js";

/** @typedef {import("./api.js").Picture} Picture */

const AT_ONCE = 3;
const AHEAD = 10;
const STEPS_AHEAD = 2;
const RESTS_AFTER_MS = 140;

/** @type {(image: ImageBitmap) => void} */
let draw = () => {};
let scale = 1;
/** The scale that is on the screen; 0 while it is a small picture. */
let drawnScale = 0;
let showing = false;
let resting = 0;

/** Frames are drawn by this. @param {(image: ImageBitmap) => void} how */
export function drawWith(how) {
  draw = how;
}

/** Pictures are asked for so that they fill this many pixels. @param {number} pixels */
export function fitTo(pixels) {
  const width = state.project.width;
  const wanted = [8, 4, 2, 1].find((each) => width / each >= pixels * 0.9) ?? 1;
  if (wanted === scale) return;
  scale = wanted;
  if (state.shown >= 0) show(state.index);
}

/** Have a frame shown; of those asked for meanwhile only the newest is. @param {number} index */
export function show(index) {
  window.clearTimeout(resting);
  go(index, false);
}

/** Have a frame shown, or one near to it, while somebody looks for a place. @param {number} index */
export function scrub(index) {
  window.clearTimeout(resting);
  resting = window.setTimeout(() => show(state.index), RESTS_AFTER_MS);
  go(index, true);
}

/** @param {number} index @param {boolean} scrubbing */
function go(index, scrubbing) {
  const wanted = Math.max(0, Math.min(index, state.count - 1));
  if (wanted !== state.index) dropComing();
  change(scrubbing === state.scrubbing ? { index: wanted } : { index: wanted, scrubbing });
  if (!showing) void catchUp();
}

async function catchUp() {
  showing = true;
  try {
    while (!(await isUpToDate()));
    if (!state.scrubbing) void loadAhead();
  } catch (error) {
    change({ playing: false });
    if (state.index > 0 && /there is no frame/.test(String(error))) {
      change({ count: state.index, index: state.index - 1 });
      window.setTimeout(() => show(state.index), 0);
    } else say(error instanceof Error ? error.message : String(error), true);
  } finally {
    showing = false;
  }
}

/** Show what is wanted; whether it is still wanted then. */
async function isUpToDate() {
  const { index, scrubbing } = state;
  if (state.shown === index && (scrubbing || drawnScale === scale)) return true;
  const asked = scale;
  try {
    const isRough = scrubbing && !isHere(index, asked);
    const got = await (isRough ? picture(index, "near") : load(index, asked));
    await put(got, isRough ? 0 : asked);
    // What is near stands for what is wanted, until it is wanted exactly.
    return isRough && state.scrubbing && state.index === index;
  } catch (error) {
    if (isDropped(error)) return false;
    throw error;
  }
}

/** @param {Picture} got @param {number} drawn Its scale. @param {{index?: number}} [changes] */
async function put(got, drawn, changes = {}) {
  if (got.index === state.shown && (drawn === drawnScale || !drawn)) return;
  const image = await createImageBitmap(got.blob);
  draw(image);
  image.close();
  drawnScale = drawn;
  change({ ...changes, shown: got.index, seconds: got.seconds });
}

async function loadAhead() {
  const from = state.shown;
  for (let index = from + 1; index <= Math.min(from + STEPS_AHEAD, state.count - 1); index += 1) {
    if (state.shown !== from || state.scrubbing || howManyCome() >= AT_ONCE) return;
    await load(index, scale).catch(() => {});
  }
}

/** Play, or stop. */
export function togglePlay() {
  if (state.playing) return change({ playing: false });
  if (state.index >= state.count - 1) show(0);
  change({ playing: true });
  void play();
}

async function play() {
  const rate = state.project.rate ?? 25;
  let begun = performance.now() / 1000;
  let from = state.seconds;
  let ready = state.shown;
  const now = () => heard() ?? from + performance.now() / 1000 - begun;
  beginSound(from);
  while (state.playing && state.shown < state.count - 1) {
    const before = state.shown;
    if (before !== ready) { // somebody has gone elsewhere
      begun = performance.now() / 1000;
      from = state.seconds;
      beginSound(from);
    }
    const late = now() - state.seconds;
    const step = Math.max(1, Math.min(8, Math.floor(late * rate)));
    const next = Math.min(state.count - 1, before + step);
    for (let each = next + 1; each <= Math.min(next + AHEAD, state.count - 1); each += 1) {
      if (howManyCome() >= AT_ONCE) break;
      load(each, scale).catch(() => {});
    }
    let got;
    try {
      got = await load(next, scale);
    } catch (error) {
      if (isDropped(error)) continue;
      break;
    }
    const wait = got.seconds - now();
    if (wait > 0.002) await new Promise((done) => window.setTimeout(done, wait * 1000));
    else if (wait < -1) begun -= wait; // no use in hurrying after a long pause
    if (!state.playing) return endSound();
    if (state.shown !== before || state.index !== before) {
      ready = -1;
      await new Promise((done) => window.setTimeout(done, 30));
      continue;
    }
    ready = next;
    await put(got, scale, { index: next });
  }
  endSound();
  change({ playing: false });
}

/** Hours, minutes, seconds and thousandths. @param {number} seconds */
export function clockText(seconds) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(3).padStart(6, "0");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

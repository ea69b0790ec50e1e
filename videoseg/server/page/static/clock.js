// Frames on the screen: the newest that is asked for, and playing at the clip's own times.

import { picture } from "./api.js";
import { say } from "./dom.js";
import { change, state } from "./state.js";

const MOST_KEPT = 700;
const AT_ONCE = 3;
const AHEAD = 10;

/** @type {Map<string, {blob: Blob, seconds: number}>} */
const kept = new Map();
/** @type {Map<string, Promise<any>>} */
const coming = new Map();
/** @type {(image: ImageBitmap) => void} */
let draw = () => {};
let scale = 1;
let drawnScale = 0;
let showing = false;

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

/** @param {number} index */
function load(index) {
  const key = `${index}/${scale}`;
  const found = kept.get(key);
  if (found) return Promise.resolve(found);
  const asked = coming.get(key);
  if (asked) return asked;
  const made = picture(index, scale)
    .then((got) => {
      kept.set(key, got);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value ?? "");
      return got;
    })
    .finally(() => coming.delete(key));
  coming.set(key, made);
  return made;
}

/** Have a frame shown; of those asked for meanwhile only the newest is. @param {number} index */
export function show(index) {
  change({ index: Math.max(0, Math.min(index, state.count - 1)) });
  if (!showing) void catchUp();
}

async function catchUp() {
  showing = true;
  try {
    while (state.shown !== state.index || drawnScale !== scale) {
      const index = state.index;
      const asked = scale;
      const got = await load(index);
      const image = await createImageBitmap(got.blob);
      draw(image);
      image.close();
      drawnScale = asked;
      change({ shown: index, seconds: got.seconds });
    }
    void loadAhead();
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

async function loadAhead() {
  const from = state.shown;
  for (let index = from + 1; index <= Math.min(from + AHEAD, state.count - 1); index += 1) {
    if (state.shown !== from && !state.playing) return;
    if (coming.size >= AT_ONCE) return;
    await load(index).catch(() => {});
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
  while (state.playing && state.shown < state.count - 1) {
    const before = state.shown;
    if (before !== ready) { // somebody has gone elsewhere
      begun = performance.now() / 1000;
      from = state.seconds;
    }
    const late = performance.now() / 1000 - begun - (state.seconds - from);
    const step = Math.max(1, Math.min(8, Math.floor(late * rate)));
    const next = Math.min(state.count - 1, before + step);
    for (let each = next + 1; each <= Math.min(next + AHEAD, state.count - 1); each += 1) {
      if (coming.size >= AT_ONCE) break;
      load(each).catch(() => {});
    }
    let got;
    try {
      got = await load(next);
    } catch {
      break;
    }
    const wait = begun + (got.seconds - from) - performance.now() / 1000;
    if (wait > 0.002) await new Promise((done) => window.setTimeout(done, wait * 1000));
    else if (wait < -1) begun -= wait; // no use in hurrying after a long pause
    if (!state.playing) return;
    if (state.shown !== before || state.index !== before) {
      ready = -1;
      await new Promise((done) => window.setTimeout(done, 30));
      continue;
    }
    const image = await createImageBitmap(got.blob);
    draw(image);
    image.close();
    drawnScale = scale;
    ready = next;
    change({ index: next, shown: next, seconds: got.seconds });
  }
  change({ playing: false });
}

/** Hours, minutes, seconds and thousandths. @param {number} seconds */
export function clockText(seconds) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60);
  const rest = (whole - 60 * minutes).toFixed(3).padStart(6, "0");
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

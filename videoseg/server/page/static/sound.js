// The clip's sound, made by the server when it is first played. While it plays, it is the clock.

import { get } from "./api.js";
import { state } from "./state.js";

/** @type {HTMLAudioElement|null} */
let audio = null;
/** When it begins, on the clip's own clock. */
let start = 0;
let isAsked = false;

/** Whether it can be heard, as far as anybody knows. */
export function hasSound() {
  return Boolean(state.project?.has_sound);
}

/** Begin where the picture is; silent until it is there. @param {number} seconds */
export function beginSound(seconds) {
  if (!hasSound() || state.muted) return;
  if (audio) {
    audio.currentTime = Math.max(0, seconds - start);
    void audio.play().catch(() => {});
  } else if (!isAsked) {
    isAsked = true;
    void makeSound();
  }
}

async function makeSound() {
  try {
    ({ start } = await get("sound"));
  } catch {
    return; // The picture plays without it.
  }
  const made = new Audio("sound.m4a");
  made.addEventListener("canplay", () => {
    audio = made;
    if (state.playing) beginSound(state.seconds);
  }, { once: true });
}

/** Stop it. */
export function endSound() {
  audio?.pause();
}

/** What is heard now, on the clip's own clock; null while nothing is. @returns {number|null} */
export function heard() {
  return audio && !audio.paused && !audio.ended && audio.currentTime > 0 ? audio.currentTime + start : null;
}

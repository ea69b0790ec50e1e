// Objects as they are marked, and what the model finds of them on the frame that is shown.

import { post } from "./api.js";
import { say } from "./dom.js";
import { isDropped } from "./pictures.js";
import { change, state, touched, watch } from "./state.js";

/** @typedef {import("./types.js").Marked} Marked */
/** @typedef {import("./types.js").Cue} Cue */
/** @typedef {import("./types.js").Entry} Entry */

const REFINE_AFTER_MS = 600;
const SETTLED_MS = 180;
const MOST_KEPT = 400;

/** @type {Map<string, {paths: {path: string, score: number}[], note: string, draft: boolean}>} */
const answers = new Map();
/** @type {string[]} */
const history = [];
let nextId = 1;
let asking = false;
let refining = 0;
/** Ends what nobody waits for: looking closer at what is marked. */
let closer = new AbortController();

/** Take over what was marked before. @param {Entry[]} entries */
export function begin(entries) {
  state.objects = entries.map((entry) => ({
    id: nextId++, label: entry.label, text: entry.text ?? "", cues: entry.cues ?? [],
  }));
  watch(["shown", "index", "scrubbing", "playing", "mode"], settle);
}

/** The object that marks go to; made if there is none. */
export function activeObject() {
  if (state.mode === "review") return state.correction;
  if (!state.objects[state.active]) addObject();
  return state.objects[state.active];
}

/** A new object that marks go to. @param {string} [text] */
export function addObject(text = "") {
  remember();
  const empty = state.objects.findIndex((each) => !each.text && !each.cues.length);
  const label = text || `object ${state.objects.length + (empty < 0 ? 1 : 0)}`;
  if (empty >= 0) {
    if (text) Object.assign(state.objects[empty], { text, label });
    change({ active: empty });
  } else {
    state.objects.push({ id: nextId++, label, text, cues: [] });
    change({ active: state.objects.length - 1 });
  }
  touched("objects");
  void ask();
}

/** @param {number} place */
export function removeObject(place) {
  remember();
  state.objects.splice(place, 1);
  change({ active: Math.max(0, Math.min(state.active, state.objects.length - 1)) });
  touched("objects");
}

/** @param {number} place @param {string} label */
export function renameObject(place, label) {
  if (!label.trim() || state.objects[place].label === label) return;
  remember();
  state.objects[place].label = label.trim();
  touched("objects");
}

/** Mark the frame that is shown. @param {"point"|"not-point"|"box"} kind @param {number[]} numbers */
export function mark(kind, numbers) {
  const object = activeObject();
  if (!object) return say("choose a track first: click its outline, or its name in the list", true);
  remember();
  const cue = cueAt(object, state.shown, true);
  if (cue) (cue[kind] ??= []).push(numbers.map((each) => Math.round(each * 10) / 10));
  touched("objects", "correction");
  void ask();
}

/** Take away the last mark of the active object on this frame. */
export function removeLastMark() {
  const object = activeObject();
  const cue = object && cueAt(object, state.shown, false);
  if (!object || !cue) return;
  remember();
  const kinds = /** @type {const} */ (["box", "not-point", "point"]);
  const kind = kinds.find((each) => cue[each]?.length);
  if (kind) cue[kind]?.pop();
  if (!kinds.some((each) => cue[each]?.length)) object.cues = object.cues.filter((each) => each !== cue);
  touched("objects", "correction");
  void ask();
}

/** Take away a mark. @param {Marked} object @param {Cue} cue @param {"point"|"not-point"|"box"} kind @param {number} place */
export function removeMark(object, cue, kind, place) {
  remember();
  cue[kind]?.splice(place, 1);
  if (!["box", "not-point", "point"].some((each) => cue[/** @type {"box"} */ (each)]?.length)) {
    object.cues = object.cues.filter((each) => each !== cue);
  }
  touched("objects", "correction");
  void ask();
}

/** @param {Marked} object @param {number} frame @param {boolean} make @returns {Cue|undefined} */
export function cueAt(object, frame, make) {
  let found = object.cues.find((each) => each.at === frame);
  if (!found && make) {
    found = { at: frame };
    object.cues.push(found);
    object.cues.sort((a, b) => a.at - b.at);
  }
  return found;
}

function remember() {
  history.push(JSON.stringify(state.objects));
  if (history.length > 100) history.shift();
}

/** Take back the last change of marks. */
export function undoMarks() {
  const before = history.pop();
  if (before === undefined) return say("there is nothing to undo");
  change({ objects: JSON.parse(before) });
  change({ active: Math.max(0, Math.min(state.active, state.objects.length - 1)) });
  void ask();
}

/** What is marked, as prompts.json has it. @param {Marked[]} [objects] @returns {Entry[]} */
export function entries(objects = state.objects) {
  return objects
    .filter((each) => each.text || each.cues.length)
    .map((each) => ({
      label: each.label,
      ...(each.text ? { text: each.text } : {}),
      ...(each.cues.length ? { cues: each.cues } : {}),
    }));
}

/** What was found of an object on a frame, as far as it was asked. @param {Marked} object @param {number} frame */
export function answerOf(object, frame) {
  return answers.get(keyOf(object, frame) ?? "");
}

/** @param {Marked} object @param {number} frame */
function keyOf(object, frame) {
  const cue = cueAt(object, frame, false);
  if (!cue && (!object.text || object.cues.length)) return null;
  return JSON.stringify([frame, object.text, cue ?? null]);
}

let settled = 0;
function settle() {
  window.clearTimeout(settled);
  if (state.playing || state.scrubbing || state.shown !== state.index) return closer.abort();
  settled = window.setTimeout(async () => {
    const index = state.shown;
    await ask();
    const isIdle = !state.work || ["done", "failed", "stopped"].includes(state.work.status);
    if (index === state.shown && isIdle && (state.mode === "mark" || state.correction)) {
      post("look-ahead", { frame: index }).catch(() => {});
    }
  }, SETTLED_MS);
}

/** Ask about what is marked on the frame that is shown and not known yet: drafts first. */
export async function ask() {
  window.clearTimeout(refining);
  closer.abort();
  if (asking || state.shown < 0 || state.scrubbing) return;
  asking = true;
  try {
    for (;;) {
      const wanted = missing();
      if (!wanted) break;
      await answer(wanted.object, wanted.frame, wanted.key, true);
    }
  } finally {
    asking = false;
  }
  refining = window.setTimeout(refine, REFINE_AFTER_MS);
}

function shownObjects() {
  if (state.mode === "review") return state.correction ? [state.correction] : [];
  return state.objects;
}

function missing() {
  for (const object of shownObjects()) {
    const key = keyOf(object, state.shown);
    if (key && !answers.has(key)) return { object, frame: state.shown, key };
  }
  return null;
}

async function refine() {
  closer = new AbortController();
  const { signal } = closer;
  for (const object of shownObjects()) {
    const key = keyOf(object, state.shown);
    if (key && answers.get(key)?.draft) {
      await answer(object, state.shown, key, false, signal);
      if (signal.aborted) return;
    }
  }
}

/** @param {Marked} object @param {number} frame @param {string} key @param {boolean} draft @param {AbortSignal} [signal] */
async function answer(object, frame, key, draft, signal) {
  let made;
  try {
    const got = await post("outline", { frame, draft, prompts: entries([object]) }, signal);
    const note = Object.values(got.refused)[0] ?? (got.found.length ? "" : "nothing found here");
    made = { paths: got.found, note: String(note), draft: got.draft };
  } catch (error) {
    if (isDropped(error)) return;
    made = { paths: [], note: error instanceof Error ? error.message : String(error), draft: false };
  }
  answers.set(key, made);
  if (answers.size > MOST_KEPT) answers.delete(answers.keys().next().value ?? "");
  touched("answers");
}

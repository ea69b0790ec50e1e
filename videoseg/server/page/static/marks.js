// Objects as they are marked, and what the model finds of them on the frame that is shown.

import { post } from "./api.js";
import { say } from "./dom.js";
import { joined } from "./paths.js";
import { isDropped } from "./pictures.js";
import { outlinesOf } from "./results.js";
import { change, state, touched, watch } from "./state.js";

/** @typedef {import("./types.js").Marked} Marked */
/** @typedef {import("./types.js").Cue} Cue */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {"box"|"not-point"|"point"} Kind */

const REFINE_AFTER_MS = 600;
const SETTLED_MS = 180;
const MOST_KEPT = 400;
const MOST_STEPS = 100;
/** Marks in the order in which the last one is taken away first. */
const KINDS = /** @type {const} */ (["box", "not-point", "point"]);

/** @type {Map<string, {paths: {path: string, score: number}[], note: string, draft: boolean}>} */
const answers = new Map();
/** @type {string[]} */
const history = [];
/** @type {string[]} */
const undone = [];
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
  if (state.mode === "review") return state.correction ?? beginCorrection();
  if (!state.objects[state.active]) addObject();
  return state.objects[state.active];
}

/** Mark the chosen track anew. @returns {Marked|null} */
export function beginCorrection() {
  const track = state.results?.tracks.find((/** @type {any} */ each) => each.track === state.track);
  if (!track) {
    say("choose a track first: click its outline, or its name in the list", true);
    return null;
  }
  const correction = { id: 0, label: track.label, text: "", cues: [], prompt: track.prompt, track: track.track };
  const tool = ["choose", "knots", "pan"].includes(state.tool) ? "point" : state.tool;
  change({ correction, tool, playing: false });
  return correction;
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
  if (!object) return;
  remember();
  const cue = cueAt(object, state.shown, true);
  if (cue) (cue[kind] ??= []).push(numbers.map((each) => Math.round(each * 10) / 10));
  touched("objects", "correction");
  void ask();
}

/** Paint on the outline that is shown. @param {number[]} stroke Its width, negative where it takes away; x, y, x, y. */
export function paint(stroke) {
  const object = activeObject();
  if (!object) return;
  remember();
  const path = joined(outlineNow(object));
  const cue = cueAt(object, state.shown, true);
  if (!cue) return;
  // What was clicked until now is in the outline that is painted on.
  cue.paint ??= { ...(path ? { path } : {}), strokes: [] };
  for (const kind of KINDS) delete cue[kind];
  cue.paint.strokes.push(stroke.map((each) => Math.round(each * 10) / 10));
  touched("objects", "correction");
  void ask();
}

/** Take an outline as it is, instead of what is clicked. @param {Cue} cue @param {string} path */
export function takeOutline(cue, path) {
  remember();
  for (const kind of KINDS) delete cue[kind];
  cue.paint = { path, strokes: [] };
  touched("objects", "correction");
  void ask();
}

/** Paths of the outline that an object has on the frame that is shown. @param {Marked} object */
function outlineNow(object) {
  const answer = answerOf(object, state.shown);
  if (answer) return answer.paths.map((each) => each.path);
  return outlinesOf(state.shown).filter((each) => each.track === object.track).map((each) => each.path);
}

/** Take away the last mark of the active object on this frame. */
export function removeLastMark() {
  const object = activeObject();
  const cue = object && cueAt(object, state.shown, false);
  if (!object || !cue) return;
  const kind = KINDS.find((each) => cue[each]?.length);
  if (kind) removeMark(object, cue, kind, -1);
  else removeStroke(object, cue);
}

/** Take away the last stroke. @param {Marked} object @param {Cue} cue */
export function removeStroke(object, cue) {
  remember();
  cue.paint?.strokes.pop();
  if (!cue.paint?.strokes.length) delete cue.paint;
  without(object, cue);
}

/** Take away a mark. @param {Marked} object @param {Cue} cue @param {Kind} kind @param {number} place */
export function removeMark(object, cue, kind, place) {
  remember();
  cue[kind]?.splice(place, 1);
  without(object, cue);
}

/** Something of a cue is gone, and so is the cue if nothing is left. @param {Marked} object @param {Cue} cue */
function without(object, cue) {
  if (!cue.paint && !KINDS.some((each) => cue[each]?.length)) object.cues = object.cues.filter((each) => each !== cue);
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
  history.push(snapshot());
  undone.length = 0;
  if (history.length > MOST_STEPS) history.shift();
}

function snapshot() {
  return JSON.stringify([state.objects, state.correction]);
}

/** Take back the last change of marks, or bring back what was taken back last. @param {boolean} [again] */
export function undoMarks(again = false) {
  const [from, to] = again ? [undone, history] : [history, undone];
  const before = from.pop();
  if (before === undefined) return say(`there is nothing to ${again ? "redo" : "undo"}`);
  to.push(snapshot());
  const [objects, correction] = JSON.parse(before);
  change({ objects, correction: state.mode === "review" ? correction : state.correction });
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

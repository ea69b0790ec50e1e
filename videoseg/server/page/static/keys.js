// The keyboard: everything has a key.

import { show, togglePlay } from "./clock.js";
import { widthOfBrush } from "./brush.js";
import { byId, el } from "./dom.js";
import { takeOfActive } from "./extents.js";
import { openExport } from "./exporting.js";
import { start } from "./marking.js";
import { chooseKnot } from "./knots.js";
import { addObject, beginCorrection, removeLastMark, undoMarks } from "./marks.js";
import { edit } from "./results.js";
import { removeChosen, splitHere, toggleOnly } from "./reviewing.js";
import { fit, markAtCursor, moveCursor, zoom } from "./stage.js";
import { change, state } from "./state.js";
import { goToDoubt, toggleSound } from "./timeline.js";

/** @type {[string, string][]} */
const HELP = [
  ["Space", "play, pause"], ["← →", "one frame"], ["Shift + ← →", "ten frames"], ["Home End", "first, last frame"],
  ["1", "click on the object"], ["2", "click on what is not meant (or Shift-click)"], ["3", "drag a box"], ["4", "move the picture"],
  ["5", "paint; with Shift take away"], ["[ ]", "narrower, wider brush"],
  ["Alt + arrows", "move the cursor, with Shift by one pixel"], ["Enter", "mark at the cursor; with Shift what is not meant"],
  ["K", "bend the outline of the chosen track"], [", .", "choose a knot; Alt + arrows move it, Enter keeps it"],
  ["V", "choose a track"], ["+ − 0", "larger, smaller, whole picture"], ["P W", "of what is clicked only a part, the whole"], ["Backspace", "remove the last mark"],
  ["A", "another object"], ["F", "find by name"], ["R", "run"], ["M", "mark or review"],
  ["N Shift + N", "next, previous doubtful place"], ["C", "correct the chosen track"], ["S", "split the track here"],
  ["O", "only this track"], ["Delete", "delete the track"], ["L", "labels"], ["U", "sound"], ["B", "as the model found it"], ["E", "export"],
  ["Ctrl + Z", "undo"], ["Ctrl + Shift + Z", "redo"], ["Esc", "leave"], ["?", "this list"],
];

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  " ": () => togglePlay(),
  ArrowLeft: (event) => show(state.index - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => show(state.index + (event.shiftKey ? 10 : 1)),
  Home: () => show(0),
  End: () => show(state.count - 1),
  1: () => change({ tool: "point" }),
  2: () => change({ tool: "not-point" }),
  3: () => change({ tool: "box" }),
  4: () => change({ tool: "pan" }),
  v: () => { if (state.mode === "review") change({ tool: "choose" }); },
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: () => fit(),
  5: () => { if (paints()) change({ tool: "brush" }); },
  "[": () => change({ brush: widthOfBrush(0.8) }),
  "]": () => change({ brush: widthOfBrush(1.25) }),
  k: () => { if (state.mode === "review") change({ tool: "knots" }); },
  ",": () => chooseKnot(-1),
  ".": () => chooseKnot(1),
  Enter: (event) => markAtCursor(event.shiftKey),
  Backspace: () => removeLastMark(),
  p: () => takeOfActive("part"),
  w: () => takeOfActive("whole"),
  a: () => { if (state.mode === "mark") addObject(); },
  f: () => byId("phrase")?.focus(),
  r: () => { if (state.mode === "mark") void start({}); },
  m: () => { if (state.results) byId(state.mode === "mark" ? "mode-review" : "mode-mark").click(); },
  n: () => goToDoubt(1),
  N: () => goToDoubt(-1),
  c: () => { if (state.mode === "review") beginCorrection(); },
  s: () => { if (state.mode === "review") splitHere(); },
  o: () => { if (state.mode === "review") toggleOnly(); },
  Delete: () => { if (state.mode === "review") removeChosen(); },
  l: () => byId("labels")?.click(),
  u: () => toggleSound(),
  b: () => { if (state.mode === "review") byId("before")?.click(); },
  e: () => void openExport(),
  "?": () => showHelp(),
  Escape: () => change({ correction: null, onlyTrack: false, playing: false, tool: state.mode === "review" ? "choose" : "point" }),
};

/** Listen to the keyboard. */
export function buildKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") delete document.body.dataset.pointer;
    const target = /** @type {HTMLElement} */ (event.target);
    if (document.querySelector("dialog[open]")) return;
    const writes = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
    if (writes) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      if (state.mode === "mark" || state.correction) return undoMarks(event.shiftKey);
      void edit({ edit: event.shiftKey ? "redo" : "undo" });
      return;
    }
    if (event.altKey && event.key.startsWith("Arrow")) return cursorKey(event);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && target.id !== "stage") return;
    if (event.key === " " && target.matches("button, summary, input")) return;
    if (target.matches("input[type=range]") && target.id !== "frame" && event.key.startsWith("Arrow")) return;
    const does = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    if (!does) return;
    event.preventDefault();
    does(event);
  });
  byId("open-help").addEventListener("click", showHelp);
}

/** @param {KeyboardEvent} event */
function cursorKey(event) {
  event.preventDefault();
  const step = event.shiftKey ? 1 : 10;
  byId("stage").focus({ preventScroll: true });
  moveCursor(step * (Number(event.key === "ArrowRight") - Number(event.key === "ArrowLeft")),
    step * (Number(event.key === "ArrowDown") - Number(event.key === "ArrowUp")));
}

function paints() {
  return state.project.model.kinds.includes("mask");
}

function showHelp() {
  const dialog = el("dialog", { class: "help", "aria-label": "Keyboard" },
    el("header", {}, el("h2", {}, "Keyboard"), el("span", { class: "grow" }), el("button", { class: "icon", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
    el("dl", {}, ...HELP.flatMap(([key, what]) => [el("dt", {}, key), el("dd", {}, what)])));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

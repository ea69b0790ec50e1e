// The panel of marking: objects, their marks, the same as a command line, and the run.

import { post } from "./api.js";
import { colourOf } from "./colours.js";
import { byId, el, patch, say } from "./dom.js";
import { extentButtons } from "./extents.js";
import { addObject, answerOf, cueAt, entries, removeMark, removeObject, removeStroke, renameObject } from "./marks.js";
import { loadResults } from "./results.js";
import { change, state } from "./state.js";
import { follow, isOver, progress } from "./work.js";

let command = "";
let file = "";
/** @type {Record<string, string>} */
let masks = {};
let saying = 0;
let said = "";

/** The panel's content. */
export function markingPanel() {
  sayAgain();
  return [
    el("div", { class: "head-row" }, el("h2", {}, "Objects"), el("span", { class: "grow" }), another()),
    state.objects.length
      ? el("ul", { class: "objects" }, ...state.objects.map(row))
      : el("p", { class: "hint" }, "Click an object in the picture, drag a box around it, or name it below."),
    phrase(),
    ...marksHere(),
    el("span", { class: "grow" }),
    ...asCommand(),
    run(),
  ];
}

/** @param {any} object @param {number} place */
function row(object, place) {
  const answer = answerOf(object, state.shown);
  const best = answer?.paths[0];
  const said = answer?.note || (best ? `${Math.round(100 * best.score)} %${answer && answer.paths.length > 1 ? `, ${answer.paths.length} found` : ""}` : "");
  const name = el("input", { id: `name-${object.id}`, value: object.label, "data-was": object.label, "aria-label": `Name of object ${place + 1}`, class: "name",
    onchange: (/** @type {any} */ event) => renameObject(place, event.target.value),
    onkeydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") /** @type {any} */ (event.target).blur(); },
    onfocus: () => { if (state.active !== place) change({ active: place }); } });
  return el("li", { class: place === state.active ? "chosen" : "", onclick: () => { if (state.active !== place) change({ active: place }); } },
    patch(colourOf(place + 1)), name,
    el("button", { class: "icon", "aria-label": `Remove ${object.label}`, title: "Remove", onclick: (/** @type {Event} */ event) => { event.stopPropagation(); removeObject(place); } }, "×"),
    said ? el("span", { class: `note${answer?.note ? " wrong" : ""}` }, said) : null);
}

function phrase() {
  if (!state.project.model.kinds.includes("text")) return null;
  const field = el("input", { id: "phrase", "data-was": "", placeholder: "Or name it: the cat", "aria-label": "Find by name" });
  return el("form", { class: "phrase", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = field.value.trim();
    field.value = "";
    if (text) addObject(text);
  } }, field, el("button", { type: "submit" }, "Find"));
}

function another() {
  return el("button", { id: "another", class: "quiet", title: "Another object (A)", onclick: () => addObject() }, "+ Another");
}

function marksHere() {
  const object = state.objects[state.active];
  const cue = object && cueAt(object, state.shown, false);
  if (!cue) return [];
  const { paint } = cue;
  const kinds = /** @type {const} */ (["point", "not-point", "box"]);
  const chips = kinds.flatMap((kind) => (cue[kind] ?? []).map((numbers, place) =>
    el("li", {}, el("span", {}, `${{ point: "+", "not-point": "−", box: "□" }[kind]} ${numbers.map((each) => Math.round(each)).join(", ")}`),
      el("button", { class: "icon", "aria-label": `Remove ${kind} ${numbers.join(", ")}`, onclick: () => removeMark(object, cue, kind, place) }, "×"))));
  if (paint) {
    const strokes = paint.strokes.length;
    const what = strokes ? `${strokes} stroke${strokes === 1 ? "" : "s"}` : "an outline";
    chips.push(el("li", {}, el("span", {}, what),
      el("button", { class: "icon", "aria-label": strokes ? "Remove the last stroke" : "Remove the outline", onclick: () => removeStroke(object, cue) }, "×")));
  }
  return [el("h3", {}, `Marks on frame ${state.shown}`), el("ul", { class: "chips" }, ...chips), extentButtons(object)];
}

function asCommand() {
  const text = el("code", { id: "command", tabindex: 0 }, command);
  return [
    el("details", { class: "command", ...(state.objects.length ? { open: true } : {}) },
      el("summary", {}, "The same as a command"),
      text,
      el("div", { class: "buttons" },
        el("button", { id: "copy", onclick: async () => { await navigator.clipboard.writeText(command); say("copied"); } }, "Copy"),
        el("button", { id: "save-prompts", disabled: !entries().length, onclick: savePrompts }, "Save prompts.json"))),
  ];
}

/** Ask how the marks are said on a command line, if they have changed. */
function sayAgain() {
  const marked = JSON.stringify(entries());
  if (marked === said) return;
  said = marked;
  window.clearTimeout(saying);
  saying = window.setTimeout(async () => {
    try {
      const got = await post("said", { prompts: entries() });
      ({ file, masks } = got);
      if (got.command !== command) {
        command = got.command;
        const shown = byId("command");
        if (shown) shown.textContent = command;
      }
    } catch {
      // What does not fit is said when it is run.
    }
  }, 120);
}

function savePrompts() {
  save(new Blob([file], { type: "application/json" }), "prompts.json");
  for (const [name, text] of Object.entries(masks)) {
    save(new Blob([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], { type: "image/png" }), name);
  }
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const address = URL.createObjectURL(blob);
  el("a", { href: address, download: name }).click();
  window.setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function run() {
  const going = progress();
  if (going) return going;
  const { work } = state;
  const stopped = work && work.kind === "run" && work.status === "stopped";
  const failed = work && work.kind === "run" && work.status === "failed";
  return el("div", { class: "run" },
    failed ? el("p", { class: "wrong" }, work.reason) : null,
    failed && work.result.error === "OutputExistsError"
      ? el("button", { id: "replace", onclick: () => start({ overwrite: true }) }, "Replace what is there") : null,
    stopped ? el("button", { id: "go-on", onclick: () => start({ resume: true }) }, "Go on where it was cancelled") : null,
    el("button", { id: "run", class: "primary", disabled: !entries().length, title: "Run (R)", onclick: () => start({}) }, "Run through the clip"),
    el("p", { class: "hint" }, `Results go to ${state.project.out}`));
}

/** Begin a run of what is marked. @param {object} how */
export async function start(how) {
  if (!entries().length || (state.work && !isOver(state.work))) return;
  try {
    change({ work: await post("run", { prompts: entries(), ...how }), playing: false });
  } catch (error) {
    return say(error instanceof Error ? error.message : String(error), true);
  }
  follow(async (work) => {
    if (work.status !== "done") return;
    say("the run is done");
    await loadResults();
    change({ mode: "review", tool: "choose" });
  });
}

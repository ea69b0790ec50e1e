// The panel of review: tracks and what can be done with them, places to look at, corrections.

import { post } from "./api.js";
import { show } from "./clock.js";
import { colourOf } from "./colours.js";
import { byId, el, patch, say } from "./dom.js";
import { beginCorrection } from "./marks.js";
import { edit, loadResults } from "./results.js";
import { change, state, watch } from "./state.js";
import { follow, isOver, progress } from "./work.js";

const MOST_LISTED = 200;

/** The panel's content. */
export function reviewingPanel() {
  const results = state.results;
  if (!results) return [el("p", { class: "hint" }, "There is no run yet. Mark an object and run it.")];
  return [
    el("div", { class: "head-row" }, el("h2", {}, "Tracks"), el("span", { class: "grow" }),
      el("button", { class: "quiet", id: "undo", title: "Undo (Ctrl+Z)", disabled: !results.edits.length, onclick: () => edit({ edit: "undo" }) }, "Undo"),
      el("button", { class: "quiet", id: "redo", title: "Redo (Ctrl+Shift+Z)", disabled: !results.redoable, onclick: () => edit({ edit: "redo" }) }, "Redo")),
    results.tracks.length
      ? el("ul", { class: "objects" }, ...results.tracks.map(row))
      : el("p", { class: "hint" }, results.whole ? "Nothing was found." : "Reading the run…"),
    ...chosen(),
    ...doubts(),
    el("span", { class: "grow" }),
    progress(),
  ];
}

/** @param {any} track */
function row(track) {
  const isChosen = track.track === state.track;
  const frames = track.runs.reduce((/** @type {number} */ sum, /** @type {any} */ run) => sum + run[1] - run[0] + 1, 0);
  const merges = state.merging.size > 0 || state.track !== null;
  return el("li", { class: isChosen ? "chosen" : "", "data-row": track.track },
    patch(colourOf(track.track)),
    el("button", { class: "name", "aria-pressed": isChosen, onclick: () => change({ track: isChosen ? null : track.track, correction: null, merging: new Set() }) }, `${track.label} ${track.track}`),
    el("span", { class: "note" }, `${frames} frames`),
    merges && !isChosen && state.track !== null
      ? el("button", { class: "quiet small", title: `Make it one with track ${state.track}`, "aria-label": `Merge ${track.label} ${track.track} into track ${state.track}`, onclick: () => edit({ edit: "merge", track: state.track, other: track.track }) }, "Merge in") : null);
}

function chosen() {
  const track = chosenTrack();
  if (!track) return state.results.tracks.length ? [el("p", { class: "hint" }, "Choose a track, here or in the picture, to correct it.")] : [];
  const name = el("input", { id: "rename", value: track.label, "data-was": track.label, "aria-label": "Name of the track", class: "name boxed" });
  const rename = (/** @type {Event} */ event) => {
    event.preventDefault();
    name.blur();
    if (name.value.trim() && name.value !== track.label) void edit({ edit: "rename", track: track.track, label: name.value.trim() });
  };
  const at = state.shown;
  const present = track.runs.some((/** @type {any} */ run) => run[0] < at && run[1] >= at);
  return [
    el("section", { class: "card", "aria-label": `Track ${track.track}` },
      el("form", { class: "phrase", onsubmit: rename }, name, el("button", { type: "submit" }, "Rename")),
      el("div", { class: "buttons" },
        el("button", { id: "only", "aria-pressed": state.onlyTrack, title: "Show this track alone (O)", onclick: toggleOnly }, "Only this"),
        el("button", { id: "split", disabled: !present, title: "From this frame on it is another object (S)", onclick: splitHere }, "Split here"),
        el("button", { id: "delete", title: "Leave it out of everything (Delete)", onclick: removeChosen }, "Delete")),
      correcting(track)),
  ];
}

/** The track that is chosen. */
function chosenTrack() {
  return state.results?.tracks.find((/** @type {any} */ each) => each.track === state.track);
}

/** Leave the chosen track out of everything. */
export function removeChosen() {
  const track = chosenTrack();
  if (!track) return;
  void edit({ edit: "delete", track: track.track }).then((done) => { if (done) say(`${track.label} ${track.track} is deleted; Undo brings it back`); });
}

/** From the frame that is shown on, the chosen track is another one. */
export function splitHere() {
  const track = chosenTrack();
  if (track) void edit({ edit: "split", track: track.track, at: state.shown });
}

/** Show the chosen track alone, or all again. */
export function toggleOnly() {
  if (chosenTrack()) change({ onlyTrack: !state.onlyTrack });
}

/** @param {any} track */
function correcting(track) {
  const { correction } = state;
  if (!correction) {
    return el("button", { id: "correct", class: "wide", title: "Mark it anew on this frame (C)", onclick: () => beginCorrection() }, "Correct by marking…");
  }
  const frames = correction.cues.map((each) => each.at);
  const busy = state.work && !isOver(state.work);
  return el("div", { class: "correcting" },
    el("p", {}, frames.length
      ? `Marked on frame ${frames.join(", ")}. The white outline is what it will be there.`
      : `Click ${track.label} in the picture, drag a box around it, or paint (5). Shift-click what is not meant.`),
    el("div", { class: "buttons" },
      el("button", { id: "recompute", class: "primary", disabled: !frames.length || busy, onclick: () => recompute(correction) }, "Recompute from here"),
      el("button", { onclick: () => change({ correction: null, tool: "choose" }) }, "Leave it")));
}

/** @param {import("./types.js").Marked} correction */
async function recompute(correction) {
  try {
    change({ work: await post("recompute", { prompt: correction.prompt, track: correction.track, cues: correction.cues }) });
  } catch (error) {
    return say(error instanceof Error ? error.message : String(error), true);
  }
  follow(async (work) => {
    if (work.status === "failed") say(work.reason, true);
    if (work.status !== "done") return;
    change({ correction: null, tool: "choose" });
    await loadResults();
    say("recomputed");
  });
}

function doubts() {
  const { review } = state.results;
  if (!review.length) return [];
  const rows = review.slice(0, MOST_LISTED).map((/** @type {any} */ each) =>
    el("li", {}, el("button", { class: `doubt-row${each.frame === state.index ? " chosen" : ""}`, disabled: each.frame === null, onclick: () => {
      change({ track: each.track ?? state.track, playing: false });
      show(each.frame);
    } }, each.text)));
  return [el("h2", {}, `To look at (${review.length})`), el("ul", { class: "doubts" }, ...rows)];
}

/** How outlines are shown. */
export function buildViewOptions() {
  const looks = { picture: "Picture", checker: "Cut-out", matte: "Matte" };
  const select = el("select", { id: "look", "aria-label": "View", onchange: () => change({ look: select.value }) },
    ...Object.entries(looks).map(([value, text]) => el("option", { value }, text)));
  const opacity = el("input", { id: "opacity", type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Opacity of outlines", oninput: () => change({ opacity: Number(opacity.value) }) });
  opacity.value = String(state.opacity);
  const labels = el("input", { id: "labels", type: "checkbox", checked: state.labels, onchange: () => change({ labels: labels.checked }) });
  const before = el("input", { id: "before", type: "checkbox", onchange: () => change({ before: before.checked }) });
  const asFound = el("label", { title: "Dotted: as the model found it, before it was steadied (B)" }, before, "As found");
  byId("view-options").replaceChildren(select, el("label", {}, "Fill", opacity), el("label", {}, labels, "Labels"), asFound);
  watch(["mode"], () => { asFound.hidden = state.mode !== "review"; });
  asFound.hidden = true;
}

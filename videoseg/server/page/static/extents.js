// A part, or the whole, of what clicks most likely mean, taken as the object's outline on a frame.

import { post } from "./api.js";
import { el, say } from "./dom.js";
import { cueAt, entries, takeOutline } from "./marks.js";
import { joined } from "./paths.js";
import { state } from "./state.js";

/** @typedef {import("./types.js").Marked} Marked */
/** @typedef {"part"|"whole"} Extent */

/** Buttons for an object that is clicked on the frame that is shown, and nothing else. @param {Marked} object */
export function extentButtons(object) {
  if (!mayTake(object)) return null;
  return el("div", { class: "buttons" },
    el("button", { id: "part", title: "A smaller part of it (P)", onclick: () => void take(object, "part") }, "Only a part"),
    el("button", { id: "whole", title: "What it is a part of (W)", onclick: () => void take(object, "whole") }, "The whole"));
}

/** Take a part or the whole of the object that marks go to. @param {Extent} extent */
export function takeOfActive(extent) {
  const object = state.mode === "review" ? state.correction : state.objects[state.active];
  if (object && mayTake(object)) void take(object, extent);
}

/** @param {Marked} object */
function mayTake(object) {
  const cue = cueAt(object, state.shown, false);
  const isClicked = cue?.point?.length && !cue.box?.length && !cue.paint && !object.text;
  return Boolean(isClicked && state.project.model.extents);
}

/** @param {Marked} object @param {Extent} extent */
async function take(object, extent) {
  const frame = state.shown;
  const cue = cueAt(object, frame, false);
  const asked = JSON.stringify(cue);
  try {
    const got = await post("outline", { frame, extent, prompts: entries([object]) });
    const path = joined(got.found.map((/** @type {{path: string}} */ each) => each.path));
    if (JSON.stringify(cue) !== asked || !cue) return; // marked on meanwhile
    if (path) takeOutline(cue, path);
    else say(extent === "part" ? "no smaller part of it is seen here" : "nothing larger is seen here that it is a part of");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}

// Work of the server that takes a while: how far it is, pausing it, ending it.

import { get, post } from "./api.js";
import { clockText } from "./clock.js";
import { el } from "./dom.js";
import { change, state } from "./state.js";

const EVERY_MS = 400;
let watching = false;
/** @type {((work: any) => void)|null} */
let whenOver = null;

/** Follow the work that is under way. @param {(work: any) => void} [then] Called at its end. */
export function follow(then) {
  if (then) whenOver = then;
  if (!watching) void look();
}

async function look() {
  watching = true;
  try {
    for (;;) {
      const { work } = await get("work");
      change({ work });
      if (!work || isOver(work)) break;
      await new Promise((done) => window.setTimeout(done, EVERY_MS));
    }
  } catch {
    change({ work: null });
  } finally {
    watching = false;
  }
  const then = whenOver;
  whenOver = null;
  if (state.work) then?.(state.work);
}

/** @param {any} work */
export function isOver(work) {
  return ["done", "failed", "stopped"].includes(work.status);
}

/** Progress, with buttons to pause and end it; null where nothing is under way. */
export function progress() {
  const work = state.work;
  if (!work || isOver(work)) return null;
  const share = work.total ? Math.min(1, work.frames / work.total) : null;
  const steer = (/** @type {string} */ what) => async () => change(await post("work", { do: what }));
  const paused = work.status === "paused";
  const said = [
    work.total ? `${work.frames} of ${work.total} frames` : `${work.frames} frames`,
    work.rate ? `${work.rate.toFixed(1)} a second` : null,
    work.eta ? `${clockText(work.eta).replace(/\.\d+$/, "")} to go` : null,
    work.slowest ? `slowest: ${work.slowest}` : null,
  ].filter(Boolean).join(" · ");
  return el("div", { class: "progress" },
    el("progress", { "aria-label": work.title, max: 1, ...(share === null ? {} : { value: share }) }),
    el("p", { class: "hint" }, paused ? `Paused. ${said}` : work.status === "stopping" ? "Ending…" : said),
    el("div", { class: "buttons" },
      work.kind === "export" ? null : el("button", { onclick: steer(paused ? "resume" : "pause") }, paused ? "Resume" : "Pause"),
      el("button", { id: "cancel", onclick: steer("cancel") }, "Cancel")));
}

// Puts the page together.

import { get } from "./api.js";
import { show } from "./clock.js";
import { byId, el, icon, say } from "./dom.js";
import { openExport } from "./exporting.js";
import { buildKeys } from "./keys.js";
import { markingPanel } from "./marking.js";
import { begin } from "./marks.js";
import { beginResults, loadEdits, loadResults } from "./results.js";
import { buildViewOptions, reviewingPanel } from "./reviewing.js";
import { buildStage, fit, zoom } from "./stage.js";
import { change, state, watch } from "./state.js";
import { buildTime } from "./timeline.js";
import { follow } from "./work.js";

/** Frames that are offered while nobody knows yet how many there are. */
const FEW = 25;
/** @type {[string, string, string][]} */
const TOOLS = [
  ["choose", "Choose a track (V)", "M5 3l9 7-4.2.6L12.5 16l-2 .9-2.6-5.5L5 14z"],
  ["point", "Click on the object (1)", "M10 4v12M4 10h12"],
  ["not-point", "Click on what is not meant (2)", "M4 10h12"],
  ["box", "Drag a box (3)", "M4 5h12v10H4z"],
  ["brush", "Paint; with Shift take away (5)", "M4 16c0-3 1-4 3-4s3 3 1 4-3 1-4 0zM9 11L16 3l1 1-7 8"],
  ["knots", "Bend the outline of the chosen track (K)", "M4 15C4 6 16 14 16 5M2.5 13.5h3v3h-3zM14.5 3.5h3v3h-3z"],
  ["pan", "Move the picture (4)", "M10 3v14M3 10h14M10 3l-2 2M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2"],
];

/** @type {[string, () => void, string][]} */
const VIEWS = [
  ["Larger (+)", () => zoom(1.25), "M9 4a5 5 0 100 10A5 5 0 009 4zM13 13l4 4M9 7v4M7 9h4"],
  ["Smaller (−)", () => zoom(0.8), "M9 4a5 5 0 100 10A5 5 0 009 4zM13 13l4 4M7 9h4"],
  ["Whole picture (0)", fit, "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"],
];

async function open() {
  const project = await get("project");
  change({ project, count: project.frames ?? FEW });
  if (project.frames === null) void countFrames();
  document.title = `${project.name} – videoseg`;
  byId("name").textContent = project.name;
  begin(project.prompts);
  beginResults();
  buildStage();
  buildTime();
  buildTools();
  buildViewOptions();
  buildKeys();
  byId("mode-mark").addEventListener("click", () => change({ mode: "mark", tool: "point", correction: null }));
  byId("mode-review").addEventListener("click", () => change({ mode: "review", tool: "choose" }));
  byId("open-export").addEventListener("click", () => void openExport().catch(failed));
  watch(["mode", "results"], drawModes);
  watch(["objects", "active", "answers", "shown", "mode", "results", "track", "onlyTrack", "correction", "work", "index", "scrubbing", "merging"], drawPanelSoon);
  drawModes();
  drawPanelSoon();
  show(0);
  if (project.has_run) {
    await loadResults();
    change({ mode: "review", tool: "choose" });
  }
  follow();
  // Other windows may have changed the run meanwhile.
  window.addEventListener("focus", () => void loadEdits().catch(failed));
}

/** Ask until it is known how many frames there are. */
async function countFrames() {
  for (;;) {
    await new Promise((done) => window.setTimeout(done, 700));
    const { frames } = await get("project");
    if (frames !== null) return change({ count: frames });
  }
}

function buildTools() {
  const buttons = TOOLS.map(([tool, title, path]) => {
    return el("button", { class: "tool", id: `tool-${tool}`, title, "aria-label": title, onclick: () => change({ tool }) }, icon(path));
  });
  const views = VIEWS.map(([title, does, path]) => el("button", { class: "tool", title, "aria-label": title, onclick: does }, icon(path)));
  byId("tools").replaceChildren(...buttons, el("span", { class: "gap" }), ...views);
  watch(["tool", "mode"], () => {
    TOOLS.forEach(([tool], place) => {
      buttons[place].setAttribute("aria-pressed", String(tool === state.tool));
      const forReview = tool === "choose" || tool === "knots";
      buttons[place].hidden = (forReview && state.mode !== "review") || (tool === "brush" && !state.project.model.kinds.includes("mask"));
    });
  });
  change({ tool: state.tool });
}

function drawModes() {
  for (const mode of ["mark", "review"]) byId(`mode-${mode}`).setAttribute("aria-selected", String(mode === state.mode));
  byId("mode-review").disabled = !state.results;
  byId("open-export").disabled = !state.results;
}

let waiting = false;
function drawPanelSoon() {
  if (waiting || state.scrubbing) return;
  waiting = true;
  window.requestAnimationFrame(() => {
    waiting = false;
    drawPanel();
  });
}

function drawPanel() {
  const panel = byId("panel");
  const focus = /** @type {HTMLElement|null} */ (document.activeElement);
  // Who is writing something is not disturbed.
  if (focus instanceof HTMLInputElement && panel.contains(focus) && focus.value !== (focus.dataset.was ?? focus.value)) return;
  const id = focus && panel.contains(focus) ? focus.id : "";
  const top = panel.scrollTop;
  const made = state.mode === "mark" ? markingPanel() : reviewingPanel();
  panel.replaceChildren(...made.filter((each) => each !== null));
  panel.scrollTop = top;
  if (id) byId(id)?.focus();
}

/** @param {unknown} error */
function failed(error) {
  say(error instanceof Error ? error.message : String(error), true);
}

open().catch(failed);

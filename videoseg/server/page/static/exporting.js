// The dialog of exports: every output with the settings that `videoseg show` lists.

import { get, post } from "./api.js";
import { el, say } from "./dom.js";
import { change, state, watch } from "./state.js";
import { follow, progress } from "./work.js";

/** @type {any} */ let dialog = null;
/** @type {any[]} */ let outputs = [];
/** @type {Set<string>} */ const chosen = new Set();
/** @type {Map<string, string>} */ const settings = new Map();
let focused = "";
let search = "";

/** Open the dialog. */
export async function openExport() {
  if (!state.results) return say("run first: what a run has found can be exported", true);
  if (!outputs.length) outputs = (await get("outputs")).outputs;
  if (!dialog) {
    dialog = el("dialog", { class: "export", "aria-label": "Export" });
    document.body.append(dialog);
    watch(["work"], () => { if (dialog.open) drawProgress(); });
  }
  draw();
  dialog.showModal();
  void drawFiles();
}

function draw() {
  const list = el("ul", { class: "outputs" });
  const fill = () => list.replaceChildren(...outputs.filter((each) => `${each.name} ${each.summary}`.toLowerCase().includes(search)).map(row));
  fill();
  dialog.replaceChildren(
    el("header", {}, el("h2", {}, "Export"), el("span", { class: "grow" }),
      el("input", { type: "search", placeholder: "Search", "aria-label": "Search outputs", value: search, oninput: (/** @type {any} */ event) => { search = event.target.value.toLowerCase(); fill(); } }),
      el("button", { class: "icon", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
    el("div", { class: "columns" }, list, el("div", { id: "output-settings", class: "output-settings" })),
    el("footer", {}, el("div", { id: "export-progress", class: "grow" }),
      el("button", { id: "write", class: "primary", onclick: write }, "Write")),
    el("div", { id: "files", class: "files" }));
  drawSettings();
  drawProgress();
}

/** @param {any} output */
function row(output) {
  const box = el("input", { type: "checkbox", checked: chosen.has(output.name), "aria-label": output.name, onchange: () => {
    if (box.checked) chosen.add(output.name);
    else chosen.delete(output.name);
    focused = output.name;
    drawSettings();
    drawProgress();
  } });
  return el("li", { class: focused === output.name ? "chosen" : "" }, el("label", {}, box, el("span", {}, el("b", {}, output.name), el("small", {}, output.summary))),
    output.settings.length ? el("button", { class: "quiet small", "aria-label": `Settings of ${output.name}`, onclick: () => { focused = output.name; drawSettings(); } }, "Settings") : null);
}

function drawSettings() {
  const box = dialog.querySelector("#output-settings");
  const output = outputs.find((each) => each.name === focused);
  if (!output) return box.replaceChildren(el("p", { class: "hint" }, "Tick what to write. Settings of an output are shown here."));
  box.replaceChildren(el("h3", {}, output.name),
    ...(output.settings.length ? output.settings.map(field) : [el("p", { class: "hint" }, "It has no settings.")]));
}

/** @param {any} setting */
function field(setting) {
  const id = `set-${setting.path}`;
  const now = settings.get(setting.path) ?? plain(setting.default);
  const keep = (/** @type {string} */ value) => {
    if (value === plain(setting.default)) settings.delete(setting.path);
    else settings.set(setting.path, value);
  };
  let input;
  if (setting.enum) {
    input = el("select", { id, onchange: (/** @type {any} */ event) => keep(event.target.value) }, ...setting.enum.map((/** @type {any} */ each) => el("option", { value: plain(each) }, plain(each))));
    input.value = now;
  } else if (setting.type === "boolean") {
    input = el("input", { id, type: "checkbox", checked: now === "true", onchange: (/** @type {any} */ event) => keep(String(event.target.checked)) });
  } else {
    const numeric = setting.type === "number" || setting.type === "integer";
    input = el("input", { id, type: numeric ? "number" : "text", value: now, ...(numeric ? { step: setting.type === "integer" ? 1 : "any", min: setting.minimum, max: setting.maximum } : {}), onchange: (/** @type {any} */ event) => keep(event.target.value) });
  }
  return el("div", { class: "field" }, el("label", { for: id }, setting.name), input, setting.description ? el("small", {}, setting.description) : null);
}

/** A value as `--set` takes it. @param {any} value */
function plain(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function write() {
  const wanted = [...settings].filter(([path, value]) => value !== "" && chosen.has(path.split(".")[1]));
  try {
    change({ work: await post("export", { names: [...chosen], settings: Object.fromEntries(wanted) }) });
  } catch (error) {
    return say(error instanceof Error ? error.message : String(error), true);
  }
  follow((work) => {
    const box = dialog.querySelector("#export-progress");
    if (work.status === "done") box.replaceChildren(el("p", { class: "right" }, "Written."));
    if (work.status === "failed") box.replaceChildren(el("p", { class: "wrong" }, work.reason));
    void drawFiles();
  });
}

function drawProgress() {
  const going = progress();
  const box = dialog.querySelector("#export-progress");
  if (going) box.replaceChildren(going);
  else if (box.querySelector(".progress")) box.replaceChildren();
  dialog.querySelector("#write").disabled = Boolean(going) || !chosen.size;
}

async function drawFiles() {
  const got = await get("files");
  dialog.querySelector("#files").replaceChildren(el("h3", {}, `In ${state.project.out}`),
    el("ul", {}, ...got.outputs.map((/** @type {any} */ each) => el("li", {},
      each.bytes === undefined
        ? el("span", {}, `${each.name}/ (${each.files} files)`)
        : el("a", { href: `files/${encodeURIComponent(each.name)}`, download: each.name }, `${each.name} (${size(each.bytes)})`)))));
}

/** @param {number} bytes */
function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let place = 0;
  while (bytes >= 1000 && place < units.length - 1) {
    bytes /= 1000;
    place += 1;
  }
  return `${bytes >= 10 || place === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[place]}`;
}

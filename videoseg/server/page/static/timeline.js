// Time: the slider, the bars of tracks, cuts, marks and places to look at again.

import { clockText, scrub, show, togglePlay } from "./clock.js";
import { colourOf } from "./colours.js";
import { byId, el, icon, svg } from "./dom.js";
import { nextDoubt } from "./results.js";
import { beginSound, endSound, hasSound } from "./sound.js";
import { change, state, watch } from "./state.js";

const ROW = 18;
const TOP = 16;
const LABEL = 132;
const END = 14;

/** @type {any} */ let drawing;
/** @type {any} */ let head;
/** @type {any} */ let slider;

/** Build the controls of time. */
export function buildTime() {
  const step = (/** @type {number} */ by) => () => show(state.index + by);
  slider = el("input", { id: "frame", type: "range", min: 0, max: 0, value: 0, step: 1, "aria-label": "Frame",
    oninput: () => { change({ playing: false }); scrub(Number(slider.value)); },
    onchange: () => show(Number(slider.value)) });
  const play = el("button", { id: "play", class: "round", "aria-label": "Play", title: "Play (Space)", onclick: togglePlay });
  const sound = el("button", { id: "sound", class: "quiet", title: "Sound (U)", "aria-label": "Sound", "aria-pressed": "true", onclick: toggleSound }, icon("M3 8v4h3l4 4V4L6 8zM13 7a4 4 0 010 6M15 4.5a8 8 0 010 11"));
  sound.hidden = !hasSound();
  watch(["muted"], () => sound.setAttribute("aria-pressed", String(!state.muted)));
  byId("transport").replaceChildren(
    el("button", { class: "quiet", "aria-label": "First frame", title: "First frame (Home)", onclick: () => show(0) }, icon("M5 4v12M16 4l-8 6 8 6z")),
    el("button", { class: "quiet", "aria-label": "One frame back", title: "One frame back (←)", onclick: step(-1) }, icon("M13 4l-8 6 8 6z")),
    play,
    el("button", { class: "quiet", "aria-label": "One frame on", title: "One frame on (→)", onclick: step(1) }, icon("M7 4l8 6-8 6z")),
    el("span", { id: "time", class: "time" }),
    slider,
    sound,
    el("span", { id: "frame-number", class: "time" }),
    el("button", { id: "next-doubt", class: "quiet", title: "Next place to look at (N)", onclick: () => goToDoubt(1) }, "Next doubtful"),
    el("span", { id: "place", class: "place" }),
  );
  head = svg("line", { class: "head", y1: 0 });
  drawing = svg("svg", { role: "img", "aria-label": "Timeline" });
  const box = byId("timeline");
  box.replaceChildren(drawing);
  box.addEventListener("pointerdown", seek);
  box.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => { if (event.buttons & 1) seek(event); });
  new ResizeObserver(drawTimeline).observe(box);
  watch(["index", "shown", "count"], drawNow);
  watch(["playing"], () => {
    play.replaceChildren(icon(state.playing ? "M7 5v10M13 5v10" : "M7 4l9 6-9 6z"));
    play.setAttribute("aria-label", state.playing ? "Pause" : "Play");
  });
  watch(["results", "mode", "count", "objects", "track", "active"], drawTimeline);
  change({ playing: false });
  drawNow();
}

/** Sound on or off. */
export function toggleSound() {
  change({ muted: !state.muted });
  if (state.muted) endSound();
  else if (state.playing) beginSound(state.seconds);
}

/** @param {1|-1} direction */
export function goToDoubt(direction) {
  const found = state.results && nextDoubt(direction);
  if (!found) return;
  change({ playing: false, track: found.track ?? state.track });
  show(found.frame);
}

/** @param {PointerEvent} event */
function seek(event) {
  const box = drawing.getBoundingClientRect();
  const share = (event.clientX - box.left - LABEL) / (box.width - LABEL - END);
  const row = Math.floor((event.clientY - box.top - TOP) / ROW);
  if (event.type === "pointerdown" && state.mode === "review" && state.results?.tracks[row] && event.clientY - box.top > TOP) {
    change({ track: state.results.tracks[row].track, correction: null });
  }
  if (share < 0) return;
  change({ playing: false });
  scrub(Math.floor(share * state.count));
}

/** Where a frame is. @param {number} index */
function at(index) {
  const width = drawing.clientWidth || 800;
  return LABEL + ((width - LABEL - END) * index) / Math.max(1, state.count);
}

function drawNow() {
  slider.max = String(state.count - 1);
  slider.value = String(state.index);
  slider.setAttribute("aria-valuetext", `frame ${state.index} of ${state.count}`);
  byId("time").textContent = clockText(state.seconds - (state.project.start ?? 0));
  byId("frame-number").textContent = `${state.index} / ${state.count - 1}`;
  const x = at(state.shown < 0 ? 0 : state.shown);
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
}

function drawTimeline() {
  if (!drawing) return;
  const review = state.mode === "review" && state.results;
  byId("next-doubt").hidden = !review || !state.results.review.length;
  const rows = review ? trackRows() : markRows();
  const high = TOP + Math.max(1, rows.length) * ROW + 4;
  drawing.setAttribute("height", high);
  head.setAttribute("y2", high);
  drawing.replaceChildren(ticks(high), ...rows, ...(review ? stops(high) : []), head);
  drawNow();
}

/** @param {number} high */
function ticks(high) {
  const group = svg("g", { class: "ticks" });
  const rate = state.project.rate ?? 1;
  const seconds = state.count / rate;
  const step = [0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800].find((each) => seconds / each <= 12) ?? 3600;
  for (let second = 0; second <= seconds; second += step) {
    const x = at(second * rate);
    if (x > (drawing.clientWidth || 800) - END) break;
    const text = svg("text", { x: x + 3, y: 10 });
    text.textContent = clockText(second).replace(/\.000$/, "");
    group.append(svg("line", { x1: x, x2: x, y1: 0, y2: high }), text);
  }
  return group;
}

/** @param {string} text @param {number} y @param {string} colour @param {boolean} chosen */
function rowLabel(text, y, colour, chosen) {
  const made = svg("text", { x: 24, y: y + 11, class: `row-label${chosen ? " chosen" : ""}` });
  made.textContent = text.length > 15 ? `${text.slice(0, 14)}…` : text;
  return svg("g", {}, svg("rect", { x: 8, y: y + 2, width: 10, height: 10, rx: 3, fill: colour }), made);
}

function trackRows() {
  return state.results.tracks.map((/** @type {any} */ track, /** @type {number} */ row) => {
    const y = TOP + row * ROW;
    const chosen = track.track === state.track;
    const group = svg("g", { class: "row" }, rowLabel(`${track.label} ${track.track}`, y, colourOf(track.track), chosen));
    if (chosen) group.prepend(svg("rect", { class: "row-chosen", x: 2, y: y - 2, width: (drawing.clientWidth || 800) - 4, height: ROW, rx: 5 }));
    for (const [first, last, what] of track.runs) {
      const x = at(first);
      const bar = svg("rect", { x, y: y + 2, width: Math.max(2, at(last + 1) - x), height: 10, rx: 2, fill: colourOf(track.track), class: `bar ${what}` });
      const title = svg("title");
      title.textContent = `${track.label} ${track.track}: ${NAMES[what] ?? what}, frames ${first} to ${last}`;
      bar.append(title);
      group.append(bar);
      if (what === "corrected") group.append(svg("circle", { cx: x + 3, cy: y + 7, r: 4, class: "by-hand" }));
    }
    return group;
  });
}

/** @type {Record<string, string>} */
const NAMES = { matched: "found", interpolated: "interpolated", held: "held", corrected: "corrected" };

function markRows() {
  return state.objects.map((object, place) => {
    const y = TOP + place * ROW;
    const group = svg("g", { class: "row" }, rowLabel(object.label, y, colourOf(place + 1), place === state.active));
    for (const cue of object.cues) group.append(svg("circle", { cx: at(cue.at), cy: y + 7, r: 5, fill: colourOf(place + 1), class: "cue" }));
    if (object.text && !object.cues.length) {
      group.append(svg("rect", { x: at(0), y: y + 5, width: at(state.count) - at(0), height: 3, rx: 1.5, fill: colourOf(place + 1), class: "bar interpolated" }));
    }
    return group;
  });
}

/** @param {number} high */
function stops(high) {
  const cuts = state.results.cuts.map((/** @type {number} */ index) => svg("line", { class: "cut", x1: at(index), x2: at(index), y1: 0, y2: high }));
  const doubts = state.results.review.filter((/** @type {any} */ each) => each.frame !== null).map((/** @type {any} */ each) => {
    const x = at(each.frame);
    const made = svg("path", { class: "doubt", d: `M${x} ${TOP - 3}l-5 -8h10z` });
    const title = svg("title");
    title.textContent = each.text;
    made.append(title);
    return made;
  });
  return [...cuts, ...doubts];
}

// What is shown, in one place; whoever draws is told when some of it has changed.

/** @typedef {import("./types.js").Marked} Marked */

export const state = {
  /** @type {any} */ project: null,
  /** @type {any} */ results: null,
  /** @type {any} */ work: null,
  mode: "mark",
  /** The frame that is wanted, and the one that is on the screen. */
  index: 0,
  shown: -1,
  seconds: 0,
  count: 1,
  playing: false,
  muted: false,
  /** Somebody looks for a place; what is shown is near to what is wanted. */
  scrubbing: false,
  tool: "point",
  /** Width of the brush, pixels of the frame. */
  brush: 24,
  /** @type {Marked[]} */ objects: [],
  active: 0,
  /** @type {number|null} */ track: null,
  onlyTrack: false,
  /** @type {Set<number>} */ merging: new Set(),
  /** @type {Marked|null} */ correction: null,
  opacity: 0.3,
  labels: true,
  /** Whether outlines are shown as the model found them, too. */
  before: false,
  look: "picture",
};

/** @type {[Set<string>, () => void][]} */
const watchers = [];

/** Call a function after changes of some names. @param {string[]} names @param {() => void} draw */
export function watch(names, draw) {
  watchers.push([new Set(names), draw]);
}

/** Change something. @param {Partial<typeof state>} changes */
export function change(changes) {
  Object.assign(state, changes);
  const names = Object.keys(changes);
  for (const [wanted, draw] of watchers) if (names.some((name) => wanted.has(name))) draw();
}

/** Say that something was changed in place. @param {...string} names */
export function touched(...names) {
  for (const [wanted, draw] of watchers) if (names.some((name) => wanted.has(name))) draw();
}

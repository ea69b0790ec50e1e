// What the server says about frames, in blocks around the one that is shown.

import { get } from "./api.js";
import { state } from "./state.js";

const BLOCK = 60;
const MOST_BLOCKS = 60;
const AGAIN_MS = 700;

/** Blocks of what has a name at the server. @template T */
export class Blocks {
  /** @param {string} name @param {() => void} loaded Called when there is more. */
  constructor(name, loaded) {
    this.name = name;
    this.loaded = loaded;
    /** @type {Map<number, Record<string, T[]>>} */
    this.blocks = new Map();
    /** @type {Set<number>} */
    this.coming = new Set();
    /** Counts what makes everything that is here worthless. */
    this.version = 0;
  }

  /** Forget everything. */
  clear() {
    this.blocks.clear();
    this.version += 1;
  }

  /** What there is of a frame. @param {number} index @returns {T[]} */
  of(index) {
    return this.blocks.get(Math.floor(index / BLOCK))?.[String(index)] ?? [];
  }

  /** Have what is around a frame. @param {number} index */
  around(index) {
    const block = Math.floor(Math.max(0, index) / BLOCK);
    for (const each of [block, block + 1]) if (!this.blocks.has(each) && !this.coming.has(each)) void this.load(each);
  }

  /** @param {number} block */
  async load(block) {
    this.coming.add(block);
    const asked = this.version;
    try {
      const got = await get(`${this.name}/${block * BLOCK}/${(block + 1) * BLOCK}`);
      if (asked !== this.version) return;
      this.blocks.set(block, got.frames);
      if (this.blocks.size > MOST_BLOCKS) this.blocks.delete(this.blocks.keys().next().value ?? -1);
      this.loaded();
      const isThere = Object.keys(got.frames).length === BLOCK;
      if (!got.whole && !isThere) window.setTimeout(() => { if (asked === this.version) void this.load(block); }, AGAIN_MS);
    } catch {
      // It is asked for again with the next frame.
    } finally {
      this.coming.delete(block);
      if (asked !== this.version) this.around(state.shown);
    }
  }
}

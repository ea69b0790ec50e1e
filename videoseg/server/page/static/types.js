// Types for the checker; nothing of this runs.
/**
 * @typedef {{at: number, point?: number[][], "not-point"?: number[][], box?: number[][],
 *   paint?: {path?: string, strokes: number[][]}}} Cue
 * @typedef {{label: string, text?: string, cues?: Cue[]}} Entry
 * @typedef {{id: number, label: string, text: string, cues: Cue[], prompt?: number, track?: number}} Marked
 * @typedef {{prompt: number, score: number, box: number[], path: string}} Found
 * @typedef {{track: number, state: string, score: number, path: string}} Outline
 * @typedef {{track: number, label: string, prompt: number, runs: [number, number, string][]}} Track
 * @typedef {{kind: string, label: string, track: number|null, frame: number|null, until: number|null,
 *   weight: number, text: string}} Doubt
 * @typedef {{whole: boolean, reason: string, frames: number, tracks: Track[], cuts: number[],
 *   review: Doubt[], generation: number, edits: object[], redoable: boolean}} Results
 * @typedef {{kind: string, title: string, status: string, frames: number, total: number|null,
 *   objects: number, rate: number|null, eta: number|null, elapsed: number, slowest: string|null,
 *   reason: string, result: Record<string, any>}} Work
 * @typedef {{location: string, name: string, out: string, width: number, height: number,
 *   aspect: number, rate: number|null, frames: number|null, start: number,
 *   model: {name: string, kinds: string[], summary: string, extents: boolean}, prompts: Entry[], has_run: boolean,
 *   finished_before: boolean}} Project
 */
export {};

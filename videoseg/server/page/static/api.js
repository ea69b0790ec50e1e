// Asks the server; what it refuses becomes an error with its own sentence.

export class Refused extends Error {
  /** @param {string} text @param {number} status @param {string} kind */
  constructor(text, status, kind) {
    super(text);
    this.status = status;
    this.kind = kind;
  }
}

/** @param {Response} answer */
async function read(answer) {
  /** @type {any} */
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // A server that has ended says nothing.
  }
  if (answer.ok) return said;
  throw new Refused(said.error ?? `the server answered ${answer.status}`, answer.status, said.kind ?? "");
}

/** @param {string} path @param {RequestInit} [how] */
async function fetched(path, how) {
  try {
    return await fetch(path, how);
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new Refused("the server has ended; start videoseg open again", 0, "");
  }
}

/** @param {string} name @returns {Promise<any>} */
export async function get(name) {
  return read(await fetched(`api/${name}`));
}

/** @param {string} name @param {object} said @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function post(name, said, signal) {
  const headers = { "content-type": "application/json" };
  return read(await fetched(`api/${name}`, { method: "POST", headers, body: JSON.stringify(said), signal }));
}

/** @typedef {{index: number, blob: Blob, seconds: number}} Picture */

/**
 * A frame's picture and its time.
 * @param {number} index
 * @param {number|"near"} scale Or a small one, of this frame or one near to it.
 * @param {AbortSignal} [signal]
 * @returns {Promise<Picture>}
 */
export async function picture(index, scale, signal) {
  const answer = await fetched(`frames/${index}/${scale}.jpg`, { signal });
  if (!answer.ok) return read(answer);
  const { headers } = answer;
  return { index: Number(headers.get("x-frame-index")), blob: await answer.blob(), seconds: Number(headers.get("x-frame-seconds")) };
}

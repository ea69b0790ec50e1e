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

/**
 * A frame's picture and its time.
 * @param {number} index
 * @param {number} scale
 * @returns {Promise<{blob: Blob, seconds: number}>}
 */
export async function picture(index, scale) {
  const answer = await fetched(`frames/${index}/${scale}.jpg`);
  if (!answer.ok) return read(answer);
  return { blob: await answer.blob(), seconds: Number(answer.headers.get("x-frame-seconds")) };
}

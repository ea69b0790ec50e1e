// Path data as the server writes it (M L H V C S Z, absolute and relative), as points and back again.

const PARTS = /[a-zA-Z]|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/g;
const LENGTHS = /** @type {Record<string, number>} */ ({ m: 2, l: 2, h: 1, v: 1, c: 6, s: 4, z: 0 });

/**
 * A closed ring. A curve has two handles before its end; a line has none.
 * @typedef {{x: number, y: number, isKnot: boolean}} Point
 * @typedef {Point[]} Ring
 */

/** @param {string} text @returns {Ring[]} */
export function parse(text) {
  const parts = text.match(PARTS) ?? [];
  /** @type {Ring[]} */ const rings = [];
  let letter = "";
  let [x, y, startX, startY, handleX, handleY] = [0, 0, 0, 0, 0, 0];
  /** @param {number} px @param {number} py @param {boolean} isKnot */
  const add = (px, py, isKnot) => rings[rings.length - 1].push({ x: px, y: py, isKnot });
  for (let at = 0; at < parts.length;) {
    if (/[a-zA-Z]/.test(parts[at])) letter = parts[at++];
    const kind = letter.toLowerCase();
    const numbers = parts.slice(at, at + LENGTHS[kind]).map(Number);
    at += LENGTHS[kind];
    if (kind === "z") {
      [x, y] = [startX, startY];
      continue;
    }
    const [fromX, fromY] = letter === kind ? [x, y] : [0, 0];
    if (kind === "h") x = fromX + numbers[0];
    else if (kind === "v") y = fromY + numbers[0];
    else {
      const ends = numbers.map((each, place) => each + (place % 2 ? fromY : fromX));
      if (kind === "m") rings.push([]);
      if (kind === "c") add(ends[0], ends[1], false);
      if (kind === "s") add(2 * x - handleX, 2 * y - handleY, false);
      if (kind === "c" || kind === "s") {
        [handleX, handleY] = ends.slice(-4, -2);
        add(handleX, handleY, false);
      }
      [x, y] = ends.slice(-2);
    }
    if (kind !== "c" && kind !== "s") [handleX, handleY] = [x, y];
    add(x, y, true);
    if (kind === "m") {
      [startX, startY] = [x, y];
      letter = letter === "m" ? "l" : "L";
    }
  }
  for (const ring of rings) {
    const last = ring[ring.length - 1];
    if (ring.length > 1 && Math.hypot(last.x - ring[0].x, last.y - ring[0].y) < 0.05) ring.pop();
  }
  return rings.filter((ring) => ring.length > 2);
}

/** @param {Ring[]} rings */
export function format(rings) {
  const pair = (/** @type {Point} */ { x, y }) => `${Math.round(10 * x) / 10} ${Math.round(10 * y) / 10}`;
  return rings.map((ring) => {
    let text = `M${pair(ring[0])}`;
    for (let at = 1; at < ring.length; at += 1) {
      if (ring[at].isKnot) text += `L${pair(ring[at])}`;
      else {
        text += `C${pair(ring[at])} ${pair(ring[at + 1])} ${pair(ring[at + 2] ?? ring[0])}`;
        at += 2;
      }
    }
    return `${text}Z`;
  }).join("");
}

/** Paths as one; each is read from the picture's corner. @param {string[]} paths */
export function joined(paths) {
  return paths.map((each) => each.replace(/^m/, "M")).join("");
}

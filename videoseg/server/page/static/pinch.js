// Two fingers on the picture: closer and further apart, and along with them.

/** @type {Map<number, {x: number, y: number}>} */
const fingers = new Map();

/** A finger is put down; whether there are two now. @param {PointerEvent} event */
export function fingerDown(event) {
  if (event.pointerType !== "touch") return false;
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  return fingers.size > 1;
}

/** @param {PointerEvent} event */
export function fingerUp(event) {
  fingers.delete(event.pointerId);
}

/**
 * A finger has moved: how the picture follows; null unless there are two.
 * @param {PointerEvent} event
 * @returns {{factor: number, about: {x: number, y: number}, dx: number, dy: number}|null}
 */
export function pinched(event) {
  const before = fingers.get(event.pointerId);
  if (!before || fingers.size !== 2) return null;
  const now = { x: event.clientX, y: event.clientY };
  const other = [...fingers].filter(([id]) => id !== event.pointerId)[0][1];
  fingers.set(event.pointerId, now);
  const was = Math.hypot(before.x - other.x, before.y - other.y);
  return {
    factor: was > 1 ? Math.hypot(now.x - other.x, now.y - other.y) / was : 1,
    about: { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 },
    dx: (now.x - before.x) / 2,
    dy: (now.y - before.y) / 2,
  };
}

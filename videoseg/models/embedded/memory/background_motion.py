"""What moves with the background and not with the object is no part of it.

A wrong outline mostly holds a piece of the surroundings, which stays where it is while the object
goes on. Affine motions are fitted to the optical flow inside of the outline and around it, by
reweighted least squares, so that the larger part of each decides; pixels whose flow is nearer to
the surroundings' motion than to the object's are denied, the more so the clearer the two differ.
Nothing is affirmed: legs, arms and wheels move by themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.motion.flow import Flow
from videoseg.types import Mask

FloatMap = npt.NDArray[np.float32]

_MOST = 4.5
"""Log odds against the object, at most."""
_ERROR, _SHARE = 0.3, 0.15
"""Standard deviation of the flow: pixels of its field, and part of the motions' difference."""
_FEWEST = 40
"""Fewer pixels of the flow's field, inside or around, do not tell a motion."""
_AROUND, _GAP = 0.5, 2
"""Surroundings: so far out, in roots of the object's area, and from so many pixels on."""
_ROUNDS, _OUTLIER = 4, 0.5
"""Times that the weights are found anew; what is off by so many pixels weighs half."""


def background(flow: Flow, near: Mask) -> FloatMap | None:
    """Log odds from ``-_MOST`` to 0, float32 of the flow's size, that a pixel is the object's.

    Args:
        flow: Motion from the frame before to this one.
        near: Where the object is thought to be on this frame.

    Returns:
        None where too little is seen of the object or of what is around it.
    """
    import cv2

    rows, columns = flow.backward.shape[:2]
    full = masks.to_bitmap(near).astype(np.uint8)
    inside = np.asarray(
        cv2.resize(full, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    around = _grown(inside, max(4, round(_AROUND * float(np.sqrt(inside.sum())))))
    around &= 1 - _grown(inside, _GAP)
    if min(inside.sum(), around.sum()) < _FEWEST:
        return None
    y, x = np.mgrid[:rows, :columns] / columns - 0.5
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    own, other = (
        terms @ _affine(terms[part > 0], flow.backward[part > 0]) for part in (inside, around)
    )
    apart = np.square(own - other).sum(axis=-1)
    off = np.square(flow.backward - other).sum(axis=-1)
    off -= np.square(flow.backward - own).sum(axis=-1)
    odds = off / (2 * (_ERROR**2 + _SHARE**2 * apart))
    return np.asarray(cv2.blur(np.clip(odds, -_MOST, 0).astype(np.float32), (3, 3)), np.float32)


def _grown(inside: npt.NDArray[np.uint8], by: int) -> npt.NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.dilate(inside, np.ones((2 * by + 1, 2 * by + 1), np.uint8)), np.uint8)


def _affine(
    terms: npt.NDArray[np.float64], motion: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """(3, 2) that takes ``terms`` (n, 3) to the motion (n, 2) of most of them."""
    weights: npt.NDArray[np.float64] = np.ones(len(terms))
    found = np.zeros((3, 2))
    for _ in range(_ROUNDS):
        weighted = terms * weights[:, None]
        normal = weighted.T @ terms + 1e-3 * np.eye(3)
        found[:] = np.linalg.solve(normal, weighted.T @ motion)
        weights = 1 / (1 + np.square(motion - terms @ found).sum(axis=1) / _OUTLIER**2)
    return found

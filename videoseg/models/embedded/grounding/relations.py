"""How one thing in a frame lies to another: the relations of ``lexicon.RELATIONS``.

All are asked of the cells that two things cover. Pictures say nothing about depth; of things that
stand on one ground the nearer one reaches further down.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.models.embedded.language.lexicon import Relation

Cells = npt.NDArray[np.bool_]

_TOUCH = 2
"""Things this many cells apart touch."""
_NEAR = 0.5
"""Things are near each other where the gap is less than this share of the larger one's size, the
square root of its area."""


def related(one: Cells, relation: Relation, other: Cells) -> bool:
    """Whether one thing lies to another as a relation says.

    * ``touching``: they touch; ``near``: the gap is small.
    * ``left``, ``right``, ``above``, ``below``: its centre lies further on that side.
    * ``behind``, ``before``: they share columns, and its lowest cell lies higher or lower.

    Both are bool (rows, columns) over the whole frame and may have different grids. A thing is
    in no relation to itself.
    """
    other = fitted(other, one.shape)
    if not one.any() or not other.any() or (one == other).all():
        return False
    if relation == "touching":
        return touch(one, other)
    if relation == "near":
        return _near(one, other)
    if relation in ("left", "right", "above", "below"):
        axis = 1 if relation in ("left", "right") else 0
        here, there = (float(np.nonzero(cells)[axis].mean()) for cells in (one, other))
        return here < there if relation in ("left", "above") else here > there
    if not (one.any(axis=0) & other.any(axis=0)).any():
        return False
    lowest, its = (int(np.flatnonzero(cells.any(axis=1))[-1]) for cells in (one, other))
    return lowest < its if relation == "behind" else lowest > its


def touch(one: Cells, other: Cells) -> bool:
    """Whether two things touch."""
    import cv2

    kernel = np.ones((2 * _TOUCH + 1, 2 * _TOUCH + 1), dtype=np.uint8)
    grown = cv2.dilate(one.astype(np.uint8), kernel) > 0
    return bool((grown & fitted(other, one.shape)).any())


def _near(one: Cells, other: Cells) -> bool:
    import cv2

    away = cv2.distanceTransform((~one).astype(np.uint8), cv2.DIST_L2, 3)
    size = float(np.sqrt(max(one.sum(), other.sum())))
    return bool(away[other].min() <= max(_NEAR * size, _TOUCH))


def fitted(cells: Cells, shape: tuple[int, ...]) -> Cells:
    """Cells on a grid of another shape, each as the nearest one."""
    import cv2

    if cells.shape == shape:
        return cells
    return cv2.resize(cells.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0

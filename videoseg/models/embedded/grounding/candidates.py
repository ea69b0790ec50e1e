"""Cuts evidence into candidates: one region of the network's cells for each thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.evidence import strength

_REACH = 8.0
"""Cells per unit of the network's offsets (64 network pixels at stride 8)."""
_MIN_CELLS = 3
"""Candidates of fewer cells are dropped."""
_FRAGMENT_SHARE = 0.35
"""A part with less than this share of its neighbour's area belongs to the neighbour."""
_SAME_CENTRE = 0.9
"""Touching parts are one thing where their centres are closer than this share of their mean size,
size being the square root of the area."""
_GAP = 2
"""Parts so many cells apart touch."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One thing that may be meant.

    Attributes:
        cells: bool (rows, columns) over the whole frame.
        strength: Mean log-odds of its strongest cells; with a box, log-odds of its presence.
        box: Where the detector saw it, ``x1, y1, x2, y2`` as shares of the frame, or None.
    """

    cells: npt.NDArray[np.bool_]
    strength: float
    box: tuple[float, float, float, float] | None = None

    def box_in(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Its box in the pixels of a frame; it must have one."""
        assert self.box is not None  # noqa: S101
        x1, y1, x2, y2 = self.box
        return x1 * width, y1 * height, x2 * width, y2 * height

    @property
    def area(self) -> float:
        """Number of cells; of a box also parts of cells."""
        if self.box is not None:
            x1, y1, x2, y2 = self.box
            return (x2 - x1) * (y2 - y1) * self.cells.size
        return float(np.count_nonzero(self.cells))

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of its box, or mean x and y of its cells, as shares of the frame."""
        if self.box is not None:
            x1, y1, x2, y2 = self.box
            return ((x1 + x2) / 2, (y1 + y2) / 2)
        rows, columns = self.cells.shape
        y, x = np.nonzero(self.cells)
        return (float(x.mean() + 0.5) / columns, float(y.mean() + 0.5) / rows)


def candidates(shape: FloatMap, kind: FloatMap, offsets: FloatMap | None) -> list[Region]:
    """Things where ``shape`` is positive, strongest first.

    Args:
        shape: Log-odds (rows, columns) that say which cells belong to things.
        kind: Log-odds (rows, columns) that say how sure it is what they are.
        offsets: (2, rows, columns), x and y to the centre of the thing, in 64 network pixels; None
            where things are told apart by the gaps between them alone.
    """
    import cv2

    number, labels = cv2.connectedComponents((shape > 0).astype(np.uint8), connectivity=8)
    regions = [labels == label for label in range(1, number)]
    if offsets is not None:
        regions = _things([part for region in regions for part in _split(region, offsets)], offsets)
    found = [
        Region(cells, strength(kind, cells))
        for cells in regions
        if np.count_nonzero(cells) >= _MIN_CELLS
    ]
    return sorted(found, key=lambda candidate: -candidate.strength)


def _split(cells: npt.NDArray[np.bool_], offsets: FloatMap) -> list[npt.NDArray[np.bool_]]:
    """Parts of a region whose cells point at clearly different centres."""
    import cv2

    y, x = np.nonzero(cells)
    if len(x) < 4 * _MIN_CELLS:
        return [cells]
    to_x, to_y = x + _REACH * offsets[0][cells], y + _REACH * offsets[1][cells]
    rows, columns = cells.shape
    votes = np.zeros((rows, columns), dtype=np.float32)
    at_x = np.clip(np.round(to_x), 0, columns - 1).astype(np.int64)
    at_y = np.clip(np.round(to_y), 0, rows - 1).astype(np.int64)
    np.add.at(votes, (at_y, at_x), 1.0)
    blur = max(0.1 * float(np.sqrt(len(x))), 0.8)
    peaks = _peaks(np.asarray(cv2.GaussianBlur(votes, (0, 0), blur), dtype=np.float32))
    if len(peaks) < 2:
        return [cells]
    centres = np.array(peaks, dtype=np.float32)
    nearest = np.argmin(
        (to_x[:, None] - centres[:, 0]) ** 2 + (to_y[:, None] - centres[:, 1]) ** 2, axis=1
    )
    parts = []
    for index in range(len(peaks)):
        part = np.zeros_like(cells)
        part[y[nearest == index], x[nearest == index]] = True
        if part.any():
            parts.append(part)
    return parts


def _peaks(votes: FloatMap) -> list[tuple[float, float]]:
    """Local maxima that hold a fair share of the highest one's votes, as x and y."""
    import cv2

    largest = cv2.dilate(votes, np.ones((3, 3), dtype=np.uint8))
    y, x = np.nonzero((votes >= largest) & (votes > 0.25 * votes.max()))
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _things(parts: list[npt.NDArray[np.bool_]], offsets: FloatMap) -> list[npt.NDArray[np.bool_]]:
    """Join parts that are fragments of one thing, the closest in size last."""
    things = sorted(parts, key=np.count_nonzero)
    index = 0
    while index < len(things):
        small = things[index]
        grown = _grown(small)
        owner = next(
            (
                other
                for other in range(len(things) - 1, index, -1)
                if _one_thing(small, grown, things[other], offsets)
            ),
            None,
        )
        if owner is None:
            index += 1
            continue
        joined = things[owner] | small
        things = [t for i, t in enumerate(things) if i not in (index, owner)]
        things = sorted([*things, joined], key=np.count_nonzero)
    return things


def _one_thing(
    small: npt.NDArray[np.bool_],
    grown: npt.NDArray[np.bool_],
    big: npt.NDArray[np.bool_],
    offsets: FloatMap,
) -> bool:
    """Whether a part and a larger one are the same thing; ``grown`` is ``small`` with a margin."""
    area, other = np.count_nonzero(small), np.count_nonzero(big)
    x, y = _aim(small, offsets)
    if not (grown & big).any():
        rows, columns = np.nonzero(big)
        within = columns.min() <= x <= columns.max() and rows.min() <= y <= rows.max()
        return bool(within and area < _FRAGMENT_SHARE * other)
    away = float(np.hypot(x - _aim(big, offsets)[0], y - _aim(big, offsets)[1]))
    return bool(
        area < _FRAGMENT_SHARE * other
        or away < _SAME_CENTRE * 0.5 * (np.sqrt(area) + np.sqrt(other))
    )


def _aim(part: npt.NDArray[np.bool_], offsets: FloatMap) -> tuple[float, float]:
    """The centre that a part's cells point at, x and y in cells."""
    y, x = np.nonzero(part)
    return (
        float((x + _REACH * offsets[0][part]).mean()),
        float((y + _REACH * offsets[1][part]).mean()),
    )


def _grown(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    import cv2

    kernel = np.ones((2 * _GAP + 1, 2 * _GAP + 1), dtype=np.uint8)
    return cv2.dilate(cells.astype(np.uint8), kernel).astype(np.bool_)

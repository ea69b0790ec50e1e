"""Cuts evidence into candidates: one region of the network's cells for each thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.models.embedded.evidence import FloatMap

_REACH = 8.0
"""Cells per unit of the network's offsets (64 network pixels at stride 8)."""
_SMALLEST = 3
"""Candidates of fewer cells are dropped."""
_APART = 0.45
"""Two centres closer than this share of the smaller thing's size are one thing."""
_STRONGEST = 0.25
"""The share of a candidate's cells, strongest first, that says how sure it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One thing that may be meant.

    Attributes:
        cells: bool (rows, columns) over the whole frame.
        strength: Mean log-odds of its strongest cells.
    """

    cells: npt.NDArray[np.bool_]
    strength: float

    @property
    def area(self) -> int:
        """Number of cells."""
        return int(np.count_nonzero(self.cells))

    @property
    def centre(self) -> tuple[float, float]:
        """Mean x and y of its cells, as shares of the frame."""
        rows, columns = self.cells.shape
        y, x = np.nonzero(self.cells)
        return (float(x.mean() + 0.5) / columns, float(y.mean() + 0.5) / rows)


def candidates(
    evidence: FloatMap, offsets: FloatMap | None, *, threshold: float = 0.0
) -> list[Candidate]:
    """Things in the evidence, strongest first.

    Args:
        evidence: Log-odds (rows, columns).
        offsets: (2, rows, columns), x and y to the centre of the thing, in 64 network pixels; None
            where things are told apart by the gaps between them alone.
        threshold: Cells above it belong to things.
    """
    import cv2

    inside = evidence > threshold
    number, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, number):
        cells = labels == label
        pieces = [cells] if offsets is None else _split(cells, offsets)
        for piece in pieces:
            if np.count_nonzero(piece) >= _SMALLEST:
                found.append(Candidate(piece, _strength(evidence, piece)))
    return sorted(found, key=lambda candidate: -candidate.strength)


def _strength(evidence: FloatMap, cells: npt.NDArray[np.bool_]) -> float:
    values = np.sort(evidence[cells])
    return float(values[-max(int(len(values) * _STRONGEST), 2) :].mean())


def _split(cells: npt.NDArray[np.bool_], offsets: FloatMap) -> list[npt.NDArray[np.bool_]]:
    """Parts of a region whose cells point at clearly different centres."""
    import cv2

    y, x = np.nonzero(cells)
    if len(x) < 4 * _SMALLEST:
        return [cells]
    to_x, to_y = x + _REACH * offsets[0][cells], y + _REACH * offsets[1][cells]
    rows, columns = cells.shape
    votes = np.zeros((rows, columns), dtype=np.float32)
    at_x = np.clip(np.round(to_x), 0, columns - 1).astype(np.int64)
    at_y = np.clip(np.round(to_y), 0, rows - 1).astype(np.int64)
    np.add.at(votes, (at_y, at_x), 1.0)
    blur = max(0.1 * float(np.sqrt(len(x))), 0.8)
    votes = cv2.GaussianBlur(votes, (0, 0), blur)
    peaks = _peaks(votes)
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
        parts.append(part)
    return _joined(parts, centres)


def _peaks(votes: FloatMap) -> list[tuple[float, float]]:
    """Local maxima that hold a fair share of the highest one's votes, as x and y."""
    import cv2

    largest = cv2.dilate(votes, np.ones((3, 3), dtype=np.uint8))
    y, x = np.nonzero((votes >= largest) & (votes > 0.25 * votes.max()))
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def _joined(
    parts: list[npt.NDArray[np.bool_]], centres: npt.NDArray[np.float32]
) -> list[npt.NDArray[np.bool_]]:
    """Join parts whose centres lie close together for their size."""
    groups = [[index] for index in range(len(parts))]
    sizes = [float(np.sqrt(np.count_nonzero(part))) for part in parts]
    for first in range(len(parts)):
        for second in range(first):
            distance = float(np.hypot(*(centres[first] - centres[second])))
            one = next(group for group in groups if first in group)
            other = next(group for group in groups if second in group)
            if one is not other and distance < _APART * min(sizes[first], sizes[second]) * 2:
                one += other
                groups.remove(other)
    return [np.logical_or.reduce([parts[index] for index in group]) for group in groups]

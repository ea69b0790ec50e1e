"""Where an object's edge crosses the edges of pixels: what outlines are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.outlines.simplify import turned
from videoseg.outlines.spans import Indices, Points, Values, ranges
from videoseg.outlines.trace import Trace

_WHOLE = 1.0
_FINE = 0.1
_NEAREST = 0.02
"""Share of the way between two pixels' centres that an edge keeps from either."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Rings along pixel edges, and where exactly the object's edge crosses each pixel edge.

    Attributes:
        corners: float64 (C, 2), where a knot may be, ring after ring; each begins at its upper
            left.
        starts: int64 (R + 1,), where each ring starts.
        counts: int64 (C,), pixel edges between each corner and the next.
        middles: float64 (E, 2), what the outline is to follow: a point for each pixel edge.
        grid: What coordinates of knots and handles are multiples of, pixels.
    """

    corners: Points
    starts: Indices
    counts: Indices
    middles: Points
    grid: float

    def chosen(self, rings: Indices) -> Edges:
        """Some of the rings."""
        sizes = np.diff(self.starts)[rings]
        _, corners = ranges(self.starts[rings], sizes)
        total = np.concatenate([[0], np.cumsum(self.counts)])
        _, middles = ranges(total[corners], self.counts[corners])
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return Edges(
            self.corners[corners], starts, self.counts[corners], self.middles[middles], self.grid
        )


def edges_of(traced: Trace, logits: Sequence[npt.NDArray[np.float16]] | None = None) -> Edges:
    """The middles of pixel edges; with logits the places between two pixels where they are 0.

    Where there is no pixel on the other side, at the border of the bitmap, the middle stays.

    Args:
        traced: Rings of some bitmaps.
        logits: float16 (h, w) for each bitmap, positive exactly where it is set.
    """
    order, _ = turned(traced.points.astype(np.float64), traced.starts)
    corners, starts = traced.points[order].astype(np.float64), traced.starts
    after = np.arange(1, len(corners) + 1)
    after[starts[1:] - 1] = starts[:-1]
    edge = corners[after] - corners
    counts = np.abs(edge).sum(axis=1).astype(np.int64)
    direction = edge / counts[:, None]
    corner, place = ranges(np.zeros_like(counts), counts)
    middles = corners[corner] + (place + 0.5)[:, None] * direction[corner]
    before = np.empty_like(after)
    before[after] = np.arange(len(corners))
    turn = direction[before, 0] * direction[:, 1] - direction[before, 1] * direction[:, 0]
    # An edge of one pixel between opposite turns is a step of a slope; its middle is on the slope.
    step = (counts == 1) & (turn != turn[after])
    # Two strands meet in a saddle; each keeps a quarter of a pixel from it.
    parted = np.where(traced.saddle[order][:, None], (direction - direction[before]) / 4, 0)
    if logits is not None: raise NotImplementedError
    first = np.cumsum(counts) - counts
    knots = np.where(step[:, None], corners + direction / 2, corners + parted)
    keep = step | ~(step[before])
    ring = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    kept = np.flatnonzero(keep)
    new = np.searchsorted(kept, starts)
    # a ring's first knot may begin after its first middles; roll? first corner is made kept
    total = np.append(first, len(middles))
    begin = first[kept]
    # middles before a ring's first knot belong behind its last
    lead = begin[new[:-1]] - total[starts[:-1]]
    bounds = total[starts]
    mr = np.repeat(np.arange(len(lead)), np.diff(bounds))
    rolled = bounds[mr] + (np.arange(len(middles)) - bounds[mr] + lead[mr]) % np.diff(bounds)[mr]
    middles = middles[rolled]
    begin = begin - lead[ring[kept]]
    kcounts = np.diff(np.append(begin, len(middles)))
    return Edges(knots[kept], new, kcounts, middles, _WHOLE)


def _offsets(
    middles: Points,
    inwards: Points,
    owner: Indices,
    logits: Sequence[npt.NDArray[np.float16]],
) -> Values:
    """How far inwards of each pixel edge its two pixels' logits are 0, pixels."""
    offsets = np.zeros(len(middles))
    for number, values in enumerate(logits):
        mine = np.flatnonzero(owner == number)
        height, width = values.shape
        inner, outer = (
            np.floor(middles[mine] + side * inwards[mine]).astype(np.int64) for side in (0.5, -0.5)
        )
        known = ((outer >= 0) & (outer < (width, height))).all(axis=1)
        mine, inner, outer = mine[known], inner[known], outer[known]
        high = values[inner[:, 1], inner[:, 0]].astype(np.float64)
        low = values[outer[:, 1], outer[:, 0]].astype(np.float64)
        share = high / np.maximum(high - low, 1e-6)
        offsets[mine] = 0.5 - np.clip(share, _NEAREST, 1 - _NEAREST)
    return offsets

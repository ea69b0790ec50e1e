"""Where an object's edge crosses the edges of pixels: what outlines are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Flags, Indices, Points, Values, ranges
from videoseg.outlines.simplify import turned
from videoseg.outlines.trace import Trace

WHOLE = 1.0
"""Grid of handles of outlines of pixels, pixels."""
FINE = 0.1
"""Grid of handles where edges are known more finely, from logits, pixels."""
_MIN_SHARE = 0.02
"""Share of the way between two pixels' centres that an edge keeps from either."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Rings along pixel edges, and where exactly the object's edge crosses each pixel edge.

    A step is an edge of one pixel between opposite turns: how a slanted edge looks in pixels. Its
    middle, where it is on the slope, is a place for a knot as well as its ends.

    Attributes:
        knot_candidates: float64 (C, 2), where a knot may be, ring after ring: corners, and behind
            the first corner of each step the middle of it. Each ring begins at its upper left.
        starts: int64 (R + 1,), where each ring starts.
        counts: int64 (C,), points between each place and the next, at least 1.
        points: float64 (E, 2), what the outline is to follow: a point for each pixel edge, and for
            a step two of them, equal. Between the steps of a slope they are on the slope.
        exact: float64 (E, 2), the same, but on the pixels' edges throughout.
        on_step: bool (C,), whether a place is the first corner of a step, or its middle.
        middle: bool (C,), whether a place is the middle of a step.
        grid: What coordinates of handles are multiples of, pixels.
    """

    knot_candidates: Points
    starts: Indices
    counts: Indices
    points: Points
    exact: Points
    on_step: Flags
    middle: Flags
    grid: float

    def chosen(self, rings: Indices) -> Edges:
        """Some of the rings."""
        sizes = np.diff(self.starts)[rings]
        _, places = ranges(self.starts[rings], sizes)
        total = np.concatenate([[0], np.cumsum(self.counts)])
        _, points = ranges(total[places], self.counts[places])
        return Edges(
            self.knot_candidates[places],
            np.concatenate([[0], np.cumsum(sizes)]),
            self.counts[places],
            self.points[points],
            self.exact[points],
            self.on_step[places],
            self.middle[places],
            self.grid,
        )

    def on_slopes(self) -> Flags:
        """Bool (C,), the places that a slope goes through: steps' middles, others' corners."""
        behind = np.roll(self.middle, 1)
        behind[self.starts[:-1]] = self.middle[self.starts[1:] - 1]
        chosen = self.middle | ~(self.on_step | behind)
        chosen[self.starts[:-1]] = True
        return chosen


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
    before = np.empty_like(after)
    before[after] = np.arange(len(corners))
    direction, counts = _straight_edges(corners, after)
    corner, place = ranges(np.zeros_like(counts), counts)
    middles = corners[corner] + (place + 0.5)[:, None] * direction[corner]
    # Two stretches of ring meet in a saddle; each keeps a quarter of a pixel from it.
    saddle = traced.saddle[order][:, None]
    parted = np.where(saddle, (direction - direction[before]) / 4, 0)
    if logits is not None:
        owner = np.repeat(traced.owners, np.diff(starts))[corner]
        inwards = np.stack([-direction[:, 1], direction[:, 0]], axis=1)[corner]
        moved = offsets_of(middles, inwards, owner, logits)[:, None] * inwards
        places = _known_corners(corners, counts, before, middles, moved)
        places = np.rint(np.where(saddle, corners + parted, places) / FINE) * FINE
        middles, none = middles + moved, np.zeros(len(corners), dtype=np.bool_)
        return Edges(places, starts, counts, middles, middles, none, none, FINE)
    step, run = _steps_and_runs(direction, counts, before, after)
    share = ((place + 0.5) / counts[corner])[:, None]
    begin, end = corners - direction[before] / 2, corners[after] + direction[after] / 2
    sloped = begin[corner] + share * (end - begin)[corner]
    points = np.where(run[corner][:, None], sloped, middles)
    # A step has a place more, its middle.
    at = np.arange(len(corners)) + np.cumsum(step) - step
    middle = np.zeros(len(corners) + int(step.sum()), dtype=np.bool_)
    middle[at[step] + 1] = True
    owner = np.repeat(np.arange(len(corners)), 1 + step)
    halves = corners + direction / 2
    return Edges(
        knot_candidates=np.where(middle[:, None], halves[owner], (corners + parted)[owner]),
        starts=np.append(at, len(middle))[starts],
        counts=counts[owner],
        points=np.repeat(points, 1 + step[corner], axis=0),
        exact=np.repeat(middles, 1 + step[corner], axis=0),
        on_step=step[owner],
        middle=middle,
        grid=WHOLE,
    )


def _straight_edges(corners: Points, after: Indices) -> tuple[Points, Indices]:
    """The way from each corner to the one after it: its direction, and its length in pixels."""
    edge = corners[after] - corners
    counts = np.abs(edge).sum(axis=1).astype(np.int64)
    return edge / counts[:, None], counts


def _steps_and_runs(
    direction: Points, counts: Indices, before: Indices, after: Indices
) -> tuple[Flags, Flags]:
    """Which straight edges are steps of one pixel, and which run from one such to the next.

    A run between two steps of one slope is the slope between their middles.
    """
    turn = direction[before, 0] * direction[:, 1] - direction[before, 1] * direction[:, 0]
    bends = turn != turn[after]
    step: Flags = (counts == 1) & bends
    run: Flags = step[before] & step[after] & ~step & bends
    return step, run


def _known_corners(
    corners: Points, counts: Indices, before: Indices, middles: Points, moved: Points
) -> Points:
    """Where corners lie between edges of which logits say how far they have moved.

    Args:
        corners: float64 (P, 2).
        counts: int64 (P,), pixel edges behind each.
        before: int64 (P,), the corner before each.
        middles: float64 (E, 2), of the pixel edges.
        moved: float64 (E, 2), how far these are off.
    """
    firsts = np.cumsum(counts) - counts
    lasts = (firsts + counts - 1)[before]
    # A corner between long edges is the object's own, others are steps.
    sharp = (np.minimum(counts, counts[before]) > 1)[:, None]
    own = corners + moved[firsts] + moved[lasts]
    places = middles + moved
    made: Points = np.where(sharp, own, (places[firsts] + places[lasts]) / 2)
    return made


def offsets_of(
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
        offsets[mine] = 0.5 - np.clip(share, _MIN_SHARE, 1 - _MIN_SHARE)
    return offsets

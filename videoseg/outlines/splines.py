"""Rings of few smooth curves along a line between pixels (``outlines.between_pixels``).

Each curve leaves and arrives in the direction that the line has there, so neighbours meet without a
bend, but at corners (P. J. Schneider, "An algorithm for automatically fitting digitized curves",
1990). Of all ways around, the one of the fewest pieces is taken; among those, the closest.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Complex, Flags, Indices, Points, Values
from videoseg.kernels.splines import Knots, Limits, spline_kernel
from videoseg.outlines.between_pixels import Line, following
from videoseg.outlines.cubics import as_complex, bernstein
from videoseg.outlines.curves import assembled, ring_of
from videoseg.outlines.segments import (
    ROUNDING,
    RUN_LENGTHS,
    SQUARED_WEIGHT,
    CandidateKnots,
    Fitting,
    SegmentFits,
    StretchRuns,
    candidate_knots,
    runs,
)
from videoseg.outlines.shortest_path import cheapest
from videoseg.outlines.subpixel_edges import FINE, Edges
from videoseg.types import Ring

_STRIDE = 3
"""Points from one candidate for a knot to the next."""
_DENSE_BELOW = 24
"""Rings of fewer points than this have a candidate at each point."""
_DENSE_LIMIT = 0.1
"""Rings that are to be followed more closely than this, pixels, have a candidate at each point."""
_PATIENCE = 2
"""A piece is not tried where none of so many shorter ones fitted."""
_ROUNDS = 2
"""Rounds of fitting and of assigning points anew."""
_OFFSET_PRICE = 0.07
"""Pieces that a pixel of ring is worth that is as far off as the tolerance."""
_STRAIGHT_COSINE = float(np.cos(np.radians(3.0)))
"""A line may turn from the way of the ring by so much at its ends."""
_LINE_COST = 0.95
"""What a line costs, in curves."""
_MIN_HANDLE = 0.02
"""Length of the shortest handle, in lengths of its piece."""
_MAX_HANDLE = 0.5
"""Length of the longest handle, in lengths of its piece."""
_GRID = float(1 << 24)
"""Parts of 1 to which numbers are rounded before they are summed."""


def splines(line: Line, limit: float, tolerance: float) -> list[Ring]:
    """A ring for each ring.

    Args:
        line: What to follow.
        limit: How far off its points a ring may be, pixels.
        tolerance: The same, by which pieces are weighed against closeness.
    """
    out, into = _directions(line)
    kept = _candidates(line, 1 if limit < _DENSE_LIMIT else _STRIDE)
    count = np.ones(len(line.points), dtype=np.int64)
    none = np.zeros(len(line.points), dtype=np.bool_)
    edges = Edges(line.points, line.starts, count, line.points, line.points, none, none, FINE)
    candidates = candidate_knots(edges, line.points, kept, every=1)
    bounds = np.searchsorted(kept, line.starts)
    sizes = np.diff(bounds)
    twice = np.concatenate([np.tile(kept[a:b], 2) for a, b in itertools.pairwise(bounds.tolist())])
    ends = _Ends(
        out[twice], into[twice], line.corner[twice], np.repeat((sizes - 1) // 2, 2 * sizes)
    )
    fits = _fits(candidates, ends, Fitting(limit, FINE, steps_cost=0, unseen=0))
    chains = cheapest(fits, candidates.starts, limit, _OFFSET_PRICE / tolerance**2)
    pieces = assembled(candidates, fits, chains)
    firsts = np.cumsum([0, *map(len, chains)])
    return [ring_of(pieces, a, b) for a, b in itertools.pairwise(firsts.tolist())]


def _candidates(line: Line, every: int) -> Indices:
    """Points that may be knots: corners, and some between them."""
    sizes = np.diff(line.starts)
    local = np.arange(len(line.points)) - np.repeat(line.starts[:-1], sizes)
    chosen = (local % every == 0) | np.repeat(sizes < _DENSE_BELOW, sizes) | line.corner
    return np.flatnonzero(chosen)


def _directions(line: Line) -> tuple[Complex, Complex]:
    """Unit vectors along the ring, behind and before each point; at corners they differ."""
    points, corner = as_complex(line.points), line.corner
    after = following(line.starts)
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    on = points[np.where(corner[after], after, after[after])]
    behind = points[np.where(corner[before], before, before[before])]
    # Of points that are unevenly apart, the middle one tells as well (a parabola).
    u, v = np.abs(on - points), np.abs(points - behind)
    through = u * u * (points - behind) + v * v * (on - points)
    out = np.where(corner, on - points, through)
    into = np.where(corner, points - behind, through)
    return _unit(out), _unit(into)


def _unit(directions: Complex) -> Complex:
    return np.asarray(directions / np.maximum(np.abs(directions), 1e-9), dtype=np.complex128)


def _fits(candidates: CandidateKnots, ends: _Ends, fitting: Fitting) -> SegmentFits:
    """Curves and lines of all runs, as far as they may be of use."""
    compiled = spline_kernel()
    if compiled is None:
        stops = np.arange(len(candidates.knots))
        made = [
            each
            for fit in (ends.curve, ends.line)
            for each in runs(candidates, stops, fitting, RUN_LENGTHS, _PATIENCE, fit)
        ]
        return SegmentFits.joined(made)
    x, y = (np.ascontiguousarray(axis) for axis in candidates.points.T)
    of = Knots(
        *(x, y, candidates.weights, candidates.along, candidates.firsts),
        *(candidates.starts, candidates.knots, _pairs(ends.out), _pairs(ends.into)),
        *(ends.corner, ends.longest),
    )
    limits = Limits(
        *(fitting.tolerance + ROUNDING, _MIN_HANDLE, _MAX_HANDLE, _squared_weight(fitting)),
        *(fitting.unseen, _STRAIGHT_COSINE),
        rounds=_ROUNDS,
        lengths=RUN_LENGTHS,
        patience=_PATIENCE,
    )
    return SegmentFits.joined(
        [_segment_fits(*compiled(of, limits, curved), curved=curved) for curved in (True, False)]
    )


def _segment_fits(
    begins: Indices,
    reaches: Indices,
    furthest: Values,
    area: Values,
    handles: Points,
    *,
    curved: bool,
) -> SegmentFits:
    """Curves, or lines."""
    size = np.full(len(begins), 1.0 if curved else _LINE_COST)
    return SegmentFits(begins, reaches, furthest, area, size, np.full(len(begins), curved), handles)


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """What pieces do at their ends.

    Attributes:
        out: complex128 (2 K,), direction in which a piece leaves each candidate,
        into: and in which one arrives there.
        corner: bool (2 K,), whether these differ.
        longest: int64 (2 K,), how many stretches a piece may cover, so that a ring has three.
    """

    out: Complex
    into: Complex
    corner: Flags
    longest: Indices

    def line(self, run: StretchRuns, fitting: Fitting) -> SegmentFits:
        """Each run as a line; of no use where it would make a bend that is not there."""
        first, last, owner = run.begins, run.ends, run.owner
        x, y = (run.end - run.begin).T
        length = np.maximum(np.sqrt(x * x + y * y), 1e-9)
        x, y = x / length, y / length
        off_x = run.points.real - run.begin[owner, 0]
        off_y = run.points.imag - run.begin[owner, 1]
        along = off_x * x[owner] + off_y * y[owner]
        across = off_y * x[owner] - off_x * y[owner]
        beyond = np.maximum(np.maximum(-along, along - length[owner]), 0)
        furthest, area = _errors(run, across, beyond, fitting)
        smooth = self._straight(x, y, self.out, first) & self._straight(x, y, self.into, last)
        furthest[~smooth | (run.reaches > self.longest[first])] = np.inf
        handles = np.stack([run.begin, run.end], axis=1)
        return _segment_fits(first, run.reaches, furthest, area, handles, curved=False)

    def _straight(self, x: Values, y: Values, ways: Complex, at: Indices) -> Flags:
        """Whether lines go on in the way of the ring at one of their ends, or at a corner."""
        way = ways[at]
        made: Flags = self.corner[at] | (x * way.real + y * way.imag >= _STRAIGHT_COSINE)
        return made

    def curve(self, run: StretchRuns, fitting: Fitting) -> SegmentFits:
        """Each run as a curve that leaves and arrives in the ring's directions."""
        first, last = run.begins, run.ends
        leaves, arrives = _pairs(self.out[first]), _pairs(self.into[last])
        furthest, area, handles = _fitted(run, leaves, arrives, fitting)
        furthest[run.reaches > self.longest[first]] = np.inf
        return _segment_fits(first, run.reaches, furthest, area, handles, curved=True)


def _pairs(numbers: Complex) -> Points:
    """Complex numbers (N,) as x and y, (N, 2)."""
    return np.ascontiguousarray(numbers).view(np.float64).reshape(-1, 2)


def _fitted(
    run: StretchRuns, leaves: Points, arrives: Points, fitting: Fitting
) -> tuple[Values, Values, Points]:
    """How far off curves are at most, their area, and handles (S, 2, 2) that bring them closest.

    ``videoseg/kernels/splines.c`` does the same, number by number.
    """
    t, owner = run.shares(), run.owner
    for _ in range(_ROUNDS):
        handles = _handles(run, t, leaves, arrives)
        curves = [
            (run.begin[owner, axis], *handles[owner, :, axis].T, run.end[owner, axis])
            for axis in (0, 1)
        ]
        t = _nearer(t, curves, run)
    (x, y) = (_on_curve(t, curve) for curve in curves)
    return *_errors(run, x - run.points.real, y - run.points.imag, fitting), handles


def _squared_weight(fitting: Fitting) -> float:
    """Weight of squared distances in the area."""
    return SQUARED_WEIGHT * max(1.0, fitting.tolerance)


def _errors(run: StretchRuns, x: Values, y: Values, fitting: Fitting) -> tuple[Values, Values]:
    """Greatest distance of each run, of what its points are off, and the area that this makes."""
    distances = np.sqrt(x * x + y * y)
    area = np.maximum(distances - fitting.unseen, 0) + (
        _squared_weight(fitting) * distances * distances
    )
    return (
        np.maximum.reduceat(distances, run.heads),
        np.add.reduceat(_on_grid(area * run.weights), run.heads),
    )


def _on_grid(values: Values) -> Values:
    """Numbers so that their sums are exact, in whatever order."""
    made: Values = np.rint(values * _GRID) * (1 / _GRID)
    return made


def _on_curve(t: Values, curve: Sequence[Values]) -> Values:
    """One coordinate of cubics, of its control points'."""
    b0, b1, b2, b3 = bernstein(t)
    made: Values = b0 * curve[0] + b1 * curve[1] + b2 * curve[2] + b3 * curve[3]
    return made


def _nearer(t: Values, curves: Sequence[Sequence[Values]], run: StretchRuns) -> Values:
    """As ``cubics.newton_step``, axis by axis."""
    u = 1 - t
    squared, turned, up = np.zeros((3, len(t)))
    for curve, place in zip(curves, (run.points.real, run.points.imag), strict=True):
        first, second, third = (curve[n + 1] - curve[n] for n in range(3))
        offset = _on_curve(t, curve) - place
        slope = 3 * (u * u * first + 2 * u * t * second + t * t * third)
        bend = 6 * (u * (second - first) + t * (third - second))
        squared = squared + slope * slope
        turned = turned + offset * bend
        up = up + offset * slope
    down = squared + turned
    down = np.where(down < 0.3 * squared, squared, down)
    moved: Values = np.clip(t - up / np.maximum(down, 1e-9), 0, 1)
    return moved


def _handles(run: StretchRuns, t: Values, leaves: Points, arrives: Points) -> Points:
    """Inner control points, (S, 2, 2), that bring curves closest to their points."""
    owner = run.owner
    b0, b1, b2, b3 = bernstein(t)
    own, end = b0 + b1, b2 + b3
    both, toward_one, toward_two = np.zeros((3, len(t)))
    for axis, place in enumerate((run.points.real, run.points.imag)):
        rest = place - own * run.begin[owner, axis] - end * run.end[owner, axis]
        one, two = b1 * leaves[owner, axis], -b2 * arrives[owner, axis]
        both = both + one * two
        toward_one = toward_one + one * rest
        toward_two = toward_two + two * rest
    a, b, d, p, q = (
        np.add.reduceat(_on_grid(run.weights * term), run.heads)
        for term in (b1 * b1, both, b2 * b2, toward_one, toward_two)
    )
    # Handles that points tell little about are a third of the piece.
    ridge = 0.001 * (a + d) + 0.02
    x, y = (run.end - run.begin).T
    third = np.sqrt(x * x + y * y) / 3
    a, d, p, q = a + ridge, d + ridge, p + ridge * third, q + ridge * third
    determinant = a * d - b * b
    low, high = _MIN_HANDLE * run.extent, _MAX_HANDLE * run.extent
    before = np.clip((d * p - b * q) / determinant, low, high)
    behind = np.clip((a * q - b * p) / determinant, low, high)
    return np.stack(
        [run.begin + before[:, None] * leaves, run.end - behind[:, None] * arrives], axis=1
    )

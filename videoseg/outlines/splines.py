"""Rings of few smooth curves along a line between pixels (``outlines.between_pixels``).

Each curve leaves and arrives in the direction that the line has there, so neighbours meet without a
bend, but at corners (P. J. Schneider, "An algorithm for automatically fitting digitized curves",
1990). Of all ways around, the one of the fewest pieces is taken; among those, the closest.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Complex, Flags, Indices, Values
from videoseg.outlines.between_pixels import Line, following
from videoseg.outlines.cubics import as_complex, curve_points, newton_step
from videoseg.outlines.curves import assembled, ring_of
from videoseg.outlines.segments import (
    RUN_LENGTHS,
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
_STRAIGHT_COSINE = np.cos(np.radians(3.0))
"""A line may turn from the way of the ring by so much at its ends."""
_LINE_COST = 0.95
"""What a line costs, in curves."""
_MIN_HANDLE = 0.02
"""Length of the shortest handle, in lengths of its piece."""
_MAX_HANDLE = 0.5
"""Length of the longest handle, in lengths of its piece."""


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
    fitting = Fitting(limit, FINE, steps_cost=0, unseen=0)
    stops = np.arange(2 * sizes.sum())
    fits = SegmentFits.joined(
        [
            *runs(candidates, stops, fitting, RUN_LENGTHS, _PATIENCE, ends.curve),
            *runs(candidates, stops, fitting, RUN_LENGTHS, _PATIENCE, ends.line),
        ]
    )
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
        first, last = run.begins, run.begins + run.reaches
        chord = as_complex(run.end) - as_complex(run.begin)
        length = np.maximum(np.abs(chord), 1e-9)
        direction = chord / length
        along = (run.points - as_complex(run.begin)[run.owner]) * direction.conj()[run.owner]
        beyond = np.maximum(np.maximum(-along.real, along.real - length[run.owner]), 0)
        furthest, area = run.errors(np.hypot(along.imag, beyond), fitting)
        smooth = (
            self.corner[first] | ((direction * self.out[first].conj()).real >= _STRAIGHT_COSINE)
        ) & (self.corner[last] | ((direction * self.into[last].conj()).real >= _STRAIGHT_COSINE))
        furthest[~smooth | (run.reaches > self.longest[first])] = np.inf
        count = len(length)
        return SegmentFits(
            run.begins,
            run.reaches,
            furthest,
            area,
            np.full(count, _LINE_COST),
            np.zeros(count, dtype=np.bool_),
            np.stack([run.begin, run.end], axis=1),
        )

    def curve(self, run: StretchRuns, fitting: Fitting) -> SegmentFits:
        """Each run as a curve that leaves and arrives in the ring's directions."""
        first, last = run.begins, run.begins + run.reaches
        out, into = self.out[first], self.into[last]
        t, points = run.shares(), run.points
        begin, end = as_complex(run.begin), as_complex(run.end)
        control = np.empty((4, len(t)), dtype=np.complex128)
        control[0], control[3] = begin[run.owner], end[run.owner]
        for _ in range(_ROUNDS):
            inner = _handles(run, t, out, into, control)
            control[1:3] = inner[:, run.owner]
            t = newton_step(t, control, points)
        furthest, area = run.errors(np.abs(curve_points(t, control) - points), fitting)
        furthest[run.reaches > self.longest[first]] = np.inf
        handles = np.ascontiguousarray(inner.T).view(np.float64).reshape(-1, 2, 2)
        count = len(begin)
        return SegmentFits(
            run.begins,
            run.reaches,
            furthest,
            area,
            np.ones(count),
            np.ones(count, dtype=np.bool_),
            handles,
        )


def _handles(run: StretchRuns, t: Values, out: Complex, into: Complex, control: Complex) -> Complex:
    """Inner control points, complex (2, S), that bring curves closest to their points."""
    u = 1 - t
    b0, b1, b2, b3 = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
    rest = run.points - (b0 + b1) * control[0] - (b2 + b3) * control[3]
    one, two = b1 * out[run.owner], -b2 * into[run.owner]
    terms = np.stack(
        [
            b1 * b1,
            (one * two.conj()).real,
            b2 * b2,
            (one * rest.conj()).real,
            (two * rest.conj()).real,
        ]
    )
    a, b, d, p, q = np.add.reduceat(run.weights * terms, run.heads, axis=1)
    # Handles that points tell little about are a third of the piece.
    ridge = 0.001 * (a + d) + 0.02
    third = np.abs(as_complex(run.end) - as_complex(run.begin)) / 3
    a, d, p, q = a + ridge, d + ridge, p + ridge * third, q + ridge * third
    determinant = a * d - b * b
    low, high = _MIN_HANDLE * run.extent, _MAX_HANDLE * run.extent
    before = np.clip((d * p - b * q) / determinant, low, high)
    behind = np.clip((a * q - b * p) / determinant, low, high)
    return np.stack([as_complex(run.begin) + before * out, as_complex(run.end) - behind * into])

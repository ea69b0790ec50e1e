"""Rings of lines and cubic curves that follow traced rings, small as text.

Knots lie on corners between pixels, which are whole numbers and so short; where the edge is known
more finely (from logits), on that finer edge. What is between them is chosen for size and closeness
together (``outlines.segments``), then handles are brought as close as they can come
(``outlines.refine``).
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Flags, Indices, Points, ranges
from videoseg.outlines.refine import FittedRings, refine
from videoseg.outlines.segments import (
    ROUNDING,
    STEPS_COST,
    UNSEEN,
    UNSEEN_CLOSE,
    CandidateKnots,
    Fitting,
    SegmentFits,
    candidate_knots,
    curves_between,
    lines_between,
)
from videoseg.outlines.shortest_path import cheapest
from videoseg.outlines.simplify import douglas_peucker, turned
from videoseg.outlines.subpixel_edges import FINE, Edges
from videoseg.types import Bezier, Polygon, Ring

_LINE_TOLERANCE = 0.4
"""A traced ring is simplified at this share of the tolerance for candidate knots of lines."""
_CURVE_TOLERANCE = 0.75
"""A traced ring is simplified at this share of the tolerance for candidate knots of curves."""
_MIN_CURVE_TOLERANCE = 0.72
"""A traced ring is never simplified for curves at less than this, pixels."""
_AREA_PRICE = 4.5
"""Characters that a square pixel is worth at a tolerance of one pixel."""
_STRIDES = (5, 25)
"""Lines are tried between all candidates near one another, and further between some of them."""
_EVEN_CANDIDATES = 6
"""Candidates that each ring has besides, evenly."""
_MAX_SMOOTH_ANGLE = 25.0
"""Curves that meet at no more than this angle, degrees, meet smoothly."""


def curves(edges: Edges, tolerance: float, *, steps: bool = False) -> list[Ring]:
    """A ring for each ring, nowhere further than ``tolerance`` from the points of ``edges``.

    Rings may touch or cross where they come closer than that to one another.

    Args:
        edges: What to follow.
        tolerance: Distance in pixels.
        steps: Whether the steps of slopes are followed, where that is closer or shorter, or left
            out.
    """
    kept, stops = _candidates(edges, tolerance)
    points = edges.exact if steps else edges.points
    candidates = candidate_knots(edges, points, kept, every=1 if tolerance < 1.5 else 2)
    fitting = Fitting(
        tolerance,
        edges.grid,
        steps_cost=0 if steps else STEPS_COST,
        unseen=UNSEEN_CLOSE if steps else UNSEEN,
    )
    fits = SegmentFits.joined(
        [
            *lines_between(candidates, np.arange(2 * len(kept)), fitting),
            *(
                fits
                for every in _STRIDES
                for fits in lines_between(candidates, np.arange(0, 2 * len(kept), every), fitting)
            ),
            *lines_between(candidates, stops, fitting),
            *curves_between(candidates, stops, fitting),
        ]
    )
    chains = cheapest(fits, candidates.starts, tolerance, _AREA_PRICE / tolerance**2)
    pieces = assembled(candidates, fits, chains)
    wanted = pieces.out.copy(), pieces.into.copy()
    _join(pieces)
    refine(pieces)
    _round(pieces, edges.grid)
    _hold(pieces, *wanted, tolerance)
    firsts = np.cumsum([0, *map(len, chains)])
    return [ring_of(pieces, a, b) for a, b in itertools.pairwise(firsts.tolist())]


def _candidates(edges: Edges, tolerance: float) -> tuple[Indices, Indices]:
    """Places that may be knots, and which of the stretches between them may begin a curve.

    They are the corners of the ring simplified along the pixels' edges, and along its slopes.
    """
    starts = edges.starts
    sizes = np.diff(starts)
    reaches = _LINE_TOLERANCE * tolerance, max(_CURVE_TOLERANCE * tolerance, _MIN_CURVE_TOLERANCE)
    found: list[list[Indices]] = [[], []]
    for places in (np.flatnonzero(~edges.middle), np.flatnonzero(edges.on_slopes())):
        bounds = np.searchsorted(places, starts)
        line = edges.knot_candidates[places]
        order, turning = turned(line, bounds)
        line = line[order]
        for each, reach in zip(found, reaches, strict=True):
            short = douglas_peucker(line, bounds, turning, np.full(len(sizes), reach))
            each.append(places[order[short]])
    ring, place = ranges(np.zeros_like(sizes), np.full_like(sizes, _EVEN_CANDIDATES))
    coarse = np.unique(
        np.concatenate([*found[1], starts[ring] + place * sizes[ring] // _EVEN_CANDIDATES])
    )
    kept = np.unique(np.concatenate([*found[0], coarse]))
    bounds = np.searchsorted(kept, starts)
    counts = np.diff(bounds)
    ring, local = ranges(np.zeros_like(counts), 2 * counts)
    twice = bounds[ring] + local % counts[ring]
    return kept, np.flatnonzero(np.isin(kept, coarse)[twice])


def assembled(candidates: CandidateKnots, fits: SegmentFits, chains: list[Indices]) -> FittedRings:
    """The chosen fits, every knot a corner."""
    sizes = np.array([len(chain) for chain in chains])
    begins = np.cumsum(sizes) - sizes
    following = np.arange(1, sizes.sum() + 1)
    following[begins + sizes - 1] = begins
    chosen = np.concatenate(chains)
    stretch, handles = fits.begins[chosen], fits.handles[chosen]
    first, last = candidates.firsts[stretch], candidates.firsts[stretch + fits.reaches[chosen]]
    piece, points = ranges(first, last - first)
    start = candidates.along[first] - candidates.weights[first] / 2
    extent = candidates.along[last - 1] + candidates.weights[last - 1] / 2 - start
    knots = candidates.knots[stretch]
    into = np.empty_like(knots)
    into[following] = handles[:, 1] - knots[following]
    return FittedRings(
        knots=knots,
        out=handles[:, 0] - knots,
        into=into,
        smooth=np.zeros(len(knots), dtype=np.bool_),
        following=following,
        curved=fits.curved[chosen],
        points=candidates.points[points],
        weights=candidates.weights[points],
        t=(candidates.along[points] - start[piece]) / extent[piece],
        heads=np.cumsum(last - first) - (last - first),
    )


def _join(pieces: FittedRings) -> None:
    """Make the knots smooth at which two curves go on in nearly the same direction."""
    lengths = np.linalg.norm(pieces.out, axis=1) * np.linalg.norm(pieces.into, axis=1)
    cosine = -(pieces.out * pieces.into).sum(axis=1)
    between = pieces.curved & pieces.curved[pieces.previous()]
    smooth = between & (lengths > 0) & (cosine >= np.cos(np.radians(_MAX_SMOOTH_ANGLE)) * lengths)
    mean = (pieces.out - pieces.into) / 2
    pieces.smooth = smooth
    pieces.out = np.where(smooth[:, None], mean, pieces.out)
    pieces.into = np.where(smooth[:, None], -mean, pieces.into)


def _round(pieces: FittedRings, grid: float) -> None:
    pieces.out = _rounded(pieces.out, grid)
    pieces.into = np.where(pieces.smooth[:, None], -pieces.out, _rounded(pieces.into, grid))


def _rounded(values: Points, grid: float) -> Points:
    # Halves, which symmetric rings have many of, must not hang on the last bit.
    made: Points = np.floor(values / grid + (0.5 - ROUNDING)) * grid
    return made


def _hold(pieces: FittedRings, out: Points, into: Points, tolerance: float) -> None:
    """Give curves that have come too far off the handles back that they had at first."""
    furthest = np.maximum.reduceat(pieces.distances(), pieces.heads)
    far = np.flatnonzero((furthest > tolerance + ROUNDING) & pieces.curved)
    ends = pieces.following[far]
    pieces.out[far] = _rounded(out[far], FINE)
    pieces.into[ends] = _rounded(into[ends], FINE)
    pieces.smooth[far] = pieces.smooth[ends] = False


def ring_of(pieces: FittedRings, first: int, end: int) -> Ring:
    """Some of the pieces, which are a ring."""
    curved: Flags = pieces.curved[first:end]
    if not curved.any() and end - first > 2:
        return Polygon(pieces.knots[first:end].astype(np.float32))
    # It begins behind a line, where there is one: what goes back to the start need not be written.
    last_line = end - first - 1 - int(np.argmin(curved[::-1])) if not curved.all() else -1
    segments: npt.NDArray[np.float64] = pieces.control()[first:end, 1:]
    return Bezier(np.roll(segments, -1 - last_line, axis=0).astype(np.float32))

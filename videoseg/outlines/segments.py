"""Stretches of rings as single lines or cubic curves.

A stretch costs what it takes as text, and its distance from the ring, so that of chains of equal
length the closest one can be taken (``shortest_path.py``). Curves are fitted by least squares with
their ends fixed, and points along the curve are assigned anew to those of the ring in between
(re-parametrisation by Newton's method).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Complex, Flags, Indices, Points, Values, ranges
from videoseg.outlines.cubics import as_complex, bernstein, curve_points, newton_step
from videoseg.outlines.subpixel_edges import Edges

RUN_LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)
"""How many stretches between stops one line may cover; a curve covers two at least."""
_LINE_PATIENCE = 2
"""A line is not tried where none of so many shorter ones fitted."""
_CURVE_PATIENCE = 1
"""A curve is not tried where none of so many shorter ones fitted."""
_ROUNDS = 1
"""Rounds of fitting and of assigning points anew."""
UNSEEN = 0.15
"""An outline may be off by about this, pixels, and no pixel's centre changes sides."""
UNSEEN_CLOSE = 0.22
"""Like ``UNSEEN``, for an outline that is to follow the pixels closely."""
STEPS_COST = 8.0
"""Characters that it is worth to leave a step of a slope out."""
SQUARED_WEIGHT = 0.13
"""Weight of squared distances, times the tolerance where that is above 1; keeps outlines in the
middle where pixels do not tell, and single places from running far off."""
_UNMIRRORED_SHARE = 0.5
"""Share of curves that need their first handle written, because no curve before mirrors it."""
_MAX_HANDLE = 1.2
"""Length of the longest handle, in lengths of the stretch."""
_MIN_POINTS = 3
"""Points that it takes to tell a curve from a line."""
_RIDGE = 1e-9
"""Keeps the least-squares problem of a curve solvable."""
ROUNDING = 1e-6
"""What differs by less than this counts as equal, so that the order of sums changes no outline."""


@dataclass(frozen=True, slots=True, eq=False)
class CandidateKnots:
    """Rings as points between their candidates for knots; each ring twice around.

    A stretch is what lies between one candidate and the next. Stretches of all rings are numbered
    through; those of a ring come twice, so that every run of them is contiguous.

    Attributes:
        points: float64 (Q, 2).
        weights: float64 (Q,), the length of ring that each stands for, pixels.
        along: float64 (Q,), length of ring up to each, rising.
        firsts: int64 (2 K + 1,), the first point of each stretch.
        starts: int64 (R + 1,), candidates of each ring; its stretches are from twice that.
        knots: float64 (2 K, 2), the candidate at which each stretch begins.
        on_step: bool (2 K,), whether that one is the first corner of a step, or its middle.
    """

    points: Points
    weights: Values
    along: Values
    firsts: Indices
    starts: Indices
    knots: Points
    on_step: Flags


def candidate_knots(edges: Edges, points: Points, kept: Indices, every: int) -> CandidateKnots:
    """Rings cut at candidates for knots.

    Args:
        edges: The rings.
        points: float64 (E, 2), those of its points that are to be followed.
        kept: Positions of the candidates among its places, each ring's first one with them.
        every: Only each so-manyth point is looked at.
    """
    total = np.concatenate([[0], np.cumsum(edges.counts)])
    bounds, first = total[edges.starts], total[kept]
    weight = _lengths(points, bounds)
    along = np.cumsum(weight) - weight / 2
    if every > 1:
        used = (np.arange(len(points)) - np.repeat(bounds[:-1], np.diff(bounds))) % every == 0
        used[first] = True
        chosen = np.flatnonzero(used)
        weight = np.add.reduceat(weight, chosen)
        points, along = points[chosen], along[chosen]
        first, bounds = np.searchsorted(chosen, first), np.searchsorted(chosen, bounds)
    numbers = np.diff(np.append(first, len(points)))

    ring_starts = np.searchsorted(kept, edges.starts)
    sizes = np.diff(ring_starts)
    ring, local = ranges(np.zeros_like(sizes), 2 * sizes)
    twice = ring_starts[ring] + local % sizes[ring]
    doubled, chosen = ranges(first[twice], numbers[twice])
    second_lap = np.repeat(local >= sizes[ring], numbers[twice])
    perimeter = np.add.reduceat(weight, bounds[:-1])
    return CandidateKnots(
        points=points[chosen],
        weights=weight[chosen],
        along=along[chosen] + second_lap * perimeter[ring][doubled],
        firsts=np.concatenate([[0], np.cumsum(numbers[twice])]),
        starts=ring_starts,
        knots=edges.knot_candidates[kept][twice],
        on_step=edges.on_step[kept][twice],
    )


def _lengths(points: Points, bounds: Indices) -> Values:
    """The length of ring that each point of closed rings stands for."""
    after = np.arange(1, len(points) + 1)
    after[bounds[1:] - 1] = bounds[:-1]
    forward = np.linalg.norm(points[after] - points, axis=1)
    backward = np.empty_like(forward)
    backward[after] = forward
    lengths: Values = (forward + backward) / 2
    return lengths


@dataclass(frozen=True, slots=True, eq=False)
class SegmentFits:
    """Runs of stretches, each as a line or a curve.

    Attributes:
        begins: int64 (S,), the first stretch of each.
        reaches: int64 (S,), how many stretches it covers.
        furthest: float64 (S,), greatest distance of the ring from it, pixels.
        area: float64 (S,), about the area between the two that shows in pixels.
        size: float64 (S,), about the characters that it takes as text.
        curved: bool (S,).
        handles: float64 (S, 2, 2), a curve's inner control points.
    """

    begins: Indices
    reaches: Indices
    furthest: Values
    area: Values
    size: Values
    curved: Flags
    handles: Points

    @classmethod
    def joined(cls, fits: Sequence[SegmentFits]) -> SegmentFits:
        """All in one."""
        names = [each.name for each in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(each, name) for each in fits]) for name in names))


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is asked of lines and curves.

    Attributes:
        tolerance: Distance from the ring up to which one is of use, pixels.
        grid: What coordinates are multiples of, pixels.
        steps_cost: Characters that a line along a step counts as more than it takes.
        unseen: Distance from the ring that does not count, pixels.
    """

    tolerance: float
    grid: float
    steps_cost: float
    unseen: float


def lines_between(
    candidates: CandidateKnots, stops: Indices, fitting: Fitting
) -> Iterator[SegmentFits]:
    """Lines from each stop to later ones, as far as they are of use.

    Args:
        candidates: The rings.
        stops: Stretches, ascending, at whose beginning a line may begin and end.
        fitting: What is asked of them.
    """
    yield from runs(candidates, stops, fitting, RUN_LENGTHS, _LINE_PATIENCE, _line_fits)


def curves_between(
    candidates: CandidateKnots, stops: Indices, fitting: Fitting
) -> Iterator[SegmentFits]:
    """Curves likewise."""
    yield from runs(candidates, stops, fitting, RUN_LENGTHS[1:], _CURVE_PATIENCE, _curve_fits)


def runs(
    candidates: CandidateKnots,
    stops: Indices,
    fitting: Fitting,
    reaches: Sequence[int],
    patience: int,
    fit: Callable[[StretchRuns, Fitting], SegmentFits],
) -> Iterator[SegmentFits]:
    """Fits of all runs; none from a stop where none of the next shorter ones fitted."""
    ring = np.searchsorted(2 * candidates.starts, stops, side="right") - 1
    sizes = np.diff(candidates.starts)[ring]
    at = np.flatnonzero(stops - 2 * candidates.starts[ring] < sizes)
    tries_left = np.full(len(at), patience)
    for reach in reaches:
        alive = (tries_left > 0) & (at + reach < len(stops))
        at, tries_left = at[alive], tries_left[alive]
        begins, ends = stops[at], stops[at + reach]
        alive = (ring[at] == ring[at + reach]) & (ends - begins < sizes[at])
        at, tries_left, begins, ends = at[alive], tries_left[alive], begins[alive], ends[alive]
        if not len(at):
            return
        fits = fit(StretchRuns(candidates, begins, ends), fitting)
        tries_left = np.where(
            fits.furthest <= fitting.tolerance + ROUNDING, patience, tries_left - 1
        )
        yield fits


@dataclass(frozen=True, eq=False)
class StretchRuns:
    """Runs of stretches with the points on each, which are gathered when they are asked for.

    Attributes:
        candidates: What stretches are of.
        begins: int64 (S,), the first stretch of each.
        ends: int64 (S,), the stretch after the last.
    """

    candidates: CandidateKnots
    begins: Indices
    ends: Indices

    @property
    def reaches(self) -> Indices:
        """How many stretches each covers."""
        return self.ends - self.begins

    @property
    def begin(self) -> Points:
        """The knot at the beginning of each, (S, 2)."""
        return self.candidates.knots[self.begins]

    @property
    def end(self) -> Points:
        """The knot at the end of each, (S, 2)."""
        return self.candidates.knots[self.ends]

    @property
    def on_step(self) -> Flags:
        """Whether each begins on a step and goes on along it."""
        return self.candidates.on_step[self.begins]

    @functools.cached_property
    def first(self) -> Indices:
        """The first point of each, in the candidates' points."""
        return self.candidates.firsts[self.begins]

    @functools.cached_property
    def last(self) -> Indices:
        """The point after the last."""
        return self.candidates.firsts[self.ends]

    @functools.cached_property
    def starts(self) -> Values:
        """Length of ring up to each."""
        first = self.first
        made: Values = self.candidates.along[first] - self.candidates.weights[first] / 2
        return made

    @functools.cached_property
    def extent(self) -> Values:
        """Length of each along the ring."""
        final = self.last - 1
        ends = self.candidates.along[final] + self.candidates.weights[final] / 2
        made: Values = ends - self.starts
        return made

    @functools.cached_property
    def _points(self) -> tuple[Indices, Indices]:
        return ranges(self.first, self.last - self.first)

    @property
    def heads(self) -> Indices:
        """The place of each one's first point among all, (S,)."""
        counts = self.last - self.first
        made: Indices = np.cumsum(counts) - counts
        return made

    @property
    def owner(self) -> Indices:
        """Which run each point is of, (N,)."""
        return self._points[0]

    @functools.cached_property
    def points(self) -> Complex:
        """Complex128 (N,), x + i y."""
        return as_complex(self.candidates.points)[self._points[1]]

    @functools.cached_property
    def weights(self) -> Values:
        """Of each point, (N,)."""
        return self.candidates.weights[self._points[1]]

    def shares(self) -> Values:
        """Share of its run's length up to each point, float64 (N,)."""
        along = self.candidates.along[self._points[1]]
        made: Values = (along - self.starts[self.owner]) / self.extent[self.owner]
        return made

    def errors(self, distances: Values, fitting: Fitting) -> tuple[Values, Values]:
        """Greatest of the points' distances, and the area that they make."""
        squared_weight = SQUARED_WEIGHT * max(1.0, fitting.tolerance)
        area = np.maximum(distances - fitting.unseen, 0) + squared_weight * distances * distances
        return (
            np.maximum.reduceat(distances, self.heads),
            np.add.reduceat(area * self.weights, self.heads),
        )


def _line_fits(run: StretchRuns, fitting: Fitting) -> SegmentFits:
    chord = run.end - run.begin
    length = np.maximum(np.linalg.norm(chord, axis=1), 1e-9)
    back = (as_complex(chord) / length).conj()
    along = (run.points - as_complex(run.begin)[run.owner]) * back[run.owner]
    across, ahead = along.imag, along.real
    beyond = np.maximum(np.maximum(-ahead, ahead - length[run.owner]), 0)
    furthest, area = run.errors(np.hypot(across, beyond), fitting)
    # A coordinate that does not change is left out, for a letter that may be one more.
    size = np.where(np.abs(chord) > 0, characters(chord, fitting.grid), 0.3).sum(axis=1)
    along_step = run.on_step & (length <= 1) & (np.abs(chord).min(axis=1) == 0)
    size += fitting.steps_cost * along_step
    handles = np.stack([run.begin, run.end], axis=1)
    curved = np.zeros(len(length), dtype=np.bool_)
    return SegmentFits(run.begins, run.reaches, furthest, area, size, curved, handles)


def _curve_fits(run: StretchRuns, fitting: Fitting) -> SegmentFits:
    t, points = run.shares(), run.points
    control = np.empty((4, len(t)), dtype=np.complex128)
    control[0], control[3] = as_complex(run.begin)[run.owner], as_complex(run.end)[run.owner]
    for _ in range(_ROUNDS):
        inner = _least_squares(run, t, points, control)
        control[1:3] = inner[:, run.owner]
        t = newton_step(t, control, points)
    furthest, area = run.errors(np.abs(curve_points(t, control) - points), fitting)
    handles = np.ascontiguousarray(inner.T).view(np.float64).reshape(-1, 2, 2)
    out, into = handles[:, 0] - run.begin, handles[:, 1] - run.end
    longest = np.maximum(np.linalg.norm(out, axis=1), np.linalg.norm(into, axis=1))
    few = np.diff(np.append(run.heads, len(t))) < _MIN_POINTS
    furthest[few | (longest > _MAX_HANDLE * run.extent)] = np.inf
    grid = fitting.grid
    size = characters(handles[:, 1] - run.begin, grid) + _UNMIRRORED_SHARE * characters(out, grid)
    size += characters(run.end - run.begin, grid)
    curved = np.ones(len(few), dtype=np.bool_)
    return SegmentFits(run.begins, run.reaches, furthest, area, size.sum(axis=1), curved, handles)


def characters(values: Values, grid: float) -> Values:
    """About how many characters numbers take in path data, with their sign or space.

    Args:
        values: float64.
        grid: What they are to be multiples of; where that is 1, they may be halves as well.
    """
    size = np.abs(values)
    digits = 1.0 + np.searchsorted(_DIGITS, size, side="right")
    if grid < 1:
        return np.asarray(digits + 1.8)
    halves = 2 * size
    odd = halves % 2 == 1
    made: Values = digits + (size < 1) + 2 * odd
    return made


_DIGITS = np.array([1, 10, 100, 1000])
"""A number takes one more digit from each of these on."""


def _least_squares(run: StretchRuns, t: Values, points: Complex, control: Complex) -> Complex:
    """The inner control points, complex (2, S), that bring curves closest to their points."""
    b0, b1, b2, b3 = bernstein(t)
    rest = points - b0 * control[0] - b3 * control[3]
    w1, w2 = run.weights * b1, run.weights * b2
    a, b, d = np.add.reduceat(np.stack([w1 * b1, w1 * b2, w2 * b2]), run.heads, axis=1)
    one, two = np.add.reduceat(np.stack([w1 * rest, w2 * rest]), run.heads, axis=1)
    a, d = a + _RIDGE, d + _RIDGE
    inner: Complex = np.stack([d * one - b * two, a * two - b * one]) / (a * d - b * b)
    return inner

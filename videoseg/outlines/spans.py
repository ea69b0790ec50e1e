"""Stretches of rings as single lines or cubic curves, and which of them to put together.

A ring is covered by the cheapest chain of lines and curves between candidates for knots, found by
dynamic programming over all of them (J.-C. Perez and E. Vidal, "Optimum polygonal approximation of
digitized curves", 1994, with curves beside the lines). A stretch costs what it takes as text, and
its squared distance from the ring, so that of chains alike in length the closest one is taken.
Curves are fitted by least squares with their ends fixed, and points along the curve are assigned
anew to those of the ring in between (re-parametrisation by Newton's method).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LINE_COST = 6.5
"""Characters that a line takes in path data, about."""
CURVE_COST = 15.5
"""Characters that a curve takes which goes on from one before it."""
_REACHES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
"""How many stretches between candidates one line or curve may cover."""
_ROUNDS = 2
"""Rounds of assigning points anew."""
_CLOSENESS = 0.6
"""Characters that a squared distance, of one tolerance over one pixel of ring, is worth."""
_LONGEST_HANDLE = 1.2
"""Length of the longest handle, in lengths of the stretch."""


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Rings as points at even steps between their candidates for knots; each ring twice around.

    A stretch is what lies between one candidate and the next. Stretches of all rings are numbered
    through; those of a ring come twice, so that every run of them is contiguous.

    Attributes:
        points: float64 (Q, 2).
        weights: float64 (Q,), the length of ring that each stands for, pixels.
        along: float64 (Q,), length of ring up to each, rising.
        firsts: int64 (2 K + 1,), the first point of each stretch.
        starts: int64 (R + 1,), candidates of each ring; its stretches are from twice that.
        knots: float64 (K, 2), candidates.
    """

    points: Points
    weights: Values
    along: Values
    firsts: Indices
    starts: Indices
    knots: Points

    def counts(self) -> Indices:
        """Number of candidates of each ring."""
        return np.diff(self.starts)


def ways(points: Points, starts: Indices, kept: Indices, step: float) -> Ways:
    """Points along rings, at most ``step`` apart.

    Args:
        points: float64 (P, 2), rings one after another.
        starts: int64 (R + 1,), where each starts.
        kept: Positions of the candidates, each ring's first point among them.
        step: Pixels.
    """
    after = np.arange(1, len(points) + 1)
    after[starts[1:] - 1] = starts[:-1]
    chords = np.linalg.norm(points[after] - points, axis=1)
    at = np.concatenate([[0.0], np.cumsum(chords)])
    lengths = np.diff(at[np.append(kept, len(points))])
    numbers = np.maximum(1, np.ceil(lengths / step)).astype(np.int64)
    stretch, place = ranges(np.zeros_like(numbers), numbers)
    share = place / numbers[stretch]
    wanted = at[kept][stretch] + share * lengths[stretch]
    # Each ring is closed before the next begins, so that a position between is never across.
    source = np.minimum(np.searchsorted(at, wanted, side="right") - 1, len(points) - 1)
    part = (wanted - at[source]) / np.maximum(chords[source], 1e-12)
    placed = points[source] + part[:, None] * (points[after[source]] - points[source])

    ring_starts = np.searchsorted(kept, starts)
    counts = np.diff(ring_starts)
    ring, local = ranges(np.zeros_like(counts), 2 * counts)
    twice = ring_starts[ring] + local % counts[ring]
    of_stretch = np.concatenate([[0], np.cumsum(numbers)])
    doubled, chosen = ranges(of_stretch[twice], numbers[twice])
    perimeter = np.diff(at[starts])
    lap = np.repeat(local >= counts[ring], numbers[twice])
    return Ways(
        points=placed[chosen],
        weights=(lengths / numbers)[twice][doubled],
        along=wanted[chosen] + lap * perimeter[ring][doubled],
        firsts=np.concatenate([[0], np.cumsum(numbers[twice])]),
        starts=ring_starts,
        knots=points[kept],
    )


def ranges(begins: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """The numbers ``begin`` to ``begin + count`` of each, and which range each belongs to.

    Returns:
        int64 (N,) numbers of ranges, and int64 (N,) the numbers in them.
    """
    which = np.repeat(np.arange(len(counts)), counts)
    offsets = begins - (np.cumsum(counts) - counts)
    return which, np.arange(len(which)) + offsets[which]


def basis(t: Values) -> tuple[Values, Values, Values, Values]:
    """Bernstein polynomials of degree 3."""
    u = 1 - t
    return u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t


def nearer(t: Values, control: Points, points: Points) -> Values:
    """Parameters moved towards the feet of points on their cubics, one step of Newton's method.

    Args:
        t: float64 (N,).
        control: float64 (N, 4, 2).
        points: float64 (N, 2).
    """
    u = (1 - t)[:, None]
    v = t[:, None]
    first, second, third = (control[:, k + 1] - control[:, k] for k in range(3))
    b0, b1, b2, b3 = basis(t)
    at = (
        b0[:, None] * control[:, 0]
        + b1[:, None] * control[:, 1]
        + b2[:, None] * control[:, 2]
        + b3[:, None] * control[:, 3]
    )
    slope = 3 * (u * u * first + 2 * u * v * second + v * v * third)
    bend = 6 * (u * (second - first) + v * (third - second))
    apart = at - points
    up = (apart * slope).sum(axis=1)
    squared = (slope * slope).sum(axis=1)
    down = squared + (apart * bend).sum(axis=1)
    # Where the curve bends away, the second term would lead off; then without it.
    down = np.where(down < 0.3 * squared, squared, down)
    return np.clip(t - up / np.maximum(down, 1e-9), 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Runs of stretches of one length, each as a line and as a curve.

    Attributes:
        reach: Stretches in each run.
        begins: int64 (S,), the first stretch of each, ascending.
        line: float64 (S, 2), greatest distance from the line, and squared distance summed up over
            the ring's length.
        curve: The same of the curve.
        handles: float64 (S, 2, 2), the curve's inner control points.
    """

    reach: int
    begins: Indices
    line: Values
    curve: Values
    handles: Points


def fit_spans(way: Ways, tolerance: float, *, lines_only: Flags) -> Iterator[Spans]:
    """All runs that may be worth taking, short ones first.

    A run is not looked at where neither of the two next shorter ones from its start fitted.

    Args:
        way: The rings.
        tolerance: Distance in pixels up to which a line or curve is of use.
        lines_only: bool (2 K,), stretches that no curve may cover.
    """
    counts = way.counts()
    ring, local = ranges(np.zeros_like(counts), counts)
    begins = 2 * way.starts[ring] + local
    room = counts[ring] - 1
    hopes = np.full(len(begins), 2)
    barred = np.concatenate([[0], np.cumsum(lines_only)])
    for reach in _REACHES:
        alive = (hopes > 0) & (room >= reach)
        begins, room, hopes = begins[alive], room[alive], hopes[alive]
        if not len(begins):
            return
        spans = _fit(way, begins, reach)
        spans.curve[barred[begins + reach] > barred[begins], 0] = np.inf
        fits = np.minimum(spans.line[:, 0], spans.curve[:, 0]) <= tolerance
        hopes = np.where(fits, 2, hopes - 1)
        yield spans


def _fit(way: Ways, begins: Indices, reach: int) -> Spans:
    first, last = way.firsts[begins], way.firsts[begins + reach]
    span, chosen = ranges(first, last - first)
    heads = np.cumsum(last - first) - (last - first)
    points, weights = way.points[chosen], way.weights[chosen]
    begin = way.points[first]
    # The end is the first point of the stretch after; a run never covers a whole ring.
    end = way.points[last]
    extent = way.along[last] - way.along[first]
    t = (way.along[chosen] - way.along[first][span]) / extent[span]

    chord = end - begin
    length = np.maximum(np.linalg.norm(chord, axis=1), 1e-9)
    apart = points - begin[span]
    across = (chord[:, 0] / length)[span] * apart[:, 1] - (chord[:, 1] / length)[span] * apart[:, 0]
    ahead = (apart * (chord / length[:, None])[span]).sum(axis=1)
    beyond = np.maximum(np.maximum(-ahead, ahead - length[span]), 0)
    line = _errors(across * across + beyond * beyond, weights, heads)

    handles = np.zeros((len(begins), 2, 2))
    control = np.empty((len(points), 4, 2))
    control[:, 0], control[:, 3] = begin[span], end[span]
    for number in range(_ROUNDS + 1):
        if number:
            control[:, 1:3] = handles[span]
            t = nearer(t, control, points)
        if number < _ROUNDS:
            handles = _least_squares(t, points, weights, control[:, 0], control[:, 3], heads)
    b0, b1, b2, b3 = basis(t)
    at = (
        b0[:, None] * control[:, 0]
        + b1[:, None] * control[:, 1]
        + b2[:, None] * control[:, 2]
        + b3[:, None] * control[:, 3]
    )
    curve = _errors(((at - points) ** 2).sum(axis=1), weights, heads)
    out = np.linalg.norm(handles[:, 0] - begin, axis=1)
    back = np.linalg.norm(handles[:, 1] - end, axis=1)
    curve[np.maximum(out, back) > _LONGEST_HANDLE * extent, 0] = np.inf
    return Spans(reach, begins, line, curve, handles)


def _errors(squared: Values, weights: Values, heads: Indices) -> Values:
    return np.stack(
        [
            np.sqrt(np.maximum.reduceat(squared, heads)),
            np.add.reduceat(squared * weights, heads),
        ],
        axis=1,
    )


def _least_squares(
    t: Values, points: Points, weights: Values, begin: Points, end: Points, heads: Indices
) -> Points:
    """The inner control points that bring curves closest to their points."""
    b0, b1, b2, b3 = basis(t)
    rest = points - (b0 + 0)[:, None] * begin - b3[:, None] * end
    w1, w2 = weights * b1, weights * b2
    sums = np.add.reduceat(
        np.column_stack([w1 * b1, w1 * b2, w2 * b2, w1[:, None] * rest, w2[:, None] * rest]),
        heads,
    )
    a, b, d = sums[:, 0] + 1e-9, sums[:, 1], sums[:, 2] + 1e-9
    determinant = np.maximum(a * d - b * b, 1e-12)[:, None]
    one, two = sums[:, 3:5], sums[:, 5:7]
    return np.stack(
        [
            (d[:, None] * one - b[:, None] * two) / determinant,
            (a[:, None] * two - b[:, None] * one) / determinant,
        ],
        axis=1,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """What covers a ring, in order.

    Attributes:
        stretches: int64 (S,), the first stretch of each piece.
        reaches: int64 (S,), how many stretches it covers.
        curved: bool (S,).
        handles: float64 (S, 2, 2), inner control points; of a line those on its thirds.
    """

    stretches: Indices
    reaches: Indices
    curved: Flags
    handles: Points


def cheapest(way: Ways, spans: list[Spans], tolerance: float, ring: int) -> Chain:
    """The cheapest way around one ring with nothing further off than ``tolerance``."""
    count = int(way.counts()[ring])
    base = 2 * int(way.starts[ring])
    steps = list(_steps(spans, tolerance, base, count))
    start = 0
    chosen: list[tuple[int, Spans, int, bool]] = []
    for _ in range(2):
        chosen = _shortest(steps, start, count)
        # What the first start forced is undone by beginning half-way around.
        start = chosen[len(chosen) // 2][0] % count
    stretches = np.array([base + begin % count for begin, *_ in chosen])
    reaches = np.array([each.reach for _, each, *_ in chosen])
    curved = np.array([is_curve for *_, is_curve in chosen])
    handles = np.array([each.handles[row] for _, each, row, _ in chosen])
    return Chain(stretches, reaches, curved, handles)


_Step = tuple[Spans, int, float, bool]


def _steps(
    spans: list[Spans], tolerance: float, base: int, count: int
) -> Iterator[list[_Step]]:
    """For each candidate the pieces that begin there."""
    found: list[list[_Step]] = [[] for _ in range(count)]
    scale = _CLOSENESS / tolerance**2
    for each in spans:
        low, high = np.searchsorted(each.begins, (base, base + count))
        rows = np.arange(low, high)
        line_cost = LINE_COST + scale * each.line[low:high, 1]
        curve_cost = CURVE_COST + scale * each.curve[low:high, 1]
        straight = each.line[low:high, 0] <= tolerance
        straight |= each.reach == 1
        bent = each.curve[low:high, 0] <= tolerance
        cost = np.minimum(
            np.where(straight, line_cost, np.inf), np.where(bent, curve_cost, np.inf)
        )
        is_curve = ~straight | (bent & (curve_cost < line_cost))
        good = np.isfinite(cost)
        for row, price, bends in zip(
            rows[good].tolist(), cost[good].tolist(), is_curve[good].tolist(), strict=True
        ):
            found[int(each.begins[row]) - base].append((each, row, price, bends))
    yield from found


def _shortest(
    steps: list[list[_Step]], start: int, count: int
) -> list[tuple[int, Spans, int, bool]]:
    best = [0.0] + [np.inf] * count
    came: list[tuple[int, Spans, int, bool] | None] = [None] * (count + 1)
    for at in range(count):
        so_far = best[at]
        for each, row, price, bends in steps[(start + at) % count]:
            to = at + each.reach
            if to <= count and so_far + price < best[to]:
                best[to] = so_far + price
                came[to] = (at, each, row, bends)
    chosen = []
    at = count
    while at > 0:
        step = came[at]
        assert step is not None
        chosen.append((start + step[0], *step[1:]))
        at = step[0]
    return chosen[::-1]

"""Curves of keyed shapes as uniform cubic B-splines, for programs that know no other kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from videoseg.geometry.arrays import Points, Values
from videoseg.outlines.cubics import bernstein
from videoseg.types import Knot

_FEWEST = 8
"""Control points at least."""
_MOST_SPACING = 24.0
"""Pixels between control points at first."""
_LEAST_SPACING = 2.0
"""Pixels between control points at last."""
_CLOSER = 0.75
"""What their distance is multiplied by while the spline is too far off."""
_KEYS_SEEN = 5
"""Keys that are looked at to place the points."""
_FINE = 24
"""Places on a segment of a curve where it is compared."""
_PERCENTILE = 95
"""Percentage of a curve that the tolerance holds for."""
_CHECKS = 64
"""Places between two control points where the spline is."""


def b_splines(keys: Iterable[Sequence[Knot]], tolerance: float) -> list[Points]:
    """Control points of a closed spline for each key, float64 (N, 2), as many on all.

    As knots do, control points that move on lines give the in-betweens of the curves.

    Args:
        keys: Knots of a closed curve on each key.
        tolerance: 95 % of a curve is no further from its spline, pixels; corners are rounded.
    """
    curves = [_segments(knots) for knots in keys]
    seen = np.unique(np.linspace(0, len(curves) - 1, _KEYS_SEEN).round().astype(np.int64))
    every = np.arange(len(curves[0]) * _FINE) / _FINE
    fine = [_places(curves[key], every) for key in seen.tolist()]
    # The same places of the outline on all keys, even on what the keys are together.
    mean = np.mean(fine, axis=0)
    way = np.linalg.norm(np.diff(mean, axis=0, append=mean[:1]), axis=1)
    passed = np.append(0, np.cumsum(way))
    ends = np.append(every, len(curves[0]))
    spacing = _MOST_SPACING
    while True:
        count = max(_FEWEST, math.ceil(passed[-1] / spacing))
        at = np.interp(np.arange(count) * passed[-1] / count, passed, ends)
        spacing *= _CLOSER
        if spacing < _LEAST_SPACING or all(
            _distance(points, _drawn(_through(_places(curves[key], at)))) <= tolerance
            for key, points in zip(seen.tolist(), fine, strict=True)
        ):
            return [_through(_places(curve, at)) for curve in curves]


def _distance(points: Points, drawn: Points) -> float:
    """How far all but a few points are from a closed polygon's corners."""
    from scipy.spatial import cKDTree

    return float(np.percentile(cKDTree(drawn).query(points)[0], _PERCENTILE))


def _segments(knots: Sequence[Knot]) -> Values:
    """Control points of cubic segments, float64 (S, 4, 2)."""
    rows = np.array(knots, dtype=np.float64)
    place, into, out = rows[:, :2], rows[:, 2:4], rows[:, 4:]
    ends = np.roll(place, -1, axis=0)
    return np.stack([place, place + out, ends + np.roll(into, -1, axis=0), ends], axis=1)


def _places(segments: Values, at: Values) -> Points:
    """Points of a closed curve, each by its segment's number and its parameter there."""
    segment = at.astype(np.int64) % len(segments)
    shares = np.stack(bernstein(at % 1))
    made: Points = np.einsum("kn,nkc->nc", shares, segments[segment])
    return made


def _through(points: Points) -> Points:
    """Control points of the closed spline that goes through points."""
    turns = 2 * np.pi * np.arange(len(points) // 2 + 1) / len(points)
    weights = (4 + 2 * np.cos(turns)) / 6
    made: Points = np.fft.irfft(
        np.fft.rfft(points, axis=0) / weights[:, None], n=len(points), axis=0
    )
    return made


def _drawn(control: Points) -> Points:
    """Points of the closed spline, ``_CHECKS`` from each control point on."""
    t = np.arange(_CHECKS) / _CHECKS
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    around = np.stack([np.roll(control, shift, axis=0) for shift in (1, 0, -1, -2)])
    made: Points = np.einsum("kt,knc->ntc", weights / 6, around).reshape(-1, 2)
    return made

"""One point of an outline followed through time: rings of a sequence with points that correspond.

Outlines of neighbouring frames start anywhere and have as many points as they like. Here the points
of one frame are moved to the next by the affine motion that fits the two rings best, matched to the
nearest place that runs the same way, and what the match leaves open along the ring (a straight edge
tells nothing about that) is made up by stretching evenly. So a corner stays a corner's point, and
what lies between two frames is the outline between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Points = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]

_SPACING = 0.7
"""Pixels between the places of a ring that points are matched to."""
_DIRECTION = 6.0
"""Pixels that a place is further away for each radian, about, that the ring runs differently."""
_ROUNDS = 5
"""Rounds of finding a motion; the first ones find a shift only, then turn and scale, then shear."""
_FAR = 3.0
"""A match this far away, pixels, counts half."""
_STIFFNESS = 4.0
"""Weight of even stretching against matches, one point against its neighbours."""
_RIDGE = 1e-6
_SQUEEZED = 0.1
"""Least share of its even stretch that is left between two points."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A closed ring to be matched to: places along it, evenly spaced.

    Attributes:
        places: float64 (M, 2).
        directions: float64 (M, 2), unit vectors along the ring.
        length: Of the ring, pixels.
        tree: Nearest places by position.
        directed: Nearest places by position and direction.
    """

    places: Points
    directions: Points
    length: float
    tree: cKDTree
    directed: cKDTree

    @classmethod
    def of(cls, ring: Points) -> Track:
        """Of a polygon, float64 (P, 2)."""
        from scipy.spatial import cKDTree

        length = float(_steps(ring).sum())
        count = max(12, round(length / _SPACING))
        places = at_lengths(ring, np.arange(count) * (length / count))
        directions = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
        directions /= np.maximum(np.linalg.norm(directions, axis=1), 1e-9)[:, None]
        directed = cKDTree(np.hstack([places, _DIRECTION * directions]))
        return cls(places, directions, length, cKDTree(places), directed)

    def nearest(self, points: Points, directions: Points) -> tuple[Values, npt.NDArray[np.int64]]:
        """Distance to, and number of, the nearest place that runs the same way."""
        _, found = self.directed.query(np.hstack([points, _DIRECTION * directions]))
        return np.linalg.norm(self.places[found] - points, axis=1), found


def evenly(ring: Points, count: int) -> Points:
    """So many points along a polygon, as far from one another, the first at its first corner."""
    length = float(_steps(ring).sum())
    return at_lengths(ring, np.arange(count) * (length / count))


def at_lengths(ring: Points, lengths: npt.NDArray[np.floating]) -> Points:
    """Points of a polygon at lengths along it from its first corner, around as often as needed."""
    closed = np.concatenate([ring, ring[:1]])
    along = np.concatenate([[0.0], np.cumsum(_steps(ring))])
    wanted = lengths % along[-1] if along[-1] > 0 else lengths * 0
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


def followed(rings: Sequence[Points], tracks: Sequence[Track], count: int) -> Points:
    """The same points on every ring of a sequence, float64 (F, count, 2).

    Args:
        rings: Polygons, float64 (P, 2) each, of frame after frame, wound alike.
        tracks: The same, to be matched to.
        count: Points wanted.
    """
    made = np.empty((len(rings), count, 2))
    made[0] = evenly(rings[0], count)
    for number in range(1, len(rings)):
        made[number] = _carried(made[number - 1], tracks[number])
    return made


def _carried(points: Points, track: Track) -> Points:
    """Points of one ring on the next."""
    moved = _moved(points, track)
    gaps = _steps(moved)
    length = max(float(gaps.sum()), 1e-9)
    # Where each would lie if the ring were stretched evenly, from an unknown start.
    even = (np.cumsum(gaps) - gaps) * (track.length / length)
    distance, found = track.nearest(moved, _along(moved))
    matched = found * (track.length / len(track.places))
    weight = 1 / (1 + (distance / _FAR) ** 2)
    turn = np.angle((weight * np.exp(2j * np.pi * (matched - even) / track.length)).sum())
    start = turn / (2 * np.pi) * track.length
    off = (matched - even - start + track.length / 2) % track.length - track.length / 2
    slack = _smoothed(off, weight)
    slack = _smoothed(off, weight / (1 + ((off - slack) / _FAR) ** 2))
    lengths = start + _rising(even + slack, _SQUEEZED * even)
    return at_lengths(track.places, lengths)


def _moved(points: Points, track: Track) -> Points:
    """Points after the affine motion that brings them closest to a ring."""
    centre = track.places.mean(axis=0)
    moved = points + centre - points.mean(axis=0)
    for number in range(_ROUNDS):
        distance, found = track.nearest(moved, _along(moved))
        scale = max(_FAR, 2 * float(np.median(distance)))
        weight = 1 / (1 + (distance / scale) ** 2)
        target = track.places[found]
        if number == 0:
            moved = moved + np.average(target - moved, axis=0, weights=weight)
        else:
            moved = _fitted(moved, target, weight, shear=number >= _ROUNDS // 2 + 1)
    return np.asarray(moved)


def _fitted(points: Points, target: Points, weight: Values, *, shear: bool) -> Points:
    """Points moved onto their targets, as well as a similar or an affine motion can."""
    mean, goal = (np.average(each, axis=0, weights=weight) for each in (points, target))
    x, y = points - mean, target - goal
    size = float((weight * (x * x).sum(axis=1)).sum()) + 1e-9
    if shear:
        moments = (x * weight[:, None]).T @ x + 1e-3 * size * np.eye(2)
        matrix = np.linalg.solve(moments, (x * weight[:, None]).T @ y + 1e-3 * size * np.eye(2))
        affine: Points = x @ matrix + goal
        return affine
    a = float((weight * (x * y).sum(axis=1)).sum()) / size
    b = float((weight * (x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0])).sum()) / size
    similar: Points = x @ np.array([[a, b], [-b, a]]) + goal
    return similar


def _smoothed(values: Values, weight: Values) -> Values:
    """Values around a ring, those of little weight drawn to their neighbours."""
    from scipy.linalg import solveh_banded

    count = len(values)
    banded = np.zeros((2, count))
    banded[0, 1:] = -_STIFFNESS
    banded[1] = weight + 2 * _STIFFNESS + _RIDGE
    # The ring is closed by a matrix of rank one (Sherman and Morrison).
    banded[1, [0, -1]] += _STIFFNESS
    tie = np.zeros(count)
    tie[[0, -1]] = 1
    open_ended, part = solveh_banded(banded, np.stack([weight * values, tie], axis=1)).T
    smooth: Values = open_ended + part * (
        _STIFFNESS * (tie @ open_ended) / (1 - _STIFFNESS * (tie @ part))
    )
    return smooth


def _rising(values: Values, least: Values) -> Values:
    """Values made to rise no slower than others do, and changed as little as that takes."""
    from scipy.optimize import isotonic_regression

    rising: Values = isotonic_regression(values - least).x
    return rising + least


def _along(points: Points) -> Points:
    directions = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    along: Points = directions / np.maximum(np.linalg.norm(directions, axis=1), 1e-9)[:, None]
    return along


def _steps(ring: Points) -> Values:
    """Length of each edge of a polygon."""
    steps: Values = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    return steps

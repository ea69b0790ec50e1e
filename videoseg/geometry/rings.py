"""What rings of straight and of curved edges have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.types import Bezier, Polygon, Ring

_MOST_CHORDS = 4096


def flatten(ring: Ring, *, error: float = 0.02) -> npt.NDArray[np.float64]:
    """Corner points of a ring, float64 (P, 2).

    Curves become chords at most ``error`` px away, but no more than 4096 each.
    """
    if isinstance(ring, Polygon):
        return ring.points.astype(np.float64)
    ends = ring.segments[:, 2:].astype(np.float64)
    cubic = np.concatenate([np.roll(ends, 1, axis=0), ring.segments.astype(np.float64)], axis=1)
    # n equal steps of t err by at most 6 d / (8 n^2), d the longest second difference of the
    # control points (Sederberg, "Computer Aided Geometric Design", 2012, section 10.6).
    bend = np.linalg.norm(np.diff(cubic, n=2, axis=1), axis=2).max(axis=1)
    straight = (cubic[:, 0] == cubic[:, 1]).all(axis=1) & (cubic[:, 2] == cubic[:, 3]).all(axis=1)
    bend[straight] = 0
    chords = np.clip(np.ceil(np.sqrt(0.75 * bend / error)), 1, _MOST_CHORDS).astype(np.int64)
    segment = np.repeat(np.arange(len(chords)), chords)
    step = np.arange(len(segment)) - np.repeat(np.cumsum(chords) - chords, chords) + 1
    t = (step / chords[segment])[:, None]
    p0, p1, p2, p3 = cubic[segment].transpose(1, 0, 2)
    points: npt.NDArray[np.float64] = (
        (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
    )
    return points


def signed_area(ring: Ring) -> float:
    """Area inside a ring in square pixels; positive where it runs clockwise on screen."""
    points = flatten(ring, error=0.001)
    x, y = (points - points[0]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def scaled(ring: Ring, x: float, y: float) -> Ring:
    """A ring with its coordinates multiplied by these factors, both positive."""
    factors = np.array([x, y], np.float32)
    if isinstance(ring, Polygon):
        return Polygon(ring.points * factors)
    return Bezier(ring.segments * factors)

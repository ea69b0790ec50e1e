"""What rings of straight and of curved edges have in common."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.types import Bezier, Polygon, Ring


def flatten(ring: Ring, *, error: float = 0.02) -> npt.NDArray[np.float64]:
    """Corner points of a ring, float64 (P, 2).

    Curves become chords at most ``error`` px away, but no more than 4096 each.
    """
    return ring.flattened(error)


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

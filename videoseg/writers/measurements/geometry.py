"""Size, place and form of an outline, exact for the outline as it is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.rings import flatten
from videoseg.types import Shape

_ERROR = 0.005
"""Pixels by which a chord may leave the curve that it stands for."""


@dataclass(frozen=True, slots=True)
class Measure:
    """An outline in numbers; lengths in units of a pixel's height, x stretched by its ``aspect``.

    Attributes:
        area: Inside the outer rings and outside the holes.
        perimeter: Of all rings, holes too.
        box: Least x, least y, greatest x, greatest y; frame pixels, not stretched.
        centroid: Centre of gravity of the area; frame pixels, not stretched.
        major_axis: Length of the ellipse that has the same second moments of area.
        minor_axis: Its width.
        orientation: Of its length, degrees in [0, 180) from the x axis, clockwise on screen.
    """

    area: float
    perimeter: float
    box: tuple[float, float, float, float]
    centroid: tuple[float, float]
    major_axis: float
    minor_axis: float
    orientation: float

    @property
    def diameter(self) -> float:
        """Diameter of the disc of the same area."""
        return 2 * math.sqrt(self.area / math.pi)


def measured(shape: Shape, aspect: float = 1.0) -> Measure | None:
    """Measure a shape; None where it has no area.

    Args:
        shape: The outline, in frame pixels.
        aspect: Width over height of a pixel.
    """
    rings = [
        (flatten(ring, error=_ERROR), hole)
        for part in shape.parts
        for hole, ring in ((False, part.outer), *((True, ring) for ring in part.holes))
    ]
    if not rings:
        return None
    corners = np.concatenate([points for points, _ in rings])
    low, high = corners.min(axis=0), corners.max(axis=0)
    # About the middle, for numbers that lose nothing when they are squared.
    origin, stretch = (low + high) / 2, np.array([aspect, 1.0])
    moments, perimeter = np.zeros(6), 0.0
    for corners, hole in rings:
        points = (corners - origin) * stretch
        found = _moments(points)
        # However a ring is wound, an outer one counts and a hole does not.
        moments += found * math.copysign(1, found[0]) * (-1 if hole else 1)
        perimeter += float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())
    area = float(moments[0])
    if area <= 0:
        return None
    x, y = moments[1:3] / area
    xx, xy, yy = moments[3:] / area - (x * x, x * y, y * y)
    major, minor, orientation = _ellipse(float(xx), float(xy), float(yy))
    return Measure(
        area=area,
        perimeter=perimeter,
        box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        centroid=(float(origin[0] + x / aspect), float(origin[1] + y)),
        major_axis=major,
        minor_axis=minor,
        orientation=orientation,
    )


def _moments(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Integrals of 1, x, y, xx, xy, yy inside a ring (P, 2), by Green's theorem.

    Their sign is that of the ring's winding.
    """
    (x, y), (u, v) = points.T, np.roll(points, -1, axis=0).T
    cross = x * v - u * y
    return np.array(
        [
            cross.sum() / 2,
            ((x + u) * cross).sum() / 6,
            ((y + v) * cross).sum() / 6,
            ((x * x + x * u + u * u) * cross).sum() / 12,
            ((2 * x * y + x * v + u * y + 2 * u * v) * cross).sum() / 24,
            ((y * y + y * v + v * v) * cross).sum() / 12,
        ]
    )


def _ellipse(xx: float, xy: float, yy: float) -> tuple[float, float, float]:
    """Length, width and direction of the ellipse with these central moments per area."""
    middle, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    # An ellipse with semi-axes a and b has the moments a^2 / 4 and b^2 / 4 along them.
    major, minor = (4 * math.sqrt(max(0.0, middle + sign * half)) for sign in (1, -1))
    return major, minor, math.degrees(math.atan2(2 * xy, xx - yy)) / 2 % 180

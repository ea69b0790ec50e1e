"""Cubic Bézier curves: points on them, and the nearest ones to given points.

Points are complex numbers x + i y here, since arithmetic on those is much faster.
"""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import Complex, Points, Values


def as_complex(points: Points) -> Complex:
    """Points (..., 2) as complex numbers x + i y (...)."""
    made: Complex = np.ascontiguousarray(points).view(np.complex128)[..., 0]
    return made


def bernstein(t: Values) -> tuple[Values, Values, Values, Values]:
    """Bernstein polynomials of degree 3."""
    u = 1 - t
    return u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t


def curve_points(t: Values, control: Complex) -> Complex:
    """Points of cubics, complex (N,), one for each parameter; control points complex (4, N)."""
    b0, b1, b2, b3 = bernstein(t)
    made: Complex = b0 * control[0] + b1 * control[1] + b2 * control[2] + b3 * control[3]
    return made


def newton_step(t: Values, control: Complex, points: Complex) -> Values:
    """Parameters moved towards the nearest points on cubics, by one step of Newton's method.

    Args:
        t: float64 (N,), in [0, 1].
        control: complex128 (4, N), the control points of each point's cubic.
        points: complex128 (N,).
    """
    u = 1 - t
    first, second, third = control[1:] - control[:-1]
    offset = curve_points(t, control) - points
    slope = 3 * (u * u * first + 2 * u * t * second + t * t * third)
    bend = 6 * (u * (second - first) + t * (third - second))
    squared = slope.real**2 + slope.imag**2
    down = squared + offset.real * bend.real + offset.imag * bend.imag
    # Where the curve bends away, the second term would lead off; then without it.
    down = np.where(down < 0.3 * squared, squared, down)
    up = offset.real * slope.real + offset.imag * slope.imag
    moved: Values = np.clip(t - up / np.maximum(down, 1e-9), 0, 1)
    return moved

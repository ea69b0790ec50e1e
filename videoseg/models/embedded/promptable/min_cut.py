"""The boundary of least energy between two sides of an image: a continuous minimum cut."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap

_STEP = np.float32(0.35)
"""Primal and dual step; their product must stay under 1/8."""


def min_cut(
    lab: FloatMap,
    unary: FloatMap,
    *,
    start: FloatMap,
    strength: float = 4.0,
    iterations: int = 60,
) -> FloatMap:
    """Minimise ``sum edge |grad u| - sum unary * u`` over ``u`` in [0, 1].

    The convex form of the two-label cut (Chan, Esedoglu and Nikolova, 2006): thresholding ``u``
    gives a minimiser of the cut itself. Solved with the primal-dual method of Chambolle and Pock
    (2011).

    Args:
        lab: float32 (h, w, 3), the image; the boundary is cheap across its edges.
        unary: float32 (h, w), log odds that a pixel lies inside.
        start: float32 (h, w), first guess of ``u``.
        strength: Cost of one pixel of boundary where the image is flat, in log odds.
        iterations: Steps of the solver.

    Returns:
        float32 (h, w), ``u``.
    """
    right, down = _edge_costs(lab, strength)
    inside = start.copy()
    ahead = start.copy()
    dual_x, dual_y = np.zeros_like(inside), np.zeros_like(inside)
    force = _STEP * unary
    divergence = np.empty_like(inside)
    for _ in range(iterations):
        dual_x[:, :-1] += _STEP * (ahead[:, 1:] - ahead[:, :-1])
        dual_y[:-1] += _STEP * (ahead[1:] - ahead[:-1])
        np.clip(dual_x, -right, right, out=dual_x)
        np.clip(dual_y, -down, down, out=dual_y)
        np.add(dual_x, dual_y, out=divergence)
        divergence[:, 1:] -= dual_x[:, :-1]
        divergence[1:] -= dual_y[:-1]
        divergence *= _STEP
        divergence += force
        divergence += inside
        np.clip(divergence, 0, 1, out=divergence)
        np.multiply(divergence, 2, out=ahead)
        ahead -= inside
        inside, divergence = divergence, inside
    return inside


def _edge_costs(lab: FloatMap, strength: float) -> tuple[FloatMap, FloatMap]:
    """Cost of a boundary between each pixel and its right and lower neighbour."""
    right = np.zeros(lab.shape[:2], dtype=np.float32)
    down = np.zeros(lab.shape[:2], dtype=np.float32)
    right[:, :-1] = ((lab[:, 1:] - lab[:, :-1]) ** 2).sum(axis=2)
    down[:-1] = ((lab[1:] - lab[:-1]) ** 2).sum(axis=2)
    typical = max(float(right.mean() + down.mean()), 1e-3)
    return (
        (strength * np.exp(-right / typical)).astype(np.float32),
        (strength * np.exp(-down / typical)).astype(np.float32),
    )

"""The cheapest way around a ring by lines and curves.

Dynamic programming over all candidates for knots finds it (J.-C. Perez and E. Vidal, "Optimum
polygonal approximation of digitized curves", 1994, with curves beside the lines).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from videoseg.geometry.arrays import Indices, Values
from videoseg.kernels.rings import shortest_kernel
from videoseg.outlines.segments import ROUNDING, SegmentFits


def cheapest(fits: SegmentFits, starts: Indices, tolerance: float, price: float) -> list[Indices]:
    """For each ring the fits, by number, that go around it at the least cost.

    Args:
        fits: What there is; lines over single stretches are taken however far off.
        starts: int64 (R + 1,), candidates of each ring.
        tolerance: How far off the others may be, pixels.
        price: Characters that a square pixel between outline and ring is worth.
    """
    cost = fits.size + price * fits.area
    useful = (fits.furthest <= tolerance + ROUNDING) | ((fits.reaches == 1) & ~fits.curved)
    order = np.flatnonzero(useful)
    order = order[np.argsort(fits.begins[order], kind="stable")]
    begins = fits.begins[order]
    bounds = np.searchsorted(begins, np.arange(2 * starts[-1] + 1))
    shortest = _search(bounds, fits.reaches[order], cost[order])
    found = []
    for base, count in zip((2 * starts[:-1]).tolist(), np.diff(starts).tolist(), strict=True):
        chosen = shortest(base, 0, count)
        if len(chosen) > 2:
            # What the first start forced is undone by beginning half-way around.
            start = int(begins[chosen[len(chosen) // 2]]) - base
            chosen = shortest(base, start, count)
        found.append(order[chosen])
    return found


def _search(
    bounds: Indices, reaches: Indices, costs: Values
) -> Callable[[int, int, int], Sequence[int] | Indices]:
    """What finds the cheapest way around a ring, from a start and over a count of stretches."""
    compiled = shortest_kernel()
    if compiled is not None:
        return partial(compiled, bounds, reaches, costs, ROUNDING)
    return partial(_shortest, bounds.tolist(), reaches.tolist(), costs.tolist())


def _shortest(
    bounds: list[int], reaches: list[int], costs: list[float], base: int, start: int, count: int
) -> list[int]:
    """The cheapest sequence of fits from a start once around the ring."""
    best = [0.0] + [math.inf] * count
    came = [-1] * (count + 1)
    for at in range(count):
        so_far = best[at]
        where = base + (start + at) % count
        for place in range(bounds[where], bounds[where + 1]):
            to = at + reaches[place]
            if to <= count and so_far + costs[place] < best[to] - ROUNDING:
                best[to] = so_far + costs[place]
                came[to] = place
    chosen = []
    while count > 0:
        chosen.append(came[count])
        count -= reaches[came[count]]
    return chosen[::-1]

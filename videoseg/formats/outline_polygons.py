"""Outlines as polygons of straight edges, for formats that know no curves, and some no holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from videoseg.geometry.arrays import Points
from videoseg.geometry.rings import flatten
from videoseg.types import TrackedInstance

DECIMALS = 2
"""Of a polygon's coordinates."""
_OFF = 0.1
"""Pixels that the lines of a polygon are off the curves of an outline, at most."""


def polygons_of(tracked: TrackedInstance) -> list[tuple[Points, list[Points]]]:
    """The outer ring of each part and its holes, which are wound the other way.

    Rings are (P, 2), x and y in pixels of the frame, not closed by repetition.
    A mask that is too small for an outline has its box.
    """
    parts = [
        (flatten(part.outer, error=_OFF), [flatten(hole, error=_OFF) for hole in part.holes])
        for part in tracked.shape.parts
    ]
    if parts:
        return parts
    x1, y1, x2, y2 = tracked.instance.mask.box
    return [(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64), [])]


def one_ring(rings: Sequence[Points]) -> Points:
    """Rings joined by pairs of edges that lie on each other, each about where two come closest.

    Filled, it is what the rings are together: those edges enclose nothing, and a hole stays one,
    being wound the other way.

    Args:
        rings: At least one.
    """
    joined, *others = rings
    for ring in others:
        leave = _nearest(joined, ring[0])
        enter = _nearest(ring, joined[leave])
        leave = _nearest(joined, ring[enter])
        turned = np.roll(ring, -enter, axis=0)
        joined = np.concatenate([joined[: leave + 1], turned, turned[:1], joined[leave:]])
    return joined


def _nearest(ring: Points, point: Points) -> int:
    """The place of the corner that is nearest to a point."""
    return int(np.argmin(((ring - point) ** 2).sum(axis=1)))


def flat(ring: Points) -> list[float]:
    """``x, y, x, y`` in hundredths of a pixel."""
    made: list[float] = np.round(ring, DECIMALS).ravel().tolist()
    return made


def pairs(ring: Points) -> list[Any]:
    """``[x, y], [x, y]`` in hundredths of a pixel."""
    made: list[Any] = np.round(ring, DECIMALS).tolist()
    return made

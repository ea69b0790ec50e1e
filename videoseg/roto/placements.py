"""The motion of a track as a whole, by few keys of shift, rotation and scale.

From frame to frame it is the similarity that brings points of the outlines closest which correspond
(P. Schönemann and R. Carroll, "Fitting one matrix to another under choice of a central dilation and
a rigid motion", 1970), those that move differently counting less. Keys follow it within a distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Complex, Indices, Points, Values
from videoseg.roto.interpolation import placement_between, turned
from videoseg.roto.layer_maps import LayerMaps
from videoseg.roto.piecewise_linear import fewest, fitted, hats
from videoseg.types import Placement

_ROUNDS = 8
"""Rounds of weighing points by how differently they move."""
_OUTLIER_DISTANCE = 2.0
"""A point counts half that moves this differently, pixels, or as most do."""
_MOST_SCALING = 1.5
"""Factor from a frame to the next beyond which a motion is taken for a shift alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How an object moves as a whole over consecutive frames.

    Attributes:
        frames: Indices of the frames.
        centres: float64 (F, 2), where the middle of the object on the first comes to, pixels.
        rotations: float64 (F,), degrees since the first, clockwise on screen.
        scales: float64 (F,), factor since the first.
        radius: Distance of its boundary from the middle, pixels.
    """

    frames: Sequence[int]
    centres: Points
    rotations: Values
    scales: Values
    radius: float

    def placements(self, pivot: Points, tolerance: float) -> dict[int, Placement]:
        """The motion by keys of placements on a layer.

        Args:
            pivot: float64 (2,), the point of the layer at which the object's middle is.
            tolerance: The boundary is no further off on any frame, on average, pixels.
        """
        values = np.column_stack([self.centres - pivot, self.rotations, self.scales])
        pixels = np.array([1, 1, np.deg2rad(self.radius), self.radius])
        times = np.asarray(self.frames, dtype=np.float64)

        def enough(keys: Indices, _: int) -> bool:
            shares = hats(times, keys)
            off = (shares @ fitted(shares, values) - values) * pixels
            return bool(np.linalg.norm(off, axis=1).max() <= tolerance)

        keys = fewest(len(times), np.array([], np.int64), enough)
        found = fitted(hats(times, keys), values)
        found[:, 3] = np.maximum(found[:, 3], self.scales.min() / 2)
        return {
            self.frames[key]: Placement(*row)
            for key, row in zip(keys.tolist(), found.tolist(), strict=True)
        }


@dataclass(frozen=True, slots=True, eq=False)
class LayerMotion:
    """Placements of a layer, for outlines that are to be brought into its coordinates.

    Attributes:
        pivot: The layer's.
        placements: By frame index, ascending; not empty.
    """

    pivot: tuple[float, float]
    placements: Mapping[int, Placement]

    def maps(self, frames: Sequence[int]) -> LayerMaps:
        """Where the layer's points are on some frames."""
        found = [placement_between(self.placements, frame) for frame in frames]
        turns = np.array([turned(placement) for placement in found])
        moves = np.array([placement[:2] for placement in found])
        return LayerMaps(turns, moves + self.pivot - turns @ np.array(self.pivot))


def motion_of(frames: Sequence[int], steps: Sequence[tuple[Points, Points]]) -> Motion:
    """The motion over consecutive frames.

    Args:
        frames: Their indices.
        steps: For each frame but the last, points of the outlines there, float64 (N, 2), and the
            same points on the next; as many along each pixel of outline.
    """
    first = _complex(steps[0][0])
    centre = first.mean()
    radius = float(np.sqrt((np.abs(first - centre) ** 2).mean()))
    factor, angle, place = 1.0, 0.0, centre
    rows = [(centre, angle, factor)]
    for before, after in steps:
        turn, shift = _similarity(_complex(before), _complex(after))
        place = turn * place + shift
        angle += float(np.angle(turn))
        factor *= float(np.abs(turn))
        rows.append((place, angle, factor))
    places = np.array([row[0] for row in rows])
    return Motion(
        frames=frames,
        centres=np.column_stack([places.real, places.imag]),
        rotations=np.rad2deg([row[1] for row in rows]),
        scales=np.array([row[2] for row in rows]),
        radius=radius,
    )


def _similarity(points: Complex, target: Complex) -> tuple[complex, complex]:
    """Factor and shift of complex numbers that bring points closest to where they come to."""
    weight = np.ones(len(points))
    turn, shift = 1 + 0j, 0j
    for _ in range(_ROUNDS):
        middle, other = (np.average(each, weights=weight) for each in (points, target))
        own = points - middle
        spread = (weight * np.abs(own) ** 2).sum()
        turn = complex((weight * np.conj(own) * (target - other)).sum() / max(spread, 1e-9))
        if not 1 / _MOST_SCALING <= abs(turn) <= _MOST_SCALING:
            turn = 1 + 0j
        shift = complex(other - turn * middle)
        off = np.abs(target - turn * points - shift)
        weight = 1 / (1 + (off / max(_OUTLIER_DISTANCE, float(np.median(off)))) ** 2)
    return turn, shift


def _complex(points: Points) -> Complex:
    return np.asarray(points[:, 0] + 1j * points[:, 1])

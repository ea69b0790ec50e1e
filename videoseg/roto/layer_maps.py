"""Points of frames in the coordinates of a layer that moves, and back."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Points


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """Where points of a layer are on each of some frames.

    Attributes:
        turns: float64 (F, 2, 2), matrices that points of the layer are multiplied by.
        shifts: float64 (F, 2), what is added then.
        moves: Whether any of them changes a point.
    """

    turns: Points
    shifts: Points
    moves: bool = True

    @classmethod
    def still(cls, frames: int) -> LayerMaps:
        """Of a layer that lies on so many frames as it is."""
        return cls(np.tile(np.eye(2), (frames, 1, 1)), np.zeros((frames, 2)), moves=False)

    def part(self, first: int, after: int) -> LayerMaps:
        """Those from one frame on, before another."""
        return LayerMaps(self.turns[first:after], self.shifts[first:after], self.moves)

    @functools.cached_property
    def _back(self) -> Points:
        return np.asarray(np.linalg.inv(self.turns), dtype=np.float64)

    def onto_frame(self, frame: int, points: Points) -> Points:
        """Points, float64 (N, 2), of the layer as they are on a frame."""
        if not self.moves:
            return points
        made: Points = points @ self.turns[frame].T + self.shifts[frame]
        return made

    def into_layer(self, frame: int, points: Points) -> Points:
        """Points, float64 (N, 2), of a frame in the layer's coordinates."""
        if not self.moves:
            return points
        made: Points = (points - self.shifts[frame]) @ self._back[frame].T
        return made

"""Keyed shapes held against the outlines they were made of, and made closer where they differ.

A distance says little of what is small: half a pixel around ten is a tenth of them. So what shapes
show is drawn, and frames on which its IoU with the run's mask may be too small get less tolerance,
at last none: there the shape is the outline. Since what is missing to an IoU of 1 is a distance (M.
Levandowsky and D. Winter, "Distance between sets", 1971), it is enough to know it of shape and
outline, and of outline and mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import Values
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.roto.correspondence import TargetRing
from videoseg.roto.interpolation import RingOnFrame, mask_on, shapes_on
from videoseg.roto.knotted_rings import PERCENTILE
from videoseg.roto.placements import LayerMotion
from videoseg.roto.ring_tracks import RingTrack
from videoseg.roto.tolerance import Tolerance
from videoseg.types import Mask, RotoLayer, RotoShape, Shape

_CLOSEST = 0.002
"""What may be missing to an IoU of 1 where the outline itself leaves no more."""


@dataclass(slots=True, eq=False)
class GroupKeys:
    """Keys of the rings of a track over a span, by one motion of its layer.

    Attributes:
        stream: Name of the stream.
        group: The outer rings.
        motion: Of the layer, or None where it lies on the frame as it is.
    """

    stream: str
    group: Sequence[RingTrack]
    motion: LayerMotion | None = None
    _made: dict[int, tuple[Values, list[RotoShape]]] = field(default_factory=dict)
    _outlines: dict[int, tuple[list[TargetRing], Mask | None]] = field(default_factory=dict)

    def shapes(self, tolerance: Tolerance) -> list[RotoShape]:
        """The shapes; a hole after its part.

        Args:
            tolerance: How far they may be off.
        """
        found: list[RotoShape] = []
        for outer in self.group:
            for ring in (outer, *outer.holes):
                bounds = tolerance.on([frame for frame, _ in ring.scenes])
                known = self._made.get(id(ring))
                if known is None or (known[0] != bounds).any():
                    shapes = list(ring.shapes(self.stream, tolerance, self.motion))
                    known = self._made[id(ring)] = bounds, shapes
                found += known[1]
        return found

    def agreeing_shapes(self, pixels: float) -> list[RotoShape]:
        """The shapes, close enough to the masks on every frame on which the outlines are.

        Args:
            pixels: 95 % of the boundary is no further off.
        """
        tolerance = Tolerance(pixels)
        while True:
            shapes = self.shapes(tolerance)
            apart = self._apart(shapes, tolerance)
            if not apart:
                return shapes
            tolerance = tolerance.tighter(apart)

    def _apart(self, shapes: Sequence[RotoShape], tolerance: Tolerance) -> list[int]:
        """Frames on which shapes are too far from outlines or masks, and might be closer."""
        layer = RotoLayer(self.stream, 0, "", tuple(shapes))
        if self.motion:
            layer = replace(layer, pivot=self.motion.pivot, placements=self.motion.placements)
        missing = {frame: lost for each in self.group for frame, lost in each.missing.items()}
        found = []
        for frame, lost in missing.items():
            left = tolerance.missing_iou - lost
            most = max(left, _CLOSEST) if left > 0 else tolerance.missing_iou
            if not tolerance.exact(frame) and not self._agrees(layer, frame, tolerance, most):
                found.append(frame)
        return found

    def _agrees(self, layer: RotoLayer, frame: int, tolerance: Tolerance, most: float) -> bool:
        """Whether a layer shows the outline on a frame.

        Args:
            layer: The layer.
            frame: Index of the frame.
            tolerance: How far the boundary may be off.
            most: What may be missing to an IoU of 1.
        """
        mask = self.group[0].tracked.instance.mask
        size = mask.frame_width, mask.frame_height
        if frame not in self._outlines:
            parts = [each.part(frame) for each in self.group if each.spans(frame)]
            targets = [
                TargetRing.of(flatten(ring)) for part in parts for ring in (part.outer, *part.holes)
            ]
            self._outlines[frame] = targets, rasterise(Shape(tuple(parts)), *size)
        targets, outline = self._outlines[frame]
        drawn = mask_on(layer, frame, *size)
        if outline is None or drawn is None:
            return outline is drawn
        if 1 - masks.iou(outline, drawn) > most:
            return False
        return _boundary_distance(targets, shapes_on(layer, frame)) <= tolerance.pixels


def _boundary_distance(real: Sequence[TargetRing], rings: Sequence[RingOnFrame]) -> float:
    """How far nearly all of two boundaries is from the other, pixels."""
    drawn = [TargetRing.of(ring.points) for ring in rings]
    apart = [
        np.min([other.distances(one.places) for other in others], axis=0)
        for ones, others in ((real, drawn), (drawn, real))
        for one in ones
    ]
    return float(np.percentile(np.concatenate(apart), PERCENTILE))

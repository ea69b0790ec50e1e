"""Keyed shapes held against the outlines they were made of, and made closer where they differ.

A distance says little of what is small: half a pixel around ten is a tenth of them. So what shapes
show is drawn, and frames on which its IoU with the run's mask may be too small get less tolerance,
at last none: there the shape is the outline. Since what is missing to an IoU of 1 is a distance (M.
Levandowsky and D. Winter, "Distance between sets", 1971), it is enough to know it of shape and
outline, and of outline and mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import Values
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.roto.interpolation import RingOnFrame, mask_on, shapes_on
from videoseg.roto.knotted_rings import PERCENTILE
from videoseg.roto.placements import LayerMotion
from videoseg.roto.ring_tracks import RingTrack
from videoseg.roto.target_ring import TargetRing
from videoseg.roto.tolerance import Tolerance
from videoseg.types import Mask, RotoLayer, RotoShape, Shape

_CLOSEST = 0.002
"""What may be missing to an IoU of 1 where the outline itself leaves no more."""
_SPARE = 0.9
"""Share of the tolerance that seems enough that is tried next."""


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
    _made: dict[int, tuple[Values, list[list[RotoShape]]]] = field(default_factory=dict)
    _outlines: dict[int, tuple[list[TargetRing], Mask | None]] = field(default_factory=dict)

    def parts(self, tolerance: Tolerance) -> list[list[RotoShape]]:
        """The shapes of each part over each of its spans, one that is added and then its holes.

        Args:
            tolerance: How far they may be off.
        """
        found: list[list[RotoShape]] = []
        for place, outer in enumerate(self.group):
            bounds = tolerance.on([frame for frame, _ in outer.scenes])
            known = self._made.get(place)
            if known is None or (known[0] != bounds).any():
                parts = [
                    [
                        shape
                        for ring in (part, *part.holes)
                        for shape in ring.shapes(self.stream, tolerance, self.motion)
                    ]
                    for part in outer.divided(tolerance)
                ]
                known = self._made[place] = bounds, parts
            found += known[1]
        return found

    @property
    def missing(self) -> Mapping[int, float]:
        """By frame, what outlines miss of their masks, to an IoU of 1."""
        return {frame: lost for each in self.group for frame, lost in each.missing.items()}

    def agreeing_parts(self, pixels: float) -> list[list[RotoShape]]:
        """The shapes of each part, as close to the masks on every frame as they should be.

        Args:
            pixels: 95 % of the boundary is no further off.
        """
        tolerance = Tolerance(pixels)
        while True:
            parts = self.parts(tolerance)
            apart = self._apart([shape for part in parts for shape in part], tolerance)
            if not apart:
                return parts
            tolerance = tolerance.tighter(apart)

    def _apart(self, shapes: Sequence[RotoShape], tolerance: Tolerance) -> dict[int, float]:
        """Frames on which shapes are too far off, and might be closer, and how much closer."""
        layer = RotoLayer(self.stream, 0, "", tuple(shapes))
        if self.motion:
            layer = replace(layer, pivot=self.motion.pivot, placements=self.motion.placements)
        found = {}
        for frame, lost in self.missing.items():
            if not tolerance.exact(frame):
                left = tolerance.missing_iou - lost
                most = max(left, _CLOSEST) if left > 0 else tolerance.missing_iou
                missing, distance = self._compare(layer, frame)
                closer = min(most / max(missing, 1e-9), tolerance.pixels / max(distance, 1e-9))
                if closer < 1:
                    found[frame] = _SPARE * closer
        return found

    def _compare(self, layer: RotoLayer, frame: int) -> tuple[float, float]:
        """What is missing to an IoU of 1 of a layer with the outline, and their distance."""
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
            return float(outline is not drawn), 0.0
        return 1 - masks.iou(outline, drawn), _boundary_distance(targets, shapes_on(layer, frame))


def _boundary_distance(real: Sequence[TargetRing], rings: Sequence[RingOnFrame]) -> float:
    """How far nearly all of two boundaries is from the other, pixels."""
    drawn = [TargetRing.of(ring.points) for ring in rings]
    apart = [
        np.min([other.distances(one.places) for other in others], axis=0)
        for ones, others in ((real, drawn), (drawn, real))
        for one in ones
    ]
    return float(np.percentile(np.concatenate(apart), PERCENTILE))

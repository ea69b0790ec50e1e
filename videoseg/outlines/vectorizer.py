"""The step after the tracker: masks and ids go in, and every mask gets the outline to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.outlines.vectorize import outlines_of
from videoseg.types import Instance, Scene, Shape


@dataclass(frozen=True)
class Vectorizer:
    """How masks become outlines: the table ``[outlines]``."""

    tolerance: Annotated[
        float,
        Ge(0),
        Doc(
            "how far an outline may run from its mask's edge, pixels from 0; curves below 0.5 are "
            "few and smooth and follow the edge between the pixels, at 0 outlines follow pixels"
        ),
    ] = 0.5
    curves: Annotated[
        bool, Doc("outlines of curves: half the points, and many times the time of polygons")
    ] = False

    def vectorized(self, scene: Scene) -> Scene:
        """A tracker's Scene with the shape of each of its instances."""
        shapes = self.shapes([tracked.instance for tracked in scene.instances])
        drawn = zip(scene.instances, shapes, strict=True)
        return replace(
            scene, instances=tuple(replace(tracked, shape=shape) for tracked, shape in drawn)
        )

    def shapes(self, instances: Sequence[Instance]) -> Iterator[Shape]:
        """What to draw of each instance: the model's own outline, or that of the mask."""
        bare = [instance.mask for instance in instances if instance.outline is None]
        made = iter(outlines_of(bare, tolerance=self.tolerance, curves=self.curves))
        return (instance.outline or next(made) for instance in instances)

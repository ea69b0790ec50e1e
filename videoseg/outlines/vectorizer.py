"""The step after the tracker: masks and ids go in, and every mask gets the outline to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.outlines.vectorize import outlines_of
from videoseg.types import Instance, Mask, Scene, Shape

Outlining: TypeAlias = Callable[[Sequence[Mask]], Sequence[Shape]]
"""Gives the outline of each mask."""


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

    def vectorized(self, scene: Scene, outlining: Outlining | None = None) -> Scene:
        """A tracker's Scene with the shape of each of its instances.

        ``outlining`` does what ``outlines`` does, somewhere else.
        """
        shapes = self.shapes([tracked.instance for tracked in scene.instances], outlining)
        drawn = zip(scene.instances, shapes, strict=True)
        return replace(
            scene, instances=tuple(replace(tracked, shape=shape) for tracked, shape in drawn)
        )

    def shapes(
        self, instances: Sequence[Instance], outlining: Outlining | None = None
    ) -> Iterator[Shape]:
        """What to draw of each instance: the model's own outline, or that of the mask."""
        bare = [instance.mask for instance in instances if instance.outline is None]
        made = iter((outlining or self.outlines)(bare))
        return (instance.outline or next(made) for instance in instances)

    def outlines(self, masks: Sequence[Mask]) -> list[Shape]:
        """The outline of each mask, as the settings have it."""
        return outlines_of(masks, tolerance=self.tolerance, curves=self.curves)

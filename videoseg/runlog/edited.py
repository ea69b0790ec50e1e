"""Scenes and findings of a run as its edits make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from videoseg.runlog.edits import Operation, Outline, Rename, apply, with_shapes
from videoseg.runlog.findings import Finding
from videoseg.types import Instance, Mask, Scene, Shape, TrackedInstance


@dataclass(frozen=True, slots=True)
class Edited:
    """What is shown of a Scene as it was tracked.

    Attributes:
        operations: What was corrected, in its order.
        outline: Makes the outline of a changed mask.
    """

    operations: Sequence[Operation]
    outline: Callable[[Instance], Shape]

    @property
    def labels(self) -> Sequence[str]:
        """Those that tracks were given, in the order in which they were."""
        return [each.label for each in self.operations if isinstance(each, Rename)]

    def __call__(self, scene: Scene) -> Scene:
        """A Scene with all corrections."""
        return with_shapes(apply(scene, self.operations), self.outline)

    def findings(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """What is still to be looked at again, with the ids and labels that tracks have now."""
        named = [each for each in self.operations if not isinstance(each, Outline)]
        for finding in found:
            if finding.track is None or finding.frame is None:
                yield finding
                continue
            scene = _sighting(finding.track, finding)
            for now in apply(scene, named).without_hidden().instances:
                yield replace(
                    finding, track=now.track_id, label=now.label, prompt=now.instance.prompt
                )


def _sighting(track: int, finding: Finding) -> Scene:
    """A Scene of one track at the frame of a finding, without its pixels."""
    instance = Instance(Mask(0, 0, 1, 1, np.ones((1, 1), np.bool_)), 1.0, finding.prompt)
    tracked = TrackedInstance(track, instance, Shape(()), finding.label)
    return Scene(finding.stream or "", finding.frame or 0, 0, Fraction(1), instances=(tracked,))

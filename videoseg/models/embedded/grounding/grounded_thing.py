"""What a phrase is grounded in: one thing of a frame, or things that touch as one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.relations import fitted, touch


@dataclass(frozen=True, slots=True, eq=False)
class GroundedThing:
    """One thing that the phrase means.

    Attributes:
        cells: bool (rows, columns) over the whole frame, where it was found.
        evidence: Log-odds over the whole frame for this thing against everything else; None where
            the detector found it.
        presence: Probability that it is what the phrase names.
        whole: It is all there is of something without a shape of its own: sky, grass.
        seen: What the detector found, or None.
        parts: Things that touch and are one object together, or none.
    """

    cells: npt.NDArray[np.bool_]
    evidence: FloatMap | None
    presence: float
    whole: bool = False
    seen: Region | None = None
    parts: tuple[GroundedThing, ...] = ()


def touching_as_one(found: list[GroundedThing]) -> list[GroundedThing]:
    """Things that touch, as one object each."""
    groups: list[list[GroundedThing]] = []
    for item in found:
        near = [group for group in groups if any(touch(item.cells, o.cells) for o in group)]
        groups = [group for group in groups if group not in near]
        groups.append([item, *(other for group in near for other in group)])
    return [_union(group) for group in groups]


def _union(group: list[GroundedThing]) -> GroundedThing:
    if len(group) == 1:
        return group[0]
    cells = np.logical_or.reduce([fitted(item.cells, group[0].cells.shape) for item in group])
    likely = min(item.presence for item in group)
    maps = [item.evidence for item in group if item.evidence is not None]
    if len(maps) < len(group) or len({each.shape for each in maps}) > 1:
        return GroundedThing(cells, None, likely, parts=tuple(group))
    whole = all(item.whole for item in group)
    return GroundedThing(cells, np.maximum.reduce(maps), likely, whole)

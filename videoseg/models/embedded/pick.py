"""Which of several things, or of several extents of one, a setting says is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from videoseg.geometry import masks
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask

Choice: TypeAlias = Literal[
    "all",
    "largest",
    "smallest",
    "left",
    "right",
    "top",
    "bottom",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "part",
    "whole",
]
"""``all`` and ``part`` to ``whole`` leave phrases alone; a number counts from the left."""
CHOICES: tuple[str, ...] = get_args(Choice)
"""All of them, as they are written."""


def picked(found: Sequence[ScoredMask], choice: Choice) -> list[ScoredMask]:
    """The one of several things that is meant, as a list of at most one, or all of them."""
    if choice in ("all", "part", "whole"):
        return list(found)
    if choice in ("largest", "smallest"):
        by_area = sorted(found, key=lambda item: masks.area(item.mask))
        return by_area[-1:] if choice == "largest" else by_area[:1]
    if choice in ("top", "bottom"):
        down = sorted(found, key=lambda item: _middle(item)[1])
        return down[:1] if choice == "top" else down[-1:]
    across = sorted(found, key=lambda item: _middle(item)[0])
    if choice in ("left", "right"):
        return across[:1] if choice == "left" else across[-1:]
    number = int(choice)
    return across[number - 1 : number]


def _middle(item: ScoredMask) -> tuple[float, float]:
    x1, y1, x2, y2 = masks.bounding_box(item.mask)
    return (x1 + x2) / 2, (y1 + y2) / 2

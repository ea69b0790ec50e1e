"""Chooses among things of one kind: false alarms, sizes, and which of several is meant."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.similarity import CellSimilarity
from videoseg.models.embedded.language.query import Pick, Things

_MIN_COLOURED = 0.08
"""A thing has a colour where more than this share of its cells has it: a red car has windows."""
_MIN_COLOURED_AS = {"white": 0.15, "brown": 0.3, "black": 0.3, "grey": 0.3}
"""The same for colours that shadows and highlights have, too.

On training photographs, of 40 colours that captions give to things and of 279 that they do not,
these shares find: white 10 of 12 and 1 of 17; brown, black and grey 3 of 8 and 23 of 79; the other
colours 12 of 20 and 4 of 183.
"""
_BESIDE_MOST = 0.5
"""Of several things, those have a colour that have more than this part of the highest share."""
_LARGE_SHARE = 0.5
"""A large thing has more than this share of the largest one's area."""
_SMALL_SHARE = 0.5
"""A small thing has less than this share of the largest one's area."""
_FALSE_ALARM_ODDS = 2.0
"""A small thing whose log-odds are this far below those of the surest one is a false alarm."""
_FALSE_ALARM_AREA = 0.15
"""Only things up to this share of the surest one's area can be false alarms."""
_SURE_ODDS = -0.3
"""A thing of higher log-odds than this counts without looking like the surest one."""
_MIN_SIMILARITY = 0.5
"""A thing of a higher cosine similarity to the surest one need not be sure by itself."""


def without_false_alarms(kept: list[Region], appearance: CellSimilarity) -> list[Region]:
    """The surest of them, which comes first, and those that are sure or similar to it."""
    if len(kept) < 2:
        return kept
    first, clear = kept[0], kept[:1]
    for item in kept[1:]:
        scrap = (
            item.strength <= first.strength - _FALSE_ALARM_ODDS
            and item.area <= _FALSE_ALARM_AREA * first.area
        )
        if not scrap and (
            item.strength > _SURE_ODDS
            or appearance.similarity(item.cells, first.cells) > _MIN_SIMILARITY
        ):
            clear.append(item)
    return clear


def of_colour(kept: list[Region], odds: FloatMap, colour: str) -> list[Region]:
    """Those that have a basic colour, given its log-odds (rows, columns) all over the frame."""
    shares = [float((odds[item.cells] > 0).mean()) for item in kept]
    least = _MIN_COLOURED_AS.get(colour, _MIN_COLOURED)
    least = max(least, _BESIDE_MOST * max(shares, default=0.0))
    return [item for item, share in zip(kept, shares, strict=True) if share > least]


def of_size(kept: list[Region], things: Things) -> list[Region]:
    """Those that are as large or small among their kind as the phrase says."""
    if things.size is None or len(kept) < 2:
        return kept
    largest = max(item.area for item in kept)
    if things.size == "large":
        return [item for item in kept if item.area > _LARGE_SHARE * largest]
    return [item for item in kept if item.area < _SMALL_SHARE * largest]


def by_rank(kept: list[Region], pick: Pick) -> list[Region]:
    """The one of several that is meant, as a list of at most one."""
    if pick.key == "middle":
        across = sorted(kept, key=lambda item: item.centre[0])
        if len(across) >= 3 and len(across) % 2:
            return [across[len(across) // 2]]
        return sorted(kept, key=lambda i: np.hypot(i.centre[0] - 0.5, i.centre[1] - 0.5))[:1]
    order = {
        "left": lambda item: item.centre[0],
        "right": lambda item: -item.centre[0],
        "top": lambda item: item.centre[1],
        "bottom": lambda item: -item.centre[1],
        "large": lambda item: -item.area,
        "small": lambda item: item.area,
    }[pick.key]
    return sorted(kept, key=order)[pick.rank : pick.rank + 1]

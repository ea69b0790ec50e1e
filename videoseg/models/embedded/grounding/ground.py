"""Grounds a phrase in a frame: evidence, candidates, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import fit
from videoseg.models.embedded.grounding.candidates import Region, candidates
from videoseg.models.embedded.grounding.evidence import (
    Maps,
    noun_evidence,
    object_evidence,
    stuff_evidence,
    thing_evidence,
)
from videoseg.models.embedded.grounding.relations import related, touch
from videoseg.models.embedded.grounding.similarity import CellSimilarity
from videoseg.models.embedded.language.colours import colour_log_odds
from videoseg.models.embedded.language.parser import Pick, Query, Things
from videoseg.models.embedded.language.vocabulary import Noun, Vocabulary
from videoseg.types import RgbImage

_DENIED = -6.0
"""Log-odds of cells that belong to another candidate, and their fall far from their own."""
_MIN_COLOURED = 0.3
"""A thing has a colour where more than this share of its cells has it."""
_COLOUR_BONUS = 1.8
"""So much surer is a noun where an object has the colour that the phrase gives it."""
# Presence is the logistic function of gain * strength + bias; all but the last pair are fitted by
# ``training/fit_evidence.py``.
_THING_PRESENCE = (0.67, 1.24)
"""Gain and bias of trained things; the bias is lower than fitted, since what is not in a video is
asked of many frames."""
_PEOPLE_PRESENCE = (0.71, 0.2)
"""Gain and bias of people, whom most photographs show."""
_STUFF_PRESENCE = (0.64, 0.5)
"""Gain and bias of stuff: sky, grass."""
_OTHER_PRESENCE = (1.0, 0.3)
"""Gain and bias of colours and of ImageNet's classes; not fitted."""
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
_REACH = 0.15
"""How far a thing may reach beyond its cells, in square roots of its area."""
_FALL = 2.0
"""By so much a cell the evidence falls further out, in log-odds."""
_COLOUR_GRID = 2
"""Colour alone is looked at on a grid so many times finer than the network's cells."""


@dataclass(frozen=True, slots=True, eq=False)
class GroundedThing:
    """One thing that the phrase means.

    Attributes:
        cells: bool (rows, columns) over the whole frame, where it was found.
        evidence: Log-odds over the whole frame for this thing against everything else.
        presence: Probability that it is what the phrase names.
        whole: It is all there is of something without a shape of its own: sky, grass.
    """

    cells: npt.NDArray[np.bool_]
    evidence: FloatMap
    presence: float
    whole: bool = False


def ground(
    image: RgbImage, maps: Maps, query: Query, vocabulary: Vocabulary, *, least: float
) -> tuple[list[GroundedThing], float]:
    """Everything in the frame that the phrase means, and how likely the phrase is in it at all.

    Args:
        image: uint8 (H, W, 3).
        maps: The network's outputs on that image.
        query: The phrase, read.
        vocabulary: The nouns that it was read with.
        least: Presence from which a thing counts.
    """
    scene = _Scene(image, maps, vocabulary, least)
    groups = [scene.find(things) for things in query.things]
    presence = min(probability for _, probability in groups)
    if len(groups) == 1:
        return groups[0][0], presence
    if presence < least:
        return [], presence
    return _touching_as_one([found for group, _ in groups for found in group]), presence


@dataclass(frozen=True, slots=True, eq=False)
class _KindEvidence:
    """Evidence for things of one kind.

    Attributes:
        shape: Log-odds that say which cells belong to such things.
        kind: Log-odds that say how sure it is what they are.
        offsets: Where each cell's thing has its centre, or None where it is not known.
        whole: All of it is one thing: sky, grass.
        scale: Gain and bias of its presence.
    """

    shape: FloatMap
    kind: FloatMap
    offsets: FloatMap | None = None
    whole: bool = False
    scale: tuple[float, float] = _OTHER_PRESENCE

    def presence(self, strength: float) -> float:
        """Probability that something of this strength is what it looks like."""
        gain, bias = self.scale
        return float(1 / (1 + np.exp(-(gain * strength + bias))))


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    image: RgbImage
    maps: Maps
    vocabulary: Vocabulary
    least: float

    def find(self, things: Things) -> tuple[list[GroundedThing], float]:
        """Things of one kind, and the probability that the frame shows any."""
        evidence = self._kind_evidence(things)
        every = candidates(evidence.shape, evidence.kind, evidence.offsets)
        if evidence.whole and every:
            cells = np.logical_or.reduce([candidate.cells for candidate in every])
            every = [Region(cells, every[0].strength)]
        if things.colour is not None and things.noun is not None:
            evidence, every = self._with_colour(evidence, every, things.colour)
        chance = {id(item): evidence.presence(item.strength) for item in every}
        presence = max(chance.values(), default=0.0)
        kept = [item for item in every if chance[id(item)] >= self.least]
        kept = _without_false_alarms(kept, CellSimilarity(self.maps["stride16"], evidence.kind))
        for relation, partner in things.related:
            others, likely = self.find(partner)
            presence = min(presence, likely)
            kept = [i for i in kept if any(related(i.cells, relation, o.cells) for o in others)]
        kept = _of_size(kept, things)
        for pick in things.picks:
            kept = _by_rank(kept, pick)
        kept = kept[: things.count]
        found = [
            GroundedThing(
                i.cells,
                evidence.shape if evidence.whole else _evidence_of_one(evidence.shape, i, every),
                chance[id(i)],
                evidence.whole,
            )
            for i in kept
        ]
        return found, presence

    def _kind_evidence(self, things: Things) -> _KindEvidence:
        """What the network and the colours say about things of one kind."""
        import cv2

        objects = object_evidence(self.maps, self.vocabulary)
        if things.noun is None:
            odds = self._coloured(objects, things.colour or "", _COLOUR_GRID)
            # A hand is no red block, however red it is.
            skin = self.maps["classes"][self.vocabulary.head("skin")]
            size = (odds.shape[1], odds.shape[0])
            odds = odds - np.maximum(cv2.resize(skin, size, interpolation=cv2.INTER_LINEAR), 0)
            return _KindEvidence(odds, odds)
        kind = noun_evidence(self.maps, things.noun.target, self.vocabulary)
        target = things.noun.target
        if target.heads and _names_only(things.noun, self.vocabulary.stuff):
            shape = stuff_evidence(self.maps, kind, target, self.vocabulary)
            return _KindEvidence(shape, kind, whole=True, scale=_STUFF_PRESENCE)
        if not _names_only(things.noun, self.vocabulary.things):
            return _KindEvidence(kind, kind)
        shape = thing_evidence(self.maps, kind, target, self.vocabulary)
        if not target.heads:  # the offsets were learned from trained things alone
            return _KindEvidence(shape, kind)
        people = target.heads == (self.vocabulary.head("person"),)
        scale = (
            _OTHER_PRESENCE if target.imagenet else _PEOPLE_PRESENCE if people else _THING_PRESENCE
        )
        return _KindEvidence(shape, kind, self.maps["offsets"], scale=scale)

    def _with_colour(
        self, evidence: _KindEvidence, every: list[Region], name: str
    ) -> tuple[_KindEvidence, list[Region]]:
        """Those of the things that have the colour; without any things, coloured objects.

        A thing of an unusual make is known less by its parts than by the colour that the phrase
        gives it: then all of one coloured object is one thing.
        """
        objects = object_evidence(self.maps, self.vocabulary)
        colour = self._coloured(objects, name, 1)
        kept = [
            Region(item.cells, item.strength + _COLOUR_BONUS)
            for item in every
            if (colour[item.cells] > 0).mean() > _MIN_COLOURED
        ]
        if any(evidence.presence(item.strength) >= self.least for item in every):
            return evidence, kept
        shape = np.minimum(colour, objects)
        every = candidates(shape, evidence.kind, None)
        kept = [Region(item.cells, item.strength + _COLOUR_BONUS) for item in every]
        return _KindEvidence(shape, evidence.kind), kept

    def _coloured(self, objects: FloatMap, colour: str, finer: int) -> FloatMap:
        """Mean log-odds of the colour on a grid ``finer`` than the network's cells."""
        import cv2

        rows, columns = objects.shape
        small = fit(self.image, 8 * max(rows, columns))
        size = (columns * finer, rows * finer)
        odds = colour_log_odds(small, colour)
        resized = cv2.resize(odds, size, interpolation=cv2.INTER_AREA)
        return np.asarray(resized, dtype=np.float32)


def _names_only(noun: Noun, heads: frozenset[int]) -> bool:
    """Whether a noun names nothing but these trained classes; ImageNet's are all things."""
    return all(head in heads for head in noun.target.heads)


def _evidence_of_one(evidence: FloatMap, item: Region, every: Sequence[Region]) -> FloatMap:
    """The evidence with the cells of all other candidates denied, and what lies far from it."""
    import cv2

    others = np.logical_or.reduce([other.cells for other in every]) & ~item.cells
    away = cv2.distanceTransform((~item.cells).astype(np.uint8), cv2.DIST_L2, 3)
    beyond = np.maximum(away - 1 - _REACH * np.sqrt(item.area), 0)
    near = evidence - np.minimum(_FALL * beyond, -_DENIED)
    return np.where(others, _DENIED, near).astype(np.float32)


def _without_false_alarms(kept: list[Region], appearance: CellSimilarity) -> list[Region]:
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


def _of_size(kept: list[Region], things: Things) -> list[Region]:
    if things.size is None or len(kept) < 2:
        return kept
    largest = max(item.area for item in kept)
    if things.size == "large":
        return [item for item in kept if item.area > _LARGE_SHARE * largest]
    return [item for item in kept if item.area < _SMALL_SHARE * largest]


def _by_rank(kept: list[Region], pick: Pick) -> list[Region]:
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


def _touching_as_one(found: list[GroundedThing]) -> list[GroundedThing]:
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
    cells = np.logical_or.reduce([item.cells for item in group])
    evidence = np.maximum.reduce([item.evidence for item in group])
    whole = all(item.whole for item in group)
    return GroundedThing(cells, evidence, min(item.presence for item in group), whole)

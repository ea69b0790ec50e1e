"""Grounds a phrase in a frame: what the detector sees, evidence, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.candidates import Region, candidates
from videoseg.models.embedded.grounding.evidence import Maps, object_evidence, strength
from videoseg.models.embedded.grounding.frame_objects import (
    FrameObjects,
    detector_names,
    imagenet_classes,
    knows_all,
)
from videoseg.models.embedded.grounding.grounded_thing import GroundedThing, touching_as_one
from videoseg.models.embedded.grounding.kinds import (
    KindEvidence,
    colour_kind,
    colour_map,
    noun_kind,
    presence,
)
from videoseg.models.embedded.grounding.presupposed import (
    BACKED,
    TAKEN_FOR_GRANTED,
    alike,
    with_evidence,
)
from videoseg.models.embedded.grounding.relations import related
from videoseg.models.embedded.grounding.selection import (
    by_rank,
    of_colour,
    of_size,
    without_false_alarms,
)
from videoseg.models.embedded.grounding.similarity import CellSimilarity
from videoseg.models.embedded.language.query import Query, Things
from videoseg.models.embedded.language.vocabulary import Target, Vocabulary
from videoseg.types import RgbImage

_DENIED = -6.0
"""Log-odds of cells that belong to another candidate, and their fall far from their own."""
_COLOUR_BONUS = 1.8
"""So much surer is a noun where an object has the colour that the phrase gives it."""
_REACH = 0.15
"""How far a thing may reach beyond its cells, in square roots of its area."""
_FALL = 2.0
"""By so much a cell the evidence falls further out, in log-odds."""
# What follows was chosen on training photographs.
_ONE_OF_SEVERAL = 0.8
"""Log-odds from which things beside the surest one count: a score of 0.3."""
_SURE_BOX = 3.0
"""Log-odds from which the surest thing is believed whatever evidence says: a score of 0.5."""
_DOUBTED_BOX = 1.95
"""Log-odds below which things are doubtful, and leave room for a heap: a score of 0.4."""
_LESS_EVIDENT = 4.0
"""Doubtful things have evidence within this many log-odds of that for the surest one."""
_MOST_OUTLINED = 8
"""So many things, the surest ones, are outlined to look at their colours."""
_CLOSER_WITHIN = 3.0
"""Things count within this many log-odds of the surest one that a closer look finds."""
_FILLING_BOX = 0.65
"""A box of this share of the frame says little of where the thing ends."""
_LARGE_BOX = 0.05
"""Boxes of this share of the frame are compared with evidence."""
_AGREEMENT = 0.5
"""Cells of outlines and of evidence with a lower IoU contradict each other."""
_SURE_EVIDENCE = 0.86
"""Presence from which evidence is sure."""
_IN_BOX = 0.5
"""What has this share of its cells in a box lies in it."""
_HEAP_BEYOND = 0.2
"""So much of a heap's sure cells lies beyond all boxes."""
_SEEN_SHARE = 0.3
"""What evidence finds counts where boxes hold less than this share of it."""


def ground(
    image: RgbImage,
    maps: Callable[[], Maps],
    objects: FrameObjects,
    query: Query,
    vocabulary: Vocabulary,
    *,
    least: float,
) -> tuple[list[GroundedThing], float]:
    """Everything in the frame that the phrase means, and how likely the phrase is in it at all.

    Args:
        image: uint8 (H, W, 3).
        maps: Gives the network's outputs on that image; not asked where the detector suffices.
        objects: What the detector sees on that image.
        query: The phrase, read.
        vocabulary: The nouns that it was read with.
        least: Presence from which a thing counts.
    """
    scene = _Scene(image, maps, objects, vocabulary, least)
    groups = [scene.find(things) for things in query.things]
    presence = min(probability for _, probability in groups)
    if len(groups) == 1:
        return groups[0][0], presence
    if presence < least:
        return [], presence
    return touching_as_one([found for group, _ in groups for found in group]), presence


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Candidates for things of one kind.

    Attributes:
        every: All of them.
        kept: Those that may be meant, the surest first.
        evidence: What speaks for those that the detector did not see; None where it saw all.
    """

    every: list[Region]
    kept: list[Region]
    evidence: KindEvidence | None = None

    def presence(self, item: Region) -> float:
        """Probability that one of them is what it looks like."""
        if item.box is not None:
            return presence((1.0, 0.0), item.strength)
        assert self.evidence is not None  # noqa: S101
        return self.evidence.presence(item.strength)

    @property
    def likely(self) -> float:
        """Probability that there is any."""
        return max(map(self.presence, self.every), default=0.0)

    def with_one_in(self, box: Region) -> _Group:
        """The same, in which all that lies in a box is one thing, since the detector sees one."""
        inside = [item for item in self.kept if box.cells[item.cells].mean() >= _IN_BOX]
        if len(inside) < 2:
            return self
        cells = np.logical_or.reduce([item.cells for item in inside])
        one = Region(cells, max(item.strength for item in inside))
        every, kept = ([i for i in some if i not in inside] for some in (self.every, self.kept))
        return _Group([one, *every], [one, *kept], self.evidence)

    def thing(self, item: Region) -> GroundedThing:
        """One of them, as it is handed on."""
        if item.box is not None or self.evidence is None:
            return GroundedThing(item.cells, None, self.presence(item), seen=item)
        whole, shape = self.evidence.whole, self.evidence.shape
        own = shape if whole else _evidence_of_one(shape, item, self.every)
        return GroundedThing(item.cells, own, self.presence(item), whole)


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    image: RgbImage
    maps: Callable[[], Maps]
    objects: FrameObjects
    vocabulary: Vocabulary
    least: float

    def find(self, things: Things, *, partner: bool = False) -> tuple[list[GroundedThing], float]:
        """Things of one kind, and the probability that the frame shows any.

        A ``partner`` is what others are told by: it is taken for granted, and its cells are those
        of what is seen itself instead of those of its box.
        """
        group = self._standing_out(things) or self._seen(things, partner) or self._evident(things)
        kept, likely = group.kept, group.likely
        for relation, other in things.related:
            others, chance = self.find(other, partner=True)
            likely = min(likely, chance)
            kept = [i for i in kept if any(related(i.cells, relation, o.cells) for o in others)]
        kept = of_size(kept, things)
        for pick in things.picks:
            kept = by_rank(kept, pick)
        return [group.thing(item) for item in kept[: things.count]], likely

    def _standing_out(self, things: Things) -> _Group | None:
        """What stands out, where the noun has no class and no colour says which thing is meant."""
        if things.noun is not None or things.colour is not None:
            return None
        found = self.objects.standing_out(unknown=things.unclassed)
        found = [self.objects.outlined(item) for item in found]
        return _Group(found, found)

    def _seen(self, things: Things, partner: bool) -> _Group | None:
        """What the detector sees of them; None where only evidence can say."""
        if things.noun is None:
            return None
        target = things.noun.target
        granted = partner or things.told_apart
        names = detector_names(target, self.vocabulary)
        every = self.objects.things(names, nested=not granted)
        if every and not target.heads:
            every = self._of_kind(every, target)
        kept = self._granted(every, things) if granted else self._asked(every, target)
        if not kept:
            return None
        if group := self._evidence_instead(things, kept):
            return group
        if partner or things.related:
            kept = [self.objects.outlined(item) for item in kept]
        if knows_all(target, self.vocabulary):
            return _Group(kept, kept)
        more = self._evident(things)
        seen = np.logical_or.reduce([item.cells for item in kept])
        more.kept[:] = [i for i in more.kept if seen[i.cells].mean() < _SEEN_SHARE]
        return _Group([*kept, *more.every], [*kept, *more.kept], more.evidence)

    def _asked(self, every: list[Region], target: Target) -> list[Region]:
        """Those of the boxes that a bare name means."""
        sure = [item for item in every if self._counts(item)]
        if every and not sure:
            kind = noun_kind(self.maps(), target, self.vocabulary).kind
            return [i for i in with_evidence(every, kind, BACKED)[:1] if self._counts(i)]
        kept = sure[:1] + [item for item in sure[1:] if item.strength >= _ONE_OF_SEVERAL]
        return self._without_doubtful(kept, target)

    def _granted(self, every: list[Region], things: Things) -> list[Region]:
        """Those of the boxes that may be meant where the kind is taken for granted."""
        assert things.noun is not None  # noqa: S101
        kind = noun_kind(self.maps(), things.noun.target, self.vocabulary).kind
        alone = {item.box: item.strength for item in every}
        every = with_evidence(every, kind, TAKEN_FOR_GRANTED)
        if things.colour is not None:
            every = self._coloured(every, things.colour)
        every = [item for item in every if self._counts(item)]
        if not every:
            return self._looked_at_closer(things, kind)
        looks = CellSimilarity(self.maps()["stride16"], kind)
        return every[:1] + [
            item
            for item in every[1:]
            if alone[item.box] >= _ONE_OF_SEVERAL or alike(item, every[0], looks)
        ]

    def _looked_at_closer(self, things: Things, kind: FloatMap) -> list[Region]:
        """What a closer look finds where nothing is found at first sight."""
        assert things.noun is not None  # noqa: S101
        target = things.noun.target
        if not target.heads:
            return []  # which kind of dog it is was asked of the dogs
        names = detector_names(target, self.vocabulary)
        kinds = imagenet_classes(target, self.vocabulary)
        every = self.objects.looked_at_closer(names, kinds, kind)
        if things.colour is not None:
            every = self._coloured(every, things.colour)
        if not every or not self._counts(every[0]):
            return []
        return [item for item in every if item.strength >= every[0].strength - _CLOSER_WITHIN]

    def _counts(self, item: Region) -> bool:
        return presence((1.0, 0.0), item.strength) >= self.least

    def _of_kind(self, every: list[Region], target: Target) -> list[Region]:
        """Things of a class, no surer than that they are the kind of it that is asked for."""
        evidence = noun_kind(self.maps(), target, self.vocabulary)
        found = []
        for item in every:
            gain, bias = evidence.scale
            odds = gain * strength(evidence.kind, item.cells) + bias
            found.append(replace(item, strength=min(item.strength, odds)))
        return sorted(found, key=lambda item: -item.strength)

    def _coloured(self, every: list[Region], colour: str) -> list[Region]:
        """Those of the things that have a colour, and the surer for it."""
        surer = [replace(item, strength=item.strength + _COLOUR_BONUS) for item in every]
        counting = [item for item in surer if self._counts(item)][:_MOST_OUTLINED]
        outlined = [self.objects.outlined(item) for item in counting]
        if not outlined:
            return []
        odds = colour_map(self.image, outlined[0].cells.shape, colour)
        return of_colour(outlined, odds, colour)

    def _without_doubtful(self, kept: list[Region], target: Target) -> list[Region]:
        """The surest thing, and those beside it that are sure or that evidence speaks for too.

        Evidence counts where it is not in the surest one's box.
        """
        first = kept[0] if kept else None
        if first is None or all(item.strength >= _DOUBTED_BOX for item in kept[1:]):
            return kept
        kind = noun_kind(self.maps(), target, self.vocabulary).kind
        least = strength(kind, first.cells) - _LESS_EVIDENT

        def evident(item: Region) -> bool:
            beyond = item.cells & ~first.cells
            return strength(kind, beyond if beyond.any() else item.cells) >= least

        return [
            item for item in kept if item is first or item.strength >= _DOUBTED_BOX or evident(item)
        ]

    def _evidence_instead(self, things: Things, kept: Sequence[Region]) -> _Group | None:
        """Sure evidence of what fills the frame, and where boxes are unsure.

        Of those it decides about heaps, about one large thing, whose end it knows better than an
        unsure box, and where the two contradict each other.
        """
        largest = max(item.area / item.cells.size for item in kept)
        if kept[0].strength >= _SURE_BOX and largest < _FILLING_BOX:
            return None
        group = self._evident(things)
        if group.evidence is None or group.likely < _SURE_EVIDENCE:
            return None
        if largest >= _FILLING_BOX:
            return group
        one_large = len(kept) == 1 and largest >= _LARGE_BOX
        if kept[0].strength < _DOUBTED_BOX and not one_large:
            seen = np.logical_or.reduce([item.cells for item in kept])
            sure = group.evidence.kind > 0
            if (sure & ~seen).sum() >= _HEAP_BEYOND * sure.sum() > 0:
                return group
        if largest < _LARGE_BOX:
            return None
        if one_large and group.kept:
            one = group.with_one_in(kept[0])
            smaller = one.kept[0].area < self.objects.outlined(kept[0]).area
            return one if smaller else None
        outlines = np.logical_or.reduce([self.objects.outlined(item).cells for item in kept])
        evident = np.logical_or.reduce([item.cells for item in group.kept])
        agreement = (outlines & evident).sum() / (outlines | evident).sum()
        return group if agreement < _AGREEMENT else None

    def _evident(self, things: Things) -> _Group:
        """What the network for phrases and the colours say of them."""
        evidence = self._evidence(things)
        every = candidates(evidence.shape, evidence.kind, evidence.offsets)
        if evidence.whole and every:
            cells = np.logical_or.reduce([candidate.cells for candidate in every])
            every = [Region(cells, every[0].strength)]
        if things.colour is not None and things.noun is not None:
            evidence, every = self._with_colour(evidence, every, things.colour)
        kept = [item for item in every if evidence.presence(item.strength) >= self.least]
        looks = CellSimilarity(self.maps()["stride16"], evidence.kind)
        return _Group(every, without_false_alarms(kept, looks), evidence)

    def _evidence(self, things: Things) -> KindEvidence:
        if things.noun is None:
            return colour_kind(self.image, self.maps(), things.colour or "", self.vocabulary)
        target = things.noun.target
        evidence = noun_kind(self.maps(), target, self.vocabulary)
        doubted = target.heads and knows_all(target, self.vocabulary)
        return evidence.doubted() if doubted else evidence

    def _with_colour(
        self, evidence: KindEvidence, every: list[Region], name: str
    ) -> tuple[KindEvidence, list[Region]]:
        """Those of the things that have the colour; without any things, coloured objects.

        A thing of an unusual make is known less by its parts than by the colour that the phrase
        gives it: then all of one coloured object is one thing.
        """
        objects = object_evidence(self.maps(), self.vocabulary)
        colour = colour_map(self.image, objects.shape, name)
        kept = [
            Region(item.cells, item.strength + _COLOUR_BONUS)
            for item in of_colour(every, colour, name)
        ]
        if any(evidence.presence(item.strength) >= self.least for item in every):
            return evidence, kept
        shape = np.minimum(colour, objects)
        every = candidates(shape, evidence.kind, None)
        kept = [Region(item.cells, item.strength + _COLOUR_BONUS) for item in every]
        return KindEvidence(shape, evidence.kind), kept


def _evidence_of_one(evidence: FloatMap, item: Region, every: Sequence[Region]) -> FloatMap:
    """The evidence with the cells of all other candidates denied, and what lies far from it."""
    import cv2

    others = np.logical_or.reduce([other.cells for other in every]) & ~item.cells
    away = cv2.distanceTransform((~item.cells).astype(np.uint8), cv2.DIST_L2, 3)
    beyond = np.maximum(away - 1 - _REACH * np.sqrt(item.area), 0)
    near = evidence - np.minimum(_FALL * beyond, -_DENIED)
    return np.where(others, _DENIED, near).astype(np.float32)

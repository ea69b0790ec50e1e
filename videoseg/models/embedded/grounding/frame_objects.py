"""What the detector sees on one frame as candidates for a noun, and their outlines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.geometry.masks import to_bitmap
from videoseg.models.embedded.detected_box import DetectedBox, overlaps
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.closer_look import CloserThing, look_closer
from videoseg.models.embedded.grounding.detector import NAMES, DetectedBoxes, Detector
from videoseg.models.embedded.grounding.evidence import strength
from videoseg.models.embedded.language.vocabulary import Target, Vocabulary
from videoseg.models.embedded.promptable.salience import SalientThing
from videoseg.types import Mask, RgbImage

_PRESENCE = (2.6, 3.0)
"""Gain and bias that take the log-odds of the detector's score to those of presence. The gain is
fitted on training photographs. The bias puts even odds at a score of 0.24, from which 2 % of absent
names are found there: fewer than are borne, since the detector was trained on those photographs."""
_UNSURE = (0.2, 0.5)
"""The mirror image is looked at for boxes of these scores; lower ones stay too low, and higher ones
high enough. On 150 training photographs (1,431 things) it takes the F1 of boxes from 0.487 to
0.504 and false alarms from 8 to 7 of 450."""
# What stands out and has no class: on 120 training photographs with the class of one of their
# things made unknown, it is that thing for 25 of 37 found (98 there), and 17 photographs without
# one show something.
_MIN_SALIENT = 0.03
"""What stands out counts from this share of the frame."""
_KNOWN_SCORE = 0.3
"""Score from which a box of the detector is known for what it is."""
_KNOWN_IOU = 0.4
"""What overlaps such a box by a higher IoU is that thing."""
_COVERED = 0.3
"""A cell belongs to a thing whose outline covers more than this share of it."""

FrameBox = tuple[float, float, float, float]
"""``x1, y1, x2, y2`` in frame pixels."""


class FrameObjects:
    """The detector's boxes on one frame, found once, and the outlines asked for of them."""

    def __init__(
        self,
        image: RgbImage,
        grid: tuple[int, int],
        detector: Detector,
        backbone: Callable[[], Backbone],
        outline: Callable[[FrameBox], Mask | None],
        salient: Callable[[], list[SalientThing]],
    ) -> None:
        """Remember where to look; nothing is run yet.

        Args:
            image: uint8 (H, W, 3).
            grid: Rows and columns of cells over the frame.
            detector: Finds the boxes.
            backbone: Gives the network for phrases, which classifies what is looked at closer.
            outline: Gives the mask of the thing in a box of that image.
            salient: Gives what stands out in it.
        """
        self._image, self._grid = image, grid
        self._detector, self._backbone, self._outline = detector, backbone, outline
        self._salient = salient
        self._masks: dict[FrameBox, Mask | None] = {}

    def things(self, names: tuple[int, ...], *, nested: bool = True) -> list[Region]:
        """Things of any of these classes of the detector, the surest first.

        Their strength is the log-odds of their presence.
        """
        boxes = self._boxes(names, nested=nested) if names else []
        gain, bias = _PRESENCE
        return [
            self._region(each.box, gain * float(np.log(each.score / (1 - each.score))) + bias)
            for each in boxes
        ]

    def looked_at_closer(
        self, names: tuple[int, ...], imagenet: tuple[int, ...], kind: FloatMap
    ) -> list[Region]:
        """Things that a closer look takes for some of these classes, the surest first.

        Args:
            names: Classes of the detector.
            imagenet: Classes of the classifier.
            kind: Evidence for them, log-odds (rows, columns).
        """
        if not names:
            return []
        found = []
        for thing in self._closer:
            region = self._region(thing.box, 0.0)
            odds = thing.odds(names, imagenet, strength(kind, region.cells))
            found.append(Region(region.cells, odds, region.box))
        return sorted(found, key=lambda item: -item.strength)

    def standing_out(self, *, unknown: bool) -> list[Region]:
        """What stands out in the frame, the likeliest first.

        Args:
            unknown: Only the largest that is none of the detector's classes.
        """
        found = []
        for thing in self._salient():
            if thing.area_share >= _MIN_SALIENT and not (unknown and self._known(thing)):
                x1, y1, x2, y2 = masks.bounding_box(thing.mask)
                odds = float(np.log(thing.likely / (1 - thing.likely)))
                region = self._region((float(x1), float(y1), float(x2), float(y2)), odds)
                assert region.box is not None  # noqa: S101
                self._masks[region.box] = thing.mask
                found.append(region)
        if unknown:
            return sorted(found, key=lambda item: -item.area)[:1]
        return sorted(found, key=lambda item: -item.strength)

    def _known(self, thing: SalientThing) -> bool:
        """Whether the detector sees one of its things in the same place."""
        box = np.array(masks.bounding_box(thing.mask), dtype=np.float32)
        seen = self._detections.things()
        known = [each.box for each in seen if each.score >= _KNOWN_SCORE]
        return bool(known) and bool(
            (overlaps(box, np.array(known, dtype=np.float32)) > _KNOWN_IOU).any()
        )

    def mask(self, region: Region) -> Mask | None:
        """The outline of a thing that has a box."""
        assert region.box is not None  # noqa: S101
        if region.box not in self._masks:
            height, width = self._image.shape[:2]
            self._masks[region.box] = self._outline(region.box_in(width, height))
        return self._masks[region.box]

    def outlined(self, region: Region) -> Region:
        """The same thing with the cells of its outline instead of those of its box."""
        import cv2

        mask = self.mask(region)
        if mask is None:
            return region
        size = region.cells.shape[::-1]
        bitmap = to_bitmap(mask).astype(np.float32)
        covered = cv2.resize(bitmap, size, interpolation=cv2.INTER_AREA)
        least = min(_COVERED, float(covered.max()))
        return Region(np.asarray(covered >= least, dtype=np.bool_), region.strength, region.box)

    def _boxes(self, names: tuple[int, ...], *, nested: bool) -> list[DetectedBox]:
        """The boxes of some classes, by a second look at the mirror image where some are unsure."""
        low, high = _UNSURE
        first = self._detections.of(names, nested=nested)
        # What picks among things was fitted to the first look, and is worse with the mean of both.
        unsure = nested and any(low <= each.score < high for each in first)
        return self._mean_detections.of(names, nested=nested) if unsure else first

    @cached_property
    def _mean_detections(self) -> DetectedBoxes:
        return self._detector.detect_both_ways(self._image, self._detections)

    @cached_property
    def _detections(self) -> DetectedBoxes:
        return self._detector.detect(self._image)

    @cached_property
    def _closer(self) -> list[CloserThing]:
        return look_closer(self._image, self._detections, self._detector, self._backbone())

    def _region(self, found: FrameBox, odds: float) -> Region:
        height, width = self._image.shape[:2]
        box = tuple(np.array(found) / (width, height, width, height))
        rows, columns = self._grid
        cells = np.zeros((rows, columns), dtype=np.bool_)
        x1, y1, x2, y2 = box * np.array((columns, rows, columns, rows))
        left, top = min(int(x1), columns - 1), min(int(y1), rows - 1)
        cells[top : max(round(y2), top + 1), left : max(round(x2), left + 1)] = True
        return Region(cells, odds, (box[0], box[1], box[2], box[3]))


def detector_names(target: Target, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The detector's classes that a noun stands for, or whose kinds it means."""
    heads = target.heads or (() if target.within is None else (target.within,))
    names = [vocabulary.classes[head] for head in heads]
    return tuple(NAMES.index(name) for name in names if name in NAMES)


def imagenet_classes(target: Target, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The classifier's classes that a noun stands for, or that are kinds of it."""
    kinds = (index for head in target.heads for index in vocabulary.groups[head])
    return (*target.imagenet, *kinds)


def knows_all(target: Target, vocabulary: Vocabulary) -> bool:
    """Whether the detector knows all that a noun stands for, be it as kinds of its classes."""
    if not target.heads:
        return bool(detector_names(target, vocabulary))
    return not target.imagenet and len(detector_names(target, vocabulary)) == len(target.heads)

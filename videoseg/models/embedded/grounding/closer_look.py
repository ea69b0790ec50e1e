"""A closer look at what stands out in a frame, for a name that is not found at first sight.

Small things, and things far from where such things are usually seen, are known better by
themselves: each is cut out and shown to the detector and to the classifier once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.detected_box import DetectedBox, overlaps
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.grounding.detector import DetectedBoxes, Detector
from videoseg.types import RgbImage

_MOST = 4
"""So many things are looked at, the surest ones of whatever kind."""
_LEAST = 0.08
"""Score from which a box of any kind is a thing."""
_CROP_SIZE = 1.6
"""Side of the cut-out in longer sides of the box."""
_MIN_CROP = 32
"""Least side of the cut-out, pixels."""
_CLASSIFIER_SIDE = 224
"""Longer side of what the classifier sees, pixels."""
_SAME_BOX = 0.6
"""Boxes of a higher IoU in one look are of one thing."""
_FOUND_AGAIN = 0.5
"""A box of the closer look with a higher IoU is of the thing."""
_MIN_SCORE = 0.002
"""Keeps scores off 0 and 1."""
_MIN_PROBABILITY = 1e-4
"""The same for the classifier's probabilities."""
_UNKNOWN_CLASS = -7.0
"""Log-odds of a kind that the classifier has no class for."""
# Logistic regression on made scenes of photographs that no training of ours saw.
_FIRST_WEIGHT = 0.6
"""Weight of the detector's log-odds at first sight."""
_EVIDENCE_WEIGHT = 0.09
"""Weight of evidence in the box."""
_CLOSER_WEIGHT = 1.13
"""Weight of the detector's log-odds in the closer look."""
_CLASSIFIER_WEIGHT = 0.29
"""Weight of the classifier's log-odds."""
_BIAS = 5.0
"""Chosen so that 7 % of the names that are not there are found where a phrase takes them for
granted, at first sight (5 %) or by this look."""


@dataclass(frozen=True, slots=True, eq=False)
class CloserThing:
    """What is known of one thing.

    Attributes:
        box: ``x1, y1, x2, y2`` in frame pixels.
        first: Log-odds (80,) of the detector's classes at first sight.
        closer: The same in the closer look.
        classes: Probabilities (1000,) of the classifier.
    """

    box: tuple[float, float, float, float]
    first: FloatMap
    closer: FloatMap
    classes: FloatMap

    def odds(self, names: Sequence[int], imagenet: Sequence[int], evidence: float) -> float:
        """Log-odds that it is of a kind that is there.

        Args:
            names: The detector's classes of that kind.
            imagenet: The classifier's, which may be none.
            evidence: Evidence for the kind in its box, log-odds.
        """
        named = list(names)
        likely = _UNKNOWN_CLASS
        if imagenet:
            share = float(self.classes[list(imagenet)].sum())
            likely = float(np.log((share + _MIN_PROBABILITY) / (1 - share + _MIN_PROBABILITY)))
        return (
            _FIRST_WEIGHT * float(self.first[named].max())
            + _EVIDENCE_WEIGHT * evidence
            + _CLOSER_WEIGHT * float(self.closer[named].max())
            + _CLASSIFIER_WEIGHT * likely
            + _BIAS
        )


def look_closer(
    image: RgbImage, seen: DetectedBoxes, detector: Detector, backbone: Backbone
) -> list[CloserThing]:
    """Look at the things that stand out most on a frame, uint8 (H, W, 3)."""
    things = [each for each in seen.things() if each.score >= _LEAST]
    return [_closer(image, each, seen, detector, backbone) for each in things[:_MOST]]


def _closer(
    image: RgbImage, thing: DetectedBox, seen: DetectedBoxes, detector: Detector, backbone: Backbone
) -> CloserThing:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = thing.box
    half = max(_CROP_SIZE * max(x2 - x1, y2 - y1), _MIN_CROP) / 2
    across, down = (x1 + x2) / 2, (y1 + y2) / 2
    left, top = max(int(across - half), 0), max(int(down - half), 0)
    right, bottom = min(int(across + half) + 1, width), min(int(down + half) + 1, height)
    crop = np.ascontiguousarray(image[top:bottom, left:right])
    box = np.array(thing.box, dtype=np.float32)
    again = detector.detect(crop)
    moved = box - np.array((left, top, left, top), dtype=np.float32)
    logits = backbone.run(crop, ("imagenet",), long_side=_CLASSIFIER_SIDE)["imagenet"]
    mean = logits.mean(axis=(1, 2))
    shares = np.exp(mean - mean.max())
    return CloserThing(
        thing.box,
        _log_odds(seen.scores[overlaps(box, seen.boxes) > _SAME_BOX]),
        _log_odds(again.scores[overlaps(moved, again.boxes) > _FOUND_AGAIN]),
        np.asarray(shares / shares.sum(), dtype=np.float32),
    )


def _log_odds(scores: FloatMap) -> FloatMap:
    """Of each class, by its surest box, float32 (80,); of no box at all the least there is."""
    best = scores.max(axis=0, initial=_MIN_SCORE).clip(_MIN_SCORE, 1 - _MIN_SCORE)
    return np.asarray(np.log(best / (1 - best)), dtype=np.float32)

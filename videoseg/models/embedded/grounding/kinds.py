"""Evidence for the kind of thing that a phrase names, and how likely such a thing is there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.features import fit
from videoseg.models.embedded.grounding.evidence import (
    Maps,
    noun_evidence,
    object_evidence,
    stuff_evidence,
    thing_evidence,
)
from videoseg.models.embedded.language.colours import colour_log_odds
from videoseg.models.embedded.language.vocabulary import Target, Vocabulary
from videoseg.types import RgbImage

# Presence is the logistic function of gain * strength + bias; all but the last two pairs are fitted
# by ``training/fit_evidence.py``.
THING_PRESENCE = (0.67, 1.24)
"""Gain and bias of trained things; the bias is lower than fitted, since what is not in a video is
asked of many frames."""
PEOPLE_PRESENCE = (0.71, 0.2)
"""Gain and bias of people, whom most photographs show."""
STUFF_PRESENCE = (0.64, 0.5)
"""Gain and bias of stuff: sky, grass."""
OTHER_PRESENCE = (1.0, 0.3)
"""Gain and bias of colours and of ImageNet's classes; not fitted."""
UNSEEN_DOUBT = 1.1
"""So much lower is the bias of what the detector knows and did not see, in log-odds: chosen on
training photographs, where it takes the false alarms from 4.8 to 2.0 % and 0.006 of the IoU."""
_COLOUR_GRID = 2
"""Colour alone is looked at on a grid so many times finer than the network's cells."""


@dataclass(frozen=True, slots=True, eq=False)
class KindEvidence:
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
    scale: tuple[float, float] = OTHER_PRESENCE

    def presence(self, strength: float) -> float:
        """Probability that something of this strength is what it looks like."""
        return presence(self.scale, strength)

    def doubted(self) -> KindEvidence:
        """The same evidence for what the detector, which knows such things, did not see."""
        gain, bias = self.scale
        return replace(self, scale=(gain, bias - UNSEEN_DOUBT))


def presence(scale: tuple[float, float], strength: float) -> float:
    """Probability that something is what it looks like, by gain and bias."""
    gain, bias = scale
    return float(1 / (1 + np.exp(-(gain * strength + bias))))


def noun_kind(maps: Maps, target: Target, vocabulary: Vocabulary) -> KindEvidence:
    """What the network says about things that a noun stands for."""
    kind = noun_evidence(maps, target, vocabulary)
    if target.heads and _only(target, vocabulary.stuff):
        shape = stuff_evidence(maps, kind, target, vocabulary)
        return KindEvidence(shape, kind, whole=True, scale=STUFF_PRESENCE)
    if not _only(target, vocabulary.things):
        return KindEvidence(kind, kind)
    shape = thing_evidence(maps, kind, target, vocabulary)
    if not target.heads:  # the offsets were learned from trained things alone
        return KindEvidence(shape, kind)
    people = target.heads == (vocabulary.head("person"),)
    scale = OTHER_PRESENCE if target.imagenet else PEOPLE_PRESENCE if people else THING_PRESENCE
    return KindEvidence(shape, kind, maps["offsets"], scale=scale)


def colour_kind(image: RgbImage, maps: Maps, colour: str, vocabulary: Vocabulary) -> KindEvidence:
    """What colours say about any objects of one colour."""
    import cv2

    rows, columns = object_evidence(maps, vocabulary).shape
    odds = colour_map(image, (rows, columns), colour, finer=_COLOUR_GRID)
    # A hand is no red block, however red it is.
    skin = maps["classes"][vocabulary.head("skin")]
    size = (odds.shape[1], odds.shape[0])
    odds = odds - np.maximum(cv2.resize(skin, size, interpolation=cv2.INTER_LINEAR), 0)
    return KindEvidence(odds, odds)


def colour_map(image: RgbImage, shape: tuple[int, int], colour: str, *, finer: int = 1) -> FloatMap:
    """Mean log-odds of the colour on a grid ``finer`` than one of ``shape`` rows and columns."""
    import cv2

    rows, columns = shape
    odds = colour_log_odds(fit(image, 8 * max(rows, columns)), colour)
    resized = cv2.resize(odds, (columns * finer, rows * finer), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)


def _only(target: Target, heads: frozenset[int]) -> bool:
    """Whether a noun names nothing but these trained classes; ImageNet's are all things."""
    return all(head in heads for head in target.heads)

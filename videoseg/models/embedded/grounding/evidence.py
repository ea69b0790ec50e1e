"""Evidence for a noun: log-odds per cell of the network's maps that such a thing is there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.language.vocabulary import Target, Vocabulary

Maps = Mapping[str, FloatMap]

OUTPUTS = ("classes", "offsets", "imagenet", "stride16")
"""The network's outputs that phrases are grounded in."""

_IMAGENET_GAIN = 0.9
"""Log-odds of an ImageNet class in one cell, per log-odds of the classifier, which was trained on
whole photographs."""
_IMAGENET_BIAS = 1.0
"""What is added to them."""
STRONGEST = 12
"""So many cells, strongest first, say how sure it is that a kind of thing is there at all."""
# Which cells a thing covers: logistic regression on photographs that the head was not trained on,
# doubled, with the threshold of the best mean IoU there.
_KIND_WEIGHT = 0.69
"""Weight of evidence for the kind of thing."""
_OBJECT_WEIGHT = 0.48
"""Weight of evidence for any object."""
_RIVAL_WEIGHT = -0.48
"""Weight of evidence for the likeliest other kind."""
_STRENGTH_WEIGHT = -0.046
"""Weight of how sure it is that the kind is there at all."""
_KIND_STRENGTH_WEIGHT = 0.034
"""Weight of the product of that and evidence for the kind."""
_THING_BIAS = 2.3
"""The constant of the regression and the threshold in one."""
_MIN_RIVAL = -3.0
"""Rivals that are less likely than this, in log-odds, count as this."""
_DOUBT_SHARE = 0.15
"""The threshold rises by this share of the strongest evidence, less ``_DOUBT_FROM``."""
_DOUBT_FROM = 0.5
"""Log-odds that are taken off the threshold's rise; it never falls."""
_MAX_DOUBT = 3.0
"""The threshold rises by no more than this, in log-odds."""
_STUFF_BIAS = 4.0
"""Log-odds added for what has no shape of its own (sky, grass), by ``training/fit_evidence.py``."""
_STUFF_RIVAL = -0.6
"""Weight there of the likeliest of all else that is known."""
_MIN_SHARE = 1e-4
"""Keeps shares of probability, and with them their log-odds, off 0."""


def averaged(near: Maps, far: Maps) -> Maps:
    """Maps of the size of ``near`` that average two sizes of one frame.

    Offsets and features are those of ``near``.
    """
    import cv2

    both = dict(near)
    for name in ("classes", "imagenet"):
        rows, columns = near[name].shape[1:]
        again = [cv2.resize(m, (columns, rows), interpolation=cv2.INTER_LINEAR) for m in far[name]]
        both[name] = (near[name] + np.stack(again)) / 2
    return both


def noun_evidence(maps: Maps, target: Target, vocabulary: Vocabulary) -> FloatMap:
    """Log-odds, float32 (rows, columns) at stride 8, that a cell shows the target."""
    classes = maps["classes"]
    found = [classes[head] for head in target.heads]
    if target.imagenet:
        found.append(_imagenet_evidence(maps, target, vocabulary))
    return np.asarray(np.maximum.reduce(found), dtype=np.float32)


def object_evidence(maps: Maps, vocabulary: Vocabulary) -> FloatMap:
    """Log-odds at stride 8 that a cell shows any countable thing."""
    return np.asarray(maps["classes"][vocabulary.head("object")], dtype=np.float32)


def strength(kind: FloatMap, cells: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean evidence of the strongest cells, of those given or of all."""
    values = kind.ravel() if cells is None else kind[cells]
    return float(np.sort(values)[-STRONGEST:].mean())


def thing_evidence(maps: Maps, kind: FloatMap, target: Target, vocabulary: Vocabulary) -> FloatMap:
    """Log-odds at stride 8 that a cell belongs to a thing of this kind, given that one is there.

    Evidence for the kind is strongest on telling parts (a face); what belongs to some object and
    to no other known kind completes it, the less so the surer the telling parts are.
    """
    objects = object_evidence(maps, vocabulary)
    sure = strength(kind)
    own = {*target.heads, target.within}
    others = [head for head in vocabulary.things if head not in own]
    rival = maps["classes"][others].max(axis=0) if target.heads else np.zeros_like(kind)
    shape = (
        (_KIND_WEIGHT + _KIND_STRENGTH_WEIGHT * sure) * kind
        + _OBJECT_WEIGHT * objects
        + _RIVAL_WEIGHT * np.maximum(rival, _MIN_RIVAL)
        + _STRENGTH_WEIGHT * sure
        + _THING_BIAS
    )
    # Where a thing stands out, its surroundings stand out a little too: ask for more there.
    peak = strength(np.asarray(shape, dtype=np.float32))
    doubt = np.clip(_DOUBT_SHARE * peak - _DOUBT_FROM, 0, _MAX_DOUBT)
    return np.asarray(shape - doubt, dtype=np.float32)


def stuff_evidence(maps: Maps, kind: FloatMap, target: Target, vocabulary: Vocabulary) -> FloatMap:
    """Log-odds at stride 8 that a cell shows this stuff (sky, grass), given that it is there.

    Few photographs name all of their ground, so the network is shy of it; and what is surely
    something else is not it.
    """
    rival = rival_evidence(maps, target, vocabulary)
    return np.asarray(kind + _STUFF_BIAS + _STUFF_RIVAL * np.maximum(rival, _MIN_RIVAL), np.float32)


def rival_evidence(maps: Maps, target: Target, vocabulary: Vocabulary) -> FloatMap:
    """Log-odds at stride 8 of the likeliest among objects and all other stuff."""
    others = [head for head in vocabulary.stuff if head not in target.heads]
    others.append(vocabulary.head("object"))
    return np.asarray(maps["classes"][others].max(axis=0), dtype=np.float32)


def _imagenet_evidence(maps: Maps, target: Target, vocabulary: Vocabulary) -> FloatMap:
    """Evidence from the classifier, cut to objects or to the class that the target is a kind of."""
    import cv2

    logits = maps["imagenet"]
    shifted = np.exp(logits - logits.max(axis=0))
    total = shifted.sum(axis=0)
    share = shifted[list(target.imagenet)].sum(axis=0)
    around = vocabulary.head("object")
    if target.within is not None:
        # Which kind of dog it is must be asked among dogs alone.
        total = shifted[list(vocabulary.groups[target.within])].sum(axis=0) + _MIN_SHARE
        around = target.within
    odds = (share + _MIN_SHARE) / (np.maximum(total - share, 0) + _MIN_SHARE)
    coarse = _IMAGENET_GAIN * np.log(odds).astype(np.float32) + _IMAGENET_BIAS
    region = maps["classes"][around]
    fine = cv2.resize(coarse, region.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.minimum(fine, region), dtype=np.float32)

"""Evidence for a noun: log-odds per cell of the network's maps that such a thing is there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from videoseg.models.embedded.words import Target, Vocabulary

FloatMap = npt.NDArray[np.float32]
Maps = Mapping[str, FloatMap]

OUTPUTS = ("classes", "offsets", "imagenet")
"""The network's outputs that evidence is made of."""

_IMAGENET_GAIN, _IMAGENET_BIAS = 0.9, 1.0
"""Log-odds of an ImageNet class in a cell of the frame, from those of the classifier, which was
trained on whole photographs."""
_LENIENCE = 4.0
"""A cell that clearly belongs to some object needs so much less evidence for its class."""
_FLOOR = 1e-4


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


def filled(evidence: FloatMap, objects: FloatMap) -> FloatMap:
    """Evidence for a kind of thing, completed where its cells clearly belong to some object."""
    completed = np.minimum(objects, evidence + _LENIENCE)
    return np.asarray(np.maximum(evidence, completed), dtype=np.float32)


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
        total = shifted[list(vocabulary.groups[target.within])].sum(axis=0) + _FLOOR
        around = target.within
    odds = (share + _FLOOR) / (np.maximum(total - share, 0) + _FLOOR)
    coarse = _IMAGENET_GAIN * np.log(odds).astype(np.float32) + _IMAGENET_BIAS
    region = maps["classes"][around]
    fine = cv2.resize(coarse, region.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.minimum(fine, region), dtype=np.float32)

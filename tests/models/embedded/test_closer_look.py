"""What a closer look at a thing says of its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from videoseg.models.embedded.grounding.closer_look import look_closer
from videoseg.models.embedded.grounding.detector import NAMES, DetectedBoxes
from videoseg.types import RgbImage

_CUP, _DOG = NAMES.index("cup"), NAMES.index("dog")


class _Detector:
    """Sees a cup in the middle of whatever it is shown, and remembers the size of that."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []

    def detect(self, image: RgbImage) -> DetectedBoxes:
        self.shown.append(image.shape)
        height, width = image.shape[:2]
        reach = max(height, width) / 1.6 / 2
        middle = (width / 2, height / 2)
        box = [middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach]
        return DetectedBoxes(np.array([box], dtype=np.float32), _scores({_CUP: 0.6}))


class _Backbone:
    def run(self, image: RgbImage, outputs: Any, *, long_side: int) -> dict[str, Any]:
        logits = np.zeros((1000, 2, 2), dtype=np.float32)
        logits[7] = 20.0
        return {"imagenet": logits}


def _scores(known: dict[int, float]) -> Any:
    scores = np.full((1, 80), 0.001, dtype=np.float32)
    for name, score in known.items():
        scores[0, name] = score
    return scores


def _seen(score: float) -> DetectedBoxes:
    return DetectedBoxes(np.array([[200, 100, 240, 140]], np.float32), _scores({_DOG: score}))


def test_what_the_closer_look_sees_counts_more_than_the_first_sight() -> None:
    detector: Any = _Detector()
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    backbone: Any = _Backbone()
    (thing,) = look_closer(image, _seen(0.3), detector, backbone)
    assert detector.shown == [(65, 65, 3)]
    assert thing.odds([_CUP], [], 0.0) > thing.odds([_DOG], [], 0.0)
    assert thing.odds([_CUP], [7], 0.0) > thing.odds([_CUP], [], 0.0) > thing.odds([_CUP], [8], 0.0)
    assert thing.odds([_CUP], [], 4.0) == pytest.approx(thing.odds([_CUP], [], 0.0) + 0.36)


def test_what_hardly_stands_out_is_not_looked_at() -> None:
    detector: Any = _Detector()
    backbone: Any = _Backbone()
    blank = np.zeros((300, 400, 3), dtype=np.uint8)
    assert look_closer(blank, _seen(0.07), detector, backbone) == []
    assert detector.shown == []

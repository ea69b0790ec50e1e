"""What stands out in a frame: what a noun without a class is taken for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from videoseg.geometry import masks
from videoseg.models.embedded import Embedded
from videoseg.models.embedded.grounding.detector import NAMES, DetectedBoxes, Detector
from videoseg.models.embedded.grounding.frame_objects import FrameObjects
from videoseg.models.embedded.promptable.salience import SalientThing
from videoseg.types import Frame, Mask, Prompt, RgbImage

_IMAGE = np.zeros((80, 160, 3), dtype=np.uint8)


class _Seen(Detector):
    """Sees one person, wherever it is told to."""

    def __init__(self, box: tuple[float, float, float, float], score: float) -> None:
        super().__init__()
        self.box, self.score = box, score

    def detect(self, image: RgbImage) -> DetectedBoxes:
        scores = np.zeros((1, len(NAMES)), dtype=np.float32)
        scores[0, 0] = self.score
        return DetectedBoxes(np.array([self.box], dtype=np.float32), scores)


def _thing(x: int, width: int, likely: float = 0.95) -> SalientThing:
    bitmap = np.zeros(_IMAGE.shape[:2], dtype=np.bool_)
    bitmap[20:60, x : x + width] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return SalientThing(mask, likely, float(bitmap.mean()))


def _found(*things: SalientThing, score: float, unknown: bool) -> list[Mask | None]:
    objects = FrameObjects(
        _IMAGE,
        (10, 20),
        _Seen((0.0, 18.0, 50.0, 62.0), score),
        pytest.fail,
        lambda _: pytest.fail("what stands out has its outline"),
        lambda: list(things),
    )
    return [objects.mask(region) for region in objects.standing_out(unknown=unknown)]


def test_what_has_a_class_is_not_taken_for_what_has_none() -> None:
    person, robot, mote = _thing(0, 50), _thing(80, 30, 0.9), _thing(150, 2)
    every = person, robot, mote
    assert _found(*every, score=0.6, unknown=True) == [robot.mask]
    assert _found(*every, score=0.1, unknown=True) == [person.mask]  # the largest
    assert _found(*every, score=0.6, unknown=False) == [person.mask, robot.mask]
    assert _found(person, score=0.6, unknown=True) == []
    assert _found(score=0.6, unknown=True) == []


def test_a_disc_on_plain_ground_stands_out_and_the_ground_does_not() -> None:
    import cv2

    image = np.full((240, 320, 3), (150, 160, 150), dtype=np.uint8)
    cv2.circle(image, (160, 120), 50, (200, 40, 30), -1)
    truth = (image == (200, 40, 30)).all(axis=2)
    model = Embedded(threads=1)
    prompts = (Prompt("cube", text="cube"),)
    model.prepare(prompts)
    frame = Frame("test", 0, 0, Fraction(1, 25), image)
    (answer,) = model.segment([frame], [prompts])
    (one,) = answer.instances
    found = masks.to_bitmap(one.mask)
    assert (found & truth).sum() / (found | truth).sum() > 0.8
    blank = Frame("test", 1, 1, Fraction(1, 25), np.full_like(image, 150))
    assert not model.segment([blank], [prompts])[0].instances

"""The detector on photographs, and what of it is asked when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sample_media import clips
from videoseg.models.embedded import Embedded
from videoseg.models.embedded.grounding.detector import NAMES, DetectedBoxes, Detector
from videoseg.types import Bitmap, Cue, Frame, Instance, Prompt, RgbImage


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(threads=1)


def _cat() -> tuple[RgbImage, Bitmap]:
    clip = next(c for c in map(clips.scene, range(20)) if c.subject == "cat" and not c.cutout)
    return next(iter(clips.frames(clip)))


def _iou(box: tuple[float, float, float, float], truth: Bitmap) -> float:
    rows, columns = np.nonzero(truth)
    x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    across = min(x2, box[2]) - max(x1, box[0])
    down = min(y2, box[3]) - max(y1, box[1])
    shared = max(across, 0) * max(down, 0)
    own = (box[2] - box[0]) * (box[3] - box[1])
    return float(shared / (own + (x2 - x1) * (y2 - y1) - shared))


@pytest.mark.parametrize("turned", [False, True])
def test_a_cat_is_found_where_it_is(detector: Detector, turned: bool) -> None:
    image, truth = _cat()
    if turned:  # a frame that is higher than wide has its margins at the sides
        side = image.shape[0] * 2 // 3
        left = int(np.nonzero(truth)[1].mean()) - side // 2
        left = min(max(left, 0), image.shape[1] - side)
        image, truth = image[:, left : left + side], truth[:, left : left + side]
    found = detector.detect(np.ascontiguousarray(image)).of([NAMES.index("cat")])
    assert found[0].score > 0.3
    assert _iou(found[0].box, truth) > 0.6


def test_blank_frames_of_any_size_show_nothing(detector: Detector) -> None:
    for shape in ((1, 1, 3), (1, 600, 3), (600, 1, 3), (48, 64, 3)):
        found = detector.detect(np.full(shape, 128, dtype=np.uint8))
        assert found.boxes.shape == (3549, 4)
        assert not [each for each in found.of(range(len(NAMES))) if each.score > 0.3]


def test_a_frame_and_its_mirror_image_show_the_same_things(detector: Detector) -> None:
    image, truth = _cat()
    cat = [NAMES.index("cat")]
    for shown in (image, image[:, 1:]):  # an odd width leaves unequal margins
        first = detector.detect(np.ascontiguousarray(shown))
        both = detector.detect_both_ways(shown, first)
        mirrored = np.ascontiguousarray(shown[:, ::-1])
        again = detector.detect_both_ways(mirrored, detector.detect(mirrored))
        (one, *_), (other, *_) = both.of(cat), again.of(cat)
        width = shown.shape[1]
        assert other.score == pytest.approx(one.score, abs=0.02)
        assert other.box[0] == pytest.approx(width - one.box[2], abs=2)
        assert other.box[2] == pytest.approx(width - one.box[0], abs=2)
    assert (
        _iou(detector.detect_both_ways(image, detector.detect(image)).of(cat)[0].box, truth) > 0.6
    )


def test_one_thing_is_one_box() -> None:
    boxes = [(0, 0, 10, 10), (1, 1, 11, 11), (0, 0, 30, 30), (50, 50, 60, 60), (5, 5, 5, 9)]
    scores = np.zeros((5, 80), dtype=np.float32)
    scores[:, 3] = (0.9, 0.8, 0.7, 0.6, 0.5)
    seen = DetectedBoxes(np.array(boxes, dtype=np.float32), scores)
    assert [each.box for each in seen.of([3, 4])] == [boxes[0], boxes[2], boxes[3]]
    assert [each.box for each in seen.of([3], nested=False)] == [boxes[0], boxes[3]]
    assert [each.box for each in seen.things()] == [boxes[0], boxes[3]]  # one lies in another
    assert DetectedBoxes(np.array(boxes, dtype=np.float32), scores).of([5]) == []


def test_boxes_alone_do_not_load_it() -> None:
    image, _ = _cat()
    model = Embedded(threads=1)
    frame = Frame("video", 0, 0, Fraction(1, 25), np.ascontiguousarray(image))
    mark = Prompt("x", cues=(Cue(boxes=((60.0, 5.0, 560.0, 358.0, True),)),))
    model.prepare([mark])
    model.segment([frame], [[mark]])
    assert set(vars(model._networks())) == {"threads", "long_side", "promptable"}
    cat = Prompt("cat", text="cat")
    model.prepare([cat])
    model.segment([frame], [[cat]])
    assert "detector" in vars(model._networks())


def _ask(image: RgbImage, phrase: str) -> tuple[Instance, ...]:
    model = Embedded(threads=1)
    prompt = Prompt(phrase, text=phrase)
    model.prepare([prompt])
    frame = Frame("video", 0, 0, Fraction(1, 25), np.ascontiguousarray(image))
    return model.segment([frame], [[prompt]])[0].instances


def _cat_and_red_block(apart: int) -> RgbImage:
    """The cat, and a red block so many pixels beside the box around it."""
    image, truth = _cat()
    right = int(np.nonzero(truth)[1].max())
    wide = np.full((image.shape[0], right + 400, 3), 128, dtype=np.uint8)
    wide[:, :right] = image[:, :right]
    row = int(np.nonzero(truth)[0].mean())
    wide[row - 40 : row + 40, right + apart : right + apart + 80] = (200, 30, 30)
    return wide


@pytest.mark.parametrize(("apart", "number"), [(0, 1), (200, 2)])
def test_a_thing_that_is_seen_and_one_that_is_evident_are_one_where_they_touch(
    apart: int, number: int
) -> None:
    image = _cat_and_red_block(apart)
    assert len(_ask(image, "cat and red block")) == number


def test_a_colour_and_a_relation_pick_among_what_is_seen() -> None:
    image, _ = _cat()
    two = np.concatenate([image, image[:, ::-1]], axis=1)
    assert len(_ask(two, "cats")) == 2
    (left,), (right,) = _ask(two, "leftmost cat"), _ask(two, "the right cat")
    assert left.mask.crop[0] < image.shape[1] / 2 < image.shape[1] < right.mask.crop[2]
    assert _ask(two, "green cat") == ()
    (beside,) = _ask(two, "cat left of the cat")
    assert beside.mask.crop == left.mask.crop

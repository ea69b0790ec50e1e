from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from videoseg.geometry import masks
from videoseg.models.embedded.memory.feature_view import FeatureView
from videoseg.models.embedded.memory.tracker import Memory
from videoseg.protocols import VideoSegmenter
from videoseg.types import Bitmap, Detections, Frame, Instance, Mask

WIDTH, HEIGHT, RADIUS = 400, 300, 45


def wall(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    import cv2

    rough = np.random.default_rng(seed).integers(40, 140, (30, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def disc(x: float, y: float) -> Bitmap:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.asarray(np.hypot(columns - x, rows - y) < RADIUS)


def ball(index: int, x: float | None, y: float = 150, *, seed: int = 0) -> Frame:
    """A striped ball before a mottled wall; None = no ball."""
    image = wall(seed)
    if x is not None:
        columns = np.arange(WIDTH)
        stripes = np.where(((columns - x) // 12 % 2 == 0)[:, None], (240, 200, 30), (200, 30, 40))
        where = disc(x, y)
        image[where] = np.broadcast_to(stripes, image.shape)[where].astype(np.uint8)
    return Frame("cam", index, index, Fraction(1, 25), image)


def mask_of(x: float, y: float = 150) -> Mask:
    mask = masks.from_bitmap(disc(x, y))
    assert mask is not None
    return mask


def given(frame: Frame, *found: Instance) -> Detections:
    return Detections(frame.stream, frame.index, found)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory(threads=1)


def begin(memory: Memory, x: float = 100) -> None:
    memory.start(())
    frame = ball(0, x)
    answer = memory.step(frame, given(frame, Instance(mask_of(x), 1, 0, object_id=0)))
    assert masks.iou(answer.instances[0].mask, mask_of(x)) == 1


def test_it_is_a_video_segmenter(memory: Memory) -> None:
    assert isinstance(memory, VideoSegmenter)


def test_follows_a_moving_object(memory: Memory) -> None:
    begin(memory)
    for index in range(1, 8):
        x = 100 + 14 * index
        (found,) = memory.step(ball(index, x), None).instances
        assert masks.iou(found.mask, mask_of(x)) > 0.85
        assert (found.prompt, found.object_id) == (0, 0)
        assert 0.5 < found.score <= 1


def test_says_nothing_while_it_is_out_of_sight_and_finds_it_again(memory: Memory) -> None:
    begin(memory)
    (seen,) = memory.step(ball(1, 104), None).instances
    assert masks.iou(seen.mask, mask_of(104)) > 0.85
    for index in range(2, 5):
        assert memory.step(ball(index, None), None).instances == ()
    for index in range(5, 8):
        answer = memory.step(ball(index, 290, 120), None)
    (found,) = answer.instances
    assert masks.iou(found.mask, mask_of(290, 120)) > 0.8


def test_what_was_behind_a_pole_comes_back_whole(memory: Memory) -> None:
    begin(memory, 150)
    for index in range(1, 12):
        frame = ball(index, 150 + 4 * index)
        if 3 <= index < 9:  # all but the left fifth is hidden
            edge = 150 + 4 * index - 25
            frame.image[:, edge:] = wall(5)[:, edge:]
        answer = memory.step(frame, None)
    (found,) = answer.instances
    assert masks.iou(found.mask, mask_of(194)) > 0.8


def test_the_score_falls_where_what_is_found_is_not_what_moved_along(memory: Memory) -> None:
    begin(memory, 150)
    scores = []
    for index in range(1, 7):
        frame = ball(index, 150 + 4 * index)
        if index == 6:  # the right half is gone at once
            edge = 150 + 4 * index
            frame.image[:, edge:] = wall()[:, edge:]
        (found,) = memory.step(frame, None).instances
        scores.append(found.score)
    assert min(scores[1:5]) > 0.7
    assert scores[5] < 0.85 * min(scores[1:5])


def test_what_is_faster_than_flow_can_tell_keeps_half_its_score(memory: Memory) -> None:
    begin(memory, 60)
    for index in range(1, 4):
        (found,) = memory.step(ball(index, 60 + 60 * index), None).instances
        assert masks.iou(found.mask, mask_of(60 + 60 * index)) > 0.8
        assert found.score > 0.35


def test_a_cut_forgets_the_place_but_not_the_look(memory: Memory) -> None:
    begin(memory)
    memory.reset()
    for index in range(1, 3):
        answer = memory.step(ball(index, 300, 100, seed=3), None)
    (found,) = answer.instances
    assert masks.iou(found.mask, mask_of(300, 100)) > 0.8
    memory.reset()
    assert memory.step(ball(3, None, seed=6), None).instances == ()


def test_a_correction_moves_the_object(memory: Memory) -> None:
    begin(memory)
    frame = ball(1, 250)
    right = Instance(mask_of(250), 1, 0, object_id=0)
    assert memory.step(frame, given(frame, right)).instances == (right,)
    (found,) = memory.step(ball(2, 256), None).instances
    assert masks.iou(found.mask, mask_of(256)) > 0.85


def test_two_objects_keep_their_names(memory: Memory) -> None:
    def both(index: int) -> Frame:
        frame = ball(index, 80 + 5 * index, 90)
        image = frame.image.copy()
        image[disc(300 - 5 * index, 200)] = (30, 60, 220)
        return Frame("cam", index, index, frame.time_base, image)

    memory.start(())
    frame = both(0)
    marked = (Instance(mask_of(80, 90), 1, 0, 0), Instance(mask_of(300, 200), 1, 1, 0))
    memory.step(frame, given(frame, *marked))
    for index in range(1, 4):
        found = {one.prompt: one.mask for one in memory.step(both(index), None).instances}
        assert masks.iou(found[0], mask_of(80 + 5 * index, 90)) > 0.8
        assert masks.iou(found[1], mask_of(300 - 5 * index, 200)) > 0.8


def test_two_runs_give_the_same_masks(memory: Memory) -> None:
    answers = []
    for _ in range(2):
        begin(memory)
        found = [memory.step(ball(i, 100 + 9 * i), None).instances[0] for i in range(1, 4)]
        answers.append([(one.mask.crop, one.mask.bitmap.tobytes(), one.score) for one in found])
    assert answers[0] == answers[1]


def test_what_holds_still_is_compared_with_the_memory_on_every_second_frame(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    of = FeatureView.of

    def counted(*given: Any) -> FeatureView:
        looks.append(now)
        return of(*given)

    begin(memory)
    monkeypatch.setattr(FeatureView, "of", counted)
    for now in range(1, 6):
        (found,) = memory.step(ball(now, 100 + 4 * now), None).instances
        assert masks.iou(found.mask, mask_of(100 + 4 * now)) > 0.85
    assert looks == [1, 3, 5]


def test_it_goes_on_the_same_from_what_was_written_down(memory: Memory) -> None:
    """Between the frames that are compared and the others, too."""
    begin(memory)
    frames = [ball(index, 100 + 4 * index) for index in range(7)]
    states, answers = {}, {}
    for index in range(1, 7):
        answers[index] = memory.step(frames[index], None)
        states[index] = memory.snapshot()
    for index in range(1, 6):
        again = Memory(threads=1)
        again.restore(states[index], frames[index])
        (one,), (other,) = (
            again.step(frames[index + 1], None).instances,
            answers[index + 1].instances,
        )
        assert (one.mask.crop, one.score) == (other.mask.crop, other.score)
        assert (one.mask.bitmap == other.mask.bitmap).all()


def test_nothing_is_left_after_the_end(memory: Memory) -> None:
    begin(memory)
    memory.finish()
    memory.finish()
    assert memory.step(ball(1, 100), None).instances == ()

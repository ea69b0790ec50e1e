"""Frames are asked about at once and answered in order, and a run ends well whatever stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.stages.test_stages import scene, truth
from tests.support.waiting import PATIENCE
from videoseg.errors import LimitReachedError, ModelError
from videoseg.geometry import masks
from videoseg.protocols import Follows, Keyframed, RemoteSegmenter, Resumable, Stage, VideoSegmenter
from videoseg.stages.budget import Budget
from videoseg.stages.concurrent import Concurrent, most_ahead
from videoseg.stages.keyframed import Keyframes
from videoseg.stages.replayed import Replayed
from videoseg.types import Detections, Frame, Instance, Mask, ModelCard, Prompt

PROMPTS = (Prompt("a", text="a"),)


def frames(count: int) -> list[Frame]:
    image = np.zeros((8, 8, 3), np.uint8)
    return [Frame("cam", n, n, Fraction(1, 25), image) for n in range(count)]


@dataclass
class Slow:
    """Takes a while for an answer, now longer and now shorter."""

    card: ClassVar[ModelCard] = ModelCard("slow", "", frozenset({"text"}), True, "", 0)
    concurrency: int = 4
    fail_at: int | None = None
    limit_at: int | None = None
    hold: threading.Event | None = None
    together: threading.Barrier | None = None
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    most: int = 0
    sends_frames_to: str | None = None
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None:
        if self.hold is not None:
            self.hold.set()

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        (frame,) = frames
        with self._lock:
            self.begun.append(frame.index)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            if frame.index == self.limit_at:
                raise LimitReachedError("enough")
            if frame.index == self.fail_at:
                raise ModelError("it broke")
            if self.together is not None and frame.index < self.together.parties:
                self.together.wait(PATIENCE)
            if self.hold is not None:
                self.hold.wait(PATIENCE)
            else:
                time.sleep(0.001 * (frame.index * 7 % 5))
            self.ended.append(frame.index)
            return [Detections(frame.stream, frame.index)]
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = {*threading.enumerate()}
    yield
    assert {*threading.enumerate()} <= before


def test_the_stages_are_stages() -> None:
    assert isinstance(Slow(), RemoteSegmenter)
    assert isinstance(Concurrent(Slow(), PROMPTS, most_ahead(4)), Stage)
    assert isinstance(Budget(Concurrent(Slow(), PROMPTS, most_ahead(4))), Stage)


def test_answers_come_in_order_and_no_more_at_once_than_allowed() -> None:
    model, given = Slow(together=threading.Barrier(4)), frames(60)
    pairs = list(Concurrent(model, PROMPTS, most_ahead(4)).run(iter(given)))
    assert [frame for frame, _ in pairs] == given
    assert [answer.index for _, answer in pairs] == list(range(60))
    assert model.most == 4


def test_where_few_frames_are_asked_fewer_may_wait() -> None:
    assert most_ahead(8) == 16
    assert most_ahead(8, every=10) == 9
    assert most_ahead(8, every=500) == 1


def test_no_more_frames_are_taken_than_may_wait() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(100):
            taken.append(frame.index)
            yield frame

    model = Slow(concurrency=3)
    run = Concurrent(model, PROMPTS, most_ahead(3)).run(source())
    for _ in range(10):
        next(run)
    time.sleep(0.05)
    assert len(taken) <= 10 + 6
    run.close()  # type: ignore[attr-defined]


def test_an_error_comes_after_the_answers_before_it() -> None:
    got: list[int] = []
    with pytest.raises(ModelError, match="it broke"):
        for frame, _ in Concurrent(Slow(fail_at=7), PROMPTS, most_ahead(4)).run(frames(40)):
            got.append(frame.index)
    assert got == list(range(7))


def test_leaving_early_ends_what_is_under_way() -> None:
    hold = threading.Event()
    model = Slow(hold=hold)
    given = iter(frames(40))

    def failing() -> Iterator[Frame]:
        for _ in range(3):
            yield next(given)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Concurrent(model, PROMPTS, most_ahead(4)).run(failing()))
    assert hold.is_set()  # what was under way was ended, not waited for


def test_a_limit_ends_a_run_in_good_order_and_waits_for_what_is_paid() -> None:
    model = Slow(limit_at=9)
    stage = Budget(Concurrent(model, PROMPTS, most_ahead(4)))
    pairs = list(stage.run(frames(40)))
    assert [frame.index for frame, _ in pairs] == list(range(9))
    assert stage.reached == "enough"
    assert sorted(model.ended) == sorted(set(model.begun) - {9})


def test_a_limit_before_the_first_answer_is_an_error() -> None:
    with pytest.raises(LimitReachedError):
        list(Budget(Concurrent(Slow(limit_at=0), PROMPTS, most_ahead(4))).run(frames(3)))
    stage = Budget(Concurrent(Slow(), PROMPTS, most_ahead(4)))
    assert len(list(stage.run(frames(3)))) == 3
    assert stage.reached is None


def test_a_model_that_answers_another_frame_is_named() -> None:
    class Lossy(Slow):
        def segment(
            self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
        ) -> Sequence[Detections]:
            return ()

    with pytest.raises(ModelError, match="slow"):
        list(Concurrent(Lossy(), PROMPTS, most_ahead(4)).run(frames(2)))


@dataclass
class Expensive:
    """Finds the square of ``tests.stages.test_stages`` and a still thing, and is asked seldom."""

    card: ClassVar[ModelCard] = ModelCard("expensive", "", frozenset({"text"}), True, "", 0)
    keyframe_every: int = 5
    asked: list[int] = field(default_factory=list)
    still_until: int = 1000
    own: VideoSegmenter | None = None

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...

    def video_segmenter(self) -> VideoSegmenter | None:
        return self.own

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        (frame,) = frames
        self.asked.append(frame.index)
        found = [Instance(truth(frame.index), 0.9, 0)]
        if frame.index < self.still_until:
            still = Mask(200, 150, 320, 240, np.ones((60, 80), np.bool_))
            found.insert(0, Instance(still, 0.8, 0))
        return [Detections(frame.stream, frame.index, tuple(found))]


def test_keyframes_are_asked_and_the_rest_is_followed() -> None:
    model = Expensive()
    assert isinstance(model, Keyframed)
    assert isinstance(model, Follows)
    given = [scene(index) for index in range(12)]
    pairs = list(Keyframes(model, PROMPTS, model.keyframe_every).run(given))
    assert [frame for frame, _ in pairs] == given
    assert model.asked == [0, 5, 10]
    for frame, answer in pairs:
        assert len(answer.instances) == 2
        by_id = {one.object_id: one for one in answer.instances}
        assert set(by_id) == {0, 1}
        assert masks.iou(by_id[1].mask, truth(frame.index)) > 0.75


def test_what_the_model_does_not_find_again_is_gone() -> None:
    model = Expensive(still_until=5)
    answers = [
        d
        for _, d in Keyframes(model, PROMPTS, model.keyframe_every).run(
            [scene(n) for n in range(8)]
        )
    ]
    assert [len(answer.instances) for answer in answers] == [2] * 5 + [1] * 3
    assert {one.object_id for answer in answers[5:] for one in answer.instances} == {1}


@dataclass
class Flickering(Expensive):
    """Does not see the still thing on some frames."""

    blind: tuple[int, ...] = ()

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        (answer,) = super().segment(frames, prompts)
        kept = answer.instances[1:] if answer.index in self.blind else answer.instances
        return [replace(answer, instances=kept)]


@pytest.mark.parametrize(
    ("patience", "blind", "lost"),
    [
        (0, (4,), 4),  # dropped, and found anew as another
        (1, (4,), None),
        (1, (4, 8), 8),
        (1, (4, 12), None),  # not in a row
        (2, (4, 8), None),
        (2, (4, 8, 12), 12),
    ],
)
def test_what_is_missed_now_and_then_stays(
    patience: int, blind: tuple[int, ...], lost: int | None
) -> None:
    model = Flickering(keyframe_every=4, blind=blind)
    stage = Keyframes(model, PROMPTS, 4, patience)
    answers = [answer for _, answer in stage.run([scene(n) for n in range(20)])]
    assert len(answers[0].instances) == 2
    place = Mask(200, 150, 320, 240, np.ones((60, 80), np.bool_))
    still = [
        [one for one in answer.instances if masks.iou(one.mask, place) > 0.5] for answer in answers
    ]
    gone = next((n for n, some in enumerate(still) if not some), None)
    assert gone == lost
    names = {one.object_id for some in still for one in some}
    assert len(names) == (1 if lost is None else 2)


def test_what_was_missed_is_not_kept_beside_what_covers_it() -> None:
    """Two that have become one are one."""
    model = Flickering(keyframe_every=4, blind=(4,))
    stage = Keyframes(model, PROMPTS, 4, 3)
    answers = [answer for _, answer in stage.run([scene(n) for n in range(6)])]
    stream_ids = [{one.object_id for one in answer.instances} for answer in answers]
    assert stream_ids == [{0, 1}] * 6
    found = Instance(Mask(200, 150, 320, 240, np.ones((60, 80), np.bool_)), 0.9, 0, 7)
    followed = replace(found, object_id=8)
    assert _stream_of(3)._missed((found,), (followed,)) == ()
    assert _stream_of(3)._missed((), (followed,)) == (followed,)


def _stream_of(patience: int) -> Any:
    stage = Keyframes(Expensive(), PROMPTS, 4, patience)
    return stage._stream("cam")


@pytest.mark.parametrize("known", [1, 3, 4, 5, 7, 8, 9])
def test_what_is_missed_is_known_after_a_break(known: int) -> None:
    given = [scene(n) for n in range(14)]
    blind = (4, 8, 12)
    stage = Keyframes(Flickering(keyframe_every=4, blind=blind), PROMPTS, 4, 2)
    answers, states = [], []
    for _, answer in stage.run(given):
        answers.append(answer)
        states.append(stage.snapshot())
    assert [len(one.instances) for one in answers] == [2] * 12 + [1, 1]
    earlier = [("cam", n, answers[n]) for n in range(known)]
    again = Keyframes(Flickering(keyframe_every=4, blind=blind), PROMPTS, 4, 2)
    later = Replayed(earlier, again, states[known - 1])
    for (_, got), expected in zip(later.run(given), answers, strict=True):
        assert got is not None
        assert _plain(got) == _plain(expected)


@pytest.mark.parametrize("known", [1, 3, 5, 6, 9])
def test_a_run_goes_on_as_if_it_had_not_ended(known: int) -> None:
    def expensive() -> Expensive:
        return Expensive(keyframe_every=4, still_until=6)

    given = [scene(n) for n in range(6)] + [scene(n, seed=5) for n in range(6, 10)]
    model = expensive()
    stage = Keyframes(model, PROMPTS, model.keyframe_every)
    assert isinstance(stage, Resumable)
    answers, states = [], []
    for _, answer in stage.run(given):
        answers.append(answer)
        states.append(stage.snapshot())
    again = expensive()
    earlier = [("cam", n, answers[n]) for n in range(known)]
    later = Replayed(earlier, Keyframes(again, PROMPTS, again.keyframe_every), states[known - 1])
    for (_, got), expected in zip(later.run(given), answers, strict=True):
        assert got is not None
        assert _plain(got) == _plain(expected)
    assert again.asked == [index for index in model.asked if index >= known]


def _plain(answer: Detections) -> list[tuple[int | None, float, bytes, tuple[int, ...]]]:
    return [
        (one.object_id, one.score, one.mask.bitmap.tobytes(), one.mask.crop)
        for one in answer.instances
    ]


def test_a_cut_is_a_keyframe_and_ends_identities() -> None:
    model = Expensive(keyframe_every=100)
    given = [scene(0), scene(1), scene(2, seed=5), scene(3, seed=5)]
    answers = [d for _, d in Keyframes(model, PROMPTS, model.keyframe_every).run(given)]
    assert model.asked == [0, 2]
    assert {one.object_id for one in answers[1].instances} == {0, 1}
    assert {one.object_id for one in answers[3].instances} == {2, 3}

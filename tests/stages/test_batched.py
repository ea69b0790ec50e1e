"""The stage that keeps a model busy: one batch ahead, and what happens when memory runs out."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

from videoseg.errors import ModelError, OutOfMemoryError
from videoseg.protocols import AsyncSegmenter, Segmenter
from videoseg.stages.batched import Batched, Load
from videoseg.types import Detections, Frame, ModelCard, Prompt

PROMPTS = (Prompt("a", text="a"),)


def frames(count: int) -> list[Frame]:
    image = np.zeros((2, 3, 3), np.uint8)
    return [Frame("cam", index, index, Fraction(1, 25), image) for index in range(count)]


@dataclass
class Plain:
    """A model without a device of its own, in whose memory so many frames fit."""

    card: ClassVar[ModelCard] = ModelCard("plain", "", frozenset({"text"}), True, "", 0)
    room: int = 100
    events: list[str] = field(default_factory=list)

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        assert len(frames) == len(prompts)
        self.events.append(f"segment {_named(frames)}")
        if len(frames) > self.room:
            raise MemoryError
        return [Detections(frame.stream, frame.index) for frame in frames]


@dataclass
class Ahead(Plain):
    """A model that begins on a batch; what is under way shares its memory."""

    card: ClassVar[ModelCard] = ModelCard("ahead", "", frozenset({"text"}), True, "", 0)
    at_result: bool = False
    says: int = 3
    held: int = 0
    lost: int = 0

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> _Under:
        assert [tuple(asked) for asked in prompts] == [PROMPTS] * len(frames)
        self.events.append(f"submit {_named(frames)}")
        self.held += len(frames)
        if self.held > self.room and not self.at_result:
            self.held -= len(frames)
            raise MemoryError
        return _Under(self, tuple(frames))

    def batch_size(self) -> int:
        return self.says


@dataclass
class _Under:
    model: Ahead
    frames: tuple[Frame, ...]
    seconds: float = 0.0

    def result(self) -> Sequence[Detections]:
        self.model.events.append(f"result {_named(self.frames)}")
        full = self.model.held > self.model.room
        self.model.held -= len(self.frames)
        if full:
            raise MemoryError
        self.seconds = 0.001 * len(self.frames)
        return [Detections(f.stream, f.index) for f in self.frames[self.model.lost :]]


def _named(frames: Sequence[Frame]) -> str:
    return "".join(str(frame.index) for frame in frames)


def answered(stage: Batched, count: int) -> list[int]:
    pairs = list(stage.run(frames(count)))
    assert all(frame.index == answer.index for frame, answer in pairs)
    return [frame.index for frame, _ in pairs]


def test_the_next_batch_begins_before_the_last_is_fetched() -> None:
    model = Ahead()
    assert isinstance(model, Segmenter)
    assert isinstance(model, AsyncSegmenter)
    assert not isinstance(Plain(), AsyncSegmenter)
    assert answered(Batched(model, PROMPTS, 2), 5) == [0, 1, 2, 3, 4]
    assert model.events == [
        *("submit 01", "submit 23", "result 01"),
        *("submit 4", "result 23", "result 4"),
    ]


def test_no_more_than_two_batches_are_taken_before_the_first_answer() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(10):
            taken.append(frame.index)
            yield frame

    next(Batched(Ahead(), PROMPTS, 2).run(source()))
    assert taken == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("size", "count", "asked"),
    [
        (4, 9, ["0", "123", "4567", "8"]),
        (4, 4, ["0", "123"]),
        (4, 1, ["0"]),
        (2, 3, ["0", "1", "2"]),
        (1, 3, ["0", "1", "2"]),
        (4, 0, []),
    ],
)
def test_the_frame_that_begins_a_run_is_answered_alone(
    size: int, count: int, asked: list[str]
) -> None:
    model = Plain()
    assert answered(Batched(model, PROMPTS, size, alone=0), count) == list(range(count))
    assert model.events == [f"segment {each}" for each in asked]


def test_the_first_outline_waits_for_no_other_frame() -> None:
    taken: list[int] = []

    def source() -> Iterator[Frame]:
        for frame in frames(8):
            taken.append(frame.index)
            yield frame

    next(Batched(Plain(), PROMPTS, 4, alone=0).run(source()))
    assert taken == [0]


def test_a_part_of_a_run_keeps_the_batches_of_the_whole() -> None:
    whole, part = Plain(), Plain()
    list(Batched(whole, PROMPTS, 4, alone=0).run(frames(8)))
    list(Batched(part, PROMPTS, 4, alone=0).run(frames(8)[4:]))
    assert part.events == whole.events[2:] == ["segment 4567"]


def test_a_model_that_begins_on_a_batch_has_them_whole() -> None:
    model = Ahead()
    assert answered(Batched(model, PROMPTS, 2, alone=0), 4) == [0, 1, 2, 3]
    assert model.events[0] == "submit 01"


def test_the_model_says_how_many_fit() -> None:
    model = Ahead(says=1)
    stage = Batched(model, PROMPTS)
    run = stage.run(frames(6))
    next(run)
    model.says = 4
    list(run)
    assert model.events[:3] == ["submit 0", "submit 1", "result 0"]
    assert "submit 2345" in model.events
    assert stage.load.largest == 4


@pytest.mark.parametrize("kind", [Plain, Ahead])
@pytest.mark.parametrize("at_result", [False, True])
@pytest.mark.parametrize("room", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_no_frame_is_lost_when_memory_runs_out(
    kind: type[Plain], at_result: bool, room: int, size: int
) -> None:
    model = kind(room=room)
    if isinstance(model, Ahead):
        model.at_result = at_result
    stage = Batched(model, PROMPTS, size)
    assert answered(stage, 11) == list(range(11))
    assert stage.load.frames == 11
    assert stage.load.largest <= room


def test_the_size_is_halved_once_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    model = Plain(room=2)
    with caplog.at_level(logging.WARNING):
        assert answered(Batched(model, PROMPTS, 4), 8) == list(range(8))
    assert model.events == ["segment 0123", *(f"segment {a}" for a in ("01", "23", "45", "67"))]
    assert [record.getMessage() for record in caplog.records] == [
        "memory ran out with 4 frames at once; going on with 2"
    ]


@pytest.mark.parametrize("kind", [Plain, Ahead])
def test_a_frame_that_does_not_fit_alone_ends_the_run(kind: type[Plain]) -> None:
    with pytest.raises(OutOfMemoryError, match=r"frame 0 of 'cam' alone; take a smaller model"):
        list(Batched(kind(room=0), PROMPTS, 4).run(frames(3)))


def test_too_few_answers_are_said() -> None:
    model = Ahead(lost=1)
    with pytest.raises(ModelError, match="model 'ahead' was asked about the frames"):
        list(Batched(model, PROMPTS, 2).run(frames(4)))


def test_idleness_is_what_the_device_was_not_at_work() -> None:
    stage = Batched(Ahead(), PROMPTS, 2)
    for _ in stage.run(frames(4)):
        time.sleep(0.005)
    assert stage.load.busy == pytest.approx(0.004)
    span = stage.load.ended - (stage.load.begun or 0)
    assert stage.load.idle == pytest.approx(1 - 0.004 / span)
    assert Load().idle is None


def test_a_model_without_a_device_is_at_work_while_it_is_asked() -> None:
    class Slow(Plain):
        def segment(
            self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
        ) -> Sequence[Detections]:
            time.sleep(0.01)
            return super().segment(frames, prompts)

    stage = Batched(Slow(), PROMPTS, 1)
    list(stage.run(frames(3)))
    assert stage.load.busy >= 0.03
    assert stage.load.idle is not None
    assert 0 <= stage.load.idle < 1

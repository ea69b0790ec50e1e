"""A model that works on a thread of its own, beside what takes its answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from tests.support.waiting import PATIENCE, until
from videoseg.stages.overlapped import Overlapped
from videoseg.types import Detections, Frame


def frames(count: int) -> Iterator[Frame]:
    for index in range(count):
        yield Frame("cam", index, index, Fraction(1, 25), np.zeros((4, 4, 3), np.uint8))


class Noting:
    """Answers, and notes which frames it has answered."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.answered: list[int] = []
        self.threads: set[int] = set()
        self._fail_at = fail_at

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        for frame in frames:
            if frame.index == self._fail_at:
                raise RuntimeError("the model broke")
            self.answered.append(frame.index)
            self.threads.add(threading.get_ident())
            yield frame, Detections(frame.stream, frame.index)


def test_it_is_at_most_two_frames_ahead() -> None:
    model = Noting()
    for frame, answer in Overlapped(model).run(frames(9)):
        assert answer is not None
        assert answer.index == frame.index
        ahead = min(frame.index + 2, 8)
        until(lambda ahead=ahead: model.answered[-1] == ahead)  # type: ignore[misc]
    assert model.answered == [*range(9)]
    assert threading.get_ident() not in model.threads


def test_an_answer_does_not_wait_for_the_next_frame() -> None:
    coming: queue.Queue[Frame | None] = queue.Queue()
    answers = iter(Overlapped(Noting()).run(iter(lambda: coming.get(timeout=PATIENCE), None)))
    for frame in frames(3):
        coming.put(frame)
        assert next(answers)[0] is frame
    coming.put(None)
    assert next(answers, None) is None


def test_an_error_comes_after_the_answers_before_it() -> None:
    answered: list[int] = []
    with pytest.raises(RuntimeError, match="broke"):
        for frame, _ in Overlapped(Noting(fail_at=3)).run(frames(9)):
            answered.append(frame.index)
    assert answered == [0, 1, 2]

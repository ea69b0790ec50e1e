"""Every writer has a thread of its own, gets Scenes in order, and fails as if it had none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from videoseg import pipeline
from videoseg.system.threads import Stopwatch
from videoseg.types import Frame, Prompt, Scene

COUNT = 40


class BrokenError(Exception):
    """What a writer raises in a test."""


@dataclass
class Noting:
    """A writer that notes what it is handed, and by whom."""

    needs_image: bool = True
    fails_at: int | None = None
    gate: threading.Event | None = None
    seen: list[int] = field(default_factory=list)
    images: list[bool] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    closed: list[bool] = field(default_factory=list)

    def open(self, folder: Path, streams: Any, prompts: Any) -> None:
        pass

    def write(self, scene: Scene, frame: Frame | None) -> None:
        if self.gate is not None:
            assert self.gate.wait(20)
        if scene.index == self.fails_at:
            raise BrokenError
        self.seen.append(scene.index)
        self.images.append(frame is not None)
        self.threads.add(threading.get_ident())

    def close(self, *, complete: bool) -> None:
        self.closed.append(complete)


def drawn(taken: list[int] | None = None) -> Iterator[tuple[Scene, Frame]]:
    for index in range(COUNT):
        if taken is not None:
            taken.append(index)
        image = np.zeros((4, 4, 3), np.uint8)
        yield (
            Scene("cam", index, index, Fraction(1, 25)),
            Frame("cam", index, index, Fraction(1, 25), image),
        )


def write(items: Any, **writers: Noting) -> pipeline.Tally:
    return pipeline.write(
        items,
        streams={},
        prompts=(Prompt("a", text="a"),),
        writers=writers,  # type: ignore[arg-type]  # the protocol wants an extension, too
        log=None,
        folder=Path(),
        clock=Stopwatch(),
    )


def test_each_writes_all_in_order_in_a_thread_of_its_own() -> None:
    one, other = Noting(), Noting(needs_image=False)
    before = {*threading.enumerate()}
    assert write(drawn(), one=one, other=other).frames == COUNT
    assert {*threading.enumerate()} <= before
    assert one.seen == other.seen == list(range(COUNT))
    assert all(one.images)
    assert not any(other.images)
    assert len(one.threads) == len(other.threads) == 1
    assert one.threads.isdisjoint(other.threads)
    assert threading.get_ident() not in one.threads | other.threads
    assert one.closed == other.closed == [True]


def test_a_slow_writer_holds_up_no_more_than_what_may_wait() -> None:
    """The other goes on meanwhile; what is taken is bounded."""
    gate = threading.Event()
    slow, quick = Noting(gate=gate), Noting()
    taken: list[int] = []

    def watched() -> Iterator[tuple[Scene, Frame]]:
        for item in drawn(taken):
            if len(taken) == pipeline.SCENES_BEHIND + 1:
                while not quick.seen:  # before the slow one has written anything
                    threading.Event().wait(0.01)
                assert slow.seen == []
                gate.set()
            yield item

    write(watched(), slow=slow, quick=quick)
    assert slow.seen == quick.seen == list(range(COUNT))


@pytest.mark.parametrize("fails_at", [0, 7, COUNT - 1])
def test_one_that_fails_ends_all(fails_at: int) -> None:
    broken, sound = Noting(fails_at=fails_at), Noting()
    before = {*threading.enumerate()}
    with pytest.raises(BrokenError):
        write(drawn(), broken=broken, sound=sound)
    assert {*threading.enumerate()} <= before
    assert broken.closed == sound.closed == [False]
    assert broken.seen == list(range(fails_at))


def test_an_interrupt_leaves_no_thread() -> None:
    def interrupted() -> Iterator[tuple[Scene, Frame]]:
        for item in drawn():
            if item[0].index == 9:
                raise KeyboardInterrupt
            yield item

    writer = Noting()
    before = {*threading.enumerate()}
    with pytest.raises(KeyboardInterrupt):
        write(interrupted(), writer=writer)
    assert {*threading.enumerate()} <= before
    assert writer.closed == [False]

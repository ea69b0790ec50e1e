"""Every writer has a thread of its own, gets Scenes in order, and fails as if it had none."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from videoseg import pipeline
from videoseg.exporters.animated_svg import AnimatedSvg
from videoseg.protocols import ExportsAlong
from videoseg.runlog.log import RunLog
from videoseg.runlog.reader import read_run
from videoseg.system.threads import Stopwatch
from videoseg.types import (
    Detections,
    Frame,
    Instance,
    Mask,
    Part,
    Polygon,
    Prompt,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)

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


def write(
    items: Any,
    along: Mapping[str, ExportsAlong] = MappingProxyType({}),
    **writers: Noting,
) -> pipeline.Tally:
    return pipeline.write(
        items,
        along=along,
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


class Along:
    """An exporter that notes what it is given, and whether it came to the end."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.complete = False

    def export_scenes(
        self, streams: Mapping[str, StreamInfo], scenes: Iterable[Scene], folder: Path
    ) -> None:
        del streams, folder
        for scene in scenes:
            self.seen.append(scene.index)
        self.complete = True


def test_an_exporter_that_works_along_sees_every_scene_and_no_false_end() -> None:
    along, before = Along(), {*threading.enumerate()}
    write(drawn(), {"along": along}, one=Noting())
    assert (along.seen, along.complete) == (list(range(COUNT)), True)
    along = Along()
    with pytest.raises(BrokenError):
        write(drawn(), {"along": along}, one=Noting(fails_at=2))
    assert not along.complete
    assert {*threading.enumerate()} <= before


def test_an_animation_made_along_is_that_of_the_finished_run(tmp_path: Path) -> None:
    streams = {"cam": StreamInfo("cam", 64, 48, Fraction(1, 25), Fraction(25))}
    prompts = (Prompt("a", text="a"),)
    for name, tolerance in (("steps", 0.0), ("keys", 1.0)):
        folder, later = tmp_path / name, tmp_path / f"{name}-later"
        later.mkdir()
        exporter = AnimatedSvg(tolerance=tolerance)
        scenes = [_with_square(index) for index in range(12)]
        log = RunLog(folder / "run", streams, prompts)
        for scene in scenes:
            log.append_detections("cam", scene.index, Detections("cam", scene.index, ()))
        pipeline.write(
            ((scene, None) for scene in scenes),
            streams=streams,
            prompts=prompts,
            writers={},
            along={"animated-svg": exporter},
            log=log,
            folder=folder,
            clock=Stopwatch(),
        )
        exporter.export(read_run(folder), later)
        made = (folder / "animated.svg").read_bytes()
        assert made == (later / "animated.svg").read_bytes()
        assert made.count(b"<path") == 1


def _with_square(index: int) -> Scene:
    """A square that moves by a pixel a frame."""
    mask = Mask(4 + index, 10, 64, 48, np.ones((8, 8), np.bool_))
    left, top, right, bottom = (float(value) for value in mask.crop)
    corners = np.array(
        [[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32
    )
    shape = Shape((Part(Polygon(corners)),))
    tracked = TrackedInstance(1, Instance(mask, 1.0, 0), shape, "a")
    return Scene("cam", index, index, Fraction(1, 25), instances=(tracked,))

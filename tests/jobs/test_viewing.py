"""Programs that look on at a replay: what they are shown, and what becomes of the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import media
from tests.support.commandline import Blind
from videoseg.config.run_config import load
from videoseg.jobs.job import Job
from videoseg.jobs.replay import Pace, Played, replay_config
from videoseg.protocols import Viewer
from videoseg.types import Frame, Prompt, Scene, StreamInfo

COUNT = 12
FILM = {"times": tuple(range(COUNT)), "time_base": Fraction(1, 30), "rate": Fraction(30)}


@dataclass
class Looking:
    """Notes what it is shown, and takes its time."""

    seconds: float = 0.0
    shown: list[tuple[int, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def open(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> str:
        return "here"

    def show(self, scene: Scene, frame: Frame) -> None:
        time.sleep(self.seconds)
        self.shown.append((scene.index, frame.index))
        self.threads.add(threading.current_thread().name)

    def close(self) -> None: ...


def played(viewers: Sequence[Viewer], out: Path | None = None) -> Played:
    path = str(media.film(**FILM))
    config = replay_config(load(assignments=["run.write=['svg']"]), path)
    with Job(path, "thing", config, model=Blind()) as job:
        return job.play(Pace(rate=0), out, viewers=viewers)


@pytest.mark.parametrize("writes", [False, True])
def test_each_scene_is_shown_with_its_frame_to_all(tmp_path: Path, writes: bool) -> None:
    one, two = Looking(), Looking()
    played([one, two], tmp_path / "out" if writes else None)
    assert one.shown == two.shown == [(index, index) for index in range(COUNT)]
    assert len(one.threads) == 1
    assert one.threads != {threading.current_thread().name}


@pytest.mark.slow
def test_what_a_viewer_takes_is_no_latency() -> None:
    viewer = Looking(seconds=0.5)
    end = played([viewer])
    assert len(viewer.shown) == COUNT
    assert sorted(end.latencies)[COUNT // 2] < 0.5


def test_a_viewer_that_breaks_is_told_and_leaves_no_thread() -> None:
    class Broken(Looking):
        def show(self, scene: Scene, frame: Frame) -> None:
            raise RuntimeError("the viewer broke")

    before = {*threading.enumerate()}
    with pytest.raises(RuntimeError, match="the viewer broke"):
        played([Broken()])
    assert {*threading.enumerate()} <= before

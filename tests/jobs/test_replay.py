"""An input played at its own pace: what is shown, what is dropped, how long each Scene took."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from tests.support import media, processes
from tests.support.commandline import Blind
from tests.support.processes import Process, posix
from tests.support.waiting import PATIENCE, until
from videoseg.config.run_config import RunConfig, load
from videoseg.errors import UsageError
from videoseg.jobs.job import Job
from videoseg.jobs.pacing import FrameQueue
from videoseg.jobs.replay import Pace, Played, replay_config
from videoseg.jobs.rerun import _with_frames
from videoseg.prompts import parse_prompt
from videoseg.protocols import Pending
from videoseg.runlog.reader import read_run
from videoseg.runlog.staging import STAGING
from videoseg.system.threads import first_interrupt
from videoseg.types import Detections, Frame, Prompt, RgbImage, Scene

RATE = Fraction(30)
FILM = {"times": tuple(range(30)), "time_base": 1 / RATE, "rate": RATE}


@dataclass
class Timed(Blind):
    """Finds nothing, takes its time, and notes what it is asked about."""

    seconds: float = 0.0
    asked: list[int] = field(default_factory=list)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.asked += [frame.index for frame in frames]
        time.sleep(self.seconds)
        return super().segment(frames, prompts)


def played(
    model: Blind, pace: Pace, out: Path | None = None, *, config: RunConfig | None = None
) -> Played:
    path = str(media.film(**FILM))
    config = replay_config(config or load(assignments=["run.write=['svg']"]), path)
    with Job(path, "thing", config, model=model) as job:
        return job.play(pace, out)


def test_a_fast_model_sees_every_frame_in_the_inputs_own_time() -> None:
    model = Timed()
    end = played(model, Pace(rate=2.0, queue=30))
    assert model.asked == [*range(30)]
    assert (end.tally.frames, end.dropped, len(end.latencies)) == (30, 0, 30)
    assert end.seconds >= 29 / 30 / 2
    assert min(end.latencies) >= 0
    assert not end.interrupted


@pytest.mark.parametrize(("drop", "last"), [("oldest", 29), ("newest", None), (None, 29)])
def test_a_slow_model_has_frames_dropped(drop: str | None, last: int | None) -> None:
    model = Timed(seconds=0.1)
    end = played(model, Pace(drop=drop))  # type: ignore[arg-type]
    assert model.asked[0] == 0
    assert model.asked == sorted(set(model.asked))
    assert end.tally.frames == len(model.asked) == len(end.latencies) < 25
    assert end.tally.frames + end.dropped == 30
    assert last is None or model.asked[-1] == last
    assert min(end.latencies) >= 0.1, "the model's own time is within"


def test_where_nothing_is_dropped_latency_grows() -> None:
    end = played(Timed(seconds=0.1), Pace(drop="none"))
    assert (end.tally.frames, end.dropped) == (30, 0)
    assert end.latencies[-1] > 30 * (0.1 - 1 / 30) - 0.1


def test_as_fast_as_possible_drops_nothing() -> None:
    end = played(Timed(seconds=0.02), Pace(rate=0))
    assert (end.tally.frames, end.dropped, end.pace.drop) == (30, 0, "none")
    assert sorted(end.latencies)[0] < 0.1, "from when the model takes it"


@dataclass
class Ahead(Timed):
    """Begins on a batch; its answers come when they are fetched."""

    order: list[str] = field(default_factory=list)

    def batch_size(self) -> int:
        return 8

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> Pending:
        self.order.append(f"ask {[frame.index for frame in frames]}")
        return _Answer(self, self.segment(frames, prompts))


@dataclass
class _Answer:
    model: Ahead
    found: Sequence[Detections]
    seconds: float = 0.0

    def result(self) -> Sequence[Detections]:
        self.model.order.append(f"answer {[one.index for one in self.found]}")
        return self.found


def test_a_frame_is_answered_before_the_next_is_taken() -> None:
    model = Ahead()
    played(model, Pace(rate=0))
    expected = [f"{what} [{index}]" for index in range(30) for what in ("ask", "answer")]
    assert model.order == expected


def test_settings_that_make_a_scene_wait_are_set_aside(tmp_path: Path) -> None:
    config = load(
        assignments=["run.write=['svg']", "run.batch=8", "run.every=3", "tracking.iou.look_ahead=9"]
    )
    model = Timed()
    played(model, Pace(rate=0), tmp_path / "out", config=config)
    assert model.asked == [*range(30)]
    settings = json.loads((tmp_path / "out" / "run.json").read_bytes())["settings"]
    assert settings["tracking"]["iou"]["look_ahead"] == 0
    assert (settings["run"]["batch"], settings["run"]["every"]) == (1, 1)


def test_outputs_hold_what_was_shown(tmp_path: Path) -> None:
    model = Timed(seconds=0.1)
    end = played(model, Pace(), tmp_path / "out")
    assert end.summary is not None
    assert end.summary.frames == end.tally.frames == len(model.asked)
    scenes = [scene.index for scene in read_run(tmp_path / "out" / "run").scenes()]
    assert scenes == model.asked
    assert len([*(tmp_path / "out" / "svg").iterdir()]) == len(scenes)
    (said,) = end.summary.notes
    assert f"{len(scenes)} frames shown, {end.dropped} dropped (queue 1, drop oldest)" in said


def test_frames_that_were_dropped_do_not_wait_for_a_scene() -> None:
    images: list[weakref.ref[RgbImage]] = []

    def frames() -> Iterator[Frame]:
        for index in range(40):
            image = np.zeros((4, 4, 3), np.uint8)
            images.append(weakref.ref(image))
            yield Frame("cam", index, index, Fraction(1, 25), image)

    shown = [Scene("cam", index, index, Fraction(1, 25)) for index in (0, 15, 16, 39)]
    taken, alive = [], []
    for scene, frame in _with_frames(iter(shown), frames()):
        taken.append((scene.index, frame and frame.index))
        alive.append(sum(image() is not None for image in images))
    assert taken == [(0, 0), (15, 15), (16, 16), (39, 39)]
    assert alive[2] < 3, "14 frames went by before the second"


def test_marked_frames_are_not_dropped() -> None:
    model = Timed(seconds=0.1)
    path = str(media.film(**FILM))
    prompt = parse_prompt("label=a;box=10,10,60,60;at=11")
    with Job(path, prompt, replay_config(load(), path), model=model) as job:
        job.play(Pace())
    assert 11 in model.asked


def test_a_tracker_that_sees_all_first_is_refused() -> None:
    with pytest.raises(UsageError, match=r"run\.tracker=iou"):
        played(Timed(), Pace(), config=load(assignments=["run.tracker=two-pass"]))


def test_a_model_that_breaks_ends_it() -> None:
    class Broken(Timed):
        def segment(
            self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
        ) -> Sequence[Detections]:
            raise RuntimeError("the model broke")

    with pytest.raises(RuntimeError, match="the model broke"):
        played(Broken(), Pace())
    until(lambda: not any(each.name == "videoseg-replay" for each in threading.enumerate()))


def test_the_first_ctrl_c_asks_and_the_second_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    # A shell gives what it starts in the background a handler that ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    asked: list[str] = []
    try:
        with first_interrupt(lambda: asked.append("stop")):
            signal.raise_signal(signal.SIGINT)
            assert asked == ["stop"]
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert asked == ["stop"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_before_the_first_scene_publishes_nothing(tmp_path: Path) -> None:
    with (
        mock.patch.object(FrameQueue, "get", lambda queue: queue.stop()),
        pytest.raises(KeyboardInterrupt),
    ):
        played(Timed(), Pace(), tmp_path / "out")
    assert not (tmp_path / "out" / "run.json").exists()


# Interrupts, in processes of their own -----------------------------------------------------------

BOX = ["--box", "4,4,60,60", "--write", "svg", "--json"]


def started(*arguments: str, stdin: int | None = None) -> AbstractContextManager[Process]:
    return processes.started("replay", *arguments, stdin=stdin)


@posix
@pytest.mark.slow
def test_ctrl_c_completes_what_was_shown(tmp_path: Path) -> None:
    film, out = str(media.film(**FILM)), tmp_path / "out"
    log = out / STAGING / "new" / "run" / "scenes.jsonl"
    with started(film, *BOX, "--rate", "0.01", "-o", str(out)) as process:
        _until_begun(process, log)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaints
    report, made = json.loads(said), json.loads((out / "run.json").read_bytes())
    assert report["interrupted"]
    assert report["shown"] == made["counts"]["frames"] == len([*(out / "svg").iterdir()]) < 30
    assert made["stopped"] == "interrupted"
    assert b"all frames until then are complete" in complaints
    assert b"--resume" not in complaints


@posix
@pytest.mark.slow
def test_a_live_pipe_is_taken_as_it_comes_until_ctrl_c(tmp_path: Path) -> None:
    film, out = media.film(**{**FILM, "name": "film.ts"}), tmp_path / "out"
    log = out / STAGING / "new" / "run" / "scenes.jsonl"
    with started("-", *BOX, "-o", str(out), stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(film.read_bytes())
        process.stdin.flush()  # and then nothing more comes, and no end either
        _until_begun(process, log)
        process.send_signal(signal.SIGINT)
        until(lambda: process.poll() is not None)
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaints
    report, made = json.loads(said), json.loads((out / "run.json").read_bytes())
    assert report["rate"] == 0
    assert report["drop"] == "oldest"
    assert report["shown"] == made["counts"]["frames"] >= 1
    assert "stopped" not in made, "a pipe has no other end than this"
    assert b"could not be closed" not in complaints


@posix
@pytest.mark.slow
def test_a_pipe_that_ends_ends_the_replay(tmp_path: Path) -> None:
    film = media.film(**FILM)
    with started("-", *BOX[:2], "--json", "--drop", "none", stdin=subprocess.PIPE) as process:
        said, complaints = process.communicate(film.read_bytes(), timeout=PATIENCE)
    assert process.returncode == 0, complaints
    report = json.loads(said)
    assert (report["shown"], report["dropped"], report["out"]) == (30, 0, None)


def _until_begun(process: Process, log: Path) -> None:
    def begun() -> bool:
        assert process.poll() is None, process.communicate()[1]
        return log.exists() and log.read_bytes().count(b"\n") > 1

    until(begun)

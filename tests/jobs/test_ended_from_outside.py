"""Whoever looks on ends a run at once: not many frames later, and with nothing half-written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_resume import contents
from tests.support.fakes import Colours
from tests.support.media import clip
from tests.support.waiting import PATIENCE
from videoseg.config.run_config import load
from videoseg.jobs.job import Job
from videoseg.jobs.rerun import Finished
from videoseg.pipeline import Tally
from videoseg.runlog.staging import STAGING
from videoseg.system.threads import Stopwatch
from videoseg.types import Cue, Detections, Frame, Prompt

FRAMES = 24
WORDS = Prompt("red", text="red")
BOX = ((4.0, 32.0, 36.0, 64.0, True),)


class EndedError(BaseException):
    """Raised by whoever looks on."""


@dataclass
class Counted(Colours):
    """Counts the frames that it was asked about."""

    asked: int = field(init=False, default=0)

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        self.asked += 1
        return super()._answer(frame, prompts)


@dataclass
class Waiting(Counted):
    """A service that answers the first frames, and then nothing until it is left alone."""

    concurrency: int = 2
    sends_frames_to: str | None = None
    left: threading.Event = field(init=False, default_factory=threading.Event)

    def abandon(self) -> None:
        self.left.set()

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        if frame.index >= 3:
            self.left.wait(PATIENCE)
        return super()._answer(frame, prompts)


def job(prompt: Prompt, model: Any, **flags: Any) -> Job:
    film = str(clip(frames=FRAMES, width=160, height=96))
    settings = load(flags={"batch": 1, "write": ("svg", "masks"), **flags})
    return Job(film, prompt, settings, model=model)


def published(out: Path) -> list[str]:
    """What is in an output folder, but for what a later run can go on with."""
    return [name for name in contents(out) if not name.startswith(STAGING)]


def ending(when: Callable[[], bool]) -> Callable[[Tally], None]:
    def on_frame(_: Tally) -> None:
        if when():
            raise EndedError

    return on_frame


@pytest.mark.parametrize(
    "prompt",
    [WORDS, Prompt("it", cues=(Cue(0, boxes=BOX),)), Prompt("it", cues=(Cue(20, boxes=BOX),))],
    ids=["words", "followed", "followed back"],
)
def test_no_frame_more_is_asked(prompt: Prompt, tmp_path: Path) -> None:
    model = Counted()
    with job(prompt, model) as run, pytest.raises(EndedError):
        run.run(tmp_path / "out", on_frame=ending(lambda: model.asked >= 4))
    assert model.asked == 4
    assert published(tmp_path / "out") == []


def test_a_service_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    model, done = Waiting(), threading.Event()

    def when() -> bool:
        return model.asked >= 3 and done.wait(0)

    with job(WORDS, model) as run, pytest.raises(EndedError):
        threading.Timer(0.2, done.set).start()
        run.run(tmp_path / "out", on_frame=ending(when))
    assert model.left.is_set()
    assert published(tmp_path / "out") == []


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    out = tmp_path / "done"
    with job(WORDS, "embedded", max_size=64) as run:
        run.run(out)
    return out


def test_a_rerun_that_is_ended_leaves_what_was_there(finished: Path) -> None:
    before, seen = contents(finished), 0

    def third() -> bool:
        nonlocal seen
        seen += 1
        return seen == 3

    run = Finished(finished)
    with run.job() as again, pytest.raises(EndedError):
        run.rerun(again, finished, overwrite=True, on_frame=ending(third))
    assert contents(finished) == before


def test_an_export_that_is_ended_leaves_what_was_there(finished: Path) -> None:
    before, tallies = contents(finished), 0

    def counted(tally: Tally) -> None:
        nonlocal tallies
        tallies += 1
        if tally.frames == FRAMES and tallies > 3 * FRAMES:
            raise EndedError  # while the exporter reads the whole run

    with pytest.raises(EndedError):
        Finished(finished).write(["coco"], clock=Stopwatch(), on_frame=counted)
    assert contents(finished) == before

"""What is marked on a later frame is followed back to the first one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.kill_resume import contents
from tests.contracts.test_view_abilities import drawn
from tests.stages.test_view import HEIGHT, WIDTH, disc, frame_of
from tests.support.fakes import Colours
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from videoseg import Job, Prompt, load_config, registry
from videoseg.geometry import masks
from videoseg.jobs.estimate import estimate
from videoseg.protocols import FrameSource
from videoseg.runlog.reader import read_run
from videoseg.stages import backwards
from videoseg.stages.backwards import Backwards, first_mark
from videoseg.stages.propagated import Propagated
from videoseg.types import Cue, Detections, Frame, Mask

FRAMES = 30


def moving(index: int) -> Frame:
    """A red disc on its way to the right."""
    return frame_of(disc(100 + 12 * index, 200, 50), index)


@dataclass
class Film:
    """A source that counts what is read of it, and holds."""

    every: int = 1
    readings: list[tuple[int, int | None]] = field(default_factory=list)
    opened: int = 0

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        self.readings.append((start, stop))
        return (moving(index) for index in range(start, min(stop or FRAMES, FRAMES), self.every))

    @contextmanager
    def again(self) -> Iterator[FrameSource]:
        self.opened += 1
        yield self  # type: ignore[misc]


def box(index: int, at: int | None) -> Cue:
    x = 100.0 + 12 * index
    return Cue(frame=at, boxes=((x - 60, 140.0, x + 60, 260.0, True),))


def found(answers: Sequence[tuple[Frame, Detections]], prompt: int = 0) -> dict[int, Mask]:
    return {
        answer.index: one.mask
        for _, answer in answers
        for one in answer.instances
        if one.prompt == prompt
    }


def run_of(
    prompts: Sequence[Prompt], film: Film, *, start: int = 0, **settings: Any
) -> list[tuple[Frame, Detections]]:
    stage = Propagated(Colours(), prompts, Backwards(film.again, **settings))
    return list(stage.run(moving(index) for index in range(start, FRAMES)))


@pytest.mark.parametrize("at", [1, 12, FRAMES - 1])
def test_a_mark_is_followed_both_ways(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backwards, "_MOST_BYTES", 1)
    film = Film()
    answers = run_of((Prompt("disc", cues=(box(at, at),)),), film)
    seen = found(answers)
    assert sorted(seen) == list(range(FRAMES))
    for index, mask in seen.items():
        truth = masks.from_bitmap(disc(100 + 12 * index, 200, 50))
        assert truth is not None
        assert masks.iou(mask, truth) > 0.9, index
    assert all(len(answer.instances) == 1 for _, answer in answers)
    assert {one.object_id for _, answer in answers for one in answer.instances} == {0}
    assert film.opened == 1
    assert all((stop or 0) - start <= 8 for start, stop in film.readings)  # a piece at a time


def test_without_a_second_reading_frames_before_a_mark_stay_empty() -> None:
    stage = Propagated(Colours(), (Prompt("disc", cues=(box(9, 9),)),))
    assert sorted(found(list(stage.run(map(moving, range(FRAMES)))))) == list(range(9, FRAMES))


def test_each_object_goes_back_from_its_own_first_mark() -> None:
    film = Film()
    prompts = (
        Prompt("late", cues=(box(20, 20), box(25, 25))),
        Prompt("first", cues=(box(0, 0),)),
        Prompt("early", cues=(box(5, 5),)),
        Prompt("always", cues=(box(0, None),)),
        Prompt("red", text="red"),
    )
    answers = run_of(prompts, film)
    for place in range(3):
        assert sorted(found(answers, place)) == list(range(FRAMES)), place
    # Forward to the last correction, back from the first marks, and back from the correction.
    assert film.readings == [(0, 26), (0, 21), (20, 26)]
    marks = [first_mark(prompt) for prompt in prompts]
    assert marks == [20, 0, 5, None, None]


def test_nothing_is_read_again_where_all_marks_are_on_the_first_frame() -> None:
    film = Film()
    run_of((Prompt("disc", cues=(box(0, 0),)),), film)
    run_of((Prompt("disc", cues=(box(4, 4),)),), film, start=6)
    assert film.opened == 0


@pytest.mark.parametrize("start", [0, 3])
def test_only_frames_that_are_asked_are_followed_back(start: int) -> None:
    at, every = 17, 5
    also = frozenset({at})
    model = Colours()
    stage = Propagated(
        model, (Prompt("disc", cues=(box(at, at),)),), Backwards(Film().again, every, start, also)
    )
    asked = [i for i in range(start, FRAMES) if (i - start) % every == 0 or i == at]
    answers = list(stage.run(map(moving, asked)))
    assert sorted(found(answers)) == asked


def test_a_source_that_leaves_frames_out_is_read_in_its_own_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backwards, "_MOST_BYTES", 1)
    film = Film(every=3)
    stage = Propagated(Colours(), (Prompt("disc", cues=(box(28, 28),)),), Backwards(film.again))
    answers = list(stage.run(moving(index) for index in range(1, FRAMES, 3)))
    assert sorted(found(answers)) == list(range(1, FRAMES, 3))
    assert all(start % 3 == 1 for start, _ in film.readings)


def test_a_cut_ends_the_way_back() -> None:
    """Before the cut is another place, with nothing to see."""
    noise = np.random.default_rng(3).integers(90, 160, (HEIGHT, WIDTH, 1), np.uint8)

    class Cut(Film):
        def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
            return (shown(index) for index in range(start, min(stop or FRAMES, FRAMES)))

    def shown(index: int) -> Frame:
        frame = moving(index)
        if index < 10:
            frame.image[:] = noise
        else:
            frame.image[::16, :, 1] = 90
        return frame

    resets: list[int] = []

    class Watched(Colours):
        known: Any = ()

        def video_segmenter(self) -> Any:
            return self

        def start(self, prompts: Any) -> None: ...

        def step(self, frame: Frame, detections: Detections | None) -> Detections:
            assert detections is not None
            self.known = detections.instances or self.known
            return Detections(frame.stream, frame.index, self.known)

        def reset(self) -> None:
            resets.append(1)
            self.known = ()

        def finish(self) -> None:
            self.known = ()

    stage = Propagated(Watched(), (Prompt("disc", cues=(box(20, 20),)),), Backwards(Cut().again))
    answers = list(stage.run(map(shown, range(FRAMES))))
    assert len(resets) == 2  # on the way back, and on the way
    assert sorted(found(answers)) == list(range(10, FRAMES))


@dataclass
class Noting(Colours):
    """Notes how many cues it is asked with, in a run that goes forward."""

    asked: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)

    def segment(self, frames: Any, prompts: Any) -> Any:
        for frame, given in zip(frames, prompts, strict=True):
            if frame.pts > 0:
                self.asked.append((frame.index, tuple(len(each.cues) for each in given)))
        return super().segment(frames, prompts)


@pytest.mark.parametrize("known", [5, 12])
def test_what_came_backwards_is_not_taken_for_known_after_a_break(known: int) -> None:
    """The mark begins an object; it is no correction of what was found from it before."""
    prompts = (Prompt("disc", cues=(box(12, 12),)),)
    whole, later = Noting(), Noting()
    frames = [moving(index) for index in range(FRAMES)]
    answers = list(Propagated(whole, prompts, Backwards(Film().again)).run(frames))
    stage = Propagated(later, prompts, Backwards(Film().again))
    for frame, answer in answers[:known]:
        stage.recall(frame, answer)
    rest = list(stage.run(frames[known:]))
    assert whole.asked[0] == (12, (1,))
    assert later.asked == whole.asked
    assert drawn(rest) == drawn(answers[known:])


# Whole runs ------------------------------------------------------------------------------------

BOX = Prompt("thing", cues=(Cue(frame=8, boxes=((4.0, 0.0, 156.0, 96.0, True),)),))


class Breaking(Colours):
    """Breaks on a frame of the run itself."""

    breaks_at: int | None = None
    seen: list[int] = []  # noqa: RUF012

    def segment(self, frames: Any, prompts: Any) -> Any:
        for frame in frames:
            if frame.index == Breaking.breaks_at and frame.pts > 0:
                raise RuntimeError("the model broke")
        return super().segment(frames, prompts)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"breaking": Breaking} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.setattr(Breaking, "breaks_at", None)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    shutil.copyfile(clip(frames=12, width=160, height=96), path)
    return path


def job(film: Path, *assignments: str, prompt: Prompt = BOX) -> Job:
    flags = {"model": "breaking", "write": ["masks"]}
    return Job(film, (prompt,), load_config(flags=flags, assignments=assignments))


def frames_with(out: Path) -> list[int]:
    return [scene.index for scene in read_run(out).scenes() if scene.instances]


def test_a_run_draws_an_object_from_the_first_frame_as_one_track(
    film: Path, tmp_path: Path
) -> None:
    with job(film) as made:
        summary = made.run(tmp_path / "out")
    assert frames_with(tmp_path / "out") == list(range(12))
    assert summary.tracks == (1,)
    assert summary.notes == (
        "'thing' is marked on frame 8: it is followed back to frame 0 first, then onwards",
    )
    with job(film, "run.backwards=false") as made:
        summary = made.run(tmp_path / "forward")
    assert frames_with(tmp_path / "forward") == [8, 9, 10, 11]
    assert summary.notes == (
        "'thing' is marked on frame 8: it is followed from there on; frames 0 to 7 stay empty",
    )


@pytest.mark.parametrize("settings", [(), ("run.every=3",), ("run.start=2f",)])
def test_a_broken_run_is_gone_on_with_to_the_same_bytes(
    settings: tuple[str, ...], film: Path, tmp_path: Path
) -> None:
    with job(film, *settings) as made:
        made.run(tmp_path / "whole")
    out = tmp_path / "out"
    for at in (8, 8, 11):
        Breaking.breaks_at = at
        with pytest.raises(RuntimeError, match="the model broke"), job(film, *settings) as made:
            made.run(out, resume=True)
    Breaking.breaks_at = None
    with job(film, *settings) as made:
        summary = made.run(out, resume=True)
    assert summary.known > 0
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("settings", [(), ("run.every=3",), ("run.start=2f",)])
def test_a_corrected_run_is_gone_on_with_to_the_same_bytes(
    settings: tuple[str, ...], film: Path, tmp_path: Path
) -> None:
    boxes = ((4.0, 0.0, 156.0, 96.0, True),)
    prompt = Prompt("thing", cues=tuple(Cue(frame=at, boxes=boxes) for at in (4, 9)))
    with job(film, *settings, prompt=prompt) as made:
        made.run(tmp_path / "whole")
    out = tmp_path / "out"
    scenes = list(read_run(tmp_path / "whole").scenes())
    assert frames_with(tmp_path / "whole") == [scene.index for scene in scenes]
    for at in (4, 9, 11):
        Breaking.breaks_at = at
        with (
            pytest.raises(RuntimeError, match="the model broke"),
            job(film, *settings, prompt=prompt) as made,
        ):
            made.run(out, resume=True)
    Breaking.breaks_at = None
    with job(film, *settings, prompt=prompt) as made:
        summary = made.run(out, resume=True)
    assert summary.known > 0
    assert contents(out) == contents(tmp_path / "whole")


def test_a_late_start_ends_the_way_back(film: Path, tmp_path: Path) -> None:
    with job(film, "run.start=5f") as made:
        made.run(tmp_path / "out")
    assert frames_with(tmp_path / "out") == list(range(5, 12))


def test_a_mark_behind_the_end_is_followed_into_the_part_that_is_wanted(
    film: Path, tmp_path: Path
) -> None:
    with job(film, "run.end=4f") as made:
        made.run(tmp_path / "out")
    assert frames_with(tmp_path / "out") == [0, 1, 2, 3]


def test_what_comes_once_says_that_earlier_frames_stay_empty(tmp_path: Path) -> None:
    piped = clip(name="piped.mkv", frames=12)
    out = tmp_path / "out"
    install_models(tmp_path)
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    asked = ["--prompt", "label=thing;box=4,20,40,60;at=8", "--model", "colours"]
    with piped.open("rb") as film:
        ran = subprocess.run(
            [sys.executable, "-m", "videoseg", "segment", "-", *asked, "-o", out, "--write", "svg"],
            stdin=film,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert "frames 0 to 7 stay empty" in ran.stderr
    assert min(frames_with(out)) == 8


@pytest.mark.parametrize(("backwards", "calls"), [("true", 20), ("false", 12)])
def test_an_estimate_counts_the_way_back(backwards: str, calls: int, film: Path) -> None:
    with job(film, f"run.backwards={backwards}") as made:
        assert estimate(made).calls == calls


def test_steps_from_python_go_back_too(film: Path) -> None:
    with job(film) as made:
        steps = list(made.steps())
    assert all(step.scene.instances for step in steps)
    assert np.all([step.frame.index for step in steps] == np.arange(12))


def test_whoever_watches_is_told_of_every_frame_on_the_way_back() -> None:
    film, told = Film(), []
    watch = lambda done, total: told.append((done, total))  # noqa: E731
    run_of((Prompt("p", cues=(box(12, 12),)),), film, watch=watch)
    assert told == [(done, 13) for done in range(1, 14)]
    told.clear()
    run_of((Prompt("p", cues=(box(0, 0), box(20, 20))),), film, watch=watch)
    assert told == [(done, 20) for done in range(1, 21)]

"""Runs that break and are gone on with, and finished ones that are taken up again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.kill_resume import contents, trials
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import Job, Prompt, load_config, registry
from videoseg.cli._app import run
from videoseg.errors import OutputExistsError, RunLogError, UsageError, VideosegError
from videoseg.runlog.findings import Finding
from videoseg.runlog.leftover import LOCK
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.staging import STAGING, Staging
from videoseg.settings import MOVED, RENAMED
from videoseg.types import Cue

KEPT = Path(STAGING, "notes", "detections.jsonl")
FRAMES = 12


class Breaking(Colours):
    """Breaks on a frame, as often as it is told to, and notes what it was asked."""

    breaks_at: int | None = None
    asked: list[int] = []  # noqa: RUF012

    def segment(self, frames: Any, prompts: Any) -> Any:
        for frame in frames:
            if frame.index == Breaking.breaks_at:
                raise RuntimeError("the model broke")
            Breaking.asked.append(frame.index)
        return super().segment(frames, prompts)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        ours = {"breaking": Breaking} if kind == "models" else {}
        return {**real(kind), **ours}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.setattr(Breaking, "breaks_at", None)
    monkeypatch.setattr(Breaking, "asked", [])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    shutil.copyfile(clip(audio=True, frames=FRAMES, width=160, height=96), path)
    return path


TEXT = (Prompt("red", "red"), Prompt("blue", "blue"))
BOX = (Prompt("thing", cues=(Cue(frame=0, boxes=((4.0, 32.0, 36.0, 64.0, True),)),)),)


def job(film: Path, prompts: tuple[Prompt, ...] = TEXT, *assignments: str) -> Job:
    given = ["run.batch=1", *assignments]
    return Job(film, prompts, load_config(flags={"model": "breaking"}, assignments=given))


def broken(film: Path, out: Path, at: int, prompts: tuple[Prompt, ...] = TEXT) -> None:
    """A run that breaks on a frame."""
    Breaking.breaks_at = at
    with pytest.raises(RuntimeError, match="the model broke"), job(film, prompts) as made:
        made.run(out, resume=True)
    Breaking.breaks_at = None


@pytest.mark.parametrize("prompts", [TEXT, BOX], ids=["every frame", "carried"])
def test_what_is_made_after_a_break_is_what_is_made_without(
    prompts: tuple[Prompt, ...], film: Path, tmp_path: Path
) -> None:
    with job(film, prompts) as made:
        made.run(tmp_path / "whole")
    Breaking.asked.clear()
    out = tmp_path / "out"
    for at in (0, 3, 7):
        broken(film, out, at, prompts)
    assert [path.name for path in out.iterdir()] == [STAGING]
    with job(film, prompts) as made:
        summary = made.run(out, resume=True)
    assert summary.known == 7
    assert Breaking.asked == list(range(FRAMES))
    assert contents(out) == contents(tmp_path / "whole")


def test_a_torn_answer_is_asked_again(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken(film, out, 5)
    whole = (out / KEPT).read_bytes()
    (out / KEPT).write_bytes(whole[:-7])
    Breaking.asked.clear()
    with job(film) as made:
        assert made.run(out, resume=True).known == 4
    assert Breaking.asked == list(range(4, FRAMES))
    assert (out / "run" / "detections.jsonl").read_bytes().startswith(whole)


def test_a_run_with_nothing_to_go_on_from_begins(film: Path, tmp_path: Path) -> None:
    with job(film) as made:
        assert made.run(tmp_path / "out", resume=True).known == 0


def test_a_finished_run_is_left_as_it_is(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with job(film) as made:
        first = made.run(out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    Breaking.asked.clear()
    with job(film) as made:
        again = made.run(out, resume=True)
    assert Breaking.asked == []
    assert (again.tracks, again.instances, again.known) == (first.tracks, first.instances, FRAMES)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_lock_that_a_killed_run_has_left_goes_with_the_next(film: Path, tmp_path: Path) -> None:
    """As where it was killed after all else of its end was done."""
    out = tmp_path / "out"
    with job(film) as made:
        made.run(out)
    before = sorted(path.name for path in out.iterdir())
    with Staging(out, (), resume=True):
        lock = (out / STAGING / LOCK).read_bytes()
    (out / STAGING).mkdir()
    (out / STAGING / LOCK).write_bytes(lock)
    with job(film) as made:
        assert made.run(out, resume=True).known == FRAMES
    assert sorted(path.name for path in out.iterdir()) == before


def _other_film(film: Path) -> Job:
    shutil.copyfile(clip(frames=FRAMES, width=160, height=96), film)
    return job(film)


def _other_weights(film: Path) -> Job:
    made = job(film)
    plan = made.plan()
    made.plan = lambda: _replaced(plan, model="another")  # type: ignore[method-assign]
    return made


def _other_version(film: Path) -> Job:
    made = job(film)
    plan = made.plan()
    versions = {**plan.versions, "av": "1.0"}
    made.plan = lambda: _replaced(plan, versions=versions)  # type: ignore[method-assign]
    return made


def _replaced(plan: Any, **changes: Any) -> Any:
    import dataclasses

    return dataclasses.replace(plan, **changes)


CHANGES: list[tuple[Callable[[Path], Job], str]] = [
    (
        lambda film: job(film, TEXT, "tracking.iou.max_gap_frames=5"),
        "tracking.iou.max_gap_frames was 2 and is 5",
    ),
    (lambda film: job(film, TEXT, "run.end=9f"), "run.end was '' and is '9f'"),
    (lambda film: job(film, TEXT[:1]), "the prompts are not the same"),
    (_other_film, "the input is not the same"),
    (_other_weights, "model name was 'colours' and is 'another'"),
    (_other_version, "version av was .* and is '1.0'"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
@pytest.mark.parametrize("finished", [False, True])
def test_another_run_is_not_gone_on_with(
    change: Callable[[Path], Job], says: str, finished: bool, film: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    if finished:
        with job(film) as made:
            made.run(out)
    else:
        broken(film, out, 6)
    before = contents(out)
    with change(film) as made:
        with pytest.raises(OutputExistsError, match=says) as caught:
            made.run(out, resume=True)
        assert "\n" not in str(caught.value)
        assert contents(out) == before
        made.run(out, overwrite=True)


def test_an_unfinished_run_is_lost_only_when_asked(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken(film, out, 6)
    with job(film) as made:
        with pytest.raises(OutputExistsError, match="unfinished run; --resume goes on with it"):
            made.run(out)
        assert (out / KEPT).exists()
        assert made.run(out, overwrite=True).known == 0


def test_what_a_pipe_gave_is_not_kept(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Breaking.breaks_at = 6
    made = job(film)
    plan = made.plan()
    unknown = _replaced(plan.inputs[0], size=None, sha256=None)
    made.plan = lambda: _replaced(plan, inputs=[unknown])  # type: ignore[method-assign]
    with pytest.raises(RuntimeError), made:
        made.run(out)
    assert not out.exists()


KILLED = (
    "import sys; from tests.support.fakes import Colours; from videoseg import registry\n"
    "real = registry._built_in\n"
    "ours = lambda kind: {'colours': Colours} if kind == 'models' else {}\n"
    "registry._built_in = lambda kind: {**real(kind), **ours(kind)}\n"
    "from videoseg.cli import main; main()\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("ask", [["red"], ["--box", "4,32,36,64"]], ids=["every frame", "carried"])
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(ask: list[str], tmp_path: Path) -> None:
    film = clip(audio=True, frames=60, width=160, height=96)
    command = [str(film), *ask, "--model", "colours"]
    program = (sys.executable, "-c", KILLED)
    for outcome in trials(command, tmp_path, times=2, seed=len(ask), program=program):
        assert outcome.good, outcome


FULL = (
    "import resource, signal, sys\n"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are a POSIX matter")
@pytest.mark.parametrize(
    ("write", "size"),
    [("svg", 9000), ("masks", 20000), ("overlay", 30000), ("animated-svg", 12000)],
)
def test_a_full_disk_is_one_line_and_loses_nothing(write: str, size: int, tmp_path: Path) -> None:
    out, film = tmp_path / "out", str(clip(audio=True, frames=60, width=160, height=96))
    command = ["segment", film, "red", "--model", "colours", "--write", write, "-o", str(out)]
    program = [sys.executable, "-c", FULL.format(size=size) + KILLED]
    done = subprocess.run([*program, *command], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert {path.name for path in out.iterdir()} <= {STAGING}
    resumed = [sys.executable, "-c", KILLED, *command, "--resume", "-q"]
    subprocess.run(resumed, check=True)
    assert (out / "run.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an open folder stays on Windows")
def test_an_output_folder_that_is_removed_is_one_line(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    segment = Breaking.segment

    def removing(model: Breaking, frames: Any, prompts: Any) -> Any:
        if frames[0].index == 6:
            shutil.rmtree(out)
        return segment(model, frames, prompts)

    monkeypatch.setattr(Breaking, "segment", removing)
    with pytest.raises(VideosegError, match="cannot write") as caught, job(film) as made:
        made.run(out)
    assert "\n" not in str(caught.value)


# Finished runs taken up again --------------------------------------------------------------------


def finished(film: Path, out: Path, *assignments: str, write: tuple[str, ...] = ()) -> Path:
    flags: dict[str, Any] = {"model": "breaking"} | ({"write": write} if write else {})
    config = load_config(flags=flags, assignments=assignments)
    with Job(film, TEXT, config) as made:
        made.run(out)
    Breaking.asked.clear()
    return out


CHANGED = "tracking.iou.smoothing=0"
OUTLINES = "outlines.tolerance=2"


@pytest.mark.parametrize("change", [CHANGED, OUTLINES])
def test_a_rerun_makes_what_a_run_with_these_settings_makes(
    change: str, film: Path, tmp_path: Path
) -> None:
    first = finished(film, tmp_path / "first")
    once = "exporters.animated-svg.loop=false"
    other = finished(film, tmp_path / "other", change, once)
    again = tmp_path / "again"
    arguments = ["--set", change, "--set", once]
    assert run(["rerun", str(first), *arguments, "-o", str(again)]) == 0
    assert Breaking.asked == []
    assert contents(again) == contents(other)
    assert contents(first) != contents(other)
    assert run(["rerun", str(first), *arguments]) == 1
    assert run(["rerun", str(first), *arguments, "--overwrite"]) == 0
    assert contents(first) == contents(other)


def made_earlier(path: Path) -> None:
    """Give the settings in a ``run.json`` or a plan the names and places that they had before."""
    made = json.loads(path.read_text(encoding="utf-8"))
    old = {now: before for before, now in RENAMED.items()}
    table = made["settings"]["tracking"]["iou"]
    assert old.keys() <= table.keys()
    outlines = made["settings"].pop("outlines")
    assert {f"outlines.{key}" for key in outlines} == set(MOVED["tracking"].values())
    made["settings"]["tracking"]["iou"] = {
        old.get(key, key): table[key] for key in table
    } | outlines
    path.write_text(json.dumps(made), encoding="utf-8")


@pytest.mark.parametrize("more", [(), ("--two-pass",)])
def test_a_run_of_an_earlier_version_is_rerun_alike(
    more: tuple[str, ...], film: Path, tmp_path: Path
) -> None:
    changes = "tracking.iou.max_gap_frames=5", "outlines.tolerance=2"
    first = finished(film, tmp_path / "first", *changes)
    wanted, again = tmp_path / "wanted", tmp_path / "again"
    assert run(["rerun", str(first), *more, "-o", str(wanted)]) == 0
    made_earlier(first / "run.json")
    assert run(["rerun", str(first), *more, "-o", str(again)]) == 0
    assert contents(again) == contents(wanted)


def test_a_run_of_an_earlier_version_is_done_already(film: Path, tmp_path: Path) -> None:
    first = finished(film, tmp_path / "first")
    made_earlier(first / "run.json")
    with Job(film, TEXT, load_config(flags={"model": "breaking"})) as again:
        assert again.run(first, resume=True).frames == FRAMES
    assert Breaking.asked == []


def test_a_broken_run_of_an_earlier_version_is_gone_on_with(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    broken(film, out, 6)
    made_earlier(out / STAGING / "notes" / "plan.json")
    Breaking.asked.clear()
    with job(film) as again:
        again.run(out, resume=True)
    assert Breaking.asked == list(range(6, FRAMES))


def test_a_rerun_may_study_the_whole_run_first(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from videoseg.tracking.two_pass import TwoPassIouTracker

    studied: list[int] = []
    study = TwoPassIouTracker.study

    def noted(tracker: Any, streams: Any, answers: Any) -> None:
        pairs = list(answers)
        studied.extend(frame.index for frame, _ in pairs)
        study(tracker, streams, pairs)

    monkeypatch.setattr(TwoPassIouTracker, "study", noted)
    first = finished(film, tmp_path / "first", CHANGED)
    again = tmp_path / "again"
    assert run(["rerun", str(first), "--two-pass", "-o", str(again)]) == 0
    assert studied == list(range(FRAMES))
    made = json.loads((again / "run.json").read_text(encoding="utf-8"))
    assert made["settings"]["run"]["tracker"] == "two-pass"
    assert made["settings"]["tracking"]["two-pass"]["smoothing"] == 0
    assert made["counts"]["tracks"] == 2


def test_a_rerun_can_make_other_outputs(
    film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = finished(film, tmp_path / "first")
    again = tmp_path / "again"
    assert run(["rerun", str(first), "--write", "svg", "-o", str(again), "--json"]) == 0
    assert {path.name for path in again.iterdir()} == {"svg", "run", "run.json"}
    said = capfd.readouterr()
    assert json.loads(said.out)["frames"] == FRAMES
    assert "red: 1 object, 12 outlines" in said.err


@pytest.mark.parametrize("change", ["models.breaking.fail_at=3", "run.start=2f", "run.batch=3"])
def test_a_rerun_does_not_change_what_the_model_found(
    change: str, film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = finished(film, tmp_path / "first")
    assert run(["rerun", str(first), "--set", change, "-o", str(tmp_path / "again")]) == 2
    said = capfd.readouterr().err
    assert f"{change.partition('=')[0]} was " in said
    assert "run `segment` again" in said
    assert said.count("\n") == 1


def test_outputs_are_added_as_the_run_would_have_made_them(film: Path, tmp_path: Path) -> None:
    whole = finished(film, tmp_path / "whole")
    bare = finished(film, tmp_path / "bare", write=("svg",))
    film.unlink()  # no input is needed for what is drawn from the log alone
    command = ["write", str(bare), "--write", "animated-svg", "--write", "masks"]
    assert run(command) == 0
    shutil.copyfile(clip(audio=True, frames=FRAMES, width=160, height=96), film)
    assert run(["write", str(bare), "--write", "overlay"]) == 0
    assert contents(bare) == contents(whole)
    made = json.loads((bare / "run.json").read_text(encoding="utf-8"))
    assert set(made["outputs"]) == {path.name for path in bare.iterdir()}
    assert made["outputs"][-2:] == ["run", "run.json"]
    assert set(made["settings"]["writers"]) == {"svg", "masks", "overlay"}
    assert run(command) == 1
    assert run([*command, "--overwrite"]) == 0


def test_an_input_that_has_moved_is_said_where(
    film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bare = finished(film, tmp_path / "bare", write=("svg",))
    moved = film.rename(tmp_path / "moved.mp4")
    command = ["write", str(bare), "--write", "overlay"]
    assert run(command) == 1
    said = capfd.readouterr().err
    assert "film.mp4" in said
    assert "--input says where" in said
    assert said.count("\n") == 1
    assert run([*command, "--input", str(moved)]) == 0
    shutil.copyfile(clip(frames=FRAMES, width=160, height=96), moved)
    assert run([*command, "--input", str(moved), "--overwrite"]) == 1
    assert "is not the input that" in capfd.readouterr().err


@pytest.mark.parametrize("verb", [["rerun"], ["write", "--write", "svg"]])
def test_a_folder_without_a_finished_run(
    verb: list[str], film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken(film, tmp_path / "out", 5)
    for folder in (tmp_path / "nowhere", tmp_path, tmp_path / "out"):
        assert run([*verb, str(folder)]) == 1
        assert "holds no finished run" in capfd.readouterr().err


def test_a_log_that_is_cut_short_is_no_run(film: Path, tmp_path: Path) -> None:
    from videoseg.jobs.rerun import Finished

    first = finished(film, tmp_path / "first")
    path = first / "run" / "detections.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    taken = Finished(first)
    with taken.job() as made, pytest.raises(RunLogError, match="log ends before frame"):
        taken.rerun(made, tmp_path / "again")
    with pytest.raises(UsageError):
        Finished(first, assignments=["models.breaking.fail_at=1"]).job()


def test_a_memory_goes_on_as_it_would_have(tmp_path: Path) -> None:
    from tests.stages.test_memory import ball, begin
    from videoseg.models.embedded.memory.tracker import Memory
    from videoseg.runlog.checkpoint import Notes

    memory = Memory(threads=1)
    begin(memory)
    memory.step(ball(1, 108), None)
    notes = Notes(tmp_path)
    notes._note_state(memory.snapshot(), 2)
    state, answers = notes._read_state()
    assert answers == 2
    other = Memory(threads=1)
    other.restore(state, ball(1, 108))
    for index in (2, 3):
        frame = ball(index, 100 + 8 * index)
        ((one,), (two,)) = (each.step(frame, None).instances for each in (memory, other))
        assert one.score == two.score
        assert np.array_equal(one.mask.bitmap, two.mask.bitmap)
        assert one.mask.crop == two.mask.crop


def test_a_run_of_an_earlier_version_is_taken_up_again(film: Path, tmp_path: Path) -> None:
    """It says nothing of notes and of settings that came later."""
    out = tmp_path / "out"
    with job(film) as made:
        made.run(out)
    path = out / "run.json"
    manifest = json.loads(path.read_bytes())
    for key in ("notes", "refused", "review", "review_left_out"):
        del manifest[key]
    for key in ("backwards", "review_gap", "review_shrink", "review_jump", "review_score"):
        del manifest["settings"]["run"][key]
    path.write_text(json.dumps(manifest))
    assert run(["rerun", str(out), "-o", str(tmp_path / "again"), "-q"]) == 0
    assert run(["write", str(out), "--write", "animated-svg", "--overwrite", "-q"]) == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("notes", "x"),
        ("refused", [{"prompt": "a"}]),
        ("review", [{}]),
        ("review", [{"time": "1/0"}]),
    ],
)
def test_damaged_notes_are_named(key: str, value: object, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with job(film) as made:
        made.run(out)
    path = out / "run.json"
    manifest = json.loads(path.read_bytes())
    if value == [{"time": "1/0"}]:
        whole = Finding("never_found", 0, "red").to_json()
        value = [{**whole, "time": "1/0"}]
    path.write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(RunLogError, match=f"damaged: '{key}"):
        read_manifest(out)

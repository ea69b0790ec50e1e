"""Progress and notes as people, logs and machines get them."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commandline import command
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import registry
from videoseg.cli._app import run
from videoseg.cli._progress import Mode, Progress
from videoseg.pipeline import Tally
from videoseg.system.threads import Stopwatch

FRAMES = 12
FIELDS = {
    *("event", "input", "frames", "total", "rate", "eta", "elapsed", "objects", "slowest"),
    *("writing", "back", "backs"),
}
Said = Callable[[], list[str]]


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch) -> str:
    real = registry._built_in
    ours: dict[str, Any] = {"colours": Colours, "broken": functools.partial(Colours, fail_at=6)}

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **(ours if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    return str(clip(frames=FRAMES, width=160, height=96))


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return lambda: capfd.readouterr().err.splitlines()


def shown(mode: Mode, steps: list[tuple[float, int]], *, total: int | None = 100) -> None:
    """Show a run that has done so many frames at such times."""
    time = [0.0]
    clock = Stopwatch()
    clock.seconds.update({"wait": 90.0, "model": 5.0, "decode": 1.0})
    with Progress(
        total, clock, quiet=False, name="clip.mp4", mode=mode, now=lambda: time[0]
    ) as progress:
        for at, frames in steps:
            time[0] = at
            progress.show(Tally(frames, ({1, 2},), [frames]))


def test_json_lines(said: Said) -> None:
    shown(Mode.JSON, [(0.5, 1), (2.0, 20), (2.1, 21), (4.0, 50)])
    first, second, last = map(json.loads, said())
    assert first == {
        "event": "progress",
        "input": "clip.mp4",
        "frames": 20,
        "total": 100,
        "rate": 10.0,
        "eta": 8.0,
        "elapsed": 2.0,
        "objects": 2,
        "slowest": "model",
        "writing": None,
        "back": None,
        "backs": None,
    }
    assert second["frames"] == 50
    assert last.pop("status") == "done"
    assert last == {**second, "event": "end"}


@pytest.mark.parametrize("mode", [Mode.JSON, Mode.PLAIN])
def test_what_is_written_after_the_last_frame_is_named_while_it_is(mode: Mode, said: Said) -> None:
    """It may take as long as all frames, during which nothing else is said."""
    clock = Stopwatch()
    clock.seconds["model"] = 5.0
    with Progress(9, clock, quiet=False, name="clip.mp4", mode=mode) as progress:
        progress.show(Tally(9, ({1},), [9]))
        with clock.measure_alone("nuke"):
            (line,) = said()
        assert clock.alone is None
    (end,) = said()
    if mode is Mode.JSON:
        assert json.loads(line)["writing"] == "nuke"
        assert json.loads(end)["writing"] is None
    else:
        assert line.endswith("1 object, writing nuke")
        assert "writing" not in end


def test_the_way_back_from_a_mark_is_shown_while_no_frame_is_done(said: Said) -> None:
    """With how far it is and how fast, and the rate of frames begins anew after it."""
    time = [0.0]
    clock = Stopwatch()
    with Progress(
        100, clock, quiet=False, name="c", mode=Mode.JSON, now=lambda: time[0]
    ) as progress:
        for done in range(1, 41):
            time[0] = done / 4
            clock.on_ahead(done, 40)
        time[0] = 20.0
        progress.show(Tally(30, ({1},), [30]))
    *back, first, end = map(json.loads, said())
    assert [(one["back"], one["backs"], one["frames"]) for one in back][-1] == (40, 40, 0)
    assert {one["rate"] for one in back} == {4.0}
    assert {one["eta"] for one in back} == {None}
    assert (first["back"], first["backs"], first["frames"]) == (None, None, 30)
    assert end["back"] is None


def test_a_line_names_the_way_back(said: Said) -> None:
    time = [0.0]
    clock = Stopwatch()
    with Progress(100, clock, quiet=False, mode=Mode.PLAIN, now=lambda: time[0]):
        for time[0], done in ((1.0, 2), (6.0, 12)):
            clock.on_ahead(done, 40)
        (line,) = said()
    assert line == (
        "progress: 0/100 (0 %) frames after 0:06, 0 objects, "
        "following marks back: 12/40 frames, 2.00 frames/s"
    )


def test_the_rate_is_that_of_late(said: Said) -> None:
    """A resumed run flies through what it knows: that says nothing about the rest."""
    shown(Mode.JSON, [(1.0, 1000), (40.0, 1010), (60.0, 1020), (80.0, 1030)], total=1130)
    assert json.loads(said()[-1])["rate"] == pytest.approx(0.5)


def test_what_is_not_known_is_null(said: Said) -> None:
    shown(Mode.JSON, [], total=None)
    (end,) = map(json.loads, said())
    assert (end["total"], end["rate"], end["eta"]) == (None, None, None)


def test_plain_lines_come_every_few_seconds(said: Said) -> None:
    shown(Mode.PLAIN, [(n / 2, n) for n in range(1, 25)])
    lines = said()
    assert len(lines) == 3
    assert lines[0] == (
        "progress: 10/100 (10 %) frames after 0:05, 2.00 frames/s, 0:45 to go, 2 objects, "
        "slowest: model"
    )
    assert lines[-1].startswith("done: 24/100")


def test_a_job_without_a_terminal_logs_now_and_then(said: Said) -> None:
    shown(Mode.AUTO, [(n, n) for n in range(1, 100)])
    assert [line.split()[1] for line in said()] == ["30/100", "60/100", "90/100", "99/100"]
    shown(Mode.AUTO, [(n, n) for n in range(1, 20)])
    assert said() == [], "a short run needs no line beside its summary"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown(Mode.AUTO, [(5.0, 10)])
    assert "10/100" in said()[-1]


@pytest.mark.parametrize("broken", [False, True])
def test_every_line_is_json_where_asked(
    broken: bool, film: str, tmp_path: Path, said: Said
) -> None:
    model = "broken" if broken else "colours"
    asked = ["--progress", "json", "--log-format", "json", "--write", "svg", "--model", model]
    code = run(["segment", film, "red", "-o", str(tmp_path / "out"), *asked])
    *_, end, last = map(json.loads, said())
    assert code == (1 if broken else 0)
    assert set(end) == FIELDS | {"status"}
    assert end["total"] == FRAMES
    if broken:
        assert (end["status"], last["event"], last["exit_code"]) == ("failed", "error", 1)
    else:
        assert (end["status"], end["frames"], end["objects"]) == ("done", FRAMES, 1)
        assert (last["event"], last["frames"]) == ("summary", FRAMES)


def test_notes_are_json_where_asked(
    film: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    monkeypatch.setenv("VIDEOSEG_RUN_BATCH", "2")
    asked = ["--log-format", "json", "--write", "svg", "--model", "colours"]
    assert run(["segment", film, "red", "-o", str(tmp_path / "a"), *asked]) == 0
    note, summary = map(json.loads, said())
    assert note == {
        "event": "note",
        "level": "warning",
        "message": "settings from VIDEOSEG_RUN_BATCH",
    }
    assert summary["event"] == "summary"
    asked[:2] = []
    assert run(["segment", film, "red", "-o", str(tmp_path / "b"), *asked]) == 0
    assert said()[0] == "note: settings from VIDEOSEG_RUN_BATCH"


def test_quiet_wins(film: str, tmp_path: Path, said: Said) -> None:
    asked = ["--progress", "json", "--log-format", "json", "--write", "svg", "--model", "colours"]
    out = str(tmp_path / "out")
    assert run(["segment", film, "red", "-o", out, "-q", *asked]) == 0
    assert run(["rerun", out, "--overwrite", "-q", *asked[:4]]) == 0
    assert said() == []


def test_rerun_and_write_report_alike(film: str, tmp_path: Path, said: Said) -> None:
    out = str(tmp_path / "out")
    assert (
        run(["segment", film, "red", "-o", out, "-q", "--write", "svg", "--model", "colours"]) == 0
    )
    asked = ["--progress", "json", "--log-format", "json"]
    for verb in (["rerun", out, "--overwrite"], ["write", out, "--write", "masks"]):
        assert run([*verb, *asked]) == 0
        end, summary = map(json.loads, said())
        assert (end["event"], end["frames"], end["status"]) == ("end", FRAMES, "done")
        assert summary["event"] == "summary"


def test_errors_show_escape_sequences_as_text(tmp_path: Path, said: Said) -> None:
    assert run(["info", str(tmp_path / "no\x1b[31m\nclip.mp4")]) == 1
    (line,) = said()
    assert "no\\x1b[31m\\nclip.mp4" in line


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ((), 12),
        (("sources.video.every=2",), 6),
        (("sources.video.every=5",), 3),
        (("sources.video.every=2", "run.start=3f"), 5),
        (("sources.video.every=3", "run.start=1f", "run.end=9f"), 3),
        (("run.every=2",), 12),
    ],
)
def test_the_total_counts_what_will_be_done(
    settings: tuple[str, ...],
    frames: int,
    tmp_path: Path,
) -> None:
    source, out = str(clip(frames=12)), str(tmp_path / "out")
    assigned = [f"--set={each}" for each in settings]
    made = command(
        "segment", source, "thing", "--model", "blind", "--write", "kept", "-o", out,
        "--progress", "plain", *assigned,
    )  # fmt: skip
    assert made.code == 0, made.lines
    (line,) = [each for each in made.lines if each.startswith("done: ")]
    assert line.startswith(f"done: {frames}/{frames} (100 %)")

"""``videoseg replay``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest

from tests.support import media
from tests.support.commandline import command
from videoseg.cli.replay import _as_plain
from videoseg.jobs.replay import Pace, Played
from videoseg.pipeline import Tally


def replayed(*arguments: str) -> tuple[int, str, tuple[str, ...]]:
    ran = command("replay", str(media.film()), "thing", "--model", "blind", *arguments)
    return ran.code, ran.out, ran.lines


def test_percentiles_by_hand() -> None:
    times = array("d", [each / 1000 for each in range(1, 101)])  # 1 to 100 ms
    played = Played(Pace(1.0, "oldest"), Tally(100, (), []), 7, times, 0.004, 3.5, False)
    plain = _as_plain(played, "rtsp://me:secret@camera/1", [])
    assert plain["latency_ms"] == {
        "mean": 50.5, "p50": 50.5, "p95": 95.05, "p99": 99.01, "maximum": 100.0
    }  # fmt: skip
    assert (plain["shown"], plain["dropped"], plain["decoded_late_ms"]) == (100, 7, 4.0)
    assert "secret" not in plain["input"]


def test_what_is_said() -> None:
    code, out, lines = replayed("--queue", "9")
    assert (code, out) == (0, "")
    assert lines[0] == "thing: not found"
    assert lines[1].startswith("6 frames shown in 0.")
    assert lines[1].endswith("s at rate 1, 0 dropped (queue 9, drop oldest)")
    assert all(name in lines[2] for name in ("latency p50 ", ", p95 ", ", p99 ", ", longest "))


def test_json(tmp_path: Path) -> None:
    code, out, lines = replayed(
        "--json", "-q", "--rate", "0", "-o", str(tmp_path / "out"), "--write", "svg"
    )
    report = json.loads(out)
    assert (code, lines) == (0, ())
    assert (report["shown"], report["dropped"], report["rate"], report["drop"]) == (6, 0, 0, "none")
    assert report["out"] == str(tmp_path / "out")
    assert report["outputs"] == ["svg", "run", "run.json"]
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--every", "2"], "--every makes outlines wait"),
        (["--batch-size", "4"], "--batch-size makes frames wait"),
        (["--write", "svg"], "--write needs a folder; add -o"),
        (["--rate", "inf"], "--rate takes a number from 0"),
        (["--rate", "-1"], "rate"),
        (["--drop", "some"], "drop"),
        (["--queue", "0"], "queue"),
    ],
)
def test_what_is_refused(arguments: list[str], says: str) -> None:
    code, _, lines = replayed(*arguments)
    assert code == 2
    assert says in " ".join(lines)


def test_one_input() -> None:
    ran = command("replay", str(media.film()), str(media.clip()), "thing", "--model", "blind")
    assert ran.code == 2
    assert "one input, got 2" in ran.lines[-1]


def test_a_live_input_has_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videoseg.sources._av.container.Place.is_live", True)
    code, _, lines = replayed("--rate", "2")
    assert code == 2
    assert "live and has a pace of its own; leave out --rate" in lines[-1]


def test_results_are_not_replaced_unasked(tmp_path: Path) -> None:
    given = ("-o", str(tmp_path / "out"), "--write", "svg", "--rate", "0")
    assert replayed(*given)[0] == 0
    code, _, lines = replayed(*given)
    assert code != 0
    assert "--overwrite" in lines[-1]
    assert replayed(*given, "--overwrite")[0] == 0

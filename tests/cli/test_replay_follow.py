"""``videoseg replay --follow``: a log that is still recorded, in a process of its own."""

from __future__ import annotations

import json
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support import media, processes, robot_logs
from tests.support.commandline import command
from tests.support.processes import Process, posix
from tests.support.robot_logs import Recorder
from tests.support.waiting import PATIENCE, until
from videoseg.runlog.reader import read_run
from videoseg.runlog.staging import STAGING

for package in ("mcap", "foxglove_schemas_protobuf"):
    pytest.importorskip(package)

BOX = ("--box", "4,4,60,60", "--json", "--write", "svg")


def started(path: Path, out: Path, *arguments: str) -> AbstractContextManager[Process]:
    told = ["replay", str(path), *BOX, "--follow", "--drop", "none", "-o", str(out), *arguments]
    return processes.started(*told)


def shown(out: Path) -> int:
    """Frames that have been written so far."""
    log = out / STAGING / "new" / "run" / "scenes.jsonl"
    return log.read_bytes().count(b'"instances"') if log.exists() else 0


@pytest.mark.slow
def test_frames_are_shown_while_the_log_is_written(tmp_path: Path) -> None:
    out, recorder = tmp_path / "out", Recorder(tmp_path / "log.mcap")
    with started(recorder.path, out, "--rate", "1.0") as process:
        recorder.start()
        for index in range(12):
            recorder.add_square(index)
            if index >= 3:  # a scene is there before the next picture is
                until(lambda seen=index: shown(out) >= seen or process.poll() is not None)  # type: ignore[misc]
        recorder.finish()
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complaints
    report, made = json.loads(said), json.loads((out / "run.json").read_bytes())
    assert (report["shown"], report["dropped"], report["interrupted"]) == (12, 0, False)
    assert made["counts"]["frames"] == len([*(out / "svg").iterdir()]) == 12
    assert "stopped" not in made
    assert b"incomplete" not in complaints
    scenes = read_run(out / "run").scenes()
    assert [scene.pts for scene in scenes] == robot_logs.stamps(12)


@posix
@pytest.mark.slow
def test_ctrl_c_ends_it_while_nothing_comes(tmp_path: Path) -> None:
    out, recorder = tmp_path / "out", Recorder(tmp_path / "log.mcap")
    recorder.start()
    for index in range(4):
        recorder.add_square(index)
    with started(recorder.path, out) as process:
        until(lambda: shown(out) >= 4 or process.poll() is not None)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaints
    assert time.monotonic() - start < 30
    report, made = json.loads(said), json.loads((out / "run.json").read_bytes())
    assert report["interrupted"]
    assert report["shown"] == made["counts"]["frames"] == 4
    assert made["stopped"] == "interrupted"
    assert b"all frames until then are complete" in complaints
    recorder.crash()


@pytest.mark.slow
def test_it_ends_when_the_recorder_says_nothing_more(tmp_path: Path) -> None:
    out, recorder = tmp_path / "out", Recorder(tmp_path / "log.mcap")
    recorder.start()
    recorder.add_square(0)
    recorder.add_square(1)
    recorder.crash()
    with started(recorder.path, out, "--idle", "0.5") as process:
        said, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, complaints
    assert json.loads(said)["shown"] == 2
    assert b"nothing was added for 0.5 s" in complaints


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--follow"], "--follow is for MCAP files"),
        (["--idle", "3"], "--idle goes with --follow"),
    ],
)
def test_what_cannot_be_followed_is_refused(arguments: list[str], says: str) -> None:
    ran = command("replay", str(media.film()), "thing", "--model", "blind", *arguments)
    assert ran.code == 2
    assert says in ran.lines[-1]

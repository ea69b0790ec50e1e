"""A live camera that is replayed ends with Ctrl-C: its connection, its threads, its outputs."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import processes, rtsp_server
from tests.support.commandline import Blind
from tests.support.processes import posix
from tests.support.waiting import PATIENCE, until
from videoseg.config.run_config import load
from videoseg.jobs.job import Job
from videoseg.jobs.replay import Pace, replay_config
from videoseg.runlog.staging import STAGING
from videoseg.types import Detections, Frame, Prompt

BOX = ["--box", "4,4,60,60", "--write", "svg", "--json"]


def shown(out: Path) -> int:
    log = out / STAGING / "new" / "run" / "scenes.jsonl"
    return log.read_bytes().count(b'"instances"') if log.exists() else 0


@posix
@pytest.mark.slow
def test_ctrl_c_takes_leave_of_the_camera_and_publishes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        rtsp_server.camera() as camera,
        processes.started("replay", camera.address, *BOX, "-o", str(out)) as process,
    ):
        until(lambda: shown(out) >= 3 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate(timeout=PATIENCE)
        assert camera.left.wait(30)
    assert process.returncode == 130, complaints
    assert camera.asked[-1] == "TEARDOWN", "the connection was not torn by the end of the process"
    report, made = json.loads(said), json.loads((out / "run.json").read_bytes())
    assert report["interrupted"]
    assert report["shown"] == made["counts"]["frames"] == len([*(out / "svg").iterdir()]) >= 3
    assert "stopped" not in made, "a camera has no other end than this"
    assert b"all frames until then are complete" in complaints


@posix
@pytest.mark.slow
def test_ctrl_c_ends_it_where_the_camera_hangs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        rtsp_server.camera() as camera,
        processes.started("replay", camera.address, *BOX, "-o", str(out)) as process,
    ):
        until(lambda: shown(out) >= 3 or process.poll() is not None)
        camera.sends = False
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        said, complaints = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - begun < 15, "the camera is not waited for, which may be 20 s"
        assert camera.left.wait(30)
    assert process.returncode == 130, complaints
    assert json.loads(said)["shown"] == len([*(out / "svg").iterdir()]) >= 3


@dataclass
class Interrupting(Blind):
    """Interrupts its own process when it has seen a few frames."""

    seen: int = 0

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.seen += len(frames)
        if self.seen == 4:
            # To the process, as Ctrl-C: its main thread, which waits for this answer, acts at once.
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return super().segment(frames, prompts)


@posix
@pytest.mark.slow
def test_no_thread_is_left() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with rtsp_server.camera() as camera:
            config = replay_config(load(), camera.address)
            with Job(camera.address, "thing", config, model=Interrupting()) as job:
                played = job.play(Pace())
                assert not [
                    each.name for each in threading.enumerate() if each.name.startswith("videoseg")
                ]
            assert camera.left.wait(30)
    finally:
        signal.signal(signal.SIGINT, before)
    assert played.interrupted
    assert played.tally.frames == 4
    assert camera.asked[-1] == "TEARDOWN"

"""However a run ends: one line that says what to do, and a result that is whole or not there."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest

from tests.support import media
from tests.support.commandline import Blind, Kept, command, segmented
from tests.support.waiting import PATIENCE, until
from videoseg.errors import refusal_of
from videoseg.jobs.batch import _reason
from videoseg.models._hosted import chat, retry
from videoseg.runlog.staging import STAGING, Staging
from videoseg.sources.video import VideoSource
from videoseg.system.held_folders import FolderHandle
from videoseg.system.threads import read_ahead

RAN_OUT: list[tuple[Exception, str]] = [
    (MemoryError(), "memory ran out; .*--max-size"),
    (np._core._exceptions._ArrayMemoryError((1 << 60,), np.dtype(float)), "memory ran out"),  # type: ignore[attr-defined]
    (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out"),
    (ImportError("x.so: failed to map segment from shared object"), "memory ran out"),
    (RuntimeError("Exception during initialization: std::bad_alloc"), "memory ran out"),
    (RuntimeError("can't start new thread"), "no further thread or process; .*--jobs 1"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "no further thread"),
    (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
]


@pytest.mark.parametrize(("error", "says"), RAN_OUT, ids=lambda each: type(each).__name__)
def test_what_has_run_out_is_said_with_advice(error: Exception, says: str) -> None:
    said = refusal_of(error)
    assert said is not None
    assert _reason(error) == said, "also for one input among several"
    with mock.patch.object(VideoSource, "open", side_effect=error):
        ran = command("info", str(media.film()))
    assert (ran.code, ran.out, ran.lines) == (1, "", (f"videoseg: {said}",))
    assert re.search(says, said)


def test_memory_that_opencv_lacks() -> None:
    error = cv2.error("insufficient memory")
    error.code = -4
    assert "memory ran out" in str(refusal_of(error))
    assert refusal_of(cv2.error("another fault")) is None


@pytest.mark.parametrize("error", [ValueError("start"), KeyError("a"), RuntimeError("broke")])
def test_faults_of_ours_stay_faults(error: Exception) -> None:
    assert refusal_of(error) is None


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
@pytest.mark.parametrize("megabytes", [350, 450])
def test_little_memory_is_one_line(megabytes: int, tmp_path: Path) -> None:
    limit = (
        "import resource, runpy, sys; most = int(sys.argv.pop(1)) << 20;"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most));"
        "runpy.run_module('videoseg', run_name='__main__')"
    )
    arguments = ["segment", str(media.film()), "--box", "4,4,60,60", "-o", str(tmp_path / "out")]
    ran = subprocess.run(
        [sys.executable, "-c", limit, str(megabytes), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ran.returncode == 1, ran.stderr
    (line,) = ran.stderr.splitlines()
    assert "memory ran out" in line or "no further thread" in line
    assert not (tmp_path / "out").exists()


# What cannot be closed ---------------------------------------------------------------------------


def failing(*_: object, **__: object) -> None:
    raise RuntimeError("the\x1b[31m disk\nleft")


@pytest.mark.parametrize(("owner", "what"), [(VideoSource, "the input"), (Blind, "the model")])
def test_what_cannot_be_closed_changes_no_result(
    owner: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = media.film()
    real = owner.close
    # A source closes before it opens.
    monkeypatch.setattr(owner, "close", lambda self: failing() if _opened(self) else real(self))
    ran = segmented(path)
    assert (ran.code, len(ran.frames)) == (0, 6)
    (note,) = ran.notes
    assert note == (
        f"note: {what} could not be closed (RuntimeError: the\\x1b[31m disk left); results are not "
        "affected"
    )


def _opened(part: Any) -> bool:
    return getattr(part, "_info", part) is not None


def test_a_failure_is_said_although_the_input_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Blind, "segment", mock.Mock(side_effect=ValueError("the first fault")))
    real = VideoSource.close
    monkeypatch.setattr(
        VideoSource, "close", lambda self: failing() if _opened(self) else real(self)
    )
    ran = segmented(media.film())
    assert ran.code == 1
    assert "the first fault" in ran.lines[-1]
    assert "could not be closed" in ran.lines[-2]


def test_a_writer_that_cannot_be_closed_publishes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close(_: Kept, *, complete: bool) -> None:
        if complete:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Kept, "close", close)
    ran = segmented(media.film())
    assert (ran.code, ran.counts) == (1, {})
    assert "No space left on device" in ran.lines[-1]
    assert "unexpected" not in ran.lines[-1]


def test_frames_that_cannot_be_closed_are_not_waited_for() -> None:
    """The thread that reads ahead must not die without a word, or the run waits for ever."""

    class Frames:
        def __iter__(self) -> Iterator[int]:
            return self

        def __next__(self) -> int:
            raise StopIteration

        close = failing

    with pytest.raises(RuntimeError, match="disk"):
        list(read_ahead(Frames(), 2))


def test_a_thread_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)
    ran = segmented(media.film())
    assert ran.code == 1
    assert "no further thread or process" in ran.lines[-1]


# Interrupts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupt_while_publishing_waits_until_all_is_there(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moves = FolderHandle.move, iter(range(1, 10))

    def move(self: FolderHandle, *rest: Any) -> None:
        if next(moves) == at:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # people press it twice
        real(self, *rest)

    names = ("a", "b", "run.json")
    monkeypatch.setattr(FolderHandle, "move", move)
    # A shell gives what it starts in the background a handler that ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), Staging(tmp_path / "out", names) as staging:
        for name in names:
            (staging.folder / name).write_text(name)
        staging.publish()
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(names)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_run_that_is_stopped_and_continued_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    long = media.film(times=tuple(range(60)))
    arguments = ["segment", str(long), "--box", "4,4,60,60", "--write", "svg", "-o"]
    started = [sys.executable, "-m", "videoseg", *arguments]
    log = tmp_path / "stopped" / STAGING / "new" / "run" / "scenes.jsonl"
    with subprocess.Popen(
        [*started, str(tmp_path / "stopped")], stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: log.exists() and log.read_bytes().count(b"\n") > 2, process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    subprocess.run([*started, str(tmp_path / "whole")], check=True, capture_output=True)
    for path in (tmp_path / "whole" / "svg").iterdir():
        assert path.read_bytes() == (tmp_path / "stopped" / "svg" / path.name).read_bytes()


# Text that is nested too deeply ------------------------------------------------------------------

DEEP = "[" * 100_000 + "]" * 100_000


def eval_identity(folder: Path) -> list[str]:
    (folder / "eval.json").write_text(DEEP)
    return ["eval", "compare", str(folder), str(folder)]


def prompts(folder: Path) -> list[str]:
    (folder / "p.json").write_text(DEEP)
    return ["segment", str(media.film()), "--prompts", str(folder / "p.json"), "-o", f"{folder}/o"]


def settings(folder: Path) -> list[str]:
    (folder / "s.toml").write_text(f"a = {DEEP}")
    return [
        "segment",
        str(media.film()),
        "cat",
        "--config",
        f"{folder}/s.toml",
        "-o",
        f"{folder}/o",
    ]


def manifest(folder: Path) -> list[str]:
    (folder / "run.json").write_text(DEEP)
    return ["write", str(folder), "--write", "svg"]


@pytest.mark.parametrize("make", [eval_identity, prompts, settings, manifest])
def test_deep_text_is_one_line(make: Callable[[Path], list[str]], tmp_path: Path) -> None:
    ran = command(*make(tmp_path))
    assert ran.code in (1, 2)
    (line,) = ran.lines
    assert "unexpected" not in line


def test_deep_answers_of_services() -> None:
    assert retry.asked_wait({}, DEEP.encode()) is None
    with pytest.raises(Exception, match="no JSON"):
        chat._arguments(DEEP)

"""Work that takes a while: how far it is, pausing, ending, failing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support.waiting import PATIENCE, until
from videoseg.errors import SourceError, UsageError
from videoseg.pipeline import Tally
from videoseg.server.page.work import Work, Worker


class Steps:
    """Work that does a step whenever it is allowed to."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.done = 0

    def __call__(self, work: Work) -> dict[str, Any]:
        for number in range(1, 6):
            assert self.allowed.acquire(timeout=PATIENCE)
            self.done = number
            work.step(Tally(number, ({1}, {2, 3}), [number, number]))
        return {"steps": self.done}


def test_progress_says_how_far_it_is_and_then_what_was_made() -> None:
    worker, steps = Worker(), Steps()
    work = worker.begin(Work("run", "a run", total=5), steps)
    steps.allowed.release(2)
    until(lambda: work.to_json()["frames"] == 2)
    said = work.to_json()
    assert (said["status"], said["total"], said["objects"]) == ("running", 5, 3)
    assert said["rate"] > 0
    assert said["eta"] > 0
    steps.allowed.release(3)
    until(lambda: work.is_over)
    assert (work.status, work.result) == ("done", {"steps": 5})


def test_it_waits_while_it_is_paused() -> None:
    worker, steps = Worker(), Steps()
    work = worker.begin(Work("run", "a run"), steps)
    work.pause()
    steps.allowed.release(5)
    until(lambda: steps.done == 1)
    assert work.to_json()["status"] == "paused"
    assert steps.done == 1
    work.go_on()
    until(lambda: work.is_over)
    assert work.status == "done"


@pytest.mark.parametrize("paused", [False, True])
def test_it_ends_when_it_is_cancelled(paused: bool) -> None:
    worker, steps = Worker(), Steps()
    work = worker.begin(Work("run", "a run"), steps)
    if paused:
        work.pause()
        steps.allowed.release()
        until(lambda: steps.done == 1)
    work.stop()
    steps.allowed.release(5)
    until(lambda: work.is_over)
    assert work.status == "stopped"
    assert steps.done == 1


def test_only_one_thing_is_done_at_a_time() -> None:
    worker, steps = Worker(), Steps()
    work = worker.begin(Work("run", "the run of a.mp4"), steps)
    with pytest.raises(UsageError, match=r"the run of a\.mp4 is under way"):
        worker.begin(Work("export", "writing svg"), steps)
    work.stop()
    steps.allowed.release()
    worker.end()
    assert worker.begin(Work("export", "writing svg"), lambda _: {}).kind == "export"
    worker.end()


def test_why_it_failed_is_said_in_one_line() -> None:
    def fail(_: Work) -> dict[str, Any]:
        raise SourceError("clip.mp4 breaks\noff")

    worker = Worker()
    work = worker.begin(Work("run", "a run"), fail)
    worker.end()
    said = work.to_json()
    assert (said["status"], said["reason"]) == ("failed", "clip.mp4 breaks off")
    assert said["result"] == {"error": "SourceError"}

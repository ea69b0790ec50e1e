"""Two runs that would write to one place in object storage: one does; a dead one is no matter."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import s3
from tests.support.fakes import Colours
from tests.support.media import clip
from tests.support.storage import contents, emptied
from videoseg import Job, load_config
from videoseg.errors import OutputError, OutputExistsError
from videoseg.jobs import stored_lock
from videoseg.jobs.stored_lock import NAME, StoredLock
from videoseg.pipeline import Tally
from videoseg.system.object_store import Stored

OUT = "memory://bucket/out/cat"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied()
    monkeypatch.setattr(stored_lock, "_BEAT", 0.05)
    monkeypatch.setattr(stored_lock, "_PATIENCE", 0.6)
    monkeypatch.setattr(stored_lock, "_LOOK", 0.05)


@pytest.fixture
def place() -> Stored:
    return Stored(OUT, OutputError)


@pytest.fixture
def job() -> Iterator[Job]:
    config = load_config(flags={"write": ["svg"], "batch": 1})
    with Job(clip(), "red", config, model=Colours()) as made:
        yield made


def left_by_the_dead(place: Stored) -> None:
    said = {"run": "gone", "owner": "farm-7, process 4", "since": "2026-11-30T10:00:00+00:00"}
    place.below(NAME).write(json.dumps(said).encode())


def test_a_second_run_is_kept_out_while_the_first_lives(place: Stored, job: Job) -> None:
    with StoredLock(place):
        with pytest.raises(OutputError, match="another run is writing to") as caught:
            job.run(OUT)
        assert "process" in str(caught.value), "which says whose it is"
        assert list(contents(OUT)) == [NAME], "and the second has left nothing"
    assert contents(OUT) == {}
    job.run(OUT)
    assert "run.json" in contents(OUT)
    assert NAME not in contents(OUT)


def test_what_a_dead_run_has_left_is_taken_over(
    place: Stored, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_the_dead(place)
    job.run(OUT)
    assert "run.json" in contents(OUT)
    assert NAME not in contents(OUT)
    assert "'farm-7, process 4'" in caplog.text


def test_a_lock_of_nonsense_is_one_of_the_dead(place: Stored) -> None:
    place.below(NAME).write(b"\xff{")
    with StoredLock(place) as lock:
        lock.check()


def test_a_run_whose_place_was_taken_publishes_nothing(place: Stored, job: Job) -> None:
    def taken(tally: Tally) -> None:
        if tally.frames == 5:
            left_by_the_dead(place)

    with pytest.raises(OutputError, match=r"another one \('farm-7, process 4', since"):
        job.run(OUT, on_frame=taken)
    assert list(contents(OUT)) == [NAME], "the lock is not ours to remove"


def test_what_has_ended_while_a_run_waited_is_not_replaced(
    place: Stored, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_the_dead(place)
    real = StoredLock._wait_for_the_dead

    def ends_meanwhile(self: StoredLock, seen: bytes) -> None:
        place.below("run.json").write(b"{}")
        real(self, seen)

    monkeypatch.setattr(StoredLock, "_wait_for_the_dead", ends_meanwhile)
    place.below("svg/000000.svg").write(b"<svg/>")
    with pytest.raises(OutputExistsError):
        job.run(OUT)
    assert contents(OUT)["svg/000000.svg"] == b"<svg/>"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_servers_that_know_no_condition(
    place: Stored, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    system = fsspec.filesystem("memory")
    real = type(system).pipe_file

    def plain(self: Any, path: str, value: bytes, mode: str = "overwrite") -> None:
        if mode == "create" and (number == errno.ENOSYS or self.exists(path)):
            raise OSError(number, "not here")
        real(self, path, value)

    monkeypatch.setattr(type(system), "pipe_file", plain)
    assert place.below("x").create(b"1")
    assert not place.below("x").create(b"2")
    assert place.below("x").read() == b"1"


def test_one_of_many_creates_it_on_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3.s3_server(monkeypatch) as bucket:
        place, won = Stored(f"{bucket}/x", OutputError), []
        work = [
            threading.Thread(target=lambda n=n: won.append((place.create(str(n).encode()), n)))
            for n in range(6)
        ]
        for each in work:
            each.start()
        for each in work:
            each.join()
        (winner,) = [number for created, number in won if created]
        assert place.read() == str(winner).encode()


def test_an_object_is_told_apart_by_its_etag(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = load_config(flags={"write": ["svg"]})
    with s3.s3_server(monkeypatch) as bucket:
        there = Stored(f"{bucket}/clip.mp4")
        there.upload(clip())
        with Job(there.address, "red", config, model=Colours()) as made:
            first = made.plan()
        assert first.repeatable
        record = first.to_json()["inputs"][0]
        assert record["sha256"] is None
        assert len(record["etag"]) >= 32
        there.upload(clip())  # the same again
        with Job(there.address, "red", config, model=Colours()) as made:
            assert made.plan().inputs == first.inputs
            made.run(tmp_path / "out")
            assert made.finished(tmp_path / "out") is not None
        there.upload(clip(frames=13))
        with (
            Job(there.address, "red", config, model=Colours()) as made,
            pytest.raises(OutputExistsError, match="the input is not the same"),
        ):
            made.finished(tmp_path / "out")

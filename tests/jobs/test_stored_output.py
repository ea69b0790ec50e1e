"""Outputs in object storage: all of a run or none, gone on with by anybody, replaced when told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import Colours
from tests.support.media import clip
from tests.support.small_disk import small_disk
from tests.support.storage import contents, emptied, failing, put
from videoseg import Job, load_config
from videoseg.errors import OutputError, OutputExistsError, UsageError
from videoseg.jobs import stored_output
from videoseg.pipeline import Tally
from videoseg.runlog.staging import STAGING
from videoseg.system.object_store import Stored

OUT = "memory://bucket/out/cat"
WRITE = ("svg", "masks", "overlay")


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied()
    monkeypatch.setattr(stored_output, "_KEPT_EVERY", 0.0)


class Noted(Colours):
    """Notes what it was asked."""

    asked: list[int] = []  # noqa: RUF012

    def segment(self, frames: Any, prompts: Any) -> Any:
        Noted.asked += [frame.index for frame in frames]
        return super().segment(frames, prompts)


@pytest.fixture
def job() -> Callable[..., Job]:
    Noted.asked.clear()
    there = put(clip(audio=True), "memory://bucket/clips/clip.mp4")

    def make(text: str = "red", location: str = there) -> Job:
        config = load_config(flags={"write": list(WRITE), "batch": 1})
        return Job(location, text, config, model=Noted())

    return make


def breaks_at(frame: int) -> Callable[[Tally], None]:
    def on_frame(tally: Tally) -> None:
        if tally.frames == frame:
            raise KeyboardInterrupt

    return on_frame


def test_the_files_are_those_of_a_folder(job: Callable[..., Job], tmp_path: Path) -> None:
    with job() as run:
        done = run.run(OUT)
    with job(location=str(clip(audio=True))) as run:
        run.run(tmp_path / "here")
    made = contents(OUT)
    assert set(made) == {
        path.relative_to(tmp_path / "here").as_posix()
        for path in (tmp_path / "here").rglob("*")
        if path.is_file()
    }
    for name, content in made.items():
        if name not in ("run.json", "run/detections.jsonl", "run/scenes.jsonl"):
            assert content == (tmp_path / "here" / name).read_bytes(), name
    assert done.out == OUT
    assert json.loads(made["run.json"])["inputs"][0]["name"] == "memory://bucket/clips/clip.mp4"


def test_a_result_is_not_replaced_unless_told(job: Callable[..., Job]) -> None:
    with job() as run:
        run.run(OUT)
        before = contents(OUT)
        with pytest.raises(OutputExistsError, match="--overwrite"):
            run.run(OUT)
        finished = run.finished(OUT)
        assert finished is not None
        assert finished.frames == 12
    assert contents(OUT) == before
    with job("blue") as run:
        with pytest.raises(OutputExistsError, match="another run: the prompts"):
            run.finished(OUT)
        run.run(OUT, overwrite=True)
    assert contents(OUT)["run.json"] != before["run.json"]


def test_objects_of_others_stay(job: Callable[..., Job]) -> None:
    Stored(OUT).below("svg/mine.txt").write(b"mine")
    for overwrite in (False, True):
        with job() as run, pytest.raises(OutputExistsError, match="svg"):
            run.run(OUT, overwrite=overwrite)
    assert contents(OUT) == {"svg/mine.txt": b"mine"}
    assert Noted.asked == []


def test_an_input_is_not_replaced(job: Callable[..., Job]) -> None:
    there = put(clip(), f"{OUT}/overlay.mp4")
    with job(location=there) as run, pytest.raises(UsageError, match="is an input"):
        run.run(OUT, overwrite=True)


def test_a_half_uploaded_run_is_none_and_is_taken_over(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, uploaded = Stored.upload, []

    def upload(self: Stored, path: Path) -> None:
        if path.suffix in (".svg", ".mp4"):
            uploaded.append(path)
            if len(uploaded) > 5:
                raise OutputError("the line is cut")
        real(self, path)

    monkeypatch.setattr(Stored, "upload", upload)
    with job() as run, pytest.raises(OutputError, match="the line is cut"):
        run.run(OUT)
    half = contents(OUT)
    assert "run.json" not in half
    assert len([name for name in half if name.startswith("svg/")]) >= 1
    monkeypatch.setattr(Stored, "upload", real)
    with job() as run:
        assert run.finished(OUT) is None
        done = run.run(OUT, resume=True)
    made = contents(OUT)
    assert not [name for name in made if STAGING in name]
    assert set(done.outputs) <= {name.split("/")[0] for name in made}
    assert "run.json" in made


def test_an_unfinished_run_is_gone_on_with(job: Callable[..., Job]) -> None:
    with job() as run:
        run.run("memory://bucket/whole")
    Noted.asked.clear()
    with job() as run, pytest.raises(KeyboardInterrupt):
        run.run(OUT, on_frame=breaks_at(5))
    assert "run.json" not in contents(OUT)
    first = list(Noted.asked)
    with job() as run, pytest.raises(OutputExistsError, match="--resume"):
        run.run(OUT)
    Noted.asked.clear()
    with job() as run, pytest.raises(KeyboardInterrupt):
        run.run(OUT, resume=True, on_frame=breaks_at(8))
    with job() as run:
        done = run.run(OUT, resume=True)
    assert done.known >= 5
    assert sorted({*first, *Noted.asked}) == list(range(12))
    assert 0 not in Noted.asked
    whole, made = contents("memory://bucket/whole"), contents(OUT)
    assert set(whole) == set(made)
    assert {n: c for n, c in whole.items() if n != "run.json"} == {
        n: c for n, c in made.items() if n != "run.json"
    }


def test_one_of_another_kind_is_not_gone_on_with(job: Callable[..., Job]) -> None:
    with job() as run, pytest.raises(KeyboardInterrupt):
        run.run(OUT, on_frame=breaks_at(5))
    with job("blue") as run, pytest.raises(OutputExistsError, match="the prompts are not the same"):
        run.run(OUT, resume=True)
    with job("blue") as run:
        assert run.run(OUT, overwrite=True).known == 0


def test_storage_that_fails_now_and_then_loses_nothing(job: Callable[..., Job]) -> None:
    with job() as run:
        run.run("memory://bucket/whole")
    with failing(0.05) as failed, job() as run:
        run.run(OUT)
    assert failed
    whole, made = contents("memory://bucket/whole"), contents(OUT)
    assert {n: c for n, c in whole.items() if n != "run.json"} == {
        n: c for n, c in made.items() if n != "run.json"
    }


def test_a_full_disk_publishes_nothing(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with job() as run:
        run.run("memory://bucket/whole")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "disk"))
    with (
        small_disk(tmp_path / "disk", "40k"),
        job() as run,
        pytest.raises(OutputError, match="No space left on device"),
    ):
        run.run(OUT)
    assert all(STAGING in name for name in contents(OUT))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with job() as run:
        run.run(OUT, resume=True)
    assert contents(OUT).keys() == contents("memory://bucket/whole").keys()


def test_nothing_stays_on_this_machine(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with job() as run:
        run.run(OUT)
    with job() as run, pytest.raises(OutputExistsError):
        run.run(OUT)
    assert not list(tmp_path.glob("videoseg-*"))

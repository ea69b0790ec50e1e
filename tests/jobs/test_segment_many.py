"""Many inputs from Python: one after another, in processes, and what is refused at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import videoseg
from benchmarks.kill_resume import contents
from tests.support.media import clip
from tests.support.plug_ins import install_models
from videoseg import registry


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "plugin").mkdir()
    install_models(tmp_path / "plugin")
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    monkeypatch.chdir(tmp_path)
    registry._outside.cache_clear()
    for name in ("a", "b"):
        shutil.copy(clip(), f"{name}.mp4")
    yield
    registry._outside.cache_clear()


@pytest.mark.slow
def test_processes_make_what_one_makes() -> None:
    config = videoseg.load_config(flags={"write": ["svg"]})
    for cluster in (None, "local"):
        inputs = {f"{name}.mp4": f"{cluster}/{name}" for name in ("a", "b")}
        ends = list(
            videoseg.segment_many(
                inputs, "red", cluster=cluster, workers=2, model="colours", config=config
            )
        )
        assert {end.task.location for end in ends} == set(inputs)
        assert {end.state for end in ends} == {"done"}
    assert contents(Path("local/a")) == contents(Path("None/a"))


def test_one_that_fails_stops_no_other() -> None:
    Path("broken.mp4").write_bytes(b"no film")
    inputs = {"broken.mp4": "out/broken", "a.mp4": "out/a"}
    ends = list(videoseg.segment_many(inputs, "red", model="colours"))
    assert [end.state for end in ends] == ["failed", "done"]
    assert "broken.mp4: is not a video" in ends[0].reason


def test_what_makes_no_sense_is_refused_by_the_call() -> None:
    with pytest.raises(videoseg.ConfigError, match="no model"):
        videoseg.segment_many({"a.mp4": "out"}, "red", model="nobody")
    with pytest.raises(videoseg.PromptError):
        videoseg.segment_many({"a.mp4": "out"}, "")

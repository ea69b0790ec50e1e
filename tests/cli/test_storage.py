"""Runs from and to S3, by command line, against a server on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import s3, storage
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from tests.support.waiting import until
from videoseg import registry
from videoseg.cli._app import run
from videoseg.jobs import stored_lock
from videoseg.system.object_store import Stored

OUTPUTS = ("--write", "svg", "--write", "masks", "--model", "colours", "-q")


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    install_models(folder)
    return folder


@pytest.fixture(autouse=True)
def bucket(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.chdir(tmp_path)
    registry._outside.cache_clear()
    with s3.s3_server(monkeypatch) as address:
        for name in ("a", "b"):
            storage.put(clip(), f"{address}/clips/{name}.mp4")
        Stored(f"{address}/clips/notes.txt").write(b"no film")
        yield address
    registry._outside.cache_clear()


def test_a_wildcard_is_run_and_published(
    bucket: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["segment", f"{bucket}/clips/*.mp4", "red", "-o", f"{bucket}/out/{{stem}}", *OUTPUTS]
    assert run([*words, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert [each["out"] for each in said["inputs"]] == [f"{bucket}/out/a", f"{bucket}/out/b"]
    made = storage.contents(f"{bucket}/out/a")
    assert {"run.json", "svg/000000.svg", "run/scenes.jsonl"} <= set(made)
    assert not any(s3.SECRET.encode() in each or s3.KEY.encode() in each for each in made.values())
    assert run([*words]) == 1
    assert "--overwrite" in capfd.readouterr().err
    assert run([*words, "--skip-existing", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert [each["state"] for each in said["inputs"]] == ["skipped", "skipped"]
    assert run([*words, "--overwrite"]) == 0


def test_a_prefix_stands_for_the_videos_in_it(bucket: str, tmp_path: Path) -> None:
    assert run(["segment", f"{bucket}/clips/", "red", "-o", "here", *OUTPUTS]) == 0
    assert sorted(path.name for path in tmp_path.glob("here/*")) == ["a", "b"]


def test_what_fits_nothing_is_said(bucket: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", f"{bucket}/no/*.mp4", "red", *OUTPUTS]) == 1
    assert f"{bucket}/no/*.mp4: no such file" in capfd.readouterr().err


def test_a_wrong_key_is_one_line_without_it(
    bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    assert run(["segment", f"{bucket}/clips/a.mp4", "red", *OUTPUTS]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "set those of the storage in the environment" in said


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with_by_another_machine(
    bucket: str, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["segment", f"{bucket}/clips/a.mp4", "red", *OUTPUTS, "--batch-size", "1"]
    assert run([*words, "-o", f"{bucket}/whole"]) == 0
    slow = ["--model", "slow", "--set", "models.slow.seconds=0.3"]
    code = "import sys; from videoseg.jobs import stored_output; stored_output._KEPT_EVERY = 0; "
    code += "from videoseg.cli import main; main()"
    path = os.pathsep.join([str(plugin), str(ROOT), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, *slow, "-o", f"{bucket}/out"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    kept = Stored(f"{bucket}/out/.videoseg-part/notes")
    until(lambda: len(kept.names()) >= 4, process)
    process.kill()
    process.communicate()
    assert "run.json" not in Stored(f"{bucket}/out").names()
    monkeypatch.setattr(stored_lock, "_BEAT", 1.0)
    monkeypatch.setattr(stored_lock, "_PATIENCE", 4.0)
    assert run([*words, *slow, "-o", f"{bucket}/out", "--resume"]) == 0
    whole, made = storage.contents(f"{bucket}/whole"), storage.contents(f"{bucket}/out")
    assert set(whole) == set(made)
    assert whole["run/detections.jsonl"] == made["run/detections.jsonl"]
    assert whole["run/scenes.jsonl"] == made["run/scenes.jsonl"]

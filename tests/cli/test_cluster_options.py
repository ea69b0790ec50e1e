"""What ``--cluster`` says where it cannot be done, and processes of this machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.media import clip
from videoseg.cli._app import run
from videoseg.jobs.processes import gpus_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip(), "a.mp4")


def test_without_ray_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(["segment", "a.mp4", "red cup", "--cluster", "auto", "-q"]) == 4
    said = "videoseg: --cluster needs ray: pip install 'videoseg[cluster]'\n"
    assert capfd.readouterr().err == said
    assert run(["cluster", "status"]) == 4
    assert capfd.readouterr().err == said


def test_nobody_at_an_address_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    assert run(["segment", "a.mp4", "red cup", "--cluster", "127.0.0.1:1", "-q"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("videoseg: --cluster 127.0.0.1:1: cannot be reached (")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--workers", "2"), "are for --cluster"),
        (("--gpus-per-worker", "1"), "are for --cluster"),
        (("--cluster", "local", "--jobs", "2"), "give one of them"),
    ],
)
def test_what_does_not_go_together(
    words: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["segment", "a.mp4", "red cup", *words]) == 2
    assert says in capfd.readouterr().err


def test_neither_ray_nor_storage_is_loaded_before_it_is_used() -> None:
    code = "import sys, videoseg, videoseg.cli, videoseg.jobs.cluster; print(sorted(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"'ray'", "'fsspec'", "'s3fs'"} & set(found.stdout.strip("[]\n").split(", "))


def test_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus_of(3, 0) == ""
    assert [gpus_of(number, 1) for number in range(3)] == ["0", "1", "2"]
    assert [gpus_of(number, 2) for number in range(2)] == ["0,1", "2,3"]
    assert [gpus_of(number, 0.5) for number in range(4)] == ["0", "0", "1", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [gpus_of(number, 1) for number in range(3)] == ["4", "6", "4"]

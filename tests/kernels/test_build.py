"""The library is compiled where there is a compiler, and done without where there is none."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from videoseg.kernels import library as found
from videoseg.kernels.build import COMPILERS, LIBRARY, build


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    found.library.cache_clear()


needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)), reason="needs a C compiler"
)


@needs_compiler
def test_the_library_is_compiled_and_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(found.OFF, raising=False)
    monkeypatch.setattr(found, "__file__", str(tmp_path / "library.py"))
    assert found.library() is None
    assert build(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [LIBRARY]
    found.library.cache_clear()
    assert hasattr(found.library(), "videoseg_pair")
    monkeypatch.setenv(found.OFF, "1")
    found.library.cache_clear()
    assert found.library() is None


@pytest.mark.parametrize("compiler", ["false", "a-compiler-that-is-not-there"])
def test_a_compiler_that_fails_leaves_what_was_there(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LIBRARY).write_bytes(b"before")
    monkeypatch.setenv("CC", compiler)
    trouble = build(tmp_path)
    assert trouble is not None
    assert compiler in trouble
    assert (tmp_path / LIBRARY).read_bytes() == b"before"


def test_without_a_compiler_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build(tmp_path) == "there is no C compiler (cc, gcc or clang)"


def test_a_library_that_cannot_be_loaded_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(found.OFF, raising=False)
    monkeypatch.setattr(found, "__file__", str(tmp_path / "library.py"))
    (tmp_path / LIBRARY).write_bytes(b"not a library")
    with caplog.at_level(logging.WARNING):
        assert found.library() is None
    assert "install videoseg anew" in caplog.text


@needs_compiler
def test_a_library_of_other_sources_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(found.OFF, raising=False)
    monkeypatch.setattr(found, "__file__", str(tmp_path / "library.py"))
    assert build(tmp_path) is None
    monkeypatch.setattr(found, "digest", lambda: "of what was changed")
    with caplog.at_level(logging.WARNING):
        assert found.library() is None
    assert "other sources" in caplog.text

"""A machine that others use, too: folders, keyrings, clocks."""

from __future__ import annotations

import ast
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import videoseg
from videoseg.models._hosted import keys
from videoseg.models._hosted.cache import AnswerCache

PACKAGE = Path(videoseg.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
def test_answers_are_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        cache = AnswerCache(tmp_path / "videoseg" / "answers")
        cache.put("ab" * 32, b"an answer")
    finally:
        os.umask(before)
    made = {path: stat.S_IMODE(path.stat().st_mode) for path in cache.folder.rglob("*")}
    assert made == {
        cache.folder / "ab": 0o700,
        cache.folder / "ab" / ("ab" * 32): 0o600,
    }
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


def raising(error: BaseException) -> Callable[[str, str], str]:
    def get_password(*_: str) -> str:
        raise error

    return get_password


@pytest.mark.parametrize(
    ("get_password", "found"),
    [
        (lambda *_: "abc\n", "abc"),
        (lambda *_: "", None),
        (lambda *_: None, None),
        (lambda *_: b"abc", None),
        (lambda *_: 12345, None),
        (lambda *_: ["abc"], None),
        (raising(RuntimeError("no backend")), None),
        (raising(OSError("no bus")), None),
        (raising(MemoryError()), None),
        (raising(SystemExit(3)), None),
        (lambda *_: threading.Event().wait(30), None),
    ],
)
def test_whatever_a_keyring_does(
    get_password: Callable[[str, str], object], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get_password))
    monkeypatch.setattr(keys, "PATIENCE", 0.2)
    monkeypatch.delenv("SOME_KEY", raising=False)
    begun = time.monotonic()
    assert keys.find_key("SOME_KEY") == found
    assert time.monotonic() - begun < 10


def test_a_keyring_module_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "keyring.py").write_text("raise RuntimeError('broken installation')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    monkeypatch.delenv("SOME_KEY", raising=False)
    assert keys.find_key("SOME_KEY") is None


def called(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_durations_are_of_a_clock_that_never_goes_back(path: Path) -> None:
    assert not called(path) & {"time.time", "time.time_ns", "time.localtime", "time.gmtime"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_name_in_the_temporary_folder_can_be_foreseen(path: Path) -> None:
    """``tempfile`` makes names at random, for the user alone; names of ours there would not be."""
    assert not called(path) & {"tempfile.mktemp", "tempfile.gettempdir", "tempfile.gettempprefix"}
    words = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [word for word in words if word.startswith(("/tmp", "/var/tmp", "/dev/shm"))]  # noqa: S108

"""Paths from outside stay inside of the folders that are open to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from videoseg.errors import UsageError
from videoseg.server.paths import Folders


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """``open/`` with a file, ``shut/`` beside it, and links between them."""
    for name in ("open/sub", "shut", "opener"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("open/clip.mp4", "open/sub/deep.mp4", "shut/secret", "opener/near"):
        (tmp_path / name).write_text("x")
    if os.name != "nt":
        (tmp_path / "open" / "out").symlink_to("../shut/secret")
        (tmp_path / "open" / "folder").symlink_to("../shut")
        (tmp_path / "open" / "round").symlink_to("round")
        (tmp_path / "open" / "within").symlink_to("sub/deep.mp4")
        (tmp_path / "way").symlink_to("open")
    return tmp_path


def test_what_is_inside_is_found(room: Path) -> None:
    folders = Folders.of([room / "open"])
    wanted = (room / "open" / "clip.mp4").resolve()
    for given in ("clip.mp4", str(room / "open" / "clip.mp4"), "./sub/../clip.mp4"):
        assert folders.inside(given) == wanted
    assert folders.inside("sub/deep.mp4").name == "deep.mp4"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "../shut/secret",
        "sub/../../shut/secret",
        "/etc/passwd",
        "..",
        "../opener/near",
        "no.mp4",
        "clip.mp4\0",
        "~root",
        "//etc/passwd",
        "http://localhost/clip.mp4",
        "file:///etc/passwd",
        "camera:0",
        "concat:clip.mp4",
        "-",
        "a" * 100_000,
        "/".join(["x"] * 50_000),
    ],
)
def test_what_is_outside_is_refused(room: Path, given: str) -> None:
    with pytest.raises(UsageError, match="is no file in a folder that is open") as error:
        Folders.of([room / "open"]).inside(given)
    assert len(str(error.value)) < 250, "it is one line, whatever came"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_count_as_what_they_lead_to(room: Path) -> None:
    folders = Folders.of([room / "way"])
    assert folders.inside("within") == (room / "open" / "sub" / "deep.mp4").resolve()
    assert folders.inside(str(room / "way" / "clip.mp4")).name == "clip.mp4"
    for given in ("out", "folder/secret", "round", "folder/../shut/secret"):
        with pytest.raises(UsageError):
            folders.inside(given)


def test_it_is_not_said_what_is_there(room: Path) -> None:
    folders = Folders.of([room / "open"])
    there, not_there = "../shut/secret", "../shut/nothing"

    def said(given: str) -> str:
        with pytest.raises(UsageError) as error:
            folders.inside(given)
        return str(error.value).replace(given, "")

    assert said(there) == said(not_there)


def test_nothing_is_open_where_nothing_was_opened(room: Path) -> None:
    with pytest.raises(UsageError):
        Folders().inside(str(room / "open" / "clip.mp4"))


def test_a_folder_that_is_none_is_said(room: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        Folders.of([room / "open" / "clip.mp4"])

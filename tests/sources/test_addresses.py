"""Names that look like addresses, addresses that are names, and what FFmpeg makes of either."""

from __future__ import annotations

import json
import os
import shutil
import urllib.parse
from pathlib import Path

import pytest

import videoseg
from tests.support import media
from tests.support.commandline import command
from videoseg.errors import SourceNotFoundError
from videoseg.evaluate.readers import read_labels
from videoseg.sources._av.truncation import EndOfStream, unreadable
from videoseg.sources.video import VideoSource
from videoseg.system.addresses import for_ffmpeg, is_address, local_path, without_secrets

NAMES = (
    "2024-05-01T12:30:45.mp4",
    "shot:1.mp4",
    "concat:a|b.mp4",
    "pipe:0",
    "http:x.mp4",
    "file:x.mp4",
    "data:video.mp4",
    "C:clip.mp4",
    "-dash.mp4",
    "50%.mp4",
    "my%20clip.mp4",
    "x%03d.mp4",
    "what?a=1&b=2#3.mp4",
    "a b 'c' \"d\".mp4",
    "line\nbreak.mp4",
    "é漢🎬.mp4",
    os.fsdecode(b"latin-\xe9.mp4"),
)
"""File names that FFmpeg, a URL or a command line would read something else out of."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clip_called(name: str) -> Path:
    path = Path(name)
    shutil.copy(media.clip(audio=True, frames=3), path)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_relative_name_is_a_name(name: str, here: Path) -> None:
    """Read, drawn on with its sound, and described, from the folder that it lies in."""
    clip_called(name)
    given = os.path.join(os.curdir, name)
    out = f"out of {name}"
    done = command(
        "segment", given, "--text", "thing", "--model", "blind", "--write", "overlay",
        "-o", out.replace("{", "{{"), "--overwrite",
    )  # fmt: skip
    assert done.code == 0, done.lines
    assert not done.notes
    with_sound = VideoSource()
    (info,) = with_sound.open(os.path.join(out, "overlay.mp4")).values()
    assert info.has_audio
    assert len(list(with_sound.frames())) == 3
    with_sound.close()
    said = command("info", given, "--json")
    assert said.code == 0
    assert json.loads(said.out)[Path(name).stem]["has_audio"] is True


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("-")])
def test_a_bare_name_is_a_name(name: str, here: Path) -> None:
    """The same without ``./`` in front, as people write it; also in a folder with a colon."""
    clip_called(name)
    assert command("info", name).code == 0
    folder = Path("day:1")
    folder.mkdir()
    shutil.move(name, folder / name)
    assert command("info", f"day:1/{name}").code == 0


def test_colons_in_every_verb(here: Path) -> None:
    clip_called("12:30:45.mp4")
    Path("inputs.txt").write_text("12:30:45.mp4\n", encoding="utf-8")
    common = ("--text", "thing", "--model", "blind")
    made = command("segment", "--list", "inputs.txt", *common, "--write", "svg", "-o", "shot:1")
    assert made.code == 0, made.lines
    assert command("write", "shot:1", "--write", "overlay").code == 0
    assert command("rerun", "shot:1", "-o", "shot:2", "--write", "overlay").code == 0
    assert Path("shot:2/overlay.mp4").stat().st_size
    assert command("preview", "12:30:45.mp4", *common, "-o", "look:1.png").code == 0
    shutil.move("12:30:45.mp4", "moved:here.mp4")
    assert command("rerun", "shot:1", "--input", "moved:here.mp4", "-o", "shot:3").code == 0


def test_decord_reads_names_with_colons(here: Path) -> None:
    pytest.importorskip("decord", reason="needs decord2 (videoseg[decord])")
    clip_called("12:30.mp4")
    done = command("info", "12:30.mp4", "--source", "decord")
    assert done.code == 0, done.lines


def test_masks_may_have_colons_and_patterns_in_their_names(here: Path) -> None:
    import cv2
    import numpy as np

    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for name in ("12:30.png", "m%03d.png", "m[1].png", "concat:a|b.png"):
        Path(name).write_bytes(cv2.imencode(".png", labels)[1].tobytes())
        assert (read_labels(Path(name)) == labels).all()


URLS = {
    "spaces": ("my clip.mp4", "file://{}/my%20clip.mp4"),
    "localhost": ("clip.mp4", "file://localhost{}/clip.mp4"),
    "one slash": ("clip.mp4", "file:{}/clip.mp4"),
    "capitals": ("clip.mp4", "FILE://{}/clip.mp4"),
    "not encoded": ("my clip#1?.mp4", "file://{}/my clip#1?.mp4"),
    "a percent sign": ("50%.mp4", "file://{}/50%25.mp4"),
    "what looks encoded": ("a%20b.mp4", "file://{}/a%2520b.mp4"),
    "UTF-8": ("é漢.mp4", "file://{}/%C3%A9%E6%BC%A2.mp4"),
    "bytes that are no UTF-8": (os.fsdecode(b"\xe9.mp4"), "file://{}/%E9.mp4"),
}


@pytest.mark.parametrize("case", URLS)
def test_file_addresses_are_opened(case: str, here: Path) -> None:
    name, form = URLS[case]
    clip_called(name)
    url = form.format(here)
    common = ("--text", "thing", "--model", "blind", "--write", "svg")
    done = command("segment", url, *common, "-o", "out")
    assert done.code == 0, done.lines
    recorded = json.loads(Path("out/run.json").read_bytes())["inputs"][0]
    assert recorded["size"] == (here / name).stat().st_size
    (stream,) = videoseg.info(url)
    assert stream == Path(name).stem
    assert command("rerun", "out", "-o", "again", "--input", url).code == 0
    Path("inputs.txt").write_bytes(os.fsencode(f"{url}\n"))
    assert command("segment", "--list", "inputs.txt", *common, "-o", "listed").code == 0


def test_file_addresses_of_pictures_and_folders(here: Path) -> None:
    import cv2
    import numpy as np

    picture = cv2.imencode(".png", np.full((32, 48, 3), 90, np.uint8))[1].tobytes()
    for name in ("still one.png", "a%20b/000.png", "a%20b/001.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(picture)
    common = ("--text", "thing", "--model", "blind", "--write", "svg")
    (still,) = videoseg.info(f"file://{here}/still%20one.png").values()
    assert still.still
    # A folder with a literal %20 stays what it is, by its path and by its address.
    for given in (f"file://{here}/a%2520b", str(here / "a%20b"), "a%20b"):
        done = command("segment", given, *common, "-o", "out", "--overwrite")
        assert done.code == 0, done.lines
        assert json.loads(Path("out/run.json").read_bytes())["counts"]["frames"] == 2
    clip_called("one.mp4")
    clip_called("two.mp4")
    done = command("segment", f"file://{here}/*.mp4", *common, "-o", f"file://{here}/all%20of")
    assert done.code == 0, done.lines
    assert sorted(path.name for path in Path("all of").iterdir()) == ["one", "two"]


def test_what_is_no_place_on_this_machine(here: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="names a file of the machine 'server'"):
        local_path("file://server/share/clip.mp4")
    common = ("--text", "thing", "--model", "blind")
    done = command("segment", "file://server/clip.mp4", *common)
    assert (done.code, len(done.lines)) == (1, 1)
    clip_called("clip.mp4")
    done = command("segment", "clip.mp4", *common, "-o", "https://bucket/out")
    assert (done.code, done.lines) == (
        2,
        (
            "videoseg: -o https://bucket/out: is an address; give a folder on this machine, or "
            "object storage (s3://)",
        ),
    )
    assert not Path("s3:").exists()
    for gone in (f"file://{here}/gone.mp4", "file:///a%00b.mp4", "concat:a|b", "pipe:0"):
        done = command("info", gone)
        assert done.code == 1
        assert "no such file" in done.lines[0], done.lines


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("file:///a/b%20c", "/a/b c"),
        ("file://localhost/a", "/a"),
        ("file:/a/b", "/a/b"),
        ("/a/b%20c", "/a/b%20c"),
        ("file:x.mp4", "file:x.mp4"),
        ("https://host/a%20b", "https://host/a%20b"),
        ("-", "-"),
    ],
)
def test_paths_are_decoded_once(location: str, path: str) -> None:
    assert local_path(location) == path
    assert local_path(path) == path


def test_any_path_comes_back_from_its_address() -> None:
    for name in NAMES:
        path = f"/home/{name}"
        url = "file://" + urllib.parse.quote(os.fsencode(path))
        assert local_path(url) == path


def test_addresses_are_told_from_paths() -> None:
    for address in ("https://host/a", "rtsp://h", "udp://@239.0.0.1:1", "crypto+http://x"):
        assert is_address(address)
        assert for_ffmpeg(address) == address
    for path in ("out/a://b", "./http://x", "http:x", "a:b", "1://x", "/x://y"):
        assert not is_address(path)
        assert for_ffmpeg(path) == f"file:{path}"
        assert without_secrets(path) == path


def test_an_index_is_missing_only_where_it_is(here: Path) -> None:
    """What FFmpeg could not read for another reason is not called incomplete."""
    whole = media.clip().read_bytes()
    error = OSError(1330794744, "Protocol not found")
    (here / "whole.mp4").write_bytes(whole)
    assert "index is missing" not in unreadable("whole.mp4", error)
    assert "incomplete" not in unreadable("whole.mp4", error)
    late = media.clip(name="late.mov").read_bytes()
    for name, data, missing in (
        ("cut.mp4", whole[: whole.index(b"moov") + 50], True),
        ("gone.mp4", late.replace(b"moov", b"gone"), True),
        ("long.mp4", (1).to_bytes(4, "big") + b"ftyp" + (24).to_bytes(8, "big") + bytes(8), True),
        ("damaged.mp4", whole[:24] + bytes(3) + b"\x03" + whole[28:], False),
    ):
        (here / name).write_bytes(data)
        assert ("its index is missing" in unreadable(name, error)) is missing, name


def test_a_file_that_the_system_refuses_is_not_called_incomplete(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip_called("clip.mp4")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    said = unreadable("clip.mp4", PermissionError(13, "Permission denied"))
    assert said == "clip.mp4: cannot be opened (Permission denied); check that you may read it"


@pytest.mark.parametrize(
    ("location", "error", "advice"),
    [
        ("clip.mp4", OSError(1094995529, "Invalid data found"), "the file is incomplete"),
        ("clip.mkv", OSError(5, "Input/output error"), "the file is incomplete"),
        ("clip.mp4", OSError(116, "Stale file handle"), "check the disk"),
        ("https://host/clip.mp4", OSError(104, "Connection reset by peer"), "the connection"),
    ],
)
def test_what_breaks_in_the_middle_is_named(location: str, error: OSError, advice: str) -> None:
    said = EndOfStream(frames=3).broken(location, error)
    assert said.startswith(f"{location}: cannot be read after frame 2 ({error.strerror}); ")
    assert advice in said

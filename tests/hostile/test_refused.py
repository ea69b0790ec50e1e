"""Inputs that are damaged, incomplete or no video at all: the one line and the exit code of each.

Everything here goes through the command line. What can be read is in ``test_hostile_inputs.py``.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.contracts.test_sources import exif_jpeg
from tests.hostile.test_inputs import ffmpeg_images, probed
from tests.sources.test_damage import (
    REFUSED,
    SHORT_GROUPS,
    SIXTY,
    TRUNCATED,
    concealed,
    joined,
    scratched,
)
from tests.sources.test_places import named_pipe, served
from tests.support import media
from tests.support.commandline import Ran, command, segmented
from tests.support.places import ROOT

FAILED, USAGE = 1, 2


def assert_one_line(ran: Ran, code: int, says: str, location: object) -> None:
    """A command failed as it should: one line with the place and what to do, nothing else."""
    assert (ran.code, ran.out) == (code, "")
    (line,) = ran.lines
    assert line.startswith(f"videoseg: {location}"), line
    assert re.search(says, line), line
    assert ";" in line or ":" in line.removeprefix(f"videoseg: {location}"), "says what to do"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_video_is_refused(name: str) -> None:
    make, says = REFUSED[name]
    path = make()
    if path.is_dir():  # `segment` does all the videos in it
        assert_one_line(command("info", str(path)), FAILED, "holds no image", path)
        return
    for ran in (segmented(path), command("info", str(path))):
        assert_one_line(ran, FAILED, says, path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "gone.mp4")
    for path in (
        tmp_path / "none.mp4",
        link,
        tmp_path / "none.png",
        tmp_path / "no" / "a.%04d.png",
    ):
        for ran in (segmented(path), command("info", str(path))):
            assert ran.code == FAILED
            (line,) = ran.lines
            assert re.search(r"no such (file|folder)", line)


@pytest.mark.parametrize("name", TRUNCATED)
def test_what_breaks_off_fails_or_is_accepted(name: str) -> None:
    path = media.truncated(media.film(**TRUNCATED[name], **SIXTY, **SHORT_GROUPS), 0.83)
    assert_one_line(segmented(path), FAILED, r"breaks off after \d+ frames; the file is", path)
    ran = segmented(path, on_truncation="accept")
    assert ran.code == 0
    assert re.search(r"breaks off after \d+ frames", ran.notes[-1])
    assert len(ran.notes) == 1 + (ran.dropped > 0)
    assert ran.counts["frames"] == len(ran.frames) > 30
    seen = [media.read_index(frame.image) for frame in ran.frames]
    assert seen == sorted(set(seen))
    others = ffmpeg_images(path, (144, 96))
    assert 0 <= len(others) - len(seen) <= 2, "FFmpeg also shows frames that are torn"
    assert seen[:30] == [frame.index for frame in ran.frames[:30]]
    for frame in ran.frames[:30]:
        assert np.abs(others[frame.index].astype(int) - frame.image).mean() < 3


def test_damage_is_counted_in_what_is_said_and_in_the_manifest() -> None:
    path = scratched()
    skipped = segmented(path)
    assert (skipped.code, len(skipped.frames)) == (0, 59)
    assert skipped.notes == (
        "note: 1 damaged or misplaced frames were left out (on_bad_frame=repeat puts the frame "
        "before in the place of damaged ones)",
    )
    assert (skipped.counts["dropped"], skipped.counts["repeated"]) == (1, 0)
    repeated = segmented(path, "--on-bad-frame", "repeat")
    assert (repeated.code, len(repeated.frames)) == (0, 60)
    assert repeated.notes == ("note: 1 damaged frames were replaced by the one before them",)
    assert (repeated.counts["dropped"], repeated.counts["repeated"]) == (0, 1)
    others = probed(path, 0).times
    assert [float(frame.seconds) for frame in skipped.frames] == pytest.approx(others)
    failed = segmented(path, "--on-bad-frame", "fail")
    assert_one_line(failed, FAILED, "a frame cannot be decoded", path)


@pytest.mark.parametrize("policy", ["skip", "repeat", "fail"])
def test_frames_that_the_decoder_guessed(policy: str) -> None:
    path = concealed()
    ran = segmented(path, "--on-bad-frame", policy)
    if policy == "fail":
        assert_one_line(ran, FAILED, r"a frame (is damaged|cannot be decoded)", path)
        return
    count = "dropped" if policy == "skip" else "repeated"
    assert ran.counts[count] > 0
    (note,) = ran.notes
    assert str(ran.counts[count]) in note
    assert len(ran.frames) + ran.counts["dropped"] <= 60


def test_a_stream_that_is_not_there() -> None:
    path = media.film(streams=2)
    says = "has no picture stream 2; they are numbered 0 to 1"
    assert_one_line(segmented(path, stream=2), FAILED, says, path)


def test_size_and_shape_change_in_mid_stream() -> None:
    path = joined(
        "all.h264",
        media.film(name="a.h264"),
        media.film(name="b.h264", width=288),
        media.film(name="c.h264", width=96, height=144),
    )
    ran = segmented(path)
    assert ran.code == 0
    assert {frame.image.shape for frame in ran.frames} == {(96, 144, 3)}
    assert [media.read_index(frame.image) for frame in ran.frames] == [*range(6)] * 3
    others = ffmpeg_images(path, (144, 96), filters="scale=144:96")
    assert np.abs(others.astype(int) - [frame.image for frame in ran.frames]).mean() < 4


# Interlaced ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "frames", "note"),
    [
        (None, 6, "is interlaced and is read as it is; deinterlace=bob"),
        ("off", 6, "is interlaced and is read as it is"),
        ("auto", 12, "is interlaced; every field becomes a frame"),
        ("bob", 12, None),
    ],
)
def test_interlaced(how: str | None, frames: int, note: str | None) -> None:
    path = media.film(options=(("x264-params", "tff=1"),), field_order="tff")
    ran = segmented(path, *(() if how is None else ("--deinterlace", how)))
    assert (ran.code, len(ran.frames)) == (0, frames)
    assert len(ran.notes) == (note is not None)
    assert (note or "") in "".join(ran.notes)


# Pictures --------------------------------------------------------------------------------------


def picture(folder: Path, name: str, index: int = 0, **changed: Any) -> Path:
    image = media.moving_square(index, changed.get("width", 96), changed.get("height", 64))
    path = folder / name
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def with_gap(folder: Path) -> Path:
    for number in (3, 4, 6, 9):
        picture(folder, f"shot.{number:04d}.png", number)
    return folder / "shot.%04d.png"


@dataclass(frozen=True)
class Pictures:
    """An input of pictures.

    Attributes:
        make: Makes it in a folder.
        says: What the one line says that refuses it, or the note on it; None = nothing.
        indices: What is written on its frames; None = it is refused.
        arguments: Settings.
    """

    make: Callable[[Path], Path]
    says: str | None = None
    indices: tuple[int, ...] | None = None
    arguments: tuple[str, ...] = ()


def torn(folder: Path, name: str) -> Path:
    path = picture(folder, name)
    path.write_bytes(path.read_bytes()[:-300])
    return path


def of_two_sizes(folder: Path) -> Path:
    picture(folder, "1.png")
    picture(folder, "2.png", width=64)
    return folder


def in_a_folder(folder: Path) -> Path:
    for number in (1, 2, 10):
        picture(folder, f"{number}.png", number)
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    return folder


def sideways(folder: Path) -> Path:
    stored = np.rot90(media.moving_square(5, 96, 64), 1)
    path = folder / "phone.jpg"
    path.write_bytes(exif_jpeg(np.ascontiguousarray(stored), 6))
    return path


def deep(folder: Path) -> Path:
    path = folder / "deep.png"
    image = media.moving_square(7, 96, 64)[..., ::-1].astype(np.uint16) * 257
    assert cv2.imwrite(str(path), image)
    return path


def other_ending(folder: Path) -> Path:
    return picture(folder, "a.png", 9).rename(folder / "really-a-png.jpg")


def written(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


PICTURES = {
    "one": Pictures(lambda folder: picture(folder, "a.png", 3), None, (3,)),
    "a folder, in natural order": Pictures(in_a_folder, None, (1, 2, 10)),
    "a sequence with gaps": Pictures(with_gap, r"number 5 is missing between 3 and 9"),
    "gaps skipped": Pictures(
        with_gap,
        "3 missing numbers were skipped",
        (3, 4, 6, 9),
        ("--set", "sources.images.gaps=skip"),
    ),
    "gaps repeated": Pictures(
        with_gap,
        "3 missing numbers show the image before",
        (3, 4, 4, 6, 6, 6, 9),
        ("--set", "sources.images.gaps=repeat"),
    ),
    "turned by a phone": Pictures(sideways, None, (5,)),
    "16 bits": Pictures(deep, None, (7,)),
    "a name that lies": Pictures(other_ending, None, (9,)),
    "torn": Pictures(functools.partial(torn, name="a.png"), "cannot be decoded as an image"),
    "torn JPEG": Pictures(functools.partial(torn, name="a.jpg"), "cannot be decoded as an image"),
    "empty": Pictures(written("a.png", b""), "is empty"),
    "text": Pictures(written("a.png", b"no picture " * 50), "cannot be decoded as an image"),
    "of two sizes": Pictures(of_two_sizes, "is 64 x 64, but 1.png is 96 x 64"),
    "an empty folder": Pictures(lambda folder: folder, "holds no image"),
    "no number fits": Pictures(lambda folder: folder / "shot.####.png", "no file fits"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str, tmp_path: Path) -> None:
    case = PICTURES[name]
    path = case.make(tmp_path)
    ran = segmented(path, *case.arguments)
    if case.indices is None:
        assert ran.code == FAILED
        (line,) = ran.lines
        assert re.search(case.says or "", line), line
        return
    assert ran.code == 0, ran.lines
    assert len(ran.notes) == (case.says is not None)
    assert (case.says or "") in "".join(ran.notes)
    assert [media.read_index(frame.image) for frame in ran.frames] == [*case.indices]
    assert {frame.image.shape for frame in ran.frames} == {(64, 96, 3)}


# Pipes and addresses ---------------------------------------------------------------------------


def test_a_named_pipe(tmp_path: Path) -> None:
    with named_pipe(tmp_path / "camera.ts") as pipe:
        ran = segmented(pipe)
    assert ran.code == 0
    assert [media.read_index(frame.image) for frame in ran.frames] == [*range(6)]


def test_an_address() -> None:
    path = media.film(name="a.mp4")
    with served(path.parent) as address:
        ran = segmented(f"{address}/a.mp4?at=now")
        assert ran.code == 0
        assert [media.read_index(frame.image) for frame in ran.frames] == [*range(6)]
        gone = segmented(f"{address}/none.mp4")
    assert_one_line(gone, FAILED, r"cannot be opened \(.*404.*; check the address", address)


def test_secrets_of_an_address_are_neither_said_nor_written(tmp_path: Path) -> None:
    path = media.clip(audio=True)
    with served(path.parent) as address:
        secret = address.replace("//", "//me:hunter2@")
        out = tmp_path / "out"
        arguments = ("--model", "blind", "--write", "overlay", "--write", "masks", "-o", str(out))
        good = command("segment", f"{secret}/{path.name}?key=hunter2", "thing", *arguments)
        info = command("info", f"{secret}/{path.name}?key=hunter2")
        bad = command("segment", f"{secret}/none.mp4?key=hunter2", "thing", *arguments)
    assert (good.code, info.code, bad.code) == (0, 0, FAILED)
    assert "//me:***@127.0.0.1" in bad.lines[0]
    for ran in (good, info, bad):
        assert "hunter2" not in ran.out + "".join(ran.lines)
    written = [file for file in out.rglob("*") if file.is_file()]
    assert len(written) > 4
    assert not [file for file in written if b"hunter2" in file.read_bytes()]


FROM_STDIN = "from videoseg.cli import main; main()"


@pytest.mark.parametrize(
    ("make", "more", "code", "says"),
    [
        (lambda: media.film(name="a.ts"), ("--start", "4f"), 0, r"2 frames in "),
        (lambda: media.film(name="a.mkv"), ("--start", "0.1"), 1, r"a pipe is read once"),
        (lambda: media.film(name="a.mov", codec="mjpeg", pixel_format="yuvj420p", **SIXTY), (), 1,
         r"standard input is not a video that can be read in one go .*faststart"),
        (lambda: media.film().parent / "nothing", (), 1, r"standard input is not a video"),
    ],
)  # fmt: skip
def test_standard_input(
    make: Callable[[], Path], more: tuple[str, ...], code: int, says: str, tmp_path: Path
) -> None:
    path = make()
    arguments = ["segment", "-", "--box", "10,10,60,60", "--write", "masks", "-o", "out", *more]
    done = subprocess.run(
        [sys.executable, "-c", FROM_STDIN, *arguments],
        input=path.read_bytes() if path.exists() else b"",
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert re.search(says, said), said
    assert "Traceback" not in said
    assert (tmp_path / "out").exists() == (code == 0)

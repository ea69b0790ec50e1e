"""Photographs, folders and numbered sequences: order, numbers, orientation, depth, errors."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.contracts.test_sources import exif_jpeg
from tests.support import media
from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.sources.images import ImageSource
from videoseg.types import Frame, RgbImage, StreamInfo

WIDTH, HEIGHT = 96, 64


def picture(index: int) -> RgbImage:
    return media.moving_square(index, WIDTH, HEIGHT)


def save(path: Path, image: npt.NDArray[Any]) -> Path:
    """Write grey (H, W), RGB or RGBA (H, W, 3 or 4), in its own depth."""
    if image.ndim == 3:
        image = image[..., [2, 1, 0, *range(3, image.shape[2])]]
    assert cv2.imwrite(str(path), image, [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    return path


def read(location: Path | str, **settings: Any) -> tuple[StreamInfo, list[Frame]]:
    source = ImageSource(**settings)
    (info,) = source.open(str(location)).values()
    return info, list(source.frames())


def indices(frames: list[Frame]) -> list[int]:
    return [media.read_index(frame.image) for frame in frames]


def test_one_photograph_is_a_still(tmp_path: Path) -> None:
    info, frames = read(save(tmp_path / "IMG_0042.png", picture(5)))
    assert (info.still, info.frame_count, info.frame_rate) == (True, 1, None)
    assert (info.stream, info.has_audio, info.bit_depth) == ("IMG_0042", False, 8)
    assert (frames[0].image == picture(5)).all()


def test_a_folder_in_natural_order(tmp_path: Path) -> None:
    for index in (11, 2, 1, 10, 9, 0):
        save(tmp_path / f"shot{index}.png", picture(index))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._shot1.png").write_bytes(b"written by a file manager")
    info, frames = read(tmp_path)
    assert indices(frames) == [0, 1, 2, 9, 10, 11]
    assert [frame.index for frame in frames] == list(range(6))
    assert (info.still, info.start_number) == (False, 0)


def test_a_folder_in_a_row_tells_its_first_number(tmp_path: Path) -> None:
    for index in range(3):
        save(tmp_path / f"v2.{1001 + index}.png", picture(index))
    assert read(tmp_path)[0].start_number == 1001


@pytest.mark.parametrize(
    ("pattern", "file_name"),
    [
        ("shot.%04d.png", "shot.{:04d}.png"),
        ("shot.####.png", "shot.{:04d}.png"),
        ("%d.png", "{}.png"),
        ("[a](b)_##_end.png", "[a](b)_{:02d}_end.png"),
    ],
)
def test_a_numbered_sequence(tmp_path: Path, pattern: str, file_name: str) -> None:
    for index in range(4):
        save(tmp_path / file_name.format(998 + index), picture(index))
    save(tmp_path / "other.0998.png", picture(200))
    info, frames = read(tmp_path / pattern)
    assert indices(frames) == [0, 1, 2, 3]
    assert info.start_number == 998
    assert info.frame_count == 4


def test_the_rate_is_exact(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    for index in range(3):
        save(tmp_path / f"{index}.png", picture(index))
    info, frames = read(tmp_path, frame_rate=rate)
    assert info.frame_rate == rate
    assert [frame.seconds for frame in frames] == [index / rate for index in range(3)]
    assert [frame.duration for frame in frames] == [1, 1, 1]
    assert read(tmp_path)[0].frame_rate == 25


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = picture(3)
    stored: RgbImage = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / "photo.jpg"
    path.write_bytes(exif_jpeg(stored, orientation))
    info, (frame,) = read(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert np.abs(frame.image.astype(int) - upright).mean() < 4


def test_grey_and_transparent_become_rgb(tmp_path: Path) -> None:
    grey = picture(0)[..., 1]
    _, (frame,) = read(save(tmp_path / "grey.png", grey))
    assert (frame.image == grey[..., None]).all()


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_transparency_shows_the_background(tmp_path: Path, ending: str) -> None:
    alpha = np.linspace(0, 255, WIDTH).astype(np.uint8)[None].repeat(HEIGHT, axis=0)
    path = tmp_path / f"alpha{ending}"
    stored = np.dstack([picture(0)[..., ::-1], alpha])
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_WEBP_QUALITY, 101])
    for background, behind in (("#000000", (0, 0, 0)), ("#ff8000", (255, 128, 0))):
        source = ImageSource(background=background)
        source.open(str(path))
        (frame,) = source.frames()
        part = alpha[..., None] / 255
        expected = picture(0) * part + np.array(behind) * (1 - part)
        # Lossless WebP stores no colour where nothing shows of it.
        assert np.abs(frame.image - expected).max() <= 1


@pytest.mark.parametrize(
    ("gaps", "shown", "times"),
    [("skip", [1, 2, 5], [0, 1, 4]), ("repeat", [1, 2, 2, 2, 5], [0, 1, 2, 3, 4])],
)
def test_gaps_are_skipped_or_filled(
    tmp_path: Path, gaps: Any, shown: list[int], times: list[int]
) -> None:
    for number in (1, 2, 5):
        save(tmp_path / f"shot.{number:04d}.png", picture(number))
    source = ImageSource(gaps=gaps)
    (info,) = source.open(str(tmp_path / "shot.####.png")).values()
    frames = list(source.frames())
    assert indices(frames) == shown
    assert [frame.pts for frame in frames] == times
    assert [frame.index for frame in frames] == list(range(len(shown)))
    assert sum(frame.duration or 0 for frame in frames) == 5
    assert (info.start_number, info.frame_count) == (1, len(shown))
    (note,) = source.notes
    assert note.startswith("2 missing numbers")
    assert source.index_at(Fraction(1, 25)) == 1
    assert source.index_at(Fraction(3, 50)) == 2
    assert source.index_at(Fraction(9)) == len(shown)


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(picture(4)).quantize(64).save(tmp_path / "palette.png")
    _, (frame,) = read(tmp_path / "palette.png")
    assert np.abs(frame.image.astype(int) - picture(4)).mean() < 8
    assert media.read_index(frame.image) == 4


def test_sixteen_bits_are_scaled_and_told(tmp_path: Path) -> None:
    ramp = np.arange(WIDTH * HEIGHT, dtype=np.uint32) * 65535 // (WIDTH * HEIGHT - 1)
    deep = np.repeat(ramp.astype(np.uint16).reshape(HEIGHT, WIDTH, 1), 3, axis=2)
    for name in ("deep.png", "deep.tif"):
        info, (frame,) = read(save(tmp_path / name, deep))
        assert info.bit_depth == 16
        assert np.abs(frame.image - deep / 257).max() <= 0.5
    floating = (deep / 65535).astype(np.float32)
    info, (frame,) = read(save(tmp_path / "float.tif", floating))
    assert info.bit_depth == 32
    assert np.abs(frame.image - deep / 257).max() <= 0.51


def test_the_first_image_of_another_size_is_named(tmp_path: Path) -> None:
    for index in range(4):
        save(tmp_path / f"{index}.png", picture(index))
    save(tmp_path / "2.png", picture(2)[:, :-1])
    source = ImageSource()
    source.open(str(tmp_path))
    seen: list[int] = []
    with pytest.raises(SourceError, match=r"2\.png: is 95 x 64, but 0\.png is 96 x 64"):
        seen.extend(frame.index for frame in source.frames())
    assert seen == [0, 1]


def test_a_gap_in_the_numbers_is_named(tmp_path: Path) -> None:
    for number in (1, 2, 4):
        save(tmp_path / f"shot.{number:04d}.png", picture(number))
    with pytest.raises(SourceError, match="number 3 is missing between 1 and 4"):
        ImageSource().open(str(tmp_path / "shot.%04d.png"))
    assert indices(read(tmp_path)[1]) == [1, 2, 4]


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "is empty"), (b"no picture" * 99, "cannot be decoded")]
)
def test_files_that_are_no_images(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes, message: str
) -> None:
    path = tmp_path / "photo.tif"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=message) as caught:
        ImageSource().open(str(path))
    assert str(caught.value).startswith(str(path))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_half_an_image_is_none(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"photo{ending}", picture(7))
    assert len(read(path)[1]) == 1
    data = path.read_bytes()
    for keep in (0.1, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * keep)])
        with pytest.raises(SourceError, match="incomplete"):
            ImageSource().open(str(path))


def test_half_a_jpeg_with_a_thumbnail_is_none(tmp_path: Path) -> None:
    thumbnail = cv2.imencode(".jpg", picture(7))[1].tobytes()
    data = exif_jpeg(picture(7), 1)
    segment = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    path = tmp_path / "photo.jpg"
    path.write_bytes(data[:2] + segment + data[2:] + b"more of a live photo")
    assert indices(read(path)[1]) == [7]
    path.write_bytes(data[:2] + segment + data[2:-200])
    with pytest.raises(SourceError, match="incomplete"):
        ImageSource().open(str(path))


@pytest.mark.parametrize("name", ["drive_0.db3", "clip.mp4"])
def test_a_folder_of_other_inputs_names_one_of_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SourceError, match=rf"holds no image; give a file in it, such as {name}"):
        ImageSource().open(str(tmp_path))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no image"):
        ImageSource().open(str(tmp_path))
    with pytest.raises(SourceNotFoundError, match="no file fits this pattern"):
        ImageSource().open(str(tmp_path / "shot.%04d.png"))
    with pytest.raises(SourceNotFoundError, match="no such folder"):
        ImageSource().open(str(tmp_path / "nowhere" / "shot.%04d.png"))

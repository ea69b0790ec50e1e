"""Samples and colours of cut-outs are the source's, in all its depth; mattes have no colours."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import films, mattes, media, scenes
from tests.support.films import WRITERS
from videoseg.sources.images import ImageSource
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, Scene
from videoseg.writers._video.planes import planes_of

SIZE = (96, 64)
"""Width and height of the films."""


def everything(frame: Frame) -> Scene:
    """An object that covers the whole picture."""
    mask = scenes.rectangle(0, 0, frame.width, frame.height, width=frame.width, height=frame.height)
    return films.scene_of(frame, scenes.tracked(mask))


def shades(index: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Soft shades of all three colours, brighter from frame to frame."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([columns * 2 + index, rows * 3, 255 - columns - rows], axis=-1)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def film(name: str, pixel_format: str, tags: tuple[int, int, int, int]) -> Path:
    return media.film(
        name=name, codec="ffv1", pixel_format=pixel_format, tags=tags, picture=shades,
        width=SIZE[0], height=SIZE[1], times=(0, 1, 2),
    )  # fmt: skip


@pytest.mark.parametrize(
    "tags", [(1, 1, 1, 1), (9, 14, 9, 1), (9, 16, 9, 1), (9, 18, 9, 1), (6, 6, 6, 1), (5, 6, 5, 1)]
)
@pytest.mark.parametrize("name", ["prores4444", "ffv1"])
def test_plates_have_the_tags_of_the_source(
    name: str, tags: tuple[int, int, int, int], tmp_path: Path
) -> None:
    clip = film(f"tags{tags[1]}-{tags[2]}.mkv", "yuv422p10le", tags)
    _, _, (path,) = films.cut(tmp_path, clip, films.writer(name))
    assert films.tags(path) == tags


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vp9-alpha", {1: (1, 1, 1, 1), 16: (1, 1, 1, 1)}),
        ("qtrle", {1: (1, 1), 16: (1, 1)}),
        ("png-mov", {1: (1, 1), 16: (9, 16)}),
    ],
)
@pytest.mark.parametrize("transfer", [1, 16])
def test_what_cannot_hold_hdr_is_tagged_as_it_was_mapped(
    name: str, expected: dict[int, tuple[int, ...]], transfer: int, tmp_path: Path
) -> None:
    tags = (1, 1, 1, 1) if transfer == 1 else (9, 16, 9, 1)
    clip = film(f"mapped{transfer}.mkv", "yuv420p10le", tags)
    _, _, (path,) = films.cut(tmp_path, clip, films.writer(name))
    wanted = expected[transfer]
    assert films.tags(path)[: len(wanted)] == wanted


@pytest.mark.parametrize("name", WRITERS)
def test_what_the_source_does_not_tag_stays_untagged(name: str, tmp_path: Path) -> None:
    clip = film("untagged.mkv", "yuv420p", (2, 2, 2, 0))
    _, _, (path,) = films.cut(tmp_path, clip, films.writer(name))
    assert films.tags(path)[:2] == (2, 2)
    if name in ("prores4444", "ffv1", "vp9-alpha"):
        assert films.tags(path)[2] == 2


@pytest.mark.parametrize("name", WRITERS)
def test_mattes_have_no_colours(name: str, tmp_path: Path) -> None:
    clip = film("hdr.mkv", "yuv422p10le", (9, 16, 9, 1))
    _, _, (path,) = films.cut(tmp_path, clip, films.writer(name, content="matte"))
    assert films.tags(path)[:2] == (2, 2)
    assert b"gAMA" not in path.read_bytes()
    assert b"cICP" not in path.read_bytes()


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 16, 9, 1)])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_ten_bits_go_through_prores(
    pixel_format: str, tags: tuple[int, int, int, int], tmp_path: Path
) -> None:
    clip = film(f"{pixel_format}-{tags[1]}.mkv", pixel_format, tags)
    _, frames, (path,) = films.cut(tmp_path, clip, films.writer("prores4444"), everything)
    for picture, frame in zip(films.read(path), frames, strict=True):
        given = planes_of(frame.native)
        for found, wanted in zip(picture.planes()[:3], given, strict=False):
            steps = found.shape[1] // wanted.shape[1], found.shape[0] // wanted.shape[0]
            down = cv2.resize(found.astype(np.float32) / 4, wanted.shape[::-1],
                              interpolation=cv2.INTER_AREA)  # fmt: skip
            if steps == (1, 1):
                assert np.abs(np.rint(down) - wanted).max() <= 1
            else:  # colours were interpolated: their mean is kept, but for the edges
                assert np.abs(down - wanted)[2:-2, 2:-2].max() <= 4


@pytest.mark.parametrize(
    ("pixel_format", "written"),
    [
        ("yuv420p", "yuva420p"),
        ("yuv422p", "yuva422p"),
        ("yuv444p", "yuva444p"),
        ("yuv420p10le", "yuva420p10le"),
        ("yuv422p10le", "yuva422p10le"),
        ("yuv444p12le", "yuva444p12le"),
        ("yuv444p16le", "yuva444p16le"),
        ("gbrp10le", "gbrap16le"),
        ("bgra", "bgra"),
    ],
)
def test_ffv1_holds_the_very_samples(pixel_format: str, written: str, tmp_path: Path) -> None:
    tags = (1, 1, 0 if pixel_format[0] in "gb" else 1, 1)
    clip = film(f"{pixel_format}.mkv", pixel_format, tags)
    _, frames, (path,) = films.cut(tmp_path, clip, films.writer("ffv1"), everything)
    for picture, frame in zip(films.read(path), frames, strict=True):
        assert picture.frame.format.name == written
        if pixel_format.startswith("yuv"):
            pairs = list(zip(picture.planes(), planes_of(frame.native), strict=False))
            assert len(pairs) == 3
            assert all((found == wanted).all() for found, wanted in pairs)
        else:
            shown = picture.frame.to_ndarray(format="rgb24").astype(int)
            assert np.abs(shown - frame.image).max() <= 1


def test_full_range_becomes_limited_where_it_cannot_be_said(tmp_path: Path) -> None:
    clip = film("full.mkv", "yuv444p", (1, 1, 1, 2))
    for name, wanted in (("prores4444", 1), ("ffv1", 2), ("vp9-alpha", 2)):
        (tmp_path / name).mkdir()
        _, frames, (path,) = films.cut(tmp_path / name, clip, films.writer(name), everything)
        assert films.tags(path)[3] == wanted
        for picture, frame in zip(films.read(path), frames, strict=True):
            luma = picture.planes()[0] / (1 << picture.frame.format.components[0].bits - 8)
            given = planes_of(frame.native)[0]
            target = given if wanted == 2 else 16 + given * (219 / 255)
            assert np.abs(luma - target).max() <= (4 if name == "vp9-alpha" else 1)


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("name", WRITERS)
def test_pictures_are_upright(name: str, rotation: int, tmp_path: Path) -> None:
    clip = media.clip(name=f"turned{rotation}.mp4", rotation=rotation, frames=3)
    _, frames, (path,) = films.cut(tmp_path, clip, films.writer(name), everything)
    for picture, frame in zip(films.read(path), frames, strict=True):
        shown = picture.frame.to_ndarray(format="rgb24")
        assert shown.shape == (64, 96, 3)
        assert media.read_index(shown) == frame.index
        assert np.abs(shown.astype(int) - frame.image).mean() <= 4


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(12, 11), Fraction(1, 2)])
@pytest.mark.parametrize("name", WRITERS)
def test_pixels_keep_their_shape(name: str, aspect: Fraction, tmp_path: Path) -> None:
    clip = media.clip(name=f"wide{aspect.numerator}.mkv", sample_aspect_ratio=aspect, frames=2)
    info, _, (path,) = films.cut(tmp_path, clip, films.writer(name))
    with av.open(str(path)) as made:
        found = made.streams.video[0].sample_aspect_ratio
        assert found is not None
        # Matroska says how wide the picture is, in whole pixels.
        assert abs(found - info.sample_aspect_ratio) <= (
            Fraction(1, 2 * SIZE[0]) if path.suffix in (".mkv", ".webm") else 0
        )
    assert len(films.read(path)) == 2


def deep(bgr: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return bgr[..., ::-1].astype(np.float64)


def eight(bgr: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.rint(bgr[..., ::-1] / 257) * 257


@pytest.mark.parametrize(
    ("name", "form", "seen", "tolerance"),
    [
        ("png-mov", "rgb48le", deep, 0),
        ("ffv1", "rgb48le", deep, 0),
        ("qtrle", "rgb48le", eight, 257),
        ("prores4444", "rgb48le", deep, 65535 / 200),
    ],
)
def test_pictures_of_16_bits(
    name: str,
    form: str,
    seen: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    tolerance: float,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    given = []
    for number in range(2):
        image = cv2.resize(shades(number, 8, 8).astype(np.uint16) * 200 + 11, SIZE)
        cv2.imwrite(str(folder / f"a.{number:04}.png"), image)
        given.append(image)
    source = ImageSource()
    (info,) = source.open(str(folder)).values()
    frames = list(source.frames())
    source.close()
    (tmp_path / "out").mkdir()
    (path,) = mattes.write(
        films.writer(name), tmp_path / "out", map(everything, frames), info, frames=frames
    )
    for picture, image in zip(films.read(tmp_path / "out" / path), given, strict=True):
        found = picture.frame.to_ndarray(format=form)
        assert np.abs(found - seen(image)).max() <= tolerance


def test_clear_sources_are_laid_over_the_background(tmp_path: Path) -> None:
    clip = media.film(
        name="clear.mkv", codec="ffv1", pixel_format="yuva444p", width=SIZE[0], height=SIZE[1],
        picture=lambda index, width, height: np.dstack([
            shades(index, width, height), np.full((height, width), 128, np.uint8)]),
        times=(0, 1),
    )  # fmt: skip
    _, frames, (path,) = films.cut(tmp_path, clip, films.writer("png-mov"), everything)
    for picture, frame in zip(films.read(path), frames, strict=True):
        found = picture.frame.to_ndarray(format="rgba")
        assert (found[..., :3] == frame.image).all()
        assert (found[..., 3] == 255).all()


@pytest.mark.parametrize("deinterlace", ["off", "auto"])
def test_fields_are_taken_as_they_come(deinterlace: str, tmp_path: Path) -> None:
    clip = media.film(
        name="fields.mkv", codec="libx264", field_order="tff", picture=shades, width=SIZE[0],
        height=SIZE[1], options=(("flags", "+ildct+ilme"), ("x264-params", "tff=1")),
    )  # fmt: skip
    source = VideoSource(deinterlace=deinterlace)  # type: ignore[arg-type]
    (info,) = source.open(str(clip)).values()
    frames = list(source.frames())
    source.close()
    (path,) = mattes.write(
        films.writer("ffv1"), tmp_path, map(everything, frames), info, frames=frames
    )
    shown = films.read(tmp_path / path)
    assert len(shown) == len(frames) == (12 if deinterlace == "auto" else 6)
    for picture, frame in zip(shown, frames, strict=True):
        pairs = list(zip(picture.planes(), planes_of(frame.native), strict=False))
        assert all((found == wanted).all() for found, wanted in pairs)

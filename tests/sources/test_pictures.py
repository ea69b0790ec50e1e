"""Kinds of picture files against Pillow: colours, alpha, orientation, several pictures in one."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pi_heif
import pytest
from av.video.stream import VideoStream
from PIL import Image, ImageOps, ImageSequence

from tests.support import media
from tests.support.heif import heic
from tests.support.places import GOLDEN
from videoseg import registry
from videoseg.errors import SourceError
from videoseg.sources.images import ImageSource
from videoseg.types import Frame, RgbImage, StreamInfo

WIDTH, HEIGHT = 96, 64
CORNERS = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
CORNERS[:32, :48], CORNERS[:32, 48:] = (250, 10, 10), (10, 250, 10)
CORNERS[32:, :48] = (10, 10, 250)


def read(path: Path, **settings: Any) -> tuple[StreamInfo, list[Frame], tuple[str, ...]]:
    """All of a file, by the source that the package chooses."""
    source = registry.find("sources", registry.source_for(str(path))).make(**settings)
    (info,) = source.open(str(path)).values()
    frames = list(source.frames())
    return info, frames, tuple(source.notes)


def only(path: Path) -> RgbImage:
    info, (frame,), _ = read(path)
    assert info.still
    assert frame.name == path.name
    assert (info.height, info.width) == frame.image.shape[:2]
    return frame.image


def on_black(image: Image.Image) -> npt.NDArray[np.float64]:
    """What Pillow sees, upright, laid over black."""
    rgba = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"), dtype=np.float64)
    return rgba[..., :3] * rgba[..., 3:] / 255


def shades() -> Image.Image:
    """Smooth colours."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    stack = np.dstack([x * 255 // WIDTH, y * 255 // HEIGHT, (x + y) * 255 // (WIDTH + HEIGHT)])
    return Image.fromarray(stack.astype(np.uint8))


def transparent(mode: str = "RGBA") -> Image.Image:
    image = shades().convert("RGB" if mode == "RGBA" else "L")
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)[None].repeat(HEIGHT, axis=0)
    image.putalpha(Image.fromarray(ramp))
    return image


KINDS: dict[str, tuple[str, Callable[[], Image.Image], dict[str, Any]]] = {
    "CMYK JPEG": ("a.jpg", lambda: shades().convert("CMYK"), {"quality": 95}),
    "CMYK TIFF": ("a.tif", lambda: shades().convert("CMYK"), {}),
    "YCbCr TIFF": ("a.tif", lambda: shades().convert("YCbCr"), {}),
    "grey": ("a.png", lambda: shades().convert("L"), {}),
    "grey JPEG": ("a.jpg", lambda: shades().convert("L"), {}),
    "grey with alpha": ("a.png", lambda: transparent("LA"), {}),
    "grey TIFF with alpha": ("a.tif", lambda: transparent("LA"), {}),
    "palette": ("a.png", lambda: shades().quantize(32), {}),
    "palette TIFF": ("a.tif", lambda: shades().quantize(32), {}),
    "palette BMP": ("a.bmp", lambda: shades().quantize(16), {}),
    "palette with alpha": ("a.png", lambda: transparent().quantize(32), {}),
    "one colour transparent": ("a.png", shades, {"transparency": (0, 0, 0)}),
    "bits": ("a.png", lambda: shades().convert("1"), {}),
    "fax": ("a.tif", lambda: shades().convert("1"), {"compression": "group4"}),
    "alpha PNG": ("a.png", transparent, {}),
    "alpha WebP": ("a.webp", transparent, {"lossless": True}),
    "alpha AVIF": ("a.avif", transparent, {"quality": 100}),
    "alpha TIFF": ("a.tif", transparent, {}),
    "alpha JPEG 2000": ("a.jp2", transparent, {}),
    "JPEG in TIFF": ("a.tif", shades, {"compression": "jpeg"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_pillow_sees_the_same_colours(tmp_path: Path, name: str) -> None:
    file, make, options = KINDS[name]
    make().save(tmp_path / file, **options)
    expected = on_black(Image.open(tmp_path / file))
    assert np.abs(only(tmp_path / file) - expected).max() <= 1


def test_deep_grey_and_floats(tmp_path: Path) -> None:
    deep = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) * 10).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        assert np.abs(only(tmp_path / name) - deep[..., None] / 257).max() <= 0.5
    Image.fromarray((deep / 65535).astype(np.float32)).save(tmp_path / "f.tif")
    assert np.abs(only(tmp_path / "f.tif") - deep[..., None] / 257).max() <= 0.5


UPRIGHT: dict[int, Callable[[RgbImage], RgbImage]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: np.rot90(stored, 2),
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_kind_comes_upright(
    tmp_path: Path, orientation: int, ending: str, alpha: bool
) -> None:
    if alpha and ending == "jpg":
        return
    image = Image.fromarray(CORNERS)
    if alpha:
        image.putalpha(200)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if ending == "tif":
        options = {"tiffinfo": {0x0112: orientation}}
    if ending == "webp":
        options["lossless"] = True
    image.save(path, **options)
    expected = UPRIGHT[orientation](CORNERS) * (200 / 255 if alpha else 1)
    found = only(path)
    assert found.shape == expected.shape
    assert np.abs(found - expected.astype(float)).mean() < 3


# HEIC ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(64, 96), (64, 64), (51, 85)])
def test_tiles_are_put_together(tmp_path: Path, height: int, width: int) -> None:
    (tmp_path / "a.heic").write_bytes(heic(CORNERS[:height, :width], 32))
    found = only(tmp_path / "a.heic")
    assert found.shape == (height, width, 3)
    assert np.abs(found.astype(int) - CORNERS[:height, :width]).mean() < 3


@pytest.mark.parametrize("mirror", [None, 0, 1])
@pytest.mark.parametrize("turns", range(4))
def test_heic_is_turned_then_mirrored(tmp_path: Path, turns: int, mirror: int | None) -> None:
    (tmp_path / "a.HEIC").write_bytes(heic(CORNERS, 32, turns=turns, mirror=mirror))
    expected = np.rot90(CORNERS, turns)
    if mirror is not None:
        expected = expected[::-1] if mirror == 0 else expected[:, ::-1]
    found = only(tmp_path / "a.HEIC")
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_libheif_sees_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    image = np.asarray(shades())
    # Where it turns a picture of odd size, libheif 1.23 is up to 70 levels off the original.
    for part, turns, mirror in (
        (image[:51, :85], 0, None),
        (image[:50, :84], 1, 0),
        (image[:50, :84], 3, 1),
    ):
        path.write_bytes(heic(part, 32, turns=turns, mirror=mirror))
        expected = np.asarray(pi_heif.open_heif(path).to_pillow(), dtype=int)
        assert np.abs(only(path) - expected).max() <= 2


def test_heic_of_another_program(tmp_path: Path) -> None:
    """61 x 41 in one tile of 64 x 64, with alpha, by heif-enc of libheif 1.15."""
    path = GOLDEN / "odd-alpha.heic"
    expected = on_black(pi_heif.open_heif(path).to_pillow())
    found = only(path)
    assert found.shape == (41, 61, 3)
    assert np.abs(found - expected).max() <= 2
    assert np.abs(found[10, [10, 50]] - [[40, 2, 2], [8, 209, 8]]).max() <= 6


@pytest.mark.parametrize("brands", [b"heicmif1msf1", b"mif1heic", b"heixmif1hevc", b"msf1heic"])
def test_a_brand_of_moving_pictures_alone_moves_nothing(tmp_path: Path, brands: bytes) -> None:
    (tmp_path / "a.heic").write_bytes(heic(CORNERS, 32, brands=brands))
    assert np.abs(only(tmp_path / "a.heic").astype(int) - CORNERS).mean() < 3


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"lost": 2}, r"it has 4 of 6 tiles"),
        ({"kind": b"iovl"}, r"pictures of kind 'iovl' are not read"),
        ({"says": (100_000, 100_000)}, r"no picture is 100000 x 100000"),
        ({"says": (4000, 3000)}, r"its tiles do not cover it"),
        (
            {"image": np.zeros((1024, 2048, 3), np.uint8), "tile": 1024, "says": (20, 10)},
            r"its parts are larger than the whole",
        ),
    ],
)
def test_heic_that_is_refused(tmp_path: Path, made: dict[str, Any], says: str) -> None:
    settings: dict[str, Any] = {"image": CORNERS, "tile": 32, **made}
    (tmp_path / "a.heic").write_bytes(heic(**settings))
    with pytest.raises(SourceError, match=says):
        read(tmp_path / "a.heic")


def test_half_a_heic_is_none(tmp_path: Path) -> None:
    whole = heic(CORNERS, 32)
    for keep in range(20, len(whole) - 20, 97):
        (tmp_path / "a.heic").write_bytes(whole[:keep])
        with pytest.raises(SourceError, match=r"a\.heic: cannot be decoded as an image"):
            read(tmp_path / "a.heic")


# Several pictures in one file ------------------------------------------------------------------

TIMES = (40, 100, 40, 300, 50, 120)
"""Milliseconds."""


def moving(path: Path, *, alpha: bool = False, **options: Any) -> Path:
    """Six pictures of their own durations; Pillow keeps of each what changes."""
    pictures = []
    for index in range(len(TIMES)):
        image = Image.fromarray(media.moving_square(index, WIDTH, HEIGHT))
        if alpha:
            opacity = np.full((HEIGHT, WIDTH), 255, np.uint8)
            opacity[:, index * 10 : index * 10 + 30] = 90
            image.putalpha(Image.fromarray(opacity))
        pictures.append(image)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


ANIMATIONS: dict[str, dict[str, Any]] = {
    "a.webp": {"lossless": True},
    "mixed.webp": {"quality": 95, "allow_mixed": True, "minimize_size": True},
    "alpha.webp": {"lossless": True, "alpha": True},
    "a.png": {},
    "a.apng": {},
    "alpha.png": {"alpha": True},
    "a.avif": {"quality": 95},
    "a.gif": {},
}


@pytest.mark.parametrize("name", ANIMATIONS)
def test_an_animation_is_a_sequence(tmp_path: Path, name: str) -> None:
    options = ANIMATIONS[name] | ({"format": "PNG"} if name.endswith("apng") else {})
    path = moving(tmp_path / name, duration=list(TIMES), **options)
    info, frames, notes = read(path)
    assert not info.still
    assert not notes
    assert len(frames) == len(TIMES)
    starts = [sum(TIMES[:n]) for n in range(len(TIMES))]
    assert [frame.seconds for frame in frames] == [Fraction(ms, 1000) for ms in starts]
    last = frames[-1]
    assert last.duration is not None
    assert last.duration * last.time_base == Fraction(TIMES[-1], 1000)
    assert {frame.name for frame in frames} == {None}
    with Image.open(path) as image:
        for frame, expected in zip(frames, ImageSequence.Iterator(image), strict=True):
            assert np.abs(frame.image - on_black(expected)).mean() < 2
    assert media.read_index(frames[4].image) == 4 or options.get("alpha")


def test_an_animation_that_keeps_its_alpha_apart_says_so(tmp_path: Path) -> None:
    path = moving(tmp_path / "a.avif", alpha=True, duration=list(TIMES))
    _, frames, (note,) = read(path)
    assert len(frames) == len(TIMES)
    assert note == "the animation keeps its transparency apart, which is not read"


def test_an_animation_behind_a_large_profile(tmp_path: Path) -> None:
    profile = np.random.default_rng(1).bytes(200_000)
    path = moving(tmp_path / "a.png", duration=list(TIMES), icc_profile=profile)
    assert path.read_bytes().find(b"acTL") > 150_000
    assert len(read(path)[1]) == len(TIMES)


@pytest.mark.parametrize("profile", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_animated_png_comes_upright(tmp_path: Path, orientation: int, profile: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"icc_profile": b"any" * 50} if profile else {}
    images = [Image.fromarray(CORNERS), Image.fromarray(255 - CORNERS)]
    path = tmp_path / "a.png"
    images[0].save(path, save_all=True, append_images=images[1:], exif=exif.tobytes(), **options)
    _, frames, _ = read(path)
    for frame, stored in zip(frames, (CORNERS, 255 - CORNERS), strict=True):
        assert (frame.image == UPRIGHT[orientation](stored)).all()


def test_a_film_of_png_with_a_profile(tmp_path: Path) -> None:
    """Its side data must be left alone: PyAV frees what is not its own."""
    shades().save(tmp_path / "a.png", icc_profile=b"any" * 50)
    data = (tmp_path / "a.png").read_bytes()
    with av.open(str(tmp_path / "a.mov"), "w") as film:
        stream = film.add_stream("png", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgb24"
        for index in range(5):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, index, index
            packet.time_base = Fraction(1, 25)
            film.mux(packet)
    _, frames, _ = read(tmp_path / "a.mov")
    assert len(frames) == 5
    assert (frames[4].image == np.asarray(shades())).all()


def test_frames_of_a_webp_that_cover_a_part(tmp_path: Path) -> None:
    """Blended and disposed of, against Pillow, which leaves that to libwebp."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    def three(value: int) -> bytes:
        return value.to_bytes(3, "little")

    body = chunk(b"VP8X", b"\x12\0\0\0" + three(WIDTH - 1) + three(HEIGHT - 1))
    body += chunk(b"ANIM", b"\0\0\0\0\0\0")
    for index, flags in enumerate((0, 1, 2, 3, 0, 0)):
        patch = transparent().crop((0, 0, 40, 30))
        still = tmp_path / "patch.webp"
        patch.save(still, lossless=True)
        place = three(4 * index) + three(2 * index) + three(39) + three(29) + three(70)
        body += chunk(b"ANMF", place + bytes([flags]) + still.read_bytes()[12:])
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
    _, frames, _ = read(path)
    assert len(frames) == 6
    with Image.open(path) as image:
        for frame, expected in zip(frames, ImageSequence.Iterator(image), strict=True):
            assert np.abs(frame.image - on_black(expected)).max() <= 2
    source = ImageSource()
    source.open(str(path))
    (fourth,) = source.frames(3, 4)
    assert (fourth.image == frames[3].image).all()


def test_half_an_animated_webp_is_none(tmp_path: Path) -> None:
    path = moving(tmp_path / "a.webp", duration=list(TIMES))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match="incomplete"):
        read(path)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_pages_of_a_tiff_are_frames(tmp_path: Path, options: dict[str, Any]) -> None:
    path = moving(tmp_path / "a.tif", **options)
    info, frames, notes = read(path, frame_rate=Fraction(10))
    assert (info.still, info.frame_count) == (False, len(TIMES))
    assert info.frame_rate == Fraction(10)
    assert [media.read_index(frame.image) for frame in frames] == [*range(len(TIMES))]
    assert [frame.seconds for frame in frames] == [Fraction(n, 10) for n in range(len(TIMES))]
    (note,) = notes
    assert note.startswith("the file holds 6 pages, which are read as frames, 10 a second")
    source = ImageSource(every=2)
    source.open(str(path))
    assert [media.read_index(frame.image) for frame in source.frames(1)] == [1, 3, 5]


def test_a_smaller_version_in_a_tiff_is_no_frame(tmp_path: Path) -> None:
    small = shades().resize((24, 16))
    for kind in (1, 0):  # marked as one, or not
        small.encoderinfo = {"tiffinfo": {254: kind}}
        shades().save(tmp_path / "a.tif", save_all=True, append_images=[small])
        assert only(tmp_path / "a.tif").shape == (HEIGHT, WIDTH, 3)


def test_a_folder_of_animations_says_what_it_leaves_out(tmp_path: Path) -> None:
    for index in range(3):
        moving(tmp_path / f"{index}.webp", duration=list(TIMES))
    _, frames, (note,) = read(tmp_path)
    assert len(frames) == 3
    assert note == "0.webp holds several images; only the first of a file is read here"
    moving(tmp_path / "a.png", duration=list(TIMES))
    source = ImageSource()
    source.open(str(tmp_path / "a.png"))
    assert len(list(source.frames())) == 1
    assert source.notes == ("a.png holds several images; only the first of a file is read here",)

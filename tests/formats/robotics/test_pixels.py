"""Raw and coded pictures of messages against OpenCV and NumPy."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from videoseg.formats.robotics.coded import coded_rgb
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.formats.robotics.pixels import KNOWN_ENCODINGS, Shown, raw_rgb

WIDTH, HEIGHT = 12, 8
PLAIN = Shown()
RGB = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALPHA = np.random.default_rng(4).integers(1, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8)
GREY = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)
SMOOTH = cv2.resize(RGB[:2, :3], (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
SIXTEEN = RGB.astype(np.uint16) * 257


def raw(
    rows: np.ndarray[Any, Any], encoding: str, *, padding: int = 0, big: bool = False
) -> ImageMessage:
    """A message of rows (rows, ...), each followed by bytes that are no picture."""
    rows = rows.astype(rows.dtype.newbyteorder(">" if big else "<"))
    flat = np.frombuffer(rows.tobytes(), np.uint8).reshape(len(rows), -1)
    padded = np.pad(flat, ((0, 0), (0, padding)), constant_values=0xAB)
    return ImageMessage(
        0, "", memoryview(padded.tobytes()), encoding, WIDTH, HEIGHT, padded.shape[1], big
    )


def over_black(rgb: np.ndarray[Any, Any], alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(np.rint(rgb.astype(float) * alpha / 255), dtype=np.uint8)


def packed_422(yuv: np.ndarray[Any, Any], *, luma_first: bool) -> np.ndarray[Any, Any]:
    """(H, W, 2) with the colours of every first of two pixels."""
    chroma = np.repeat(yuv[:, ::2, 1:], 1, axis=1).reshape(HEIGHT, WIDTH)
    pair = (yuv[..., 0], chroma) if luma_first else (chroma, yuv[..., 0])
    return np.stack(pair, axis=2)


def limited_yuv() -> np.ndarray[Any, Any]:
    """(H, W, 3) of BT.601 in limited range."""
    red, green, blue = (SMOOTH[..., each].astype(float) / 255 for each in range(3))
    luma = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    u = 128 - 37.797 * red - 74.203 * green + 112 * blue
    v = 128 + 112 * red - 93.786 * green - 18.214 * blue
    return np.rint(np.stack([luma, u, v], axis=2)).astype(np.uint8)


YUV = limited_yuv()


def planes(*, u_first: bool) -> np.ndarray[Any, Any]:
    """(1.5 H, W): luma, then colours of every first of two pixels and rows."""
    order = [1, 2] if u_first else [2, 1]
    chroma = YUV[::2, ::2][..., order].reshape(HEIGHT // 2, WIDTH)
    return np.concatenate([YUV[..., 0], chroma])


def grey(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.repeat(values[..., None], 3, axis=2)


EXACT = {
    "rgb8": (RGB, RGB),
    "RGB8": (RGB, RGB),
    "bgr8": (RGB[..., ::-1], RGB),
    "8UC3": (RGB[..., ::-1], RGB),
    "rgba8": (np.dstack([RGB, ALPHA]), over_black(RGB, ALPHA)),
    "bgra8": (np.dstack([RGB[..., ::-1], ALPHA]), over_black(RGB, ALPHA)),
    "8UC4": (np.dstack([RGB[..., ::-1], ALPHA]), over_black(RGB, ALPHA)),
    "mono8": (GREY, grey(GREY)),
    "8UC1": (GREY, grey(GREY)),
    "mono16": (GREY.astype(np.uint16) * 257, grey(GREY)),
    "16UC1": (GREY.astype(np.uint16) * 257, grey(GREY)),
    "32FC1": (GREY.astype(np.float32) / 255, grey(GREY)),
    "rgb16": (SIXTEEN, RGB),
    "bgr16": (SIXTEEN[..., ::-1], RGB),
    "16UC3": (SIXTEEN[..., ::-1], RGB),
    "rgba16": (np.dstack([SIXTEEN, ALPHA.astype(np.uint16) * 257]), over_black(RGB, ALPHA)),
    "bgra16": (
        np.dstack([SIXTEEN[..., ::-1], ALPHA.astype(np.uint16) * 257]),
        over_black(RGB, ALPHA),
    ),
    "16UC4": (
        np.dstack([SIXTEEN[..., ::-1], ALPHA.astype(np.uint16) * 257]),
        over_black(RGB, ALPHA),
    ),
}
ABOUT = {
    "yuv422": packed_422(YUV, luma_first=False),
    "uyvy": packed_422(YUV, luma_first=False),
    "yuyv": packed_422(YUV, luma_first=True),
    "yuyv422": packed_422(YUV, luma_first=True),
    "yuy2": packed_422(YUV, luma_first=True),
    "yuv422_yuy2": packed_422(YUV, luma_first=True),
    "nv12": planes(u_first=True),
    "nv21": planes(u_first=False),
}
BAYER = tuple(
    f"bayer_{order}{bits}" for order in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)
)


def test_every_encoding_that_is_read_is_tested_here() -> None:
    tested = {name.lower() for name in (*EXACT, *ABOUT, *BAYER)}
    assert tested == set(KNOWN_ENCODINGS)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", EXACT)
def test_plain_samples_are_exact(encoding: str, big: bool, padding: int) -> None:
    stored, expected = EXACT[encoding]
    found = raw_rgb(raw(stored, encoding, padding=padding, big=big), PLAIN)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - expected).max() <= (
        1 if "a" in encoding.lower() or encoding.endswith("C4") else 0
    )


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("encoding", ABOUT)
def test_luma_and_chroma_become_colours(encoding: str, padding: int) -> None:
    found = raw_rgb(raw(ABOUT[encoding], encoding, padding=padding), PLAIN)
    # Half of the colours are stored, so the others are those beside them.
    assert np.abs(found.astype(int) - SMOOTH).mean() < 16
    block = found[::2, ::2].astype(int) - SMOOTH[::2, ::2]
    assert np.abs(block).max() <= 5


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", BAYER)
def test_mosaics_have_the_order_that_they_name(encoding: str, big: bool) -> None:
    order, bits = encoding.removeprefix("bayer_")[:4], encoding[-2:].lstrip("b8") or "8"
    colour = {"r": 200, "g": 90, "b": 20}
    tile = np.array([[colour[order[0]], colour[order[1]]], [colour[order[2]], colour[order[3]]]])
    mosaic = np.tile(tile, (HEIGHT // 2, WIDTH // 2))
    stored = (mosaic * 257).astype(np.uint16) if bits == "16" else mosaic.astype(np.uint8)
    found = raw_rgb(raw(stored, encoding, padding=3, big=big), PLAIN)
    assert (found[2:-2, 2:-2] == [200, 90, 20]).all()


def test_white_of_deep_grey_can_be_set() -> None:
    metres = np.full((HEIGHT, WIDTH), 2500, np.uint16)
    metres[0, 0] = 9000
    found = raw_rgb(raw(metres, "16UC1"), Shown(white=5000))
    assert found[1, 1].tolist() == [128] * 3
    assert found[0, 0].tolist() == [255] * 3


def test_depth_in_metres_is_as_white_as_the_same_depth_in_millimetres() -> None:
    millimetres = np.linspace(0, 9000, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    metres = (millimetres / 1000).astype(np.float32)
    metres_without = metres.copy()
    metres_without[0, 0] = np.nan
    shown = Shown(white=5000)
    expected = raw_rgb(raw(millimetres, "16UC1"), shown)
    assert expected[-1, -1].tolist() == [255] * 3
    np.testing.assert_allclose(raw_rgb(raw(metres, "32FC1"), shown), expected, atol=1)
    np.testing.assert_allclose(raw_rgb(raw(metres_without, "32FC1"), shown), expected, atol=1)


def test_alpha_that_is_zero_everywhere_is_left_out() -> None:
    stored = np.dstack([RGB, np.zeros_like(ALPHA)])
    assert (raw_rgb(raw(stored, "rgba8"), PLAIN) == RGB).all()


def test_a_step_of_zero_means_rows_without_padding() -> None:
    message = ImageMessage(0, "", memoryview(RGB.tobytes()), "rgb8", WIDTH, HEIGHT)
    assert (raw_rgb(message, PLAIN) == RGB).all()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (ImageMessage(0, "", memoryview(b"abc"), "teal9", 1, 1, 3), "unknown encoding 'teal9'"),
        (ImageMessage(0, "", memoryview(b""), "rgb8", 1, 1, 3), "empty"),
        (ImageMessage(0, "", memoryview(b"abc"), "rgb8", 0, 1, 3), "empty"),
        (ImageMessage(0, "", memoryview(b"abc"), "rgb8", -1, -1, 3), "empty"),
        (ImageMessage(0, "", memoryview(b"abcd"), "rgb8", 1, 2, 3), "cut off"),
        (ImageMessage(0, "", memoryview(b"abcdef"), "rgb8", 2, 1, 3), "cut off"),
        (ImageMessage(0, "", memoryview(b"abc"), "rgb8", 2**31, 2**31, 0), "too large"),
        (ImageMessage(0, "", memoryview(b"abcdef"), "nv12", 2, 1, 2), "odd size, 2 x 1"),
        (ImageMessage(0, "", memoryview(b"abcdef"), "uyvy", 3, 1, 6), "odd size, 3 x 1"),
    ],
)
def test_what_is_no_picture_says_why(message: ImageMessage, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        raw_rgb(message, PLAIN)


def coded(image: np.ndarray[Any, Any], ending: str, said: str) -> ImageMessage:
    data = cv2.imencode(ending, image)[1].tobytes()
    return ImageMessage(0, "", memoryview(data), said)


@pytest.mark.parametrize("said", ["png", "PNG", "", "bgr8; png compressed bgr8", "jpeg"])
def test_a_coded_picture_is_read_whatever_its_format_says(said: str) -> None:
    assert (coded_rgb(coded(RGB[..., ::-1], ".png", said), PLAIN) == RGB).all()


def test_jpeg() -> None:
    for said in ("jpeg", "jpg", "rgb8; jpeg compressed bgr8"):
        found = coded_rgb(coded(SMOOTH[..., ::-1], ".jpg", said), PLAIN)
        assert np.abs(found.astype(int) - SMOOTH).mean() < 12


def test_red_and_blue_that_were_swapped_before_compression_are_swapped_back() -> None:
    message = coded(RGB, ".png", "rgb8; png compressed rgb8")
    assert (coded_rgb(message, PLAIN) == RGB).all()


def test_depth_behind_its_header() -> None:
    depth = np.full((HEIGHT, WIDTH), 2500, np.uint16)
    png = cv2.imencode(".png", depth)[1].tobytes()
    message = ImageMessage(0, "", memoryview(bytes(12) + png), "16UC1; compressedDepth png")
    assert (coded_rgb(message, Shown(white=5000)) == 128).all()


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_a_damaged_coded_picture(data: bytes) -> None:
    with pytest.raises(MessageError, match="damaged" if data else "empty"):
        coded_rgb(ImageMessage(0, "", memoryview(data), "jpeg"), PLAIN)

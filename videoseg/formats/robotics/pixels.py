"""Raw pictures of messages as RGB: every encoding that cameras commonly send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.colour import over_background
from videoseg.formats.images.picture import rgb8
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.geometry.sizes import check_pixels
from videoseg.types import RgbImage

_Samples: TypeAlias = npt.NDArray[Any]
_WHITE = 65535


@dataclass(frozen=True, slots=True)
class Shown:
    """How pictures that are not plain colours are shown.

    Attributes:
        background: What transparent pixels are laid over, ``#rrggbb``.
        white: Value of one-channel samples of two bytes that is shown white; larger ones are, too.
            Depth has millimetres there and metres in floats (REP 118), so floats are white from
            ``white / 1000`` on; as long as it is 65535, what no depth needs, from 1.0 on.
    """

    background: str = "#000000"
    white: int = _WHITE


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How rows are stored, and how they become RGB.

    Attributes:
        channels: Samples of a pixel in a row.
        rgb: RGB from samples (H, W, channels), or (H, W) of one.
        sample: Type of a sample, as NumPy names it.
        pairs: Columns come in pairs.
        planes: Rows of the data over rows of the picture; 1.5 where colours have half the rows.
    """

    channels: int
    rgb: Callable[[_Samples, Shown], RgbImage]
    sample: str = "u1"
    pairs: bool = False
    planes: float = 1.0


def raw_rgb(message: ImageMessage, shown: Shown) -> RgbImage:
    """uint8 (H, W, 3): the picture of a raw message; its rows may have any step.

    Raises:
        MessageError: It is empty or cut off, or its encoding is not known.
    """
    if message.width < 1 or message.height < 1 or not len(message.data):
        raise MessageError("empty")
    encoding = _ENCODINGS.get(message.format.strip().lower())
    if encoding is None:
        raise MessageError(f"in the unknown encoding {message.format[:40]!r}")
    return encoding.rgb(_samples(message, encoding), shown)


def _samples(message: ImageMessage, encoding: _Encoding) -> _Samples:
    """(rows, W, channels), or (rows, W): samples in the machine's order of bytes, not copied."""
    width, height = message.width, message.height
    try:
        check_pixels(width, height)
    except ValueError as error:
        raise MessageError("too large") from error
    halved = encoding.planes != 1
    if (encoding.pairs and width % 2) or (halved and height % 2):
        raise MessageError(f"of an odd size, {width} x {height}, in {message.format}")
    sample = np.dtype(encoding.sample).newbyteorder(">" if message.big_endian else "<")
    used = width * encoding.channels * sample.itemsize
    step = message.step or used  # some drivers leave it out
    rows = int(height * encoding.planes)
    if step < used or len(message.data) < step * (rows - 1) + used:
        raise MessageError("cut off")
    pixel = encoding.channels * sample.itemsize
    strides = (step, pixel, sample.itemsize)
    made = np.ndarray(
        (rows, width, encoding.channels), sample, message.data, strides=strides
    ).astype(sample.newbyteorder("="), copy=False)
    return made if encoding.channels > 1 else made[..., 0]


def _converted(name: str) -> Callable[[_Samples, Shown], RgbImage]:
    """By a conversion of OpenCV, of samples of one byte; of two bytes, which are scaled before."""

    def rgb(samples: _Samples, shown: Shown) -> RgbImage:
        import cv2

        del shown
        if samples.dtype == np.uint16:
            samples = scaled(samples, _WHITE)
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(samples), getattr(cv2, name)), np.uint8)

    return rgb


def _copied(samples: _Samples, shown: Shown) -> RgbImage:
    del shown
    if samples.dtype == np.uint16:
        return scaled(samples, _WHITE)
    return np.array(samples, np.uint8, order="C")


def _reversed(samples: _Samples, shown: Shown) -> RgbImage:
    return rgb8(np.ascontiguousarray(samples), shown.background)


def _transparent(samples: _Samples, shown: Shown) -> RgbImage:
    """RGBA over the background; drivers that leave alpha at zero mean an opaque picture."""
    if samples.dtype == np.uint16:
        samples = scaled(samples, _WHITE)
    if not samples[..., 3].any():
        return np.array(samples[..., :3], np.uint8, order="C")
    return over_background(samples, shown.background)


def _transparent_reversed(samples: _Samples, shown: Shown) -> RgbImage:
    return _transparent(samples[..., [2, 1, 0, 3]], shown)


def _grey(samples: _Samples, shown: Shown) -> RgbImage:
    import cv2

    if samples.dtype == np.uint16:
        samples = scaled(samples, shown.white)
    elif samples.dtype == np.float32:
        top = 1.0 if shown.white == _WHITE else shown.white / 1000
        samples = np.rint(np.clip(np.nan_to_num(samples) / top, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(samples), cv2.COLOR_GRAY2RGB), np.uint8)


def scaled(samples: _Samples, white: int) -> npt.NDArray[np.uint8]:
    """Samples of 16 bits as 8 bits, rounded to the nearest; from ``white`` on 255."""
    wide = np.minimum(samples, white).astype(np.uint32)
    return ((wide * 255 + white // 2) // white).astype(np.uint8)


def _encodings() -> Mapping[str, _Encoding]:
    made = {
        "mono8": _Encoding(1, _grey),
        "mono16": _Encoding(1, _grey, "u2"),
        "32fc1": _Encoding(1, _grey, "f4"),
        "rgb8": _Encoding(3, _copied),
        "rgb16": _Encoding(3, _copied, "u2"),
        "bgr8": _Encoding(3, _reversed),
        "bgr16": _Encoding(3, _reversed, "u2"),
        "rgba8": _Encoding(4, _transparent),
        "rgba16": _Encoding(4, _transparent, "u2"),
        "bgra8": _Encoding(4, _transparent_reversed),
        "bgra16": _Encoding(4, _transparent_reversed, "u2"),
        "uyvy": _Encoding(2, _converted("COLOR_YUV2RGB_UYVY"), pairs=True),
        "yuyv": _Encoding(2, _converted("COLOR_YUV2RGB_YUY2"), pairs=True),
        "nv12": _Encoding(1, _converted("COLOR_YUV2RGB_NV12"), pairs=True, planes=1.5),
        "nv21": _Encoding(1, _converted("COLOR_YUV2RGB_NV21"), pairs=True, planes=1.5),
    }
    for order in ("rggb", "bggr", "gbrg", "grbg"):
        rgb = _converted(f"COLOR_Bayer{order.upper()}2RGB")
        made[f"bayer_{order}8"] = _Encoding(1, rgb)
        made[f"bayer_{order}16"] = _Encoding(1, rgb, "u2")
    for other, name in _SAME.items():
        made[other] = made[name]
    return made


_SAME = {
    "8uc1": "mono8", "16uc1": "mono16", "8uc3": "bgr8", "8uc4": "bgra8", "16uc3": "bgr16",
    "16uc4": "bgra16", "yuv422": "uyvy", "yuv422_yuy2": "yuyv", "yuyv422": "yuyv", "yuy2": "yuyv",
}  # fmt: skip
"""Other names of encodings."""
_ENCODINGS = _encodings()
KNOWN_ENCODINGS = tuple(sorted(_ENCODINGS))
"""Encodings of raw pictures that are read, in small letters."""

"""One picture from a file: decoded by OpenCV, upright, in the depth and colours of the file."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.formats.images.bmff import kinds_of_boxes
from videoseg.formats.images.colour import over_background
from videoseg.formats.images.exif import exif_orientation
from videoseg.formats.images.header import check_claims
from videoseg.formats.images.heif import (
    Heif,
    UnreadableError,
    decoded_heic,
    is_avif,
    is_heic,
    upright,
)
from videoseg.formats.images.png import SIGNATURE
from videoseg.formats.images.tiff import ASSOCIATED, TIFF, UNASSOCIATED, pages
from videoseg.types import RgbImage

Data: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (N,): a file."""
_HEAD = 1 << 16
"""Bytes of a file to look at, to see of which kind it is."""
_MOST_CHUNKS = 1 << 12
_GREY_AND_ALPHA = 2
"""Samples of a pixel."""


def decoded_image(path: Path) -> npt.NDArray[Any]:
    """(H, W, 3) BGR or (H, W, 4) BGRA, upright, in the depth of the file.

    Raises:
        SourceError: It cannot be read or decoded.
    """
    return decoded(read_file(path), path)


def read_file(path: Path) -> Data:
    """The bytes of a file.

    Raises:
        SourceError: It cannot be read, or is empty.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if not len(data):
        raise SourceError(f"{path}: is empty; copy or export it again")
    return data


def decoded(data: Data, path: Path) -> npt.NDArray[Any]:
    """The picture in the bytes of a file, as ``decoded_image`` gives it.

    Raises:
        SourceError: It is too large or cannot be decoded; names ``path``.
    """
    try:
        check_claims(data.data)
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from error
    why = "it is damaged, incomplete or something else"
    image: npt.NDArray[Any] | None = None
    try:
        image = _of_kind(data)
    except UnreadableError as error:
        why = str(error)
    if image is None:
        raise SourceError(f"{path}: cannot be decoded as an image; {why}: copy or export it again")
    return image


def rgb8(image: npt.NDArray[Any], background: str) -> RgbImage:
    """8-bit RGB from BGR or BGRA of any depth; floating-point samples should lie in [0, 1]."""
    import cv2

    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    if image.shape[2] == 4:
        return over_background(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), background)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def is_film(path: Path) -> bool:
    """Whether a picture moves and is read as a video is: APNG, and AVIF or HEIC with a track."""
    if is_apng(path):
        return True
    if not os.path.isfile(path):  # what is read from a pipe would be gone
        return False
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == b"ftyp" and b"moov" in kinds_of_boxes(file)
    except OSError:
        return False


def is_apng(path: Path) -> bool:
    """Whether a file is a PNG of several pictures (PNG, third edition, 11.3.6)."""
    if not os.path.isfile(path):
        return False
    try:
        with path.open("rb") as file:
            if file.read(8) != SIGNATURE:
                return False
            for _ in range(_MOST_CHUNKS):
                size, kind = struct.unpack(">I4s", file.read(8).rjust(8, b"\0"))
                if kind == b"acTL":
                    return int.from_bytes(file.read(4), "big") > 1
                if kind in (b"IDAT", b"\0\0\0\0"):
                    break
                file.seek(size + 4, os.SEEK_CUR)
    except OSError:
        pass
    return False


def _of_kind(data: Data) -> npt.NDArray[Any] | None:
    head = data[:_HEAD].tobytes()
    if is_heic(head):
        return decoded_heic(data.tobytes())
    if is_avif(head):
        heif = Heif.of(data.tobytes())
        heif.check_size()
        image = _by_opencv(data, transparent=True)
        return None if image is None else upright(heif, image)
    if head.startswith(TIFF):
        return _of_tiff(data)
    whole = data.tobytes()
    if is_torn_jpeg(whole):
        return None
    image = _by_opencv(data, transparent=_may_be_transparent(whole, head))
    return None if image is None else exif_orientation(whole).applied(image)


def _of_tiff(data: Data) -> npt.NDArray[Any] | None:
    """The first page. OpenCV turns it upright, whatever it is told, but does not say its alpha."""
    page = next(pages(data), None)
    if page is not None and page.samples == _GREY_AND_ALPHA:
        return exif_orientation(data.tobytes()).applied(_grey_and_alpha(data))
    image = _by_opencv(data, transparent=True)
    if image is None or page is None or image.shape[2] != 4:
        return image
    premultiplied = page.alpha == ASSOCIATED or (
        page.alpha == UNASSOCIATED and image.dtype == np.uint8  # libtiff multiplies these
    )
    if not premultiplied or image.dtype.kind == "f":
        return image
    most = np.iinfo(image.dtype).max
    alpha = np.maximum(image[..., 3:], 1).astype(np.uint32)
    colour = (image[..., :3].astype(np.uint32) * most + alpha // 2) // alpha
    return np.concatenate([np.minimum(colour, most).astype(image.dtype), image[..., 3:]], axis=2)


def _grey_and_alpha(data: Data) -> npt.NDArray[np.uint8]:
    """BGRA of a grey TIFF with alpha, which OpenCV would leave out, as stored.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    from av.codec.context import CodecContext
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext

    decoder = CodecContext.create("tiff", "r")
    assert isinstance(decoder, VideoCodecContext)  # noqa: S101
    try:
        (frame,) = decoder.decode(Packet(data.tobytes()))
    except (FFmpegError, ValueError) as error:
        raise UnreadableError("it is damaged, incomplete or something else") from error
    return np.asarray(frame.reformat(format="bgra").to_ndarray(), dtype=np.uint8)


def _by_opencv(data: Data, *, transparent: bool) -> npt.NDArray[Any] | None:
    """Decode as stored, without OpenCV's own words on standard error; our error says it."""
    import cv2

    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 5, else 4
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    try:
        if transparent:
            stored: npt.NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if stored is not None and (stored.shape[2:] == (4,) or stored.dtype == np.float32):
                return stored if stored.ndim == 3 else np.dstack([stored] * 3)
        as_stored = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
        image: npt.NDArray[Any] | None = cv2.imdecode(data, as_stored)
    except cv2.error:  # a size beyond its limits, for one
        return None
    finally:
        logging.setLogLevel(level)
    return image


def _may_be_transparent(data: bytes, head: bytes) -> bool:
    """Whether it is worth the time to look for an alpha channel."""
    if head[:4] == b"\x89PNG":
        header = data[: data.find(b"IDAT")]
        return header[25:26] in (b"\x04", b"\x06") or b"tRNS" in header
    if head[:4] == b"RIFF":  # WebP: extended with the alpha flag, or lossless
        return head[12:16] == b"VP8L" or bool(head[12:16] == b"VP8X" and head[20] & 0x10)
    return head[4:8] == b"jP  "


def is_torn_jpeg(data: bytes) -> bool:
    """Whether this is a JPEG without its end; OpenCV 4 would fill the rest with grey.

    Walks the segments (ITU-T T.81, B.1) up to the picture, past thumbnails with ends of their own.
    """
    position = 2
    while data[:3] == b"\xff\xd8\xff" and data[position : position + 1] == b"\xff":
        if data[position + 1 : position + 2] == b"\xda":
            return data.find(b"\xff\xd9", position) < 0
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data[:3] == b"\xff\xd8\xff" and position >= len(data)

"""OpenEXR files of one part, by the package OpenEXR."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError, missing_package
from videoseg.formats.timecode import TIMECODE
from videoseg.types import StreamInfo

Compression: TypeAlias = Literal["zip", "zips", "piz"]
"""All lossless: 16 rows at a time, each row for itself, or wavelets, for grainy pictures."""
Channel: TypeAlias = npt.NDArray[Any]
"""float16 or float32 (H, W)."""
_MAGIC = b"\x76\x2f\x31\x01"
_ROWS = {"zip": 16, "zips": 1, "piz": 32}
"""Rows that are compressed together."""
_MOST = 2**31 - 1
"""The parts of a fraction have 32 bits."""
_MOST_ASPECT = 1_000_000
"""OpenEXR refuses pixels that are wider, or higher, than this many times."""
_FASTEST = 30
"""Frames per second that the frames of a timecode count up to."""


def openexr() -> Any:
    """The package.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import OpenEXR
    except ImportError as error:
        raise missing_package("writing EXR", "OpenEXR", extra="media") from error
    return OpenEXR


def stream_attributes(info: StreamInfo) -> dict[str, Any]:
    """What a header says of every frame: the shape of pixels, and the frame rate."""
    aspect = info.sample_aspect_ratio
    sane = 1 / _MOST_ASPECT <= aspect <= _MOST_ASPECT
    found: dict[str, Any] = {"pixelAspectRatio": float(aspect) if sane else 1.0}
    if info.frame_rate is not None:
        # Python's Fraction: one of OpenEXR's own is refused.
        rate = info.frame_rate.limit_denominator(1_000_000)
        if 0 < rate.numerator <= _MOST:
            found["framesPerSecond"] = rate
    return found


def timecode_attributes(timecode: str | None, rate: Fraction | None) -> dict[str, Any]:
    """``timeCode`` (SMPTE ST 12-1) of a frame; nothing where there is none that it can hold."""
    match = TIMECODE.fullmatch(timecode or "")
    if match is None or rate is None or round(rate) > _FASTEST:
        return {}
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    dropped = int(match[4] in ";.")
    unused = [0] * 13  # colour frame, field, and the users' bits
    return {"timeCode": openexr().TimeCode(hours, minutes, seconds, frames, dropped, *unused)}


def write_exr(
    path: str, channels: Mapping[str, Channel], attributes: Mapping[str, Any], way: Compression
) -> None:
    """Write a file.

    Args:
        path: The file; its folder must be there.
        channels: By name, all of one size.
        attributes: Of the header.
        way: How to compress.

    Raises:
        OutputError: It cannot be written.
    """
    exr = openexr()
    compression = getattr(exr, f"{way.upper()}_COMPRESSION")
    header = {**attributes, "compression": compression, "type": exr.scanlineimage}
    try:
        exr.File(header, dict(channels)).write(path)
    except (RuntimeError, OSError) as error:
        said = str(error).rpartition('". ')[2].strip().rstrip(".")
        raise OutputError(f"cannot write {path}: {said}") from error
    rows = _ROWS[way]
    height = next(iter(channels.values())).shape[0]
    if not _is_whole(path, -(-height // rows)):
        raise OutputError(f"cannot write {path}: the end of it is missing; is the disk full?")


def read_channels(path: str) -> dict[str, Channel]:
    """The channels of a file that ``write_exr`` has written.

    Raises:
        OutputError: It cannot be read again.
    """
    try:
        found = openexr().File(path, separate_channels=True)
        return {name: np.asarray(channel.pixels) for name, channel in found.channels().items()}
    except (RuntimeError, OSError) as error:
        raise OutputError(f"cannot read {path} again: {error}") from error


def _is_whole(path: str, blocks: int) -> bool:
    """Whether all of a file is there: OpenEXR does not say what fails when it closes a file.

    Args:
        path: The file.
        blocks: How many blocks of rows it has.
    """
    size = os.path.getsize(path)
    try:
        with open(path, "rb") as file:
            if file.read(4) != _MAGIC:
                return False
            file.seek(4, os.SEEK_CUR)  # version
            while file.tell() < size and _text(file):  # an attribute: name, type, size, data
                _text(file)
                file.seek(struct.unpack("<I", file.read(4))[0], os.SEEK_CUR)
            offsets = struct.unpack(f"<{blocks}Q", file.read(8 * blocks))
            if min(offsets) < file.tell():
                return False
            file.seek(max(offsets))
            _, length = struct.unpack("<iI", file.read(8))
            return bool(file.tell() + length <= size)
    except (struct.error, OSError):
        return False


def _text(file: IO[bytes]) -> bytes:
    """The text that ends in a zero byte, without it."""
    found = b""
    while (letter := file.read(1)) not in (b"\0", b""):
        found += letter
    return found

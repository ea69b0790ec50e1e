"""What the header of a picture claims, read before memory is taken for it."""

from __future__ import annotations

import mmap
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Literal, TypeAlias

import numpy as np

from videoseg.formats.images.png import SIGNATURE
from videoseg.formats.images.tiff import TIFF, pages
from videoseg.geometry.sizes import check_pixels

Order: TypeAlias = Literal["little", "big"]

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that say its size (ITU-T T.81, table B.1)."""
_NETPBM = re.compile(rb"P[1-6][\s#]")
_REMARK = re.compile(rb"#[^\n]*")
_HEAD = 1 << 12
"""Bytes in which a header ends."""
_PACKED = frozenset({b"iCCP", b"iTXt", b"zTXt"})
"""Chunks of a PNG that are not picture and may be compressed."""
_MOST_UNPACKED = 1 << 24
"""Bytes that all of these may come to; profiles and descriptions have far less than a million."""
_MOST_OF_ALL = 1 << 28
"""Bytes of the texts of all PNG in a file, which are unpacked one after another."""
_LOOKED_THROUGH = 1 << 26
"""Bytes of a file in which PNG are looked for."""
_MOST_CHUNKS = 1 << 18
_LONGEST_CHUNK = 1 << 26
"""Bytes that a chunk of a PNG may claim beyond the end of its file, as where that is cut off."""


def check_claims(data: memoryview) -> None:
    """Refuse a picture that would take far more memory than its file explains.

    Args:
        data: The file, uint8.

    Raises:
        ValueError: It does; says what it claims.
    """
    size = claimed_size(data)
    if size is not None:
        check_pixels(*size, len(data))
    check_packed(data)
    _check_chunks(data)


def _check_chunks(data: memoryview) -> None:
    """Refuse a PNG with a chunk that is far longer than the file: OpenCV takes the memory first."""
    if data[:8] != SIGNATURE:
        return
    at = 8
    for _ in range(_MOST_CHUNKS):
        left = len(data) - at - 8
        if left < 0:
            return
        length = _two(data, at, 4, "big")[0]
        if length > max(left, _LONGEST_CHUNK):
            raise ValueError(f"a part of it claims to have {length:,} bytes, but {left:,} are left")
        at += 12 + length


def check_packed_inside(file: BinaryIO, stored: int) -> None:
    """The same as ``check_packed`` for each PNG in a file that may be one or hold some as frames.

    In a large file only for one that it begins with: its size explains the rest.

    Raises:
        ValueError: One of them, or all together, unpack to very much.
    """
    if not stored:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        end = min(stored, _LOOKED_THROUGH)
        at, left = mapped.find(SIGNATURE, 0, end), _MOST_OF_ALL
        while at >= 0:
            with memoryview(mapped) as whole, whole[at:] as data:
                left -= check_packed(data)
            if left < 0:
                raise ValueError(f"texts in it have more than {_MOST_OF_ALL:,} bytes")
            at = mapped.find(SIGNATURE, at + 1, end)


def begins_with_png(file: BinaryIO) -> bool:
    """Whether a file is a PNG; ``check_packed`` then says whether it is a harmless one."""
    file.seek(0)
    return file.read(len(SIGNATURE)) == SIGNATURE


def check_packed(data: memoryview) -> int:
    """Refuse a PNG whose colour profile and texts are very large once they are unpacked.

    FFmpeg unpacks them without a limit, and for each frame of an animation again.

    Returns:
        Bytes that they come to.

    Raises:
        ValueError: They are.
    """
    if data[:8] != SIGNATURE:
        return 0
    at, left = 8, _MOST_UNPACKED
    for _ in range(_MOST_CHUNKS):
        kind, length = bytes(data[at + 4 : at + 8]), _two(data, at, 4, "big")[0]
        if len(kind) < 4 or kind == b"IDAT":
            break
        if kind in _PACKED:
            left -= _unpacked(data[at + 8 : at + 8 + length], kind, left)
            if left <= 0:
                raise ValueError(
                    f"the texts or the colour profile in it have more than {_MOST_UNPACKED:,} "
                    "bytes; save it without them"
                )
        at += 12 + length
    return _MOST_UNPACKED - left


def _unpacked(content: memoryview, kind: bytes, most: int) -> int:
    """Bytes that a chunk has once it is unpacked, as far as ``most``."""
    head = bytes(content[:80])
    start = head.find(b"\0") + 2  # a name, and how it is packed
    if kind == b"iTXt":
        if head[start - 1 : start] != b"\1":
            return len(content)
        words = bytes(content[start + 1 : start + 2049]).split(b"\0", 2)  # two more names
        start += 3 + sum(map(len, words[:2]))
    try:
        return len(zlib.decompressobj().decompress(content[start:], most))
    except zlib.error:
        return len(content)


def claimed_size(data: memoryview) -> tuple[int, int] | None:
    """Width and height, pixels, as a PNG, JPEG, JPEG 2000, WebP, BMP, PNM or TIFF says.

    None where it does not.
    """
    head = bytes(data[:32])
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return _two(data, 16, 4, "big")
    if head[:3] == b"\xff\xd8\xff":
        return next(_jpeg(data), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(data, head[12:16])
    if head[:2] == b"BM":
        return _bmp(data, head[14:18])
    if head[:4] in TIFF:
        first = next(pages(np.asarray(data)), None)
        return None if first is None else (first.width, first.height)
    if head[4:8] == b"jP  ":
        return _jpeg_2000(data)
    return _netpbm(data) if _NETPBM.match(head) else None


def _two(data: memoryview, at: int, length: int, order: Order) -> tuple[int, int]:
    first = data[at : at + length]
    second = data[at + length : at + 2 * length]
    return int.from_bytes(first, order), int.from_bytes(second, order)


def _jpeg(data: memoryview) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _JPEG_FRAMES:
            height, width = _two(data, at + 5, 2, "big")
            yield width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _webp(data: memoryview, kind: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X":
        width, height = _two(data, 24, 3, "little")
        return width + 1, height + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = _two(data, 26, 2, "little")
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp(data: memoryview, length: bytes) -> tuple[int, int]:
    if length == b"\x0c\0\0\0":  # the first form of the header
        return _two(data, 18, 2, "little")
    width, height = (
        int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22)
    )  # a height below 0 tells that rows go down
    return abs(width), abs(height)


def _jpeg_2000(data: memoryview) -> tuple[int, int] | None:
    """From the header of the picture (ISO 15444-1, I.5.3.1), or else from the code itself."""
    head = bytes(data[:_HEAD])
    at = head.find(b"ihdr")
    if at > 0:
        height, width = _two(data, at + 4, 4, "big")
        return width, height
    return None


def _netpbm(data: memoryview) -> tuple[int, int] | None:
    """From the words of the header; what begins with # is a remark up to the end of the line."""
    words = _REMARK.sub(b" ", bytes(data[2:_HEAD])).split(maxsplit=2)
    if len(words) < 2 or not all(word.isdigit() and len(word) < 12 for word in words[:2]):
        return None
    return int(words[0]), int(words[1])

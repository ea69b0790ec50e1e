"""The size that the header of a picture claims, read before memory is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["little", "big"]

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a JPEG that say its size (ITU-T T.81, table B.1)."""
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_MOST_TAGS = 1 << 12


def claimed_size(data: memoryview) -> tuple[int, int] | None:
    """Width and height, pixels, as a PNG, JPEG, WebP, BMP or TIFF says; None where it does not."""
    head = bytes(data[:32])
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return _two(data, 16, 4, "big")
    if head[:3] == b"\xff\xd8\xff":
        return next(_jpeg(data), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(data, head[12:16])
    if head[:2] == b"BM":
        return _bmp(data, head[14:18])
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data, "little" if head[:2] == b"II" else "big")
    return None


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


def _tiff(data: memoryview, order: Order) -> tuple[int, int] | None:
    def number(at: int, length: int) -> int:
        return _two(data, at, length, order)[0]

    at, found = number(4, 4), {}
    for tag in range(min(number(at, 2), _MOST_TAGS)):
        entry = at + 2 + 12 * tag
        name, kind = _two(data, entry, 2, order)
        if name in (_TIFF_WIDTH, _TIFF_HEIGHT):
            found[name] = number(entry + 8, 2 if kind == 3 else 4)
    if len(found) < 2:
        return None
    return found[_TIFF_WIDTH], found[_TIFF_HEIGHT]

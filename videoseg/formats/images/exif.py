"""How a JPEG, PNG or WebP says that it lies: the orientation of its EXIF."""

from __future__ import annotations

from videoseg.formats.images.header import Order
from videoseg.formats.images.orientation import UPRIGHT, Orientation

_ORDERS: dict[bytes, Order] = {b"II": "little", b"MM": "big"}
_ORIENTATION = 0x0112
_MARK = b"Exif\0\0"
_BY_NUMBER = {
    2: Orientation(0, mirrored=True),
    3: Orientation(180),
    4: Orientation(180, mirrored=True),
    5: Orientation(270, mirrored=True),
    6: Orientation(90),
    7: Orientation(90, mirrored=True),
    8: Orientation(270),
}
"""CIPA DC-008 (Exif 2.32), tag Orientation; 1 and unknown numbers lie upright."""


def exif_orientation(data: bytes) -> Orientation:
    """How to lay the picture in a file; upright where it says nothing or is damaged."""
    exif = _exif(data).removeprefix(_MARK)
    order = _ORDERS.get(exif[:2])
    if order is None:
        return UPRIGHT

    def number(start: int, size: int) -> int:
        return int.from_bytes(exif[start : start + size], order)

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if number(entry, 2) == _ORIENTATION:
            return _BY_NUMBER.get(number(entry + 8, 2), UPRIGHT)
        if entry > len(exif):
            break
    return UPRIGHT


def _exif(data: bytes) -> bytes:
    """The EXIF data of a file, empty where there is none."""
    if data[:3] == b"\xff\xd8\xff":
        return _of_jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _chunk(data, 8, b"eXIf", "big")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _chunk(data, 12, b"EXIF", "little")
    return b""


def _of_jpeg(data: bytes) -> bytes:
    """The APP1 segment with EXIF (ITU-T T.81, B.1); it stands before the picture."""
    position = 2
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        size = int.from_bytes(data[position + 2 : position + 4], "big")
        segment = data[position + 4 : position + 2 + size]
        if data[position + 1] == 0xE1 and segment.startswith(_MARK):
            return segment
        position += 2 + max(size, 2)
    return b""


def _chunk(data: bytes, start: int, kind: bytes, order: Order) -> bytes:
    """The content of the first chunk of a kind, of a PNG (big) or a RIFF file (little)."""
    png = order == "big"  # the size before the kind, a checksum after the content, no padding
    position = start
    while position + 8 <= len(data):
        head = data[position : position + 8]
        size, found = (head[:4], head[4:]) if png else (head[4:], head[:4])
        length = int.from_bytes(size, order)
        if found == kind:
            return data[position + 8 : position + 8 + length]
        position += 8 + length + (4 if png else length % 2)
    return b""

"""How many samples the tables of an MP4 or QuickTime file claim, seen before an index is made.

A table of samples that all have one size is a number alone: twelve bytes ask FFmpeg for an index
of gigabytes (ISO 14496-12, 8.7.3 and 8.8.8).
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_FIRST = frozenset({
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid",
})  # fmt: skip
"""What such a file begins with."""
_INSIDE = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
"""Boxes that hold others, on the way to the tables."""
_ALWAYS = 1 << 20
"""Samples that are taken from a file of any size."""
_DEEPEST = 8
_MOST_UNPACKED = 1 << 24
"""Bytes of a header that QuickTime has packed."""


def check_tables(file: BinaryIO, stored: int) -> None:
    """Refuse a file with more samples than bytes.

    Args:
        file: The file, any kind.
        stored: Its size, bytes.

    Raises:
        ValueError: It has.
    """
    if file.read(8)[4:] not in _FIRST:
        return
    if sum(_samples(file, 0, stored, 0)) > max(_ALWAYS, stored):
        raise ValueError(
            "its tables claim more frames than the file has bytes; copy or export it again"
        )


def has_fragments(file: BinaryIO, stored: int) -> bool:
    """Whether the tables of an MP4 are spread over it (``moof``), or its header is packed.

    Args:
        file: The file.
        stored: Its size, bytes.
    """
    at = 0
    while at + 8 <= stored:
        length, kind = _box(file, at, stored)
        if kind == b"moof" or length < 8:
            return True
        if kind == b"moov":
            file.seek(at + 8)
            content = file.read(min(length, _MOST_UNPACKED))
            return b"mvex" in content or b"cmov" in content
        at += length
    return True


def _box(file: BinaryIO, at: int, end: int) -> tuple[int, bytes]:
    """Length and kind of the box at a place."""
    file.seek(at)
    head = file.read(16)
    length = int.from_bytes(head[:4], "big")
    if length == 1:
        length = int.from_bytes(head[8:16], "big")
    return length or end - at, head[4:8]


def _samples(file: BinaryIO, at: int, end: int, depth: int) -> Iterator[int]:
    """The number of samples in each table that does not list them one by one."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(28)
        length, kind, start = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), 16
        length = length or end - at
        if length < start:
            return
        table = head[start:]
        if kind in _INSIDE and depth < _DEEPEST:
            yield from _samples(file, at + start, min(at + length, end), depth + 1)
        elif kind == b"cmov" and depth < _DEEPEST:
            yield from _samples_of_packed(file, at, length, depth)
        elif kind == b"stsz" and any(table[4:8]):
            yield int.from_bytes(table[8:12], "big")
        elif kind == b"trun":
            yield int.from_bytes(table[4:8], "big")
        at += length


def _samples_of_packed(file: BinaryIO, at: int, length: int, depth: int) -> Iterator[int]:
    """The same of a header that is packed as a whole (``cmov`` with ``dcom`` and ``cmvd``)."""
    file.seek(at)
    content = file.read(min(length, _MOST_UNPACKED))
    start = content.find(b"cmvd") + 8  # its size once unpacked stands before it
    try:
        header = zlib.decompressobj().decompress(content[start:], _MOST_UNPACKED)
    except zlib.error:
        return
    yield from _samples(io.BytesIO(header), 0, len(header), depth + 1)

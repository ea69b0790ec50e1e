"""Boxes of the ISO base media file format (ISO 14496-12), and those that list a file's items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_MOST = 1 << 16
"""Boxes and entries of one kind that are looked at."""


def boxes_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box in a row (14496-12, 4.2)."""
    position = 0
    for _ in range(_MOST):
        if position + 8 > len(data):
            return
        size, start = read_number(data, position, 4), 8
        if size == 1:
            size, start = read_number(data, position + 8, 8), 16
        size = size or len(data) - position
        if size < start:
            raise ValueError(f"a box of {size} bytes")
        yield data[position + 4 : position + 8], data[position + start : position + size]
        position += size


def kinds_of_boxes(file: BinaryIO) -> set[bytes]:
    """Kinds of the boxes in a row that a file is made of; what they hold is not read."""
    kinds, position = set[bytes](), 0
    for _ in range(_MOST):
        file.seek(position)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        kinds.add(kind)
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        if size < 8 or len(head) < 8:
            break
        position += size
    return kinds


def read_number(data: bytes, start: int, size: int) -> int:
    """A number of some bytes.

    Raises:
        IndexError: The data ends before.
    """
    if start + size > len(data):
        raise IndexError("the data ends")
    return int.from_bytes(data[start : start + size], "big")


def kinds_in(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and kind of each item of an ``iinf`` box."""
    for kind, entry in boxes_in(content[8 if content[0] else 6 :]):
        if kind == b"infe" and entry[0] >= 2:
            wide = 2 if entry[0] == 2 else 4
            yield read_number(entry, 4, wide), entry[4 + wide + 2 : 4 + wide + 6]


def associations_in(content: bytes) -> Iterator[tuple[int, int]]:
    """Item and place among the properties, from 1, for each entry of an ``ipma`` box."""
    wide, large = (4 if content[0] else 2), bool(content[3] & 1)
    position = 8
    for _ in range(min(read_number(content, 4, 4), _MOST)):
        number = read_number(content, position, wide)
        count = content[position + wide]
        position += wide + 1
        for _ in range(count):
            step = 2 if large else 1
            yield number, read_number(content, position, step) & (0x7FFF if large else 0x7F)
            position += step


def references_in(content: bytes) -> Iterator[tuple[bytes, int, list[int]]]:
    """Kind, origin and targets of each reference of an ``iref`` box."""
    if not content:
        return
    wide = 4 if content[0] else 2
    for kind, entry in boxes_in(content[4:]):
        count = read_number(entry, wide, 2)
        starts = range(wide + 2, wide + 2 + count * wide, wide)
        yield kind, read_number(entry, 0, wide), [read_number(entry, at, wide) for at in starts]


def locations_in(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Item, construction method, offset and size of each first extent of an ``iloc`` box."""
    version = content[0]
    offset_size, length_size = content[4] >> 4, content[4] & 15
    base_size, index_size = content[5] >> 4, content[5] & 15 if version else 0
    wide = 4 if version == 2 else 2
    position = 6 + wide
    for _ in range(min(read_number(content, 6, wide), _MOST)):
        number, method = read_number(content, position, wide), 0
        position += wide
        if version:
            method = read_number(content, position, 2) & 15
            position += 2
        base = read_number(content, position + 2, base_size)
        extents = read_number(content, position + 2 + base_size, 2)
        position += 4 + base_size
        if extents:
            offset = read_number(content, position + index_size, offset_size)
            size = read_number(content, position + index_size + offset_size, length_size)
            yield number, method, base + offset, size
        position += extents * (index_size + offset_size + length_size)

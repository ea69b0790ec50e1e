"""Messages with pictures as Protocol Buffers: the few fields of Foxglove's schemas."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from videoseg.formats.robotics.messages import ImageMessage, MessageError, Reader

_FIELDS: Mapping[str, Mapping[int, str]] = {
    "foxglove/RawImage": {
        1: "stamp", 2: "width", 3: "height", 4: "format", 5: "step", 6: "data", 7: "frame_id",
    },
    "foxglove/CompressedImage": {1: "stamp", 2: "data", 3: "format", 4: "frame_id"},
    "foxglove/CompressedVideo": {1: "stamp", 2: "frame_id", 3: "data", 4: "format"},
}  # fmt: skip
"""Number of each field -> what it is here."""
_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5
_LONGEST_VARINT = 10
_NS = 10**9


def reader(schema: str) -> Reader:
    """Who reads messages of a schema of Foxglove."""
    return functools.partial(_read, _FIELDS[schema])


def _read(names: Mapping[int, str], data: bytes | memoryview) -> ImageMessage:
    found: dict[str, Any] = {"stamp": 0, "frame_id": "", "format": "", "data": memoryview(b"")}
    for number, value in _fields(memoryview(data)):
        name = names.get(number)
        if name is None:
            continue
        if isinstance(value, int) != (name in ("width", "height", "step")):
            raise MessageError("no message of its schema")
        if name == "stamp" and isinstance(value, memoryview):
            found[name] = _time(value)
        elif name in ("frame_id", "format") and isinstance(value, memoryview):
            found[name] = bytes(value).decode("utf-8", "replace")
        else:
            found[name] = value
    return ImageMessage(**found)


def _time(data: memoryview) -> int:
    """``google.protobuf.Timestamp`` in ns."""
    parts = {number: value for number, value in _fields(data) if isinstance(value, int)}
    seconds = parts.get(1, 0)
    return (seconds - (seconds >> 63 << 64)) * _NS + parts.get(2, 0)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field, but for those of eight bytes, which no picture has."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif kind == _SIZED:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise MessageError("cut off")
            yield number, data[at : at + size]
            at += size
        elif kind == _FOUR:
            yield number, int.from_bytes(data[at : at + 4], "little")
            at += 4
        elif kind == _EIGHT:
            at += 8
        else:
            raise MessageError("no message of its schema")
    if at > len(data):
        raise MessageError("cut off")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, at most 64 bits, and where it ends."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= len(data):
            raise MessageError("cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise MessageError("no message of its schema")

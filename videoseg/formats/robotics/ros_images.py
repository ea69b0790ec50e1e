"""Messages with pictures as ROS 1 and ROS 2 (CDR) write them.

The order of fields is that of the schema in the log: Foxglove's schemas have gained fields.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from videoseg.formats.robotics.messages import ImageMessage, MessageError, Reader

_Layout: TypeAlias = Sequence[tuple[str, str]]
"""``(type, name)`` of each field."""
_HEADER, _TIME, _TEXT, _NUMBER, _BYTE, _BYTES = "header", "time", "text", "number", "byte", "bytes"
_TYPES = {
    "Header": _HEADER, "std_msgs/Header": _HEADER, "std_msgs/msg/Header": _HEADER,
    "time": _TIME, "builtin_interfaces/Time": _TIME, "builtin_interfaces/msg/Time": _TIME,
    "string": _TEXT, "uint32": _NUMBER, "int32": _NUMBER, "uint8": _BYTE, "bool": _BYTE,
    "byte": _BYTE, "uint8[]": _BYTES, "byte[]": _BYTES,
}  # fmt: skip
_RAW_FOXGLOVE: _Layout = (
    (_TIME, "timestamp"), (_TEXT, "frame_id"), (_NUMBER, "width"), (_NUMBER, "height"),
    (_TEXT, "encoding"), (_NUMBER, "step"), (_BYTES, "data"),
)  # fmt: skip
_CODED_FOXGLOVE: _Layout = (
    (_TIME, "timestamp"), (_TEXT, "frame_id"), (_BYTES, "data"), (_TEXT, "format"),
)  # fmt: skip
_USUAL: Mapping[str, _Layout] = {
    "sensor_msgs/Image": (
        (_HEADER, "header"), (_NUMBER, "height"), (_NUMBER, "width"), (_TEXT, "encoding"),
        (_BYTE, "is_bigendian"), (_NUMBER, "step"), (_BYTES, "data"),
    ),
    "sensor_msgs/CompressedImage": ((_HEADER, "header"), (_TEXT, "format"), (_BYTES, "data")),
    "foxglove/RawImage": _RAW_FOXGLOVE,
    "foxglove/CompressedImage": _CODED_FOXGLOVE,
    "foxglove/CompressedVideo": _CODED_FOXGLOVE,
}  # fmt: skip
_FIELD = re.compile(r"([\w/]+(?:\[\])?)\s+(\w+)")
_END_OF_FIRST = re.compile(r"^=+\s*$", re.MULTILINE)
_NS = 10**9


def reader(schema: str, encoding: str, definition: str) -> Reader:
    """Who reads messages of a schema, ``encoding`` being ``cdr`` or ``ros1``."""
    layout = _layout(definition) or _USUAL[schema]
    cursor: Callable[[memoryview], _Ros1] = _Cdr if encoding == "cdr" else _Ros1
    return functools.partial(_read, layout, cursor)


def _layout(definition: str) -> _Layout | None:
    """Fields of the first type of a definition, as far as they are known; None without a picture.

    What comes after the picture is of no use here: newer schemas of Foxglove go on.
    """
    found: dict[str, str] = {}
    for line in _END_OF_FIRST.split(definition, maxsplit=1)[0].splitlines():
        text = line.partition("#")[0].strip()
        if not text or "=" in text:  # empty, or a constant
            continue
        field = _FIELD.fullmatch(text)
        if field is None or field[1] not in _TYPES:
            break
        found[field[2]] = _TYPES[field[1]]
        if "data" in found and not found.keys().isdisjoint(("encoding", "format")):
            return [(kind, name) for name, kind in found.items()]
    return None


class _Ros1:
    """Reads fields one after another, as ROS 1 has them: packed, lowest byte first."""

    ends_text = b""
    """What ends a text and is no part of it."""
    header_has_number = True

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0
        self.order = "<"

    def number(self) -> int:
        """uint32."""
        (value,) = struct.unpack_from(self.order + "I", self.data, self.at)
        self.at += 4
        return int(value)

    def byte(self) -> int:
        """uint8."""
        value = self.data[self.at]
        self.at += 1
        return value

    def bytes(self) -> memoryview:
        """uint8[]."""
        size = self.number()
        if self.at + size > len(self.data):
            raise MessageError("cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def text(self) -> str:
        """String."""
        return bytes(self.bytes()).removesuffix(self.ends_text).decode("utf-8", "replace")

    def time(self) -> int:
        """Nanoseconds."""
        seconds = self.number()
        return seconds * _NS + self.number()

    def header(self) -> tuple[int, str]:
        """``std_msgs/Header``: stamp and frame_id."""
        if self.header_has_number:
            self.number()
        return self.time(), self.text()


class _Cdr(_Ros1):
    """The same as ROS 2 has them: numbers at multiples of their size, either byte first."""

    ends_text = b"\0"
    header_has_number = False

    def __init__(self, data: memoryview) -> None:
        if len(data) < 4:
            raise MessageError("cut off")
        super().__init__(data[4:])
        self.order = "<" if data[1] & 1 else ">"

    def number(self) -> int:
        self.at += -self.at % 4
        return super().number()

    def time(self) -> int:
        seconds = self.number()
        return (seconds - (seconds >> 31 << 32)) * _NS + self.number()  # seconds have a sign


def _read(
    layout: _Layout, cursor: Callable[[memoryview], _Ros1], data: bytes | memoryview
) -> ImageMessage:
    found: dict[str, Any] = {}
    try:
        fields = cursor(memoryview(data))
        for kind, name in layout:
            found[name] = getattr(fields, kind)()
    except (struct.error, IndexError) as error:
        raise MessageError("cut off") from error
    stamp, frame_id = found.get("header") or (found.get("timestamp", 0), found.get("frame_id", ""))
    return ImageMessage(
        stamp=stamp,
        frame_id=frame_id,
        data=found["data"],
        format=found.get("encoding", found.get("format", "")),
        width=found.get("width", 0),
        height=found.get("height", 0),
        step=found.get("step", 0),
        big_endian=bool(found.get("is_bigendian", 0)),
    )

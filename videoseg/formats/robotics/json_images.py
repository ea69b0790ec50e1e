"""Messages with pictures as JSON: bytes are base64, as Foxglove and rosbridge write them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from videoseg.formats.robotics.messages import ImageMessage, MessageError

_NS = 10**9
_FRACTIONS = ("nsec", "nsecs", "nanosec", "nanos")
_SECONDS = ("sec", "secs", "seconds")


def read(data: bytes | memoryview) -> ImageMessage:
    """A message with a picture.

    Raises:
        MessageError: It is none.
    """
    try:
        found = json.loads(bytes(data))
        header = found.get("header", {})
        return ImageMessage(
            stamp=_time(header.get("stamp", found.get("timestamp", {}))),
            frame_id=str(header.get("frame_id", found.get("frame_id", ""))),
            data=memoryview(_bytes(found["data"])),
            format=str(found.get("encoding", found.get("format", ""))),
            width=int(found.get("width", 0)),
            height=int(found.get("height", 0)),
            step=int(found.get("step", 0)),
            big_endian=bool(found.get("is_bigendian", False)),
        )
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
        raise MessageError("no message of its schema") from error
    except RecursionError as error:
        raise MessageError("nested too deeply") from error


def _bytes(data: str | list[int]) -> bytes:
    return bytes(data) if isinstance(data, list) else base64.b64decode(data, validate=True)


def _time(said: Mapping[str, Any]) -> int:
    """Nanoseconds of a time in two parts, by any of the names in use."""
    seconds = next((int(said[name]) for name in _SECONDS if name in said), 0)
    return seconds * _NS + next((int(said[name]) for name in _FRACTIONS if name in said), 0)

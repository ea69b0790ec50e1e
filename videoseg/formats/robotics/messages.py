"""Messages that hold pictures: what is in one, of whatever schema and encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class ImageKind(Enum):
    """What the bytes in a message are."""

    RAW = "raw"
    COMPRESSED = "compressed"
    VIDEO = "video"


class MessageError(ValueError):
    """A message cannot be read; the text, a few words without the topic, says why."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageMessage:
    """A picture as it is in a message.

    Attributes:
        stamp: When it was taken, in ns of the sender's clock; 0 where the sender does not say.
        frame_id: Name of the camera's frame of coordinates.
        data: The bytes.
        format: Of a raw image its encoding (``bgr8``), else as the sender wrote it (``jpeg``).
        width: Pixels across; of a raw image only, else 0.
        height: Pixels down, likewise.
        step: Bytes from one row to the next, likewise.
        big_endian: Whether samples of two bytes have the higher one first, likewise.
    """

    stamp: int
    frame_id: str
    data: memoryview
    format: str
    width: int = 0
    height: int = 0
    step: int = 0
    big_endian: bool = False


Reader: TypeAlias = Callable[[bytes | memoryview], ImageMessage]
"""Reads a message, or raises ``MessageError``."""

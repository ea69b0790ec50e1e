"""The shape of pixels in the header of a Matroska file, which FFmpeg's muxer is not told by PyAV.

The file must have been written with ``PLACEHOLDER`` as the title of its picture, without checksums
in its header: the title makes room for what is missing, so that nothing else moves.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

PLACEHOLDER = "-" * 32
"""The title that makes room."""
_HEADER = 1 << 16
"""Bytes that hold the description of all tracks."""
_SEGMENT = b"\x18\x53\x80\x67"
"""All of the file but its head."""
_TRACKS = b"\x16\x54\xae\x6b"
"""The description of all tracks."""
_ENTRY = b"\xae"
"""That of one of them."""
_NAME = b"\x53\x6e"
"""The title of a track."""
_VIDEO = b"\xe0"
"""What only tracks of pictures have."""
_DISPLAY_WIDTH = b"\x54\xb0"
"""How wide the picture is shown."""
_DISPLAY_HEIGHT = b"\x54\xba"
"""How high."""
_DISPLAY_UNIT = b"\x54\xb2"
"""In which unit; 0 = pixels."""
_VOID = b"\xec"
"""Bytes that mean nothing."""


def set_pixel_aspect(path: Path, width: int, height: int, aspect: Fraction) -> None:
    """Say how wide the picture is to be shown, to the nearest pixel.

    Args:
        path: The finished file.
        width: Pixels of the picture, across.
        height: Likewise, down.
        aspect: Width over height of a pixel.

    Raises:
        ValueError: It was not written as it must be.
        OSError: It cannot be changed.
    """
    with path.open("r+b") as file:
        head = bytearray(file.read(_HEADER))
        start, end = _within(head, (_SEGMENT, _TRACKS, _ENTRY))
        name = _find(head, _NAME, start, end)
        video = _find(head, _VIDEO, start, end)
        if name is None or video is None or name[0] > video[0]:
            raise ValueError(f"{path} has no placeholder for the shape of its pixels")
        unit = _find(head, _DISPLAY_UNIT, video[1], video[2])
        if unit is not None:  # the muxer says that it is unknown
            head[unit[1] : unit[2]] = bytes(unit[2] - unit[1])
        shown = _number(_DISPLAY_WIDTH, round(width * aspect)) + _number(_DISPLAY_HEIGHT, height)
        content = bytes(head[video[1] : video[2]]) + shown
        between = bytes(head[name[2] : video[0]])
        made = between + _VIDEO + _size(len(content)) + content
        spare = video[2] - name[0] - len(made) - 2
        head[name[0] : video[2]] = _VOID + _size(spare, 1) + bytes(spare) + made
        file.seek(0)
        file.write(head)


def _within(data: bytes | bytearray, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Where the content of an element in elements begins and ends."""
    start, end = 0, len(data)
    for wanted in path:
        found = _find(data, wanted, start, end)
        if found is None:
            raise ValueError(f"no element {wanted.hex()} in a Matroska header")
        _, start, end = found
    return start, end


def _find(data: bytes | bytearray, wanted: bytes, at: int, end: int) -> tuple[int, int, int] | None:
    """Where an element, its content and what follows it begin; the first of its kind."""
    while at < min(end, len(data) - 12):
        kind = bytes(data[at : at + _length(data[at])])
        size_at = at + len(kind)
        digits = _length(data[size_at])
        size = int.from_bytes(data[size_at : size_at + digits], "big") & ~(1 << 7 * digits)
        content = size_at + digits
        if kind == wanted:
            return at, content, min(content + size, end)
        at = content + size
    return None


def _length(first: int) -> int:
    """Bytes of a number by its first one."""
    return 9 - first.bit_length()


def _number(kind: bytes, value: int) -> bytes:
    return kind + _size(4) + value.to_bytes(4, "big")


def _size(value: int, digits: int | None = None) -> bytes:
    """A size in as few bytes as will do; all ones mean that it is unknown."""
    if digits is None:
        digits = next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return (value | 1 << 7 * digits).to_bytes(digits, "big")

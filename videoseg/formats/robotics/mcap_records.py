"""Records of an MCAP file, one after another, past what is damaged, in little memory.

The package ``mcap`` reads the summary; records are walked here, because it stops at the first
chunk that is damaged, believes every size that it is told and unpacks chunks of any size at once.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from videoseg.formats.robotics.log_messages import Beyond, Damage, no_more
from videoseg.formats.robotics.mcap_chunks import LARGEST, chunk_records

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, DATA_END, FOOTER = (
    0x03, 0x04, 0x05, 0x06, 0x07, 0x0F, 0x02,
)  # fmt: skip
_WANTED = frozenset({SCHEMA, CHANNEL, MESSAGE})
_HEAD = struct.Struct("<BQ")


def _all(place: int) -> bool:
    del place
    return True


def records(
    file: BinaryIO,
    damage: Damage,
    wants_chunk: Callable[[int], bool] = _all,
    place: int = len(MAGIC),
    beyond: Beyond = no_more,
) -> Iterator[tuple[int, memoryview]]:
    """Kind and content of the records that matter, those in chunks too, up to the end of the data.

    Args:
        file: The file.
        damage: Takes what was passed; what ends too early is told as ``truncated``.
        wants_chunk: Whether the chunk at a place in the file is asked for.
        place: Where a record begins, to read from there on.
        beyond: Waits for more of a file that is still written.
    """
    size = file.seek(0, os.SEEK_END)
    while True:
        file.seek(place)
        head = file.read(_HEAD.size)
        kind, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (None, 0)
        if kind in (DATA_END, FOOTER):
            return
        if kind == 0:
            break
        begin = place + _HEAD.size
        if kind is None or length > size - begin:
            grown = beyond(size)
            if grown is None:
                break
            size = grown
            continue
        if kind == CHUNK:
            if wants_chunk(place):
                yield from chunk_records(file, begin, length, damage)
        elif kind in _WANTED and length > LARGEST:
            damage.counts["records that are too large"] += 1
        elif kind in _WANTED:
            yield kind, memoryview(file.read(length))
        place = begin + length
    damage.truncated = f"it breaks off after {place:,} bytes"

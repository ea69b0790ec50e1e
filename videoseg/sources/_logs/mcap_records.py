"""Records of an MCAP file, one after another, past what is damaged, with memory for one chunk.

The package ``mcap`` reads the summary; records are walked here, because it stops at the first
chunk that is damaged and believes every size that it is told.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from videoseg.errors import MissingDependencyError
from videoseg.sources._logs.log import Damage

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, DATA_END, FOOTER = (
    0x03, 0x04, 0x05, 0x06, 0x07, 0x0F, 0x02,
)  # fmt: skip
_WANTED = frozenset({SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END, FOOTER})
LARGEST = 1 << 30
"""Bytes of a record, or of what a chunk unpacks to; writers make chunks of some megabytes."""
_HEAD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQII")
_READ_AT_ONCE = 1 << 16


class _ChunkError(ValueError):
    """A chunk cannot be unpacked; says why."""


def records(
    file: BinaryIO,
    damage: Damage,
    place: int = len(MAGIC),
    beyond: Callable[[int], int | None] = lambda _: None,
) -> Iterator[tuple[int, int, memoryview]]:
    """Kind, place in the file and content of the records that matter, up to the end of the data.

    A chunk comes packed. What ends too early is told as ``damage.truncated``.

    Args:
        file: The file.
        damage: Takes what is wrong with it.
        place: Where a record begins, to read from there on.
        beyond: Waits until a file that is still written has more bytes than some, and says how
            many; None where no more will come.
    """
    size = file.seek(0, os.SEEK_END)
    while True:
        file.seek(place)  # the caller may have looked elsewhere
        head = file.read(_HEAD.size)
        kind, length = _HEAD.unpack(head) if len(head) == _HEAD.size else (None, 0)
        if kind in (DATA_END, FOOTER):
            return
        if kind == 0:
            break
        if kind is None or length > size - place - _HEAD.size:
            grown = beyond(size)
            if grown is None:
                break
            size = grown
            continue
        if kind in _WANTED and length > LARGEST:
            damage.counts["too large"] += 1
        elif kind in _WANTED:
            yield kind, place, memoryview(file.read(length))
        place += _HEAD.size + length
    damage.truncated = f"it breaks off after {place:,} bytes"


def unpacked(chunk: memoryview, damage: Damage) -> Iterator[tuple[int, memoryview]]:
    """Kind and content of the records in a chunk; one that is damaged is counted."""
    try:
        data = memoryview(_content(chunk))
    except (_ChunkError, struct.error) as error:
        reason = str(error) if isinstance(error, _ChunkError) else "damaged"
        damage.counts[f"chunks that are {reason}"] += 1
        return
    at = 0
    while at + _HEAD.size <= len(data):
        kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if length > len(data) - at:
            damage.counts["chunks that are damaged"] += 1
            return
        yield kind, data[at : at + length]
        at += length


def _content(chunk: memoryview) -> bytes | memoryview:
    """What a chunk holds, unpacked and checked."""
    _, _, size, crc, name_length = _CHUNK.unpack_from(chunk)
    at = _CHUNK.size + name_length
    name = bytes(chunk[_CHUNK.size : at])
    (stored,) = struct.unpack_from("<Q", chunk, at)
    packed = chunk[at + 8 :]
    if stored > len(packed) or size > LARGEST:
        raise _ChunkError("damaged")
    data = _unpacked(name, packed[:stored], size)
    if len(data) != size or (crc and zlib.crc32(data) != crc):
        raise _ChunkError("damaged")
    return data


def _unpacked(name: bytes, packed: memoryview, size: int) -> bytes | memoryview:
    """At most ``size`` bytes and one."""
    if not name:
        return packed
    try:
        if name == b"lz4":
            import lz4.frame

            return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=size + 1))
        if name == b"zstd":
            import zstandard

            if zstandard.frame_content_size(packed) > size:
                raise _ChunkError("damaged")
            return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=size + 1))
    except ImportError as error:
        raise MissingDependencyError(
            f"this log is packed with {name.decode()}; pip install 'videoseg[robotics]'"
        ) from error
    except _ChunkError:
        raise
    except Exception as error:  # each package has errors of its own
        raise _ChunkError("damaged") from error
    raise _ChunkError(f"packed by the unknown method {name[:20]!r}")

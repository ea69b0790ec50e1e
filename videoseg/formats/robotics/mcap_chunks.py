"""Chunks of an MCAP file: unpacked, checked and taken apart.

A chunk of usual size is unpacked at once. One that is large is unpacked piece by piece, twice where
it has a checksum: before its first message is given out, all of it has been checked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from videoseg.errors import MissingDependencyError
from videoseg.formats.robotics.log_messages import Damage

LARGEST = 1 << 30
"""Bytes of one record; writers make chunks of some megabytes."""
AT_ONCE = 1 << 25
"""Bytes up to which a chunk is held in memory as a whole, packed or not."""
_LARGEST_CHUNK = 1 << 36
"""Bytes that a chunk may unpack to."""
_LONGEST_NAME = 64
_PIECE = 1 << 20
_HEAD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQII")
_STORED = struct.Struct("<Q")


class _ChunkError(ValueError):
    """A chunk cannot be unpacked; says why."""


@dataclass(frozen=True)
class _Chunk:
    """Where the content of a chunk lies, and what is said of it.

    Attributes:
        file: The file.
        begin: Place of the packed content.
        stored: Its bytes.
        size: Bytes that it unpacks to.
        crc: Checksum of these; 0 = not known.
        packing: Name of the method; empty where it is not packed.
    """

    file: BinaryIO
    begin: int
    stored: int
    size: int
    crc: int
    packing: str

    def packed(self) -> _Packed:
        """Reads the packed content from its begin on."""
        return _Packed(self.file, self.begin, self.stored)


@dataclass
class _Packed:
    """A part of a file; others may read the file in between.

    Attributes:
        file: The file.
        at: Where the next bytes are.
        left: How many there are.
    """

    file: BinaryIO
    at: int
    left: int

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end."""
        self.file.seek(self.at)
        data = self.file.read(min(size, self.left))
        self.at += len(data)
        self.left -= len(data)
        return data


def chunk_records(
    file: BinaryIO, begin: int, length: int, damage: Damage
) -> Iterator[tuple[int, memoryview]]:
    """Kind and content of the records in a chunk; one that is damaged is counted.

    Args:
        file: The file.
        begin: Place of the chunk's record, behind its kind and length.
        length: Bytes of that record.
        damage: Takes what is wrong.
    """
    try:
        chunk = _chunk_at(file, begin, length)
        if max(chunk.stored, chunk.size) <= AT_ONCE:
            yield from _taken_apart(memoryview(_checked(chunk)))
        else:
            _check(chunk)
            yield from _streamed(chunk, damage)
    except _ChunkError as error:
        damage.counts[f"chunks that are {error}"] += 1


def _chunk_at(file: BinaryIO, begin: int, length: int) -> _Chunk:
    file.seek(begin)
    head = file.read(min(length, _CHUNK.size + _LONGEST_NAME + _STORED.size))
    try:
        _, _, size, crc, name_length = _CHUNK.unpack_from(head)
        if name_length > _LONGEST_NAME:
            raise _ChunkError("damaged")
        name = head[_CHUNK.size : _CHUNK.size + name_length]
        (stored,) = _STORED.unpack_from(head, _CHUNK.size + name_length)
    except struct.error:
        raise _ChunkError("damaged") from None
    at = _CHUNK.size + name_length + _STORED.size
    if stored > length - at or size > _LARGEST_CHUNK:
        raise _ChunkError("damaged")
    if name not in (b"", b"lz4", b"zstd"):
        raise _ChunkError(f"packed by the unknown method {name[:20]!r}")
    return _Chunk(file, begin + at, stored, size, crc, name.decode())


def _taken_apart(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at + _HEAD.size <= len(data):
        kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if length > len(data) - at:
            raise _ChunkError("damaged")
        yield kind, data[at : at + length]
        at += length


def _checked(chunk: _Chunk) -> bytes:
    """What a chunk holds, unpacked at once."""
    with _unpacking(chunk):
        data = _unpacked(chunk)
    if len(data) != chunk.size or (chunk.crc and zlib.crc32(data) != chunk.crc):
        raise _ChunkError("damaged")
    return data


def _unpacked(chunk: _Chunk) -> bytes:
    """At most the bytes that are said, and one."""
    packed = chunk.packed().read(chunk.stored)
    if chunk.packing == "lz4":
        import lz4.frame

        most = chunk.size + 1
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=most))
    if chunk.packing == "zstd":
        import zstandard

        if zstandard.frame_content_size(packed) > chunk.size:
            raise _ChunkError("damaged")
        most = chunk.size + 1
        return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=most))
    return packed


@contextmanager
def _unpacking(chunk: _Chunk) -> Iterator[None]:
    """Errors of the packages become ours; each has its own."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"this log is packed with {chunk.packing}; pip install 'videoseg[robotics]'"
        ) from error
    except (_ChunkError, MemoryError):
        raise
    except Exception as error:
        raise _ChunkError("damaged") from error


def _check(chunk: _Chunk) -> None:
    """Go through a large chunk; without a checksum what is wrong with it shows as it is read."""
    if not chunk.crc:
        return
    crc = size = 0
    for piece in _unpacked_pieces(chunk):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    if (crc, size) != (chunk.crc, chunk.size):
        raise _ChunkError("damaged")


def _streamed(chunk: _Chunk, damage: Damage) -> Iterator[tuple[int, memoryview]]:
    """The records in a large chunk, which is unpacked as far as they are asked for."""
    content, left = _Content(_unpacked_pieces(chunk)), chunk.size
    while left >= _HEAD.size:
        kind, length = _HEAD.unpack(content.take(_HEAD.size))
        left -= _HEAD.size + length
        if left < 0:
            raise _ChunkError("damaged")
        if length > LARGEST:
            damage.counts["records that are too large"] += 1
            content.skip(length)
        else:
            yield kind, memoryview(content.take(length))


def _unpacked_pieces(chunk: _Chunk) -> Iterator[bytes]:
    """What a chunk holds, piece by piece; at most the bytes that are said."""
    left = chunk.size
    with _unpacking(chunk):
        for piece in _decompressed(chunk):
            left -= len(piece)
            if left < 0:
                raise _ChunkError("damaged")
            yield piece


def _decompressed(chunk: _Chunk) -> Iterator[bytes]:
    packed: Any = chunk.packed()
    if chunk.packing == "zstd":
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_size=_PIECE)
        while piece := reader.read(_PIECE):
            yield piece
    elif chunk.packing == "lz4":
        import lz4.frame

        unpacking = lz4.frame.LZ4FrameDecompressor()
        while not unpacking.eof:
            given = packed.read(_PIECE) if unpacking.needs_input else b""
            if unpacking.needs_input and not given:
                return
            yield unpacking.decompress(given, max_length=_PIECE)
    else:
        while piece := packed.read(_PIECE):
            yield piece


class _Content:
    """The unpacked content of a chunk as a reader takes it.

    Args:
        pieces: The content in pieces of any size.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def take(self, size: int) -> bytes:
        """The next bytes, exactly so many.

        Raises:
            _ChunkError: There are fewer.
        """
        return b"".join(self._next(size))

    def skip(self, size: int) -> None:
        """Pass over so many bytes.

        Raises:
            _ChunkError: There are fewer.
        """
        for _ in self._next(size):
            pass

    def _next(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self._rest or next(self._pieces, None)
            if piece is None:
                raise _ChunkError("damaged")
            yield piece[:size]
            self._rest = piece[size:]
            size -= min(size, len(piece))

"""Goes through a bag of ROS 1 record by record, as one whose recorder crashed has no index."""

from __future__ import annotations

import bz2
import os
import struct
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from videoseg.errors import MissingDependencyError, SourceError
from videoseg.formats.robotics.log_messages import (
    Beyond,
    Channel,
    ChannelCount,
    Damage,
    Entrance,
    LogMessage,
    Wanted,
    every_channel,
    no_more,
)

ROS1_MAGIC = b"#ROSBAG V2.0\n"
_MESSAGE, _BAG, _INDEX, _CHUNK, _CHUNK_INFO, _CONNECTION = 2, 3, 4, 5, 6, 7
_KINDS = frozenset({_MESSAGE, _BAG, _INDEX, _CHUNK, _CHUNK_INFO, _CONNECTION})
_LARGEST = 1 << 30
"""Bytes of a record, or of what a chunk unpacks to; recorders make chunks of under a megabyte."""
_LARGEST_HEADER = 1 << 20
_LENGTH = struct.Struct("<I")
_NS = 10**9
_Fields = Mapping[bytes, bytes]
_Record = tuple[int, _Fields, memoryview]
"""Kind, fields of the header, data."""


class _DamagedError(ValueError):
    """A record is none."""


def is_ros1(path: Path) -> bool:
    """Whether a file begins as a bag of ROS 1 does.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(len(ROS1_MAGIC)) == ROS1_MAGIC
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error


def has_index(path: Path) -> bool:
    """Whether a bag of ROS 1 says where its index lies, within the file.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(len(ROS1_MAGIC))
            fields, _ = _head(file, size)
            place = int(struct.unpack("<Q", fields[b"index_pos"])[0])
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
    except (_DamagedError, KeyError, struct.error):
        return False
    return 0 < place < size


@dataclass
class Ros1Scan:
    """A bag of ROS 1 without an index; see ``LogReader``. Its messages come as they were written.

    Of a chunk that is cut off the messages that are whole are read, where it is not packed. Chunks
    that are damaged are passed.
    """

    path: Path
    _channels: tuple[ChannelCount, ...] | None = field(init=False, repr=False, default=None)

    def channels(self) -> Sequence[ChannelCount]:
        """Its channels; reads the whole file.

        Raises:
            SourceError: It cannot be read, or holds not one whole chunk.
        """
        if self._channels is None:
            damage, counts, spans = Damage(), Counter[int](), dict[int, tuple[int, int]]()
            known: dict[int, Channel] = {}
            for message in self._messages(known, damage):
                key, time = id(message.channel), message.log_time
                counts[key] += 1
                first, last = spans.get(key, (time, time))
                spans[key] = min(first, time), max(last, time)
            if not known:
                raise SourceError(
                    f"{self.path}: is incomplete: it has no index and not one whole chunk; 'rosbag "
                    "reindex' may mend it, else record or copy it again"
                )
            self._channels = tuple(
                ChannelCount(each, counts[id(each)], spans.get(id(each))) for each in known.values()
            )
        return self._channels

    def messages(
        self,
        wanted: Wanted,
        damage: Damage,
        begin: Entrance | None = None,
        beyond: Beyond = no_more,
    ) -> Generator[LogMessage]:
        """The messages of some channels in the order of the file; see ``LogReader``."""
        del begin, beyond  # there are no entrances, and nobody follows a bag
        yield from self._messages({}, damage, wanted)

    def entrances(self, wanted: Wanted) -> Sequence[Entrance]:
        """None: it is read from its beginning."""
        del wanted
        return ()

    def _messages(
        self, known: dict[int, Channel], damage: Damage, wanted: Wanted = every_channel
    ) -> Iterator[LogMessage]:
        """Messages; ``known`` takes the channels by number."""
        asked: set[int] = set()
        try:
            with self.path.open("rb") as file:
                for kind, fields, data in _records(file, damage):
                    try:
                        number = _number(fields, b"conn")
                        if kind == _CONNECTION and number not in known:
                            known[number] = channel = _channel(fields, data)
                            if wanted(channel):
                                asked.add(number)
                        elif kind == _MESSAGE and number in asked:
                            time = _time(fields)
                            yield LogMessage(known[number], time, time, 0, data)
                    except _DamagedError:
                        damage.counts["records that are damaged"] += 1
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read ({error.strerror})") from error


def _records(file: BinaryIO, damage: Damage) -> Iterator[_Record]:
    """Connections and messages, in chunks or not, up to the end or where the file breaks off."""
    size = file.seek(0, os.SEEK_END)
    place = file.seek(len(ROS1_MAGIC))
    while place < size:
        try:
            fields, length = _head(file, size)
            kind = _kind(fields)
            begin = file.tell()
            if length > size - begin:
                if kind != _CHUNK or fields.get(b"compression") != b"none":
                    break
                place = begin  # what is in it can be read up to the end
                continue
            if kind in (_CHUNK, _CONNECTION, _MESSAGE) and length <= _LARGEST:
                yield from _inside(kind, fields, file.read(length), damage)
        except _DamagedError:
            break
        place = file.seek(begin + length)
    else:
        damage.truncated = "it has no index that can be read, as where a recorder crashed"
        return
    damage.truncated = f"it has no index that can be read and breaks off after {place:,} bytes"


def _inside(kind: int, fields: _Fields, data: bytes, damage: Damage) -> Iterator[_Record]:
    """What a record of the file holds: the records of a chunk, or itself."""
    if kind != _CHUNK:
        yield kind, fields, memoryview(data)
        return
    try:
        content = memoryview(_unpacked(fields, data))
        at = 0
        while at < len(content):
            fields, at = _fields(content, at)
            begin, at = at + _LENGTH.size, at + _LENGTH.size + _length(content, at)
            if at > len(content):
                raise _DamagedError
            if _kind(fields) in (_CONNECTION, _MESSAGE):
                yield _kind(fields), fields, content[begin:at]
    except _DamagedError:
        damage.counts["chunks that are damaged"] += 1


def _unpacked(fields: _Fields, data: bytes) -> bytes:
    """What a chunk holds, at most the bytes that are said."""
    size, packing = _number(fields, b"size"), fields.get(b"compression", b"none")
    if size > _LARGEST:
        raise _DamagedError
    if packing == b"none":
        found = data
    elif packing == b"bz2":
        try:
            found = bz2.BZ2Decompressor().decompress(data, max_length=size + 1)
        except (OSError, EOFError) as error:
            raise _DamagedError from error
    elif packing == b"lz4":
        found = _unpacked_lz4(data, size)
    else:
        raise _DamagedError
    if len(found) != size:
        raise _DamagedError
    return found


def _unpacked_lz4(data: bytes, size: int) -> bytes:
    try:
        import lz4.frame
    except ImportError as error:
        raise MissingDependencyError(
            "this log is packed with lz4; pip install 'videoseg[robotics]'"
        ) from error
    try:
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=size + 1))
    except RuntimeError as error:
        raise _DamagedError from error


def _head(file: BinaryIO, size: int) -> tuple[_Fields, int]:
    """The header of the next record, and how many bytes of data follow."""
    head = file.read(_LENGTH.size)
    length = _length(head, 0)
    if length > min(_LARGEST_HEADER, size):
        raise _DamagedError
    rest = file.read(length + _LENGTH.size)
    fields, at = _fields(memoryview(head + rest), 0)
    return fields, _length(rest, at - _LENGTH.size)


def _fields(data: memoryview, at: int) -> tuple[_Fields, int]:
    """The fields of a header that begins at a place, and where it ends."""
    end = at + _LENGTH.size + _length(data, at)
    at += _LENGTH.size
    if end > len(data):
        raise _DamagedError
    found: dict[bytes, bytes] = {}
    while at < end:
        begin, at = at + _LENGTH.size, at + _LENGTH.size + _length(data, at)
        name, equals, value = bytes(data[begin:at]).partition(b"=")
        if at > end or not equals:
            raise _DamagedError
        found[name] = value
    return found, end


def _length(data: bytes | memoryview, at: int) -> int:
    try:
        return int(_LENGTH.unpack_from(data, at)[0])
    except struct.error:
        raise _DamagedError from None


def _number(fields: _Fields, name: bytes) -> int:
    return _length(fields.get(name, b""), 0)


def _kind(fields: _Fields) -> int:
    said = fields.get(b"op", b"")
    if len(said) != 1 or said[0] not in _KINDS:
        raise _DamagedError
    return said[0]


def _time(fields: _Fields) -> int:
    said = fields.get(b"time", b"")
    return _length(said, 0) * _NS + _length(said, 4)


def _channel(fields: _Fields, data: memoryview) -> Channel:
    """The channel of a connection, which its data describes."""
    size = _LENGTH.pack(len(data))
    said, _ = _fields(memoryview(size + bytes(data)), 0)
    return Channel(
        topic=fields.get(b"topic", b"").decode("utf-8", "replace"),
        schema=said.get(b"type", b"").decode("utf-8", "replace"),
        schema_encoding="ros1msg",
        definition=said.get(b"message_definition", b""),
        encoding="ros1",
    )

"""Reads MCAP files: channels from the summary where there is one, else from the records."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from videoseg.errors import MissingDependencyError, SourceError
from videoseg.formats.robotics.log_messages import (
    Beyond,
    Channel,
    ChannelCount,
    Damage,
    Entrance,
    LogMessage,
    Wanted,
    no_more,
)
from videoseg.formats.robotics.mcap_records import (
    CHANNEL,
    MAGIC,
    MESSAGE,
    MESSAGE_INDEX,
    SCHEMA,
    records,
)

_MESSAGE = struct.Struct("<HIQQ")
_INDEX = struct.Struct("<BQHI")
"""What an index of messages begins with: kind, length, channel, bytes of pairs."""
_PAIR = struct.Struct("<QQ")
"""Time and place of a message in its chunk."""
_LARGEST_IN_SUMMARY = 1 << 26
"""Bytes of a record in the summary, which is small."""


@dataclass
class McapReader:
    """An MCAP file; see ``LogReader``.

    A file without an end or a summary is read as far as it goes; damaged chunks are passed.
    """

    path: Path
    _summary: Any = field(init=False, repr=False, default=None)
    _channels: tuple[ChannelCount, ...] | None = field(init=False, repr=False, default=None)
    _chunks: Mapping[int, frozenset[int]] = field(init=False, repr=False, default_factory=dict)
    """Place of each chunk in the file -> channels that have messages in it, where that is known."""

    def channels(self) -> Sequence[ChannelCount]:
        """Its channels, by number; reads the whole file where it has no summary.

        Raises:
            SourceError: It is no MCAP file.
            MissingDependencyError: The package that reads its summary is not installed.
        """
        if self._channels is None:
            with self._opened() as file:
                self._summary = _summary_of(file)
                known = self._summary is not None and bool(self._summary.channels)
                self._chunks = _channels_by_chunk(self._summary) if known else {}
                self._channels = (
                    _from_summary(self._summary, file) if known else self._scanned(file)
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
        self.channels()
        with self._opened() as file:
            declared = _Declared()
            if self._summary is not None:
                declared.add_all(self._summary)
            asked = {number for number, channel in declared.channels.items() if wanted(channel)}

            def wants_chunk(place: int) -> bool:
                return not self._chunks or not asked.isdisjoint(self._chunks.get(place, asked))

            place = len(MAGIC) if begin is None else begin.place
            for kind, content in records(file, damage, wants_chunk, place, beyond):
                if kind != MESSAGE:
                    new = declared.add(kind, content)
                    if new is not None:
                        asked.discard(new)
                        asked.update({new} if wanted(declared.channels[new]) else ())
                elif len(content) < _MESSAGE.size:
                    damage.counts["messages that are cut off"] += 1
                else:
                    number, sequence, log_time, publish_time = _MESSAGE.unpack_from(content)
                    if number in asked:
                        data = content[_MESSAGE.size :]
                        channel = declared.channels[number]
                        yield LogMessage(channel, log_time, publish_time, sequence, data)

    def entrances(self, wanted: Wanted) -> Sequence[Entrance]:
        """Chunks, where the index says how many messages they hold; see ``LogReader``."""
        self.channels()
        if not self._chunks:
            return ()
        declared = _Declared()
        declared.add_all(self._summary)
        asked = {n: channel.topic for n, channel in declared.channels.items() if wanted(channel)}
        before = dict.fromkeys(asked.values(), 0)
        found: list[Entrance] = []
        with self._opened() as file:
            for chunk in sorted(self._summary.chunk_indexes, key=_place_of):
                found.append(Entrance(chunk.chunk_start_offset, dict(before)))
                for number, place in chunk.message_index_offsets.items():
                    if number in asked:
                        before[asked[number]] += len(_indexed_times(file, place, number))
        # Messages outside of chunks, and those of a damaged index, are in no count.
        statistics = self._summary.statistics
        counts = statistics.channel_message_counts if statistics else {}
        return found if sum(before.values()) == sum(counts.get(n, 0) for n in asked) else ()

    def _opened(self) -> BinaryIO:
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read ({error.strerror})") from error
        if file.read(len(MAGIC)) != MAGIC:
            file.close()
            raise SourceError(f"{self.path}: is no MCAP file; its first bytes are something else")
        return file

    def _scanned(self, file: BinaryIO) -> tuple[ChannelCount, ...]:
        """Channels of a file without a summary, with what was counted."""
        declared, counts, damage = _Declared(), Counter[int](), Damage()
        spans: dict[int, tuple[int, int]] = {}
        for kind, content in records(file, damage):
            if kind != MESSAGE:
                declared.add(kind, content)
            elif len(content) >= _MESSAGE.size:
                number, _, time, _ = _MESSAGE.unpack_from(content)
                counts[number] += 1
                first, last = spans.get(number, (time, time))
                spans[number] = min(first, time), max(last, time)
        if damage.truncated and not declared.channels:
            raise SourceError(
                f"{self.path}: is incomplete: {damage.truncated}, before the first whole chunk; "
                "record or copy it again"
            )
        return declared.counted(counts, spans)


def _channels_by_chunk(summary: Any) -> dict[int, frozenset[int]]:
    """Place of each chunk whose messages are indexed -> its channels."""
    return {
        chunk.chunk_start_offset: frozenset(chunk.message_index_offsets)
        for chunk in summary.chunk_indexes
        if chunk.message_index_offsets
    }


def _from_summary(summary: Any, file: BinaryIO) -> tuple[ChannelCount, ...]:
    declared = _Declared()
    declared.add_all(summary)
    chunks = sorted(summary.chunk_indexes, key=lambda chunk: chunk.message_start_time)
    spans: dict[int, tuple[int, int]] = {}
    for number in declared.channels:
        holding = [chunk for chunk in chunks if number in chunk.message_index_offsets]
        if holding:
            last = max(holding, key=lambda chunk: chunk.message_end_time)
            times = [*_times(file, holding[0], number), *_times(file, last, number)]
            spans[number] = min(times), max(times)
    counts = summary.statistics.channel_message_counts if summary.statistics else None
    return declared.counted(counts, spans)


def _times(file: BinaryIO, chunk: Any, channel: int) -> list[int]:
    """Times of a channel's messages in a chunk, by its index; of the chunk where it is damaged."""
    found = _indexed_times(file, chunk.message_index_offsets[channel], channel)
    return found or [chunk.message_start_time, chunk.message_end_time]


def _indexed_times(file: BinaryIO, place: int, channel: int) -> list[int]:
    """Times in an index of a channel's messages; none where it is damaged."""
    head = b""
    if place < file.seek(0, os.SEEK_END):
        file.seek(place)
        head = file.read(_INDEX.size)
    if len(head) == _INDEX.size:
        kind, _, number, size = _INDEX.unpack(head)
        if (kind, number) == (MESSAGE_INDEX, channel) and 0 < size <= _LARGEST_IN_SUMMARY:
            pairs = file.read(size - size % _PAIR.size)
            pairs = pairs[: len(pairs) // _PAIR.size * _PAIR.size]
            return [time for time, _ in _PAIR.iter_unpack(pairs)]
    return []


def _place_of(chunk: Any) -> int:
    return int(chunk.chunk_start_offset)


@dataclass
class _Declared:
    """Channels and schemas as they are met.

    Attributes:
        channels: By number. A channel that is declared again as it was stays the same object.
    """

    channels: dict[int, Channel] = field(default_factory=dict)
    _schemas: dict[int, tuple[str, str, bytes]] = field(default_factory=dict)

    def add_all(self, summary: Any) -> None:
        """Those of a summary."""
        for schema in summary.schemas.values():
            self._schemas[schema.id] = schema.name, schema.encoding, bytes(schema.data)
        for channel in summary.channels.values():
            self._add(
                channel.id,
                channel.schema_id,
                channel.topic,
                channel.message_encoding,
                channel.metadata,
            )

    def add(self, kind: int, content: memoryview) -> int | None:
        """One that a record declares; gives the number of a channel that is new or another now.

        A damaged record declares nothing.
        """
        try:
            if kind == SCHEMA:
                (number,) = struct.unpack_from("<H", content)
                name, at = _string(content, 2)
                encoding, at = _string(content, at)
                self._schemas[number] = name, encoding, bytes(content[at + 4 :])
            elif kind == CHANNEL:
                number, schema = struct.unpack_from("<HH", content)
                topic, at = _string(content, 4)
                encoding, at = _string(content, at)
                if self._add(number, schema, topic, encoding, _metadata(content, at)):
                    return int(number)
        except (struct.error, UnicodeDecodeError):
            pass
        return None

    def counted(
        self, counts: Mapping[int, int] | None, spans: Mapping[int, tuple[int, int]]
    ) -> tuple[ChannelCount, ...]:
        """The channels by number."""
        return tuple(
            ChannelCount(
                channel, None if counts is None else counts.get(number, 0), spans.get(number)
            )
            for number, channel in sorted(self.channels.items())
        )

    def _add(
        self, number: int, schema: int, topic: str, encoding: str, metadata: Mapping[str, str]
    ) -> bool:
        """Whether it is new, or another than before."""
        name, written, definition = self._schemas.get(schema, ("", "", b""))
        made = Channel(topic, name, written, definition, encoding, dict(metadata))
        is_new = self.channels.get(number) != made
        if is_new:
            self.channels[number] = made
        return is_new


def _string(content: memoryview, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", content, at)
    end = at + 4 + length
    if end > len(content):
        raise struct.error
    return bytes(content[at + 4 : end]).decode("utf-8"), end


def _metadata(content: memoryview, at: int) -> dict[str, str]:
    """Names and texts, as far as they are sound."""
    found: dict[str, str] = {}
    try:
        (length,) = struct.unpack_from("<I", content, at)
        at, end = at + 4, min(len(content), at + 4 + length)
        while at < end:
            name, at = _string(content, at)
            found[name], at = _string(content, at)
    except (struct.error, UnicodeDecodeError):
        pass
    return found


def _summary_of(file: BinaryIO) -> Any:
    """The summary; None where there is none, or it is damaged."""
    try:
        from mcap.reader import SeekingReader
    except ImportError as error:
        raise MissingDependencyError(
            "the mcap source needs the package mcap: pip install 'videoseg[robotics]'"
        ) from error
    file.seek(0)
    try:
        return SeekingReader(file, record_size_limit=_LARGEST_IN_SUMMARY).get_summary()
    except Exception:  # it believes what it reads, so anything may come of it
        return None

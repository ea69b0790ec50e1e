"""MCAP files as logs: topics from the summary where there is one, else from the records."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from videoseg.errors import MissingDependencyError, SourceError
from videoseg.formats.robotics.topics import printable
from videoseg.sources._logs.growth import Growth
from videoseg.sources._logs.log import Damage, Entrance, Entry, Topic
from videoseg.sources._logs.mcap_records import (
    CHANNEL,
    CHUNK,
    MAGIC,
    MESSAGE,
    MESSAGE_INDEX,
    SCHEMA,
    records,
    unpacked,
)

_MESSAGE = struct.Struct("<HIQQ")
_INDEX = struct.Struct("<BQHI")
"""What an index of messages begins with: kind, length, channel, bytes of pairs."""
_PAIR = struct.Struct("<QQ")
"""Time and place of a message in its chunk."""
_LARGEST_IN_SUMMARY = 1 << 26
"""Bytes of a record in the summary, which is small."""


@dataclass
class McapLog:
    """An MCAP file. Each reading opens the file anew, so that several may run."""

    path: Path
    _summary: Any = field(init=False, repr=False, default=None)
    _topics: tuple[Topic, ...] | None = field(init=False, repr=False, default=None)
    _chunks: Mapping[int, frozenset[int]] = field(init=False, repr=False, default_factory=dict)
    """Place of each chunk in the file -> channels that have messages in it, where that is known."""

    def topics(self) -> Sequence[Topic]:
        """Its topics, by name; reads the whole file where it has no summary.

        Raises:
            SourceError: It is no MCAP file.
            MissingDependencyError: The package that reads its summary is not installed.
        """
        if self._topics is None:
            with self._opened() as file:
                self._summary = _summary_of(file)
                counted = self._summary is not None and bool(self._summary.channels)
                self._chunks = _channels_by_chunk(self._summary) if counted else {}
                self._topics = (
                    _from_summary(self._summary, file) if counted else self._scanned(file)
                )
        return self._topics

    def messages(
        self,
        topics: Set[str],
        damage: Damage,
        begin: Entrance | None = None,
        growth: Growth | None = None,
    ) -> Generator[Entry]:
        """The messages of some topics in the order of the file; see ``Log``."""
        known = {topic.name: topic for topic in self.topics()}
        with self._opened() as file:
            channels = _Channels()
            if self._summary is not None:
                channels.add_all(self._summary)
            wanted = channels.ids(topics) if self._chunks else None
            place = len(MAGIC) if begin is None else begin.place
            found = records(file, damage, place, _no_more if growth is None else growth.beyond)
            for kind, content in self._flat(found, damage, wanted):
                if kind == MESSAGE:
                    if len(content) < _MESSAGE.size:
                        damage.counts["messages that are cut off"] += 1
                        continue
                    number, _, log_time, publish_time = _MESSAGE.unpack_from(content)
                    topic = channels.topics.get(number)
                    if topic is None or topic.name not in topics:
                        continue
                    if topic.is_like(known[topic.name]):
                        data = content[_MESSAGE.size :]
                        yield Entry(topic.name, log_time, publish_time, data)
                else:
                    channels.add(kind, content)

    def entrances(self, topics: Set[str]) -> Sequence[Entrance]:
        """Chunks, where the index says how many messages of each topic they hold; see ``Log``."""
        known = {topic.name: topic for topic in self.topics()}
        if not self._chunks:
            return ()
        declared = _Channels()
        declared.add_all(self._summary)
        wanted = {
            number: topic.name
            for number, topic in declared.topics.items()
            if topic.name in topics and topic.is_like(known[topic.name])
        }
        before = dict.fromkeys(topics, 0)
        found: list[Entrance] = []
        with self._opened() as file:
            for chunk in sorted(self._summary.chunk_indexes, key=_place_of):
                found.append(Entrance(chunk.chunk_start_offset, dict(before)))
                for number, place in chunk.message_index_offsets.items():
                    if number in wanted:
                        before[wanted[number]] += len(_indexed_times(file, place, number))
        # Messages outside of chunks, and those of a damaged index, are in no count.
        return found if all(before[name] == known[name].count for name in topics) else ()

    def _opened(self) -> BinaryIO:
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read ({error.strerror})") from error
        if file.read(len(MAGIC)) != MAGIC:
            file.close()
            raise SourceError(f"{self.path}: is no MCAP file; its first bytes are something else")
        return file

    def _flat(
        self,
        found: Iterable[tuple[int, int, memoryview]],
        damage: Damage,
        wanted: Set[int] | None = None,
    ) -> Iterator[tuple[int, memoryview]]:
        """All records, those in chunks too; chunks without any wanted channel are passed."""
        for kind, place, content in found:
            if kind != CHUNK:
                yield kind, content
            elif wanted is None or not wanted.isdisjoint(self._chunks.get(place, wanted)):
                yield from unpacked(content, damage)

    def _scanned(self, file: BinaryIO) -> tuple[Topic, ...]:
        """Topics of a file without a summary, with what was counted."""
        channels, counts, damage = _Channels(), Counter[int](), Damage()
        spans: dict[int, tuple[int, int]] = {}
        for kind, content in self._flat(records(file, damage), damage):
            if kind != MESSAGE:
                channels.add(kind, content)
            elif len(content) >= _MESSAGE.size:
                number, _, time, _ = _MESSAGE.unpack_from(content)
                counts[number] += 1
                first, last = spans.get(number, (time, time))
                spans[number] = min(first, time), max(last, time)
        if damage.truncated and not channels.topics:
            raise SourceError(
                f"{self.path}: is incomplete: {damage.truncated}, before the first whole chunk; "
                "record or copy it again"
            )
        return _merged(channels, counts, spans)


def _channels_by_chunk(summary: Any) -> dict[int, frozenset[int]]:
    """Place of each chunk whose messages are indexed -> its channels."""
    return {
        chunk.chunk_start_offset: frozenset(chunk.message_index_offsets)
        for chunk in summary.chunk_indexes
        if chunk.message_index_offsets
    }


def _from_summary(summary: Any, file: BinaryIO) -> tuple[Topic, ...]:
    channels = _Channels()
    channels.add_all(summary)
    chunks = sorted(summary.chunk_indexes, key=lambda chunk: chunk.message_start_time)
    spans: dict[int, tuple[int, int]] = {}
    for number in channels.topics:
        holding = [chunk for chunk in chunks if number in chunk.message_index_offsets]
        if holding:
            last = max(holding, key=lambda chunk: chunk.message_end_time)
            times = [*_times(file, holding[0], number), *_times(file, last, number)]
            spans[number] = min(times), max(times)
    counts = summary.statistics.channel_message_counts if summary.statistics else None
    return _merged(channels, counts, spans)


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


def _no_more(_: int) -> int | None:
    """A file that is read as far as it goes."""
    return None


def _merged(
    channels: _Channels, counts: Mapping[int, int] | None, spans: Mapping[int, tuple[int, int]]
) -> tuple[Topic, ...]:
    """One topic for all channels of a name."""
    found: dict[str, Topic] = {}
    for number, topic in sorted(channels.topics.items(), key=lambda item: (item[1].name, item[0])):
        first = found.get(topic.name, replace(topic, count=None if counts is None else 0))
        if not topic.is_like(first):
            continue
        count = (
            None if first.count is None or counts is None else (first.count + counts.get(number, 0))
        )
        both = [span for span in (first.span, spans.get(number)) if span is not None]
        span = (min(a for a, _ in both), max(b for _, b in both)) if both else None
        found[topic.name] = replace(first, count=count, span=span)
    return tuple(found.values())


@dataclass
class _Channels:
    """Channels and schemas as they are met.

    Attributes:
        topics: Number of a channel -> its topic.
    """

    topics: dict[int, Topic] = field(default_factory=dict)
    _schemas: dict[int, tuple[str, str]] = field(default_factory=dict)

    def ids(self, topics: Set[str]) -> set[int]:
        """Channels of some topics."""
        return {number for number, topic in self.topics.items() if topic.name in topics}

    def add_all(self, summary: Any) -> None:
        """Those of a summary."""
        for schema in summary.schemas.values():
            self._schemas[schema.id] = schema.name, _text(schema.encoding, schema.data)
        for channel in summary.channels.values():
            self._add(channel.id, channel.schema_id, channel.topic, channel.message_encoding)

    def add(self, kind: int, content: memoryview) -> None:
        """One that a record declares; a damaged record declares nothing."""
        try:
            if kind == SCHEMA:
                (number,) = struct.unpack_from("<H", content)
                name, at = _string(content, 2)
                encoding, at = _string(content, at)
                self._schemas[number] = name, _text(encoding, bytes(content[at + 4 :]))
            elif kind == CHANNEL:
                number, schema = struct.unpack_from("<HH", content)
                topic, at = _string(content, 4)
                self._add(number, schema, topic, _string(content, at)[0])
        except (struct.error, UnicodeDecodeError):
            pass

    def _add(self, number: int, schema: int, topic: str, encoding: str) -> None:
        name, definition = self._schemas.get(schema, ("", ""))
        self.topics[number] = Topic(
            printable(topic), printable(name), printable(encoding), definition
        )


def _string(content: memoryview, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", content, at)
    end = at + 4 + length
    if end > len(content):
        raise struct.error
    return bytes(content[at + 4 : end]).decode("utf-8"), end


def _text(encoding: str, data: bytes) -> str:
    """A definition that ROS has written."""
    return data.decode("utf-8", "replace") if encoding in ("ros1msg", "ros2msg") else ""


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

"""A log that is open for reading: its topics, and its messages in the order they were written."""

from __future__ import annotations

from collections.abc import Generator, Sequence, Set
from dataclasses import dataclass, field, replace

from videoseg.formats.robotics.log_messages import (
    Channel,
    ChannelCount,
    Damage,
    Entrance,
    LogReader,
    no_more,
)
from videoseg.formats.robotics.messages import ImageKind
from videoseg.formats.robotics.schemas import image_kind
from videoseg.formats.robotics.topics import printable
from videoseg.sources._logs.growth import Growth


@dataclass(frozen=True)
class Topic:
    """A topic of a log.

    Attributes:
        name: As it is in the log.
        schema: Name of the type of its messages.
        encoding: How they are written: ``cdr``, ``ros1``, ``protobuf``, ``json``.
        definition: The type itself as ROS writes it; empty where it is written otherwise.
        count: Messages; None where the log does not say.
        span: Log times of the first and the last message, ns; None where it does not say.
    """

    name: str
    schema: str
    encoding: str
    definition: str = field(default="", repr=False)
    count: int | None = None
    span: tuple[int, int] | None = None

    @classmethod
    def of(cls, said: ChannelCount) -> Topic:
        """The topic of a channel."""
        channel = said.channel
        is_text = channel.schema_encoding in ("ros1msg", "ros2msg")
        return cls(
            name=printable(channel.topic),
            schema=printable(channel.schema),
            encoding=printable(channel.encoding),
            definition=channel.definition.decode("utf-8", "replace") if is_text else "",
            count=said.count,
            span=said.span,
        )

    @property
    def kind(self) -> ImageKind | None:
        """What pictures it holds; None if it holds none."""
        return image_kind(self.schema)

    @property
    def written_as(self) -> tuple[str, str]:
        """What all its messages have in common."""
        return self.schema, self.encoding


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it is in a log.

    Attributes:
        topic: Name of its topic.
        log_time: When it was written, ns.
        publish_time: When it was sent, ns; as ``log_time`` where the log does not say.
        data: Its bytes; they may be changed once the next message is asked for.
    """

    topic: str
    log_time: int
    publish_time: int
    data: bytes | memoryview


@dataclass
class Log:
    """A log of some format, by topics instead of channels.

    Messages of another type than the first channel of their topic are no part of it.
    """

    reader: LogReader
    _topics: Sequence[Topic] | None = field(init=False, repr=False, default=None)

    def topics(self) -> Sequence[Topic]:
        """Its topics, by name.

        Raises:
            SourceError: It cannot be read.
        """
        if self._topics is None:
            self._topics = _merged([Topic.of(each) for each in self.reader.channels()])
        return self._topics

    def continued(self, reader: LogReader) -> Log:
        """The next file of the same recording; its topics are those that are known by now."""
        log = Log(reader)
        log._topics = self.topics()
        return log

    def messages(
        self,
        topics: Set[str],
        damage: Damage,
        begin: Entrance | None = None,
        growth: Growth | None = None,
    ) -> Generator[Entry]:
        """The messages of some topics in the order of the log.

        Args:
            topics: Their names.
            damage: Takes what is wrong with the log.
            begin: Where to begin, one of ``entrances``; None = with the first message.
            growth: Waits for more where the log is still written; None = read what is there.

        Raises:
            SourceError: It cannot be read any further, and it cannot be told as ``damage``.
        """
        names: dict[int, str] = {}

        def wanted(channel: Channel) -> bool:
            names[id(channel)] = printable(channel.topic)
            return self._is_of(channel, topics)

        beyond = no_more if growth is None else growth.beyond
        messages = self.reader.messages(wanted, damage, begin, beyond)
        try:
            for each in messages:
                yield Entry(names[id(each.channel)], each.log_time, each.publish_time, each.data)
        finally:
            messages.close()

    def entrances(self, topics: Set[str]) -> Sequence[Entrance]:
        """Places where reading some topics can begin, in order; none where the log does not say.

        Raises:
            SourceError: It cannot be read.
        """
        found = self.reader.entrances(lambda channel: self._is_of(channel, topics))
        return [
            Entrance(
                each.place,
                dict.fromkeys(topics, 0)
                | {printable(topic): count for topic, count in each.before.items()},
            )
            for each in found
        ]

    def _is_of(self, channel: Channel, topics: Set[str]) -> bool:
        """Whether a channel's messages are those of one of some topics."""
        topic = Topic.of(ChannelCount(channel))
        known = {each.name: each.written_as for each in self.topics()}
        return topic.name in topics and topic.written_as == known.get(topic.name)


def _merged(found: Sequence[Topic]) -> tuple[Topic, ...]:
    """One topic for all channels of a name, by name."""
    merged: dict[str, Topic] = {}
    for topic in sorted(found, key=lambda topic: topic.name):
        first = merged.get(topic.name)
        if first is None:
            merged[topic.name] = topic
        elif first.written_as == topic.written_as:
            both = [span for span in (first.span, topic.span) if span is not None]
            span = (min(a for a, _ in both), max(b for _, b in both)) if both else None
            known = first.count is not None and topic.count is not None
            count = (first.count or 0) + (topic.count or 0) if known else None
            merged[topic.name] = replace(first, count=count, span=span)
    return tuple(merged.values())

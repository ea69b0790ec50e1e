"""Messages of a log as they were recorded, and what all readers of logs have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages of one kind come from.

    Attributes:
        topic: Its topic.
        schema: Name of the schema; empty where there is none.
        schema_encoding: How the schema is written: ``protobuf``, ``ros2msg``, ``jsonschema``.
        definition: The schema.
        encoding: How messages are written: ``protobuf``, ``cdr``, ``ros1``, ``json``.
        metadata: What else the log says of it.
    """

    topic: str
    schema: str
    schema_encoding: str
    definition: bytes = field(repr=False)
    encoding: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class LogMessage:
    """A message of a log.

    Attributes:
        channel: Where it comes from; the same object for all messages of a channel.
        log_time: When it was recorded, ns.
        publish_time: When it was sent, ns; ``log_time`` where the log does not say.
        sequence: Its number as the sender counts, or 0.
        data: The message; it may be changed once the next message is asked for.
    """

    channel: Channel
    log_time: int
    publish_time: int
    sequence: int
    data: bytes | memoryview = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """What a log says of a channel.

    Attributes:
        channel: The channel.
        count: Messages; None where the log does not say.
        span: Log times of the first and the last message, ns; None where it does not say.
    """

    channel: Channel
    count: int | None = None
    span: tuple[int, int] | None = None


@dataclass
class Damage:
    """What reading came upon.

    Attributes:
        counts: Pieces of the log that were left out, by what is wrong with them.
        truncated: How the log breaks off, if it does.
    """

    counts: Counter[str] = field(default_factory=Counter)
    truncated: str | None = None


@dataclass(frozen=True, slots=True)
class Entrance:
    """A place in a log where reading can begin.

    Attributes:
        place: Where it is, as the log counts.
        before: Messages of each topic that lie before it.
    """

    place: int
    before: Mapping[str, int]


Beyond: TypeAlias = Callable[[int], int | None]
"""Waits until a log that is still written has more bytes than some, and says how many it has; None
where no more will come."""


def no_more(size: int) -> int | None:
    """A log that is read as far as it goes."""
    del size
    return None


Wanted: TypeAlias = Callable[[Channel], bool]
"""Whether the messages of a channel are asked for."""


def every_channel(channel: Channel) -> bool:
    """Asks for all messages."""
    del channel
    return True


class LogReader(Protocol):
    """Reads a log of some format. Each reading opens it anew, so that several may run."""

    def channels(self) -> Sequence[ChannelCount]:
        """Its channels, in an order of their own; quick where the log has an index or a summary.

        Raises:
            SourceError: It cannot be read.
            MissingDependencyError: A package is not installed.
        """
        ...

    def messages(
        self,
        wanted: Wanted,
        damage: Damage,
        begin: Entrance | None = None,
        beyond: Beyond = no_more,
    ) -> Generator[LogMessage]:
        """The messages of some channels in the order of the log; what is damaged is passed.

        Args:
            wanted: Which channels.
            damage: Takes what is wrong with the log.
            begin: Where to begin, one of ``entrances``; None = with the first message.
            beyond: Waits for more of the log.

        Raises:
            SourceError: It cannot be read any further, and it cannot be told as ``damage``.
        """
        ...

    def entrances(self, wanted: Wanted) -> Sequence[Entrance]:
        """Places where reading some channels can begin, in order; none where the log does not say.

        Raises:
            SourceError: It cannot be read.
        """
        ...

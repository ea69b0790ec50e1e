"""A log that is open for reading: its topics, and its messages in the order they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from videoseg.formats.robotics.messages import ImageKind
from videoseg.formats.robotics.schemas import image_kind
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

    @property
    def kind(self) -> ImageKind | None:
        """What pictures it holds; None if it holds none."""
        return image_kind(self.schema)

    def is_like(self, other: Topic) -> bool:
        """Whether messages of both are read in the same way."""
        return (self.schema, self.encoding) == (other.schema, other.encoding)


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


class Log(Protocol):
    """A log of some format."""

    def topics(self) -> Sequence[Topic]:
        """Its topics, by name.

        Raises:
            SourceError: It cannot be read.
        """
        ...

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
        ...

    def entrances(self, topics: Set[str]) -> Sequence[Entrance]:
        """Places where reading some topics can begin, in order; none where the log does not say.

        Raises:
            SourceError: It cannot be read.
        """
        ...

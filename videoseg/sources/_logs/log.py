"""A log that is open for reading: its topics, and its messages in the order they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol

from videoseg.formats.robotics.messages import ImageKind
from videoseg.formats.robotics.schemas import image_kind


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


class Log(Protocol):
    """A log of some format."""

    def topics(self) -> Sequence[Topic]:
        """Its topics, by name.

        Raises:
            SourceError: It cannot be read.
        """
        ...

    def messages(self, topics: Set[str], damage: Damage) -> Generator[Entry]:
        """The messages of some topics in the order of the log.

        Raises:
            SourceError: It cannot be read any further, and it cannot be told as ``damage``.
        """
        ...

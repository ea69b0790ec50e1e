"""Bags of ROS 1 and ROS 2 as logs, through the package ``rosbags``."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg.errors import MissingDependencyError, SourceError, VideosegError
from videoseg.formats.robotics.topics import printable
from videoseg.sources._logs.growth import Growth
from videoseg.sources._logs.log import Damage, Entrance, Entry, Topic

METADATA = "metadata.yaml"
"""File in a folder that ``ros2 bag record`` has made."""


@dataclass
class BagLog:
    """A bag. Each reading opens it anew, so that several may run."""

    path: Path
    _topics: tuple[Topic, ...] | None = field(init=False, repr=False, default=None)

    def topics(self) -> Sequence[Topic]:
        """Its topics, by name; of a bag the index alone is read.

        Raises:
            SourceError: It is no bag, or has no index.
            MissingDependencyError: The package is not installed.
        """
        if self._topics is None:
            with self._opened() as bag:
                self._topics = _topics(bag, "cdr" if self.path.is_dir() else "ros1")
        return self._topics

    def messages(
        self,
        topics: Set[str],
        damage: Damage,
        begin: Entrance | None = None,
        growth: Growth | None = None,
    ) -> Generator[Entry]:
        """The messages of some topics by the time of writing; see ``Log``."""
        del damage, begin, growth  # what cannot be read ends the reading, and a bag is whole
        known = {topic.name: topic.schema for topic in self.topics()}
        with self._opened() as bag:
            names = {each.id: printable(each.topic) for each in bag.connections}
            connections = [
                each
                for each in bag.connections
                if names[each.id] in topics and printable(each.msgtype) == known[names[each.id]]
            ]
            if not connections:
                return
            for connection, time, data in bag.messages(connections):
                yield Entry(names[connection.id], time, time, data)

    def entrances(self, topics: Set[str]) -> Sequence[Entrance]:
        """None: bags are read from their beginning."""
        del topics
        return ()

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """An open reader; whatever is wrong with the bag becomes a ``SourceError``."""
        name = "rosbag2" if self.path.is_dir() else "rosbag1"
        try:
            module = importlib.import_module(f"rosbags.{name}")
        except ImportError as error:
            raise MissingDependencyError(
                "the rosbag source needs the package rosbags: pip install 'videoseg[robotics]'"
            ) from error
        try:
            with module.Reader(self.path) as bag:
                yield bag
        except (VideosegError, GeneratorExit):
            raise
        except Exception as error:  # the package and those below it have errors of many kinds
            advice = "ros2 bag reindex" if self.path.is_dir() else "rosbag reindex"
            why = " ".join(str(error).split()).rstrip(".")
            raise SourceError(
                f"{self.path}: is damaged or incomplete as a bag ({why}); '{advice}' may mend it"
            ) from error


def _topics(bag: Any, encoding: str) -> tuple[Topic, ...]:
    """One for all connections of a name."""
    found: dict[str, Topic] = {}
    span = (bag.start_time, bag.end_time) if bag.message_count else None
    for each in sorted(bag.connections, key=lambda each: (each.topic, each.id)):
        name, schema = printable(each.topic), printable(each.msgtype)
        first = found.get(name)
        if first is not None and first.schema != schema:
            continue
        is_text = each.msgdef.format.name == "MSG"
        found[name] = Topic(
            name=name,
            schema=schema,
            encoding=getattr(each.ext, "serialization_format", "") or encoding,
            definition=each.msgdef.data if is_text else "",
            count=each.msgcount + (first.count or 0 if first is not None else 0),
            span=span,
        )
    return tuple(found.values())

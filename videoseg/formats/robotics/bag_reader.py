"""Reads bags of ROS 1 and ROS 2: through the package ``rosbags``, or without an index by a scan."""

from __future__ import annotations

import importlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from videoseg.errors import MissingDependencyError, SourceError, VideosegError
from videoseg.formats.robotics.log_messages import (
    Beyond,
    Channel,
    ChannelCount,
    Damage,
    Entrance,
    LogMessage,
    LogReader,
    Wanted,
    no_more,
)
from videoseg.formats.robotics.ros1_scan import Ros1Scan, has_index, is_ros1
from videoseg.formats.robotics.topics import ros1_name

METADATA = "metadata.yaml"
"""File in a folder that ``ros2 bag record`` has made."""
DATABASE = ".db3"
"""Ending of a file of SQLite in such a folder; a recorder that crashed leaves it by itself."""
SQLITE_MAGIC = b"SQLite format 3\0"


def bag_reader(path: Path) -> LogReader:
    """Who reads a bag: one of ROS 1 without an index that can be read is gone through.

    Raises:
        SourceError: It cannot be read.
        MissingDependencyError: The package is not installed.
    """
    reader = BagReader(path)
    if _is_ros2(path) or not is_ros1(path):
        return reader
    try:
        if has_index(path):
            reader.channels()
            return reader
    except SourceError:  # the index is damaged
        pass
    return Ros1Scan(path)


@dataclass
class BagReader:
    """A bag with its index; see ``LogReader``. Its messages come by the time of writing."""

    path: Path
    _channels: tuple[ChannelCount, ...] | None = field(init=False, repr=False, default=None)

    def channels(self) -> Sequence[ChannelCount]:
        """Its channels; the index alone is read.

        Raises:
            SourceError: It is no bag, or is damaged.
            MissingDependencyError: The package is not installed.
        """
        if self._channels is None:
            with self._opened() as bag:
                span = (bag.start_time, bag.end_time) if bag.message_count else None
                self._channels = tuple(
                    ChannelCount(self._channel(each), each.msgcount, span)
                    for each in bag.connections
                )
        return self._channels

    def messages(
        self,
        wanted: Wanted,
        damage: Damage,
        begin: Entrance | None = None,
        beyond: Beyond = no_more,
    ) -> Generator[LogMessage]:
        """The messages of some channels by the time of writing; see ``LogReader``."""
        del damage, begin, beyond  # what cannot be read ends the reading, and a bag is whole
        with self._opened() as bag:
            channels = {each.id: self._channel(each) for each in bag.connections}
            connections = [each for each in bag.connections if wanted(channels[each.id])]
            if not connections:
                return
            for connection, time, data in bag.messages(connections):
                yield LogMessage(channels[connection.id], time, time, 0, data)

    def entrances(self, wanted: Wanted) -> Sequence[Entrance]:
        """None: bags are read from their beginning."""
        del wanted
        return ()

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """An open reader; whatever is wrong with the bag becomes a ``SourceError``."""
        two = _is_ros2(self.path)
        module = _package("rosbag2" if two else "rosbag1")
        try:
            with module.Reader(_AddressedPath(self.path) if two else self.path) as bag:
                yield bag
        except (VideosegError, GeneratorExit):
            raise
        except Exception as error:  # the package and those below it have errors of many kinds
            advice = "ros2 bag reindex" if two else "rosbag reindex"
            why = " ".join(str(error).split()).rstrip(".")
            raise SourceError(
                f"{self.path}: is damaged or incomplete as a bag ({why}); '{advice}' may mend it"
            ) from error

    def _channel(self, connection: Any) -> Channel:
        two, found = _is_ros2(self.path), connection.msgdef
        version = 2 if two else 1
        text = found.data
        if found.format.name == "NONE":
            text = _usual_definition(connection.msgtype, version)
        idl = found.format.name == "IDL"
        return Channel(
            topic=connection.topic,
            schema=connection.msgtype if two else ros1_name(connection.msgtype),
            schema_encoding=("ros2idl" if idl else "ros2msg") if two else "ros1msg",
            definition=text.encode(),
            encoding=getattr(connection.ext, "serialization_format", "")
            or ("cdr" if two else "ros1"),
        )


class _AddressedPath(type(Path())):  # type: ignore[misc]  # the kind of this machine
    """A path whose ``#``, ``?`` and ``%`` stand for themselves in a database's address.

    The package puts it into one as it is.
    """

    def __format__(self, form: str) -> str:
        return quote(super().__format__(form), safe="/:\\")


def _is_ros2(path: Path) -> bool:
    return path.is_dir() or path.suffix == DATABASE


def _package(name: str) -> Any:
    try:
        return importlib.import_module(f"rosbags.{name}")
    except ImportError as error:
        raise MissingDependencyError(
            "the rosbag source needs the package rosbags: pip install 'videoseg[robotics]'"
        ) from error


def _usual_definition(name: str, version: int) -> str:
    """How a type is defined, of which old bags tell nothing but the name; empty if not known."""
    types = _package("typesys")
    store = types.get_typestore(types.Stores.ROS2_HUMBLE)
    try:
        return str(store.generate_msgdef(name, ros_version=version)[0])
    except Exception:  # the package has no error of its own for it
        return ""

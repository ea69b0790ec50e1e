"""Logs of robots, whatever their format: MCAP files, bags of ROS 1 and of ROS 2."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from videoseg.formats.robotics.bag_reader import (
    DATABASE,
    METADATA,
    SQLITE_MAGIC,
    bag_reader,
)
from videoseg.formats.robotics.log_messages import Channel, Damage, LogMessage, LogReader
from videoseg.formats.robotics.mcap_reader import McapReader
from videoseg.formats.robotics.mcap_records import MAGIC
from videoseg.formats.robotics.ros1_scan import ROS1_MAGIC
from videoseg.formats.robotics.topics import printable


def is_mcap(path: Path) -> bool:
    """Whether a file begins as MCAP does."""
    return _begin(path).startswith(MAGIC)


def is_bag(path: Path) -> bool:
    """Whether a file is a bag of ROS 1, or a folder or a database one of ROS 2.

    Other programs have a ``metadata.yaml``, too, in which something else stands.
    """
    if not path.is_dir():
        is_database = path.suffix == DATABASE and _begin(path).startswith(SQLITE_MAGIC)
        return is_database or _begin(path).startswith(ROS1_MAGIC)
    metadata = path / METADATA
    if not metadata.is_file():
        return False
    with metadata.open("rb") as file:
        return b"rosbag2_bagfile_information" in file.read(1 << 12)


def is_recording(location: str) -> bool:
    """Whether a file or folder is a log that ``recorded`` reads; one that is gone is none."""
    path = Path(location)
    try:
        return is_bag(path) or is_mcap(path)
    except (OSError, ValueError):
        return False


def _begin(path: Path) -> bytes:
    """The first bytes of a file; nothing of what is none: a pipe would wait for its writer."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC))


def reader_of(location: str) -> LogReader:
    """Who reads a log (``is_recording``).

    Raises:
        SourceError: It cannot be read.
    """
    path = Path(location)
    return McapReader(path) if is_mcap(path) else bag_reader(path)


def recorded(location: str, topics: Container[str] | None = None) -> Iterator[LogMessage]:
    """Messages in the order of the log; what is damaged is passed over.

    Args:
        location: A log (``is_recording``).
        topics: Those that are wanted, as they are printed; all if None.

    Raises:
        SourceError: It cannot be read.
    """

    def wanted(channel: Channel) -> bool:
        return topics is None or printable(channel.topic) in topics

    return reader_of(location).messages(wanted, Damage())


def channels_of(location: str) -> list[Channel]:
    """What a log holds: by its summary or index, or where it has none by going through it.

    Raises:
        SourceError: It cannot be read.
    """
    return [each.channel for each in reader_of(location).channels()]

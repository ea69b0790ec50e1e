"""Bags of ROS: files of ROS 1, and folders of ROS 2 with SQLite or MCAP inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videoseg.formats.robotics.bag_reader import DATABASE, bag_reader
from videoseg.formats.robotics.log_messages import LogReader
from videoseg.formats.robotics.recordings import is_bag
from videoseg.sources._logs.source import LogSource
from videoseg.system.addresses import is_address


@dataclass
class RosbagSource(LogSource):
    """The topics of a bag that hold pictures; see ``LogSource``.

    Bags do not keep when messages were sent: ``publish`` is as ``log``. Needs the extra
    ``robotics``.
    """

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits: best for ``.bag`` and ``.db3`` files and folders of ROS 2."""
        if is_address(location):
            return 0
        path = Path(location)
        try:
            named = location.lower().endswith((".bag", DATABASE)) and not path.is_dir()
            return float(named or is_bag(path))
        except (OSError, ValueError):
            return 0

    def reader_at(self, path: Path) -> LogReader:
        """Who reads the bag in a file or folder."""
        return bag_reader(path)


PARTS = {"rosbag": RosbagSource}

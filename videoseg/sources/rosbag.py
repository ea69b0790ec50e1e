"""Bags of ROS: files of ROS 1, and folders of ROS 2 with SQLite or MCAP inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videoseg.sources._logs.bag_log import METADATA, BagLog
from videoseg.sources._logs.source import LogSource
from videoseg.system.addresses import is_address

_MAGIC = b"#ROSBAG V2.0"


@dataclass
class RosbagSource(LogSource):
    """The topics of a bag that hold pictures; see ``LogSource``.

    Bags do not keep when messages were sent: ``publish`` is as ``log``. Needs the extra
    ``robotics``.
    """

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits: best for ``.bag`` files and folders that a recorder of ROS 2 made."""
        if is_address(location):
            return 0
        path = Path(location)
        try:
            if path.is_dir():
                return float(_is_bag(path / METADATA))
            if location.lower().endswith(".bag"):
                return 1
            if not path.is_file():
                return 0
            with path.open("rb") as file:
                return float(file.read(len(_MAGIC)) == _MAGIC)
        except (OSError, ValueError):
            return 0

    def log_at(self, path: Path) -> BagLog:
        """The bag in a file or folder."""
        return BagLog(path)


PARTS = {"rosbag": RosbagSource}


def _is_bag(metadata: Path) -> bool:
    """Whether a file says what is in a bag: other programs have a ``metadata.yaml``, too."""
    if not metadata.is_file():
        return False
    with metadata.open("rb") as file:
        return b"rosbag2_bagfile_information" in file.read(1 << 12)

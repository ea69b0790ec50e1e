"""MCAP files: logs of ROS 2, ROS 1 and Foxglove, with several cameras at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videoseg.formats.robotics.mcap_reader import McapReader
from videoseg.formats.robotics.recordings import is_mcap
from videoseg.sources._logs.source import LogSource
from videoseg.system.addresses import is_address


@dataclass
class McapSource(LogSource):
    """The topics of an MCAP file that hold pictures; see ``LogSource``.

    Files that a recorder left without an end or a summary are read as far as they go, chunks that
    are damaged are passed. Needs the extra ``robotics``.
    """

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits: best for files that end or begin as MCAP does."""
        if is_address(location):
            return 0
        if location.lower().endswith(".mcap"):
            return 1
        try:
            return float(is_mcap(Path(location)))
        except (OSError, ValueError):
            return 0

    def reader_at(self, path: Path) -> McapReader:
        """Who reads a file."""
        return McapReader(path)


PARTS = {"mcap": McapSource}

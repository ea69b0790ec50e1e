"""MCAP files: logs of ROS 2, ROS 1 and Foxglove, with several cameras at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.formats.robotics.mcap_reader import McapReader
from videoseg.formats.robotics.recordings import is_mcap
from videoseg.sources._logs.growth import Growth
from videoseg.sources._logs.source import LogSource
from videoseg.system.addresses import is_address


@dataclass
class McapSource(LogSource):
    """The topics of an MCAP file that hold pictures; see ``LogSource``.

    Files that a recorder left without an end or a summary are read as far as they go, chunks that
    are damaged are passed. One that a recorder still writes can be followed: its frames come as
    whole records do, until the recorder writes the end; of a rosbag2 folder also those of the files
    after it. Needs the extra ``robotics``.
    """

    follow: Annotated[bool, Doc("go on reading a log that is still written, until its end")] = False
    idle: Annotated[
        float, Ge(0), Doc("seconds without growth that end following; 0 = wait for the end")
    ] = 0.0

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

    def growth_of(self, path: Path) -> Growth | None:
        """Waits for more, where the log is to be followed."""
        return Growth(path, self.idle) if self.follow else None

    def part_after(self, path: Path) -> Path | None:
        """``bag/bag_1.mcap`` after ``bag/bag_0.mcap``, as rosbag2 names the files of a folder."""
        folder, _, number = path.stem.rpartition("_")
        if folder != path.absolute().parent.name or not number.isdecimal():
            return None
        return path.with_name(f"{folder}_{int(number) + 1}{path.suffix}")


PARTS = {"mcap": McapSource}

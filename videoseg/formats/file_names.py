"""What file names say: videos, pictures and logs of robots, and in which order they are read."""

from __future__ import annotations

import re
from pathlib import Path

PICTURES = frozenset({
    ".avif", ".bmp", ".heic", ".heif", ".hif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
})  # fmt: skip
VIDEOS = frozenset({
    ".3g2", ".3gp", ".apng", ".asf", ".avi", ".dv", ".flv", ".gif", ".h264", ".h265", ".hevc",
    ".ivf", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".nut", ".obu", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})  # fmt: skip
"""Endings by which a file in a folder is taken for a video; a file that is named may have any."""
LOGS = frozenset({".bag", ".db3", ".mcap"})
"""Endings by which a file in a folder is taken for the log of a robot."""
COUNTER = re.compile(r"%(?:0(\d+))?d|(#+)")
"""``%d``, ``%04d`` or ``####`` in a file name."""
_DIGITS = re.compile(r"(\d+)")


def is_picture(path: Path) -> bool:
    """Whether a path ends like a picture and is not hidden."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def is_video(path: Path) -> bool:
    """Whether a path ends like a video and is not hidden."""
    return path.suffix.lower() in VIDEOS and not path.name.startswith(".")


def is_log(path: Path) -> bool:
    """Whether a path ends like the log of a robot and is not hidden."""
    return path.suffix.lower() in LOGS and not path.name.startswith(".")


def natural(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, so that ``shot2`` comes before ``shot10``."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part.lower()) for part in _DIGITS.split(name)
    ]

"""Cameras of this machine, as FFmpeg opens them: ``camera:0`` is the first."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.errors import SourceError
from videoseg.system.addresses import camera_name


@dataclass(frozen=True, slots=True)
class Device:
    """What FFmpeg is told to open something.

    Attributes:
        name: Of the device, as its format writes it, or of a file.
        format: What reads it; empty = what FFmpeg finds fitting.
        options: Of that.
    """

    name: str
    format: str = ""
    options: dict[str, str] = field(default_factory=dict)


def device_of(location: str, platform: str = sys.platform) -> Device | None:
    """The camera that a location such as ``camera:0`` means; None where it means something else.

    Raises:
        SourceError: There is no such camera, or cameras have names on this system.
    """
    name = camera_name(location)
    if name is None:
        return None
    if platform == "win32":
        if name.isdecimal():
            raise SourceError(
                f"{location}: cameras have names on Windows; give camera:NAME as the device "
                "manager shows it"
            )
        return Device(f"video={name}", "dshow")
    if platform == "darwin":
        return Device(f"{name}:none", "avfoundation", {"framerate": "30"})
    path = f"/dev/video{name}" if name.isdecimal() else name
    if not Path(path).exists():
        there = ", ".join(str(each) for each in sorted(Path("/dev").glob("video*")))
        raise SourceError(
            f"{location}: no camera at {path}; {f'there are {there}' if there else 'there is none'}"
        )
    return Device(path, "v4l2")

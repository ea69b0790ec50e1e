"""Cameras: how they are named, and how one is read that FFmpeg makes up."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import pytest

from videoseg import registry
from videoseg.errors import SourceError
from videoseg.sources._av import container
from videoseg.sources._av.cameras import Device, device_of
from videoseg.sources.video import VideoSource
from videoseg.system.addresses import camera_name, is_address, without_secrets


@pytest.mark.parametrize(
    ("location", "platform", "device"),
    [
        ("camera:1", "darwin", Device("1:none", "avfoundation", {"framerate": "30"})),
        ("camera:Integrated Webcam", "win32", Device("video=Integrated Webcam", "dshow")),
        ("camera:/dev/null", "linux", Device("/dev/null", "v4l2")),
        ("clip.mp4", "linux", None),
        ("camera:", "linux", None),
    ],
)
def test_devices(location: str, platform: str, device: Device | None) -> None:
    assert device_of(location, platform) == device


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera:97: no camera at /dev/video97; there"):
        device_of("camera:97", "linux")
    with pytest.raises(SourceError, match="give camera:NAME"):
        device_of("camera:0", "win32")


def test_a_camera_is_an_address_unless_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address("camera:0")
    assert camera_name("camera:0") == "0"
    assert without_secrets("camera:a?b") == "camera:a?b"
    assert registry.source_for("camera:0") == "video"
    Path("camera:0").touch()
    assert not is_address("camera:0")


@pytest.mark.skipif("lavfi" not in av.formats_available, reason="FFmpeg without lavfi")
def test_frames_of_a_camera_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Device("testsrc=size=64x48:rate=25", "lavfi")
    monkeypatch.setattr(container, "device_of", lambda _: made)
    source = VideoSource(low_delay=True)
    (info,) = source.open("camera:0").values()
    assert (info.stream, info.live, info.location) == ("camera 0", True, None)
    frames = [*islice(source.frames(), 5)]
    source.close()
    assert [(frame.index, float(frame.seconds)) for frame in frames] == [
        (index, index / 25) for index in range(5)
    ]
    assert frames[0].image.shape == (48, 64, 3)

"""Decoding on a GPU: refused or done without in one line, and the same pictures where there is one.

There is none here. A decoder that lays frames out as GPUs do stands in for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support import media
from videoseg.cli._app import run
from videoseg.errors import SourceError
from videoseg.sources._av import gpu
from videoseg.sources._av.container import Opened
from videoseg.sources.video import VideoSource
from videoseg.types import Frame

NO_GPU = "there is none here, or no driver for it"


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("videoseg.sources._av.gpu", "videoseg.sources.video"):
        monkeypatch.setattr(f"{module}.trouble", lambda: NO_GPU)


def frames_of(path: Path, **settings: Any) -> tuple[list[Frame], tuple[str, ...]]:
    source = VideoSource(**settings)
    source.open(str(path))
    found = list(source.frames())
    notes = source.notes
    source.close()
    return found, notes


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_one_that_is_asked_for_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["segment", str(media.clip(frames=3)), "--box", "1,1,9,9", "-o", str(tmp_path / "o")]
    assert run([*command, "--set", "sources.video.decoder=cuda"]) not in (0, None)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith(
        f"decoder=cuda needs an NVIDIA GPU, and {NO_GPU}; leave it out, or decoder=auto"
    )


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_takes_the_cpu_and_says_so() -> None:
    path = media.clip(frames=5)
    found, notes = frames_of(path, decoder="auto")
    expected, silent = frames_of(path)
    assert notes == (f"{path} is decoded on the CPU: {NO_GPU}", *silent)
    assert [one.pts for one in found] == [one.pts for one in expected]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))


def test_a_codec_that_gpus_do_not_decode_is_refused() -> None:
    with av.open(str(media.clip(frames=3))) as container:
        stream = container.streams.video[0]
        gpu.check_taken("auto", stream, "clip.mp4")
        with pytest.raises(SourceError, match=r"clip.mp4: NVIDIA GPUs do not decode \w+; leave"):
            gpu.check_taken("cuda", stream, "clip.mp4")


@pytest.mark.parametrize("rotation", [0, 90])
def test_what_comes_down_from_a_gpu_is_the_same_film(
    rotation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels, times, durations and orientation, frame by frame, also after a jump."""
    path = media.clip(frames=8, rotation=rotation)
    expected, notes = frames_of(path)
    real, seen = Opened.decode, []

    def decode(self: Opened, packet: Any) -> list[Any]:
        made = [frame.reformat(format="nv12") for frame in real(self, packet)]
        seen.extend(made)
        return made

    monkeypatch.setattr(Opened, "decode", decode)
    found, others = frames_of(path)
    assert {frame.format.name for frame in seen} == {"nv12"}
    assert notes == others
    assert len(found) == 8
    for a, b in zip(found, expected, strict=True):
        assert (a.index, a.pts, a.duration) == (b.index, b.pts, b.duration)
        assert np.array_equal(a.image, b.image)
        assert a.native.format.name == b.native.format.name
        assert a.native.colorspace == b.native.colorspace


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("yuv420p", "nv12"), ("yuv420p10le", "p010le"), ("yuv422p", "nv16"), ("yuv444p", "nv24")],
)
def test_every_layout_of_a_gpu_is_laid_out_again_without_loss(ours: str, theirs: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    plain = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format=ours)
    plain.pts = 7
    back = gpu.as_by_the_cpu(plain.reformat(format=theirs))
    assert (back.format.name, back.pts) == (ours, 7)
    planes: list[tuple[Any, Any]] = list(zip(plain.planes, back.planes, strict=True))
    for one, other in planes:
        width = one.width * (2 if "10" in ours else 1)
        rows = [
            np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, :width]
            for plane in (one, other)
        ]
        assert np.array_equal(rows[0], rows[1])
    assert gpu.as_by_the_cpu(plain) is plain

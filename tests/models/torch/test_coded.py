"""Frames of films go to a GPU as they are coded and are the same pictures there."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest

from tests.models.torch.test_waiting import Notes
from tests.support import media
from videoseg.formats.images.colour import Converter
from videoseg.models._torch.coded import coding_of, copy_coded
from videoseg.models._torch.images import Uploader
from videoseg.networks.device import Device, Lanes
from videoseg.networks.yuv import Coding, rgb
from videoseg.sources.video import VideoSource
from videoseg.types import Frame

torch: Any = pytest.importorskip("torch")


def noise(width: int, height: int, matrix: int, full: bool, seed: int = 0) -> Any:
    """A coded frame whose planes hold any level."""
    generator = np.random.default_rng(seed)
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        levels = generator.integers(0, 256, (plane.height, plane.line_size), np.uint8)
        plane.update(levels.tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9, 2])
def test_the_device_makes_the_picture_that_the_cpu_makes(matrix: int, full: bool) -> None:
    """Every matrix in both ranges, within a level; five frames, which are more than go at once."""
    width, height = 130, 62
    coded = [noise(width, height, matrix, full, seed) for seed in range(5)]
    images = [Converter("#000000").rgb(one, width, height) for one in coded]
    frames = [Frame("c", n, n, 1, image, native=coded[n]) for n, image in enumerate(images)]  # type: ignore[arg-type]
    coding = coding_of(frames)
    assert coding is not None
    bytes_of = np.empty((5, coding.size), np.uint8)
    for frame, into in zip(frames, bytes_of, strict=True):
        copy_coded(frame, coding, into)
    made = rgb(torch.from_numpy(bytes_of), coding).numpy()
    off = np.abs(made.astype(int) - np.stack(images).astype(int))
    assert off.max() <= 1
    other = Coding(width, height, coding.matrix, not full)
    assert np.abs(rgb(torch.from_numpy(bytes_of), other).numpy().astype(int) - images).max() > 1


def of_film(**spec: Any) -> list[Frame]:
    source = VideoSource()
    source.open(str(media.clip(**spec)))
    frames = list(source.frames())
    source.close()
    return frames


def test_what_is_no_plain_film_goes_up_as_rgb() -> None:
    frames = of_film(frames=3)
    assert coding_of(frames) is not None
    still = [Frame("c", 0, 0, frames[0].time_base, frames[0].image)]
    assert coding_of(still) is None
    assert coding_of([*frames, *still]) is None
    assert coding_of(of_film(frames=2, rotation=180)) is None
    odd = noise(31, 20, 1, False)
    assert coding_of([Frame("c", 0, 0, 1, np.zeros((20, 31, 3), np.uint8), native=odd)]) is None  # type: ignore[arg-type]
    smaller = noise(32, 20, 1, False)
    part = Frame("c", 0, 0, 1, np.zeros((10, 16, 3), np.uint8), native=smaller)  # type: ignore[arg-type]
    assert coding_of([part]) is None


def test_films_are_uploaded_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = of_film(frames=4)
    notes = Notes(monkeypatch)
    uploader = Uploader(Lanes(Device(torch.device("cpu"), torch.float32)))
    images = uploader.upload(frames)
    assert notes.log == ["up: event1", "main waits for event1"]
    pixels = images.pixels.numpy().astype(int)
    assert np.abs(pixels - np.stack([one.image for one in frames]).astype(int)).max() <= 1
    pinned, _ = uploader._staged[0]
    assert pinned.numel() * 2 == images.pixels.numel()

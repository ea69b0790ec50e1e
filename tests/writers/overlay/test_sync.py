"""Sound and picture of an overlay, seen and heard as a viewer does: a flash and a beep at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support.commandline import command

RATE = 16000
PIECE = 1024
MILLISECONDS = Fraction(1, 1000)
BEEP_SECONDS = 0.2


@dataclass(frozen=True)
class Clapper:
    """A film of variable rate that flashes and beeps now and then.

    Attributes:
        path: The file.
        times: When each frame is shown, milliseconds.
        flashes: Indices of the white frames, at whose times the beeps begin.
    """

    path: Path
    times: tuple[int, ...]
    flashes: tuple[int, ...]


def clapper(path: Path, seconds: int) -> Clapper:
    """Make a film of this length: 2 to 12 frames a second, about ten seconds between flashes."""
    random = np.random.default_rng(seconds)
    steps = random.integers(83, 500, seconds * 12)
    times = [int(time) for time in np.cumsum(steps) - steps[0] if time < 1000 * seconds]
    flashes = tuple(range(5, len(times) - 5, 37))
    sound = np.zeros(seconds * RATE, np.float32)
    tone = 0.8 * np.sin(np.arange(int(BEEP_SECONDS * RATE)) * 2 * np.pi * 1000 / RATE)
    for index in flashes:
        begin = times[index] * RATE // 1000
        sound[begin : begin + len(tone)] = tone[: len(sound) - begin]
    with av.open(str(path), "w") as sink:
        picture: Any = sink.add_stream("libx264", rate=4, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        picture.codec_context.time_base = MILLISECONDS
        track: Any = sink.add_stream("aac", rate=RATE, layout="mono")
        heard = 0
        for index, time in enumerate(times):
            level = 235 if index in flashes else 16 + index % 40
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), level, np.uint8), "yuv420p")
            frame.pts, frame.time_base = time, MILLISECONDS
            sink.mux(picture.encode(frame))
            while heard < min(len(sound), (time + 1000) * RATE // 1000):
                sink.mux(track.encode(_samples(sound[heard : heard + PIECE], heard)))
                heard += PIECE
        sink.mux(picture.encode(None))
        sink.mux(track.encode(None))
    return Clapper(path, tuple(times), flashes)


def _samples(values: Any, begin: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(values[None], "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
    return frame


def seen(path: Path) -> list[float]:
    """Seconds of each white frame."""
    found = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            if np.asarray(frame.to_ndarray(format="gray")).mean() > 180:
                assert frame.time is not None
                found.append(frame.time)
    return found


def heard(path: Path) -> list[float]:
    """Seconds at which each beep begins."""
    found: list[float] = []
    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            assert frame.time is not None
            for sample in np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3):
                time = frame.time + sample / RATE
                if not found or time > found[-1] + 2 * BEEP_SECONDS:
                    found.append(time)
    return found


def packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and content of each packet of sound."""
    with av.open(str(path)) as film:
        return [
            (packet.pts * Fraction(packet.time_base), bytes(packet))
            for packet in film.demux(audio=0)
            if packet.pts is not None
        ]


@pytest.mark.parametrize(
    "minutes",
    [
        1,
        pytest.param(
            30,
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(
                    not os.environ.get("VIDEOSEG_SLOW"), reason="half an hour; set VIDEOSEG_SLOW"
                ),
            ],
        ),
    ],
)
def test_a_flash_and_its_beep_stay_together(minutes: int, tmp_path: Path) -> None:
    made = clapper(tmp_path / "clapper.mp4", 60 * minutes)
    out = tmp_path / "out"
    arguments = ("--model", "blind", "--write", "overlay", "-o", str(out))
    assert command("segment", str(made.path), "thing", *arguments).code == 0
    overlay = out / "overlay.mp4"

    assert packets(overlay) == packets(made.path)
    flashes, beeps = seen(overlay), heard(overlay)
    assert flashes == pytest.approx([made.times[index] / 1000 for index in made.flashes])
    assert len(beeps) == len(flashes) > 5 * minutes
    offsets = np.array(beeps) - flashes
    shortest = min(np.diff(made.times)) / 1000
    print(f"{minutes} min: {len(made.times)} frames, {len(packets(overlay))} packets alike, "
          f"offset {1000 * offsets.min():.1f} to {1000 * offsets.max():.1f} ms, "
          f"shortest frame {1000 * shortest:.0f} ms")  # fmt: skip
    assert np.abs(offsets).max() < shortest
    assert np.abs(offsets - (np.array(heard(made.path)) - seen(made.path))).max() < 1e-6

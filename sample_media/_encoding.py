"""Writes frames and a melody as H.264 and AAC in MP4; the same frames give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace

from videoseg.types import RgbImage

_SAMPLE_RATE = 44100
_BT709 = 1
_AAC_FRAME = 1024


def write_mp4(
    path: Path,
    frames: Iterable[RgbImage],
    *,
    width: int,
    height: int,
    frame_rate: Fraction,
    seconds: Fraction,
    melody: Sequence[int],
) -> None:
    """Encode frames of one size, BT.709 in limited range, with a melody (MIDI note numbers)."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        # x264's macroblock tree gives other bytes on other runs, even on one thread.
        options = {"crf": "20", "preset": "slow", "x264-params": "threads=1:mbtree=0"}
        video = container.add_stream("libx264", rate=frame_rate, options=options)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        context = video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        audio = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
        audio.bit_rate = 64_000
        for pts, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts, frame.time_base = pts, 1 / frame_rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _mux_sound(container, audio, _melody_samples(melody, seconds))


def _mux_sound(
    container: OutputContainer, audio: AudioStream, samples: npt.NDArray[np.float32]
) -> None:
    for start in range(0, len(samples), _AAC_FRAME):
        chunk = samples[None, start : start + _AAC_FRAME]
        frame = av.AudioFrame.from_ndarray(chunk, "fltp", "mono")
        frame.sample_rate = _SAMPLE_RATE
        frame.pts, frame.time_base = start, Fraction(1, _SAMPLE_RATE)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def _melody_samples(notes: Sequence[int], seconds: Fraction) -> npt.NDArray[np.float32]:
    """Plucked sines, one after another, evenly over the time; quiet."""
    total = int(seconds * _SAMPLE_RATE)
    sound = np.zeros(total)
    for position, note in enumerate(notes):
        start = total * position // len(notes)
        time = np.arange(total - start) / _SAMPLE_RATE
        pitch = 440 * 2 ** ((note - 69) / 12)
        attack = np.minimum(1, time / 0.01)
        tone = np.sin(2 * np.pi * pitch * time) + 0.3 * np.sin(4 * np.pi * pitch * time)
        sound[start:] += 0.15 * attack * np.exp(-3 * time) * tone
    fade = np.minimum(1, np.arange(total)[::-1] / (0.1 * _SAMPLE_RATE))
    return (sound * fade).astype(np.float32)

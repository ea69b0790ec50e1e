"""Numbers of pixels as a video that every decoder gives back exactly: H.264, lossless.

The number is the luma, in full range, without colour: red, green and blue of a decoded pixel are
the number. Samples are 4:4:4, so that any size will do.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.errors import OutputError
from videoseg.exporters.lerobot.found import Labels
from videoseg.formats.lerobot import TIME_BASE
from videoseg.system.addresses import for_ffmpeg

CODEC = "h264"
"""Of the videos of masks."""
PIXEL_FORMAT = "yuv444p"
"""Of the videos of masks: colours are not thinned out."""
_KEY_EVERY = 10
"""Frames from key to key: training asks for frames at random."""
_GREY = 128
_FULL_RANGE = 2
_BT709 = 1


def write_masks(
    path: Path, frames: Iterable[tuple[int, Labels]], rate: Fraction, width: int, height: int
) -> None:
    """Write a video.

    Args:
        path: The file, which must not exist.
        frames: The time of each in units of ``TIME_BASE``, rising, and what is on it.
        rate: Nominal frames per second.
        width: Pixels across.
        height: Pixels down.

    Raises:
        OutputError: It cannot be written.
    """
    import av
    from av.error import FFmpegError

    if path.exists():
        raise OutputError(f"cannot write {path}: the data set has a file of this name")
    samples = np.full((3, height, width), _GREY, np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(for_ffmpeg(path), "w", format="mp4") as container:
            stream = _stream(container, rate, width, height)
            for pts, labels in frames:
                samples[0] = labels
                frame: Any = av.VideoFrame.from_ndarray(samples, PIXEL_FORMAT)
                frame.pts, frame.time_base = pts, TIME_BASE
                frame.color_range, frame.colorspace = _FULL_RANGE, _BT709
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (FFmpegError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _stream(container: Any, rate: Fraction, width: int, height: int) -> Any:
    options = {
        "qp": "0",
        "preset": "veryfast",
        "bf": "0",
        "g": str(_KEY_EVERY),
        "x264-params": "threads=1",
    }
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, PIXEL_FORMAT
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    context = stream.codec_context
    context.color_range, context.colorspace = _FULL_RANGE, _BT709
    context.color_primaries = context.color_trc = _BT709
    return stream

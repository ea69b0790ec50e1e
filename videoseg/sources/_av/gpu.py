"""Decoding by the circuit for it on NVIDIA's GPUs (NVDEC), through FFmpeg as everything else.

FFmpeg as PyAV brings it knows such GPUs by their driver alone, so nothing more is to be installed.
Frames come down with the times, colours and orientation of those that a CPU decodes, and are laid
out as these are, so that they make the same picture.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from videoseg.errors import SourceError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Decoder: TypeAlias = Literal["cpu", "cuda", "auto"]

_CUDA = "cuda"
_PLANAR = {
    "nv12": "yuv420p",
    "p010le": "yuv420p10le",
    "p016le": "yuv420p16le",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
}
"""How GPUs lay out what a CPU lays out so: the two planes of colour in one."""


def wanted(decoder: Decoder, shown: str) -> HWAccel | None:
    """What ``av.open`` is to decode with; None for the CPU.

    Args:
        decoder: As the settings say.
        shown: The input, for messages.

    Raises:
        SourceError: A GPU is asked for and there is none.
    """
    if decoder == "cpu":
        return None
    why = trouble()
    if why is not None and decoder == "cuda":
        raise SourceError(
            f"{shown}: decoder=cuda needs an NVIDIA GPU, and {why}; leave it out, or decoder=auto"
        )
    if why is not None:
        return None
    from av.codec.hwaccel import HWAccel as Accelerator

    return Accelerator(_CUDA, allow_software_fallback=decoder == "auto")


@cache
def trouble() -> str | None:
    """Why nothing can be decoded on a GPU here, as a clause; None where it can."""
    from av.codec import Codec
    from av.codec.hwaccel import HWAccel as Accelerator
    from av.codec.hwaccel import hwdevices_available
    from av.error import FFmpegError

    if _CUDA not in hwdevices_available():
        return "this FFmpeg was built without CUDA"
    try:
        Accelerator(_CUDA, allow_software_fallback=False).create(Codec("h264", "r"))
    except (FFmpegError, NotImplementedError, OSError):
        return "there is none here, or no driver for it"
    return None


def check_taken(decoder: Decoder, stream: VideoStream, shown: str) -> None:
    """Refuse a stream that GPUs do not decode, where one is asked for.

    Raises:
        SourceError: They do not.
    """
    if decoder == "cuda" and not stream.codec_context.is_hwaccel:
        raise SourceError(
            f"{shown}: NVIDIA GPUs do not decode {stream.codec_context.name}; leave decoder=cuda "
            "out, or decoder=auto"
        )


def as_by_the_cpu(frame: VideoFrame) -> VideoFrame:
    """A frame that came down from a GPU, laid out as a CPU decodes it; others as they are."""
    name = _PLANAR.get(frame.format.name)
    return frame if name is None else frame.reformat(format=name)

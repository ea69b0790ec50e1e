"""Says what a video holds, from its container and its first frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.formats import timecode as timecodes
from videoseg.formats.images.colour import FULL, LIMITED, UNSPECIFIED, unknown_matrix
from videoseg.formats.images.exif import exif_orientation
from videoseg.formats.images.hdr import HLG, PQ
from videoseg.formats.images.orientation import Orientation
from videoseg.sources._av.container import Opened, Place
from videoseg.sources._av.deinterlace import FIELDS
from videoseg.types import Colour, StreamInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MOST_OF_PNG = 1 << 28
"""Bytes of a file to look for its orientation in; it may stand at the end."""
_ANIMATIONS = frozenset({"avis", "avif", "msf1", "hevc", "heic", "mif1"})
"""Brands of pictures that move; their first picture is there as a stream of its own, too."""


def png_orientation(place: Place, video: Opened, first: VideoFrame) -> Orientation | None:
    """How all frames of PNG lie; None for other codecs, whose frames say it one by one.

    Where such a frame has a colour profile, PyAV 18.1 frees what is not its own as soon as its
    side data are looked at, and the process crashes.
    """
    if video.stream.codec_context.name not in ("png", "apng"):
        return None
    if video.container.format.name == "apng" and Path(place.location).is_file():
        with Path(place.location).open("rb") as file:
            return exif_orientation(file.read(_MOST_OF_PNG))
    return Orientation(round(-first.rotation / 90) * 90 % 360)


def described(
    place: Place, video: Opened, first: VideoFrame, orientation: Orientation
) -> StreamInfo:
    """The stream as it is coded, but upright."""
    container, stream = video.container, video.stream
    width, height = first.width, first.height
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if orientation.sideways:
        width, height, aspect = height, width, 1 / aspect
    return StreamInfo(
        stream=place.name,
        width=width,
        height=height,
        time_base=Fraction(stream.time_base or 1),
        frame_rate=Fraction(rate) if (rate := stream.average_rate) else None,
        frame_count=stream.frames or None,
        start_pts=first.pts or 0,
        bit_depth=max(component.bits for component in first.format.components),
        sample_aspect_ratio=aspect,
        rotation=orientation.rotation,
        colour=Colour(
            primaries=_tag(first.color_primaries),
            transfer=_tag(first.color_trc),
            matrix=_tag(first.colorspace),
            full_range={LIMITED: False, FULL: True}.get(int(first.color_range)),
        ),
        timecode=_timecode(container, stream),
        has_audio=bool(container.streams.audio) and not place.is_read_once,
        live=place.is_live,
        location=None if place.is_read_once else place.location,
    )


def by_fields(info: StreamInfo) -> StreamInfo:
    """The stream with a frame for every field."""
    return replace(
        info,
        time_base=info.time_base / FIELDS,
        frame_rate=info.frame_rate and info.frame_rate * FIELDS,
        frame_count=info.frame_count and info.frame_count * FIELDS,
        start_pts=info.start_pts * FIELDS,
        timecode=info.timecode and timecodes.by_fields(info.timecode),
    )


def remarks(
    video: Opened, first: VideoFrame, deinterlace: str, orientation: Orientation
) -> Iterator[str]:
    """Lines for people about what they may not expect of this stream."""
    if video.container.metadata.get("major_brand") in _ANIMATIONS:
        if any(stream.metadata.get("title") == "Alpha" for stream in video.container.streams):
            yield "the animation keeps its transparency apart, which is not read"
    elif video.pictures > 1:
        yield (
            f"the file holds {video.pictures} picture streams; stream {video.number} is read "
            "(stream=N reads another)"
        )
    if first.interlaced_frame and deinterlace == "off":
        yield "the video is interlaced and is read as it is; deinterlace=bob splits its fields"
    if deinterlace == "auto" and first.interlaced_frame:
        yield "the video is interlaced; every field becomes a frame"
    if int(first.color_trc) in (PQ, HLG):
        yield "the video is HDR; models see it as on an SDR screen"
    if unknown_matrix(int(first.colorspace)):
        yield (
            f"colours coded by matrix {int(first.colorspace)} of H.273 cannot be read; they are "
            "shown as if by the usual one"
        )
    if orientation.mirrored:
        yield "the video is marked as mirrored and is shown so; its frames are not passed through"


def _tag(value: int) -> int | None:
    return None if value == UNSPECIFIED else int(value)


def _timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """The start timecode; MP4 keeps it on a stream of its own, MXF on the file, Matroska on both.

    Matroska writes names of tags in capitals.
    """
    for holder in (stream, container, *container.streams):
        found: str | None = holder.metadata.get("timecode") or holder.metadata.get("TIMECODE")
        if found:
            return found
    return None

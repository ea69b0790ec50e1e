"""What a file says about itself that no run needs, but people ask: codecs, sound, sizes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoseg.errors import SourceError
from videoseg.formats.file_names import is_picture
from videoseg.sources._av.container import Opened, Place, opened
from videoseg.system.addresses import local_path

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

_MICROSECONDS = 10**6


def details(location: str, number: int | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """What a medium's container says, as plain values; empty for what can be read only once.

    Args:
        location: A file, an address, a folder or a pattern of pictures.
        number: Which picture stream, from 0; None = the main one.
        timeout: Seconds to wait for an address.

    Returns:
        ``duration_seconds``, ``video``, ``audio`` (a list) and ``container``; of pictures only the
        last. What is not known is left out.
    """
    location = local_path(location)
    place = Place(location)
    path = Path(location)
    if place.is_read_once:
        return {}
    if not place.is_address and (path.is_dir() or is_picture(path)):
        return _of_pictures(path)
    try:
        with opened(place, number, timeout) as video:
            return _of_video(video, None if place.is_address else path)
    except SourceError:  # another kind of source may read it
        return {}


def _of_pictures(path: Path) -> dict[str, Any]:
    files = [path] if path.is_file() else []
    if path.is_dir():
        files = sorted(filter(is_picture, path.iterdir()))
    kinds = sorted({file.suffix[1:].upper() for file in files})
    if not files:
        return {}
    size = sum(file.stat().st_size for file in files)
    return {"container": {"format": ", ".join(kinds), "bytes": size}}


def _of_video(video: Opened, path: Path | None) -> dict[str, Any]:
    container, stream = video.container, video.stream
    context = stream.codec_context
    duration = None
    if stream.duration and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / _MICROSECONDS
    found = {
        "duration_seconds": duration,
        "video": _known(
            codec=context.codec.canonical_name,
            codec_name=context.codec.long_name,
            profile=context.profile,
            pixel_format=context.pix_fmt,
            bit_rate=stream.bit_rate,
            streams=video.pictures if video.pictures > 1 else None,
        ),
        "audio": [_sound(each) for each in container.streams.audio],
        "container": _known(
            format=container.format.name,
            format_name=container.format.long_name,
            bytes=path.stat().st_size if path is not None else None,
            bit_rate=container.bit_rate,
        ),
    }
    return _known(**found)


def _sound(stream: AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    if context is None:  # nothing here decodes it
        return {}
    language = stream.metadata.get("language")
    return _known(
        codec=context.codec.canonical_name,
        codec_name=context.codec.long_name,
        profile=context.profile,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        rate=context.sample_rate,
        language=None if language == "und" else language,
        bit_rate=stream.bit_rate,
    )


def _known(**values: Any) -> dict[str, Any]:
    """The values that say something."""
    return {name: value for name, value in values.items() if value not in (None, 0, "")}

"""Video files with random access, through decord (the maintained package ``decord2``)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.errors import SourceError, missing_package
from videoseg.formats.images.hdr import HLG, PQ
from videoseg.sources._av.container import Place, opened
from videoseg.sources.video import VideoSource
from videoseg.system.addresses import for_ffmpeg
from videoseg.types import Frame, RgbImage, StreamInfo

_INSTEAD = "read it with the video source (run.source=video)"
_BATCH = 8


@dataclass
class DecordSource:
    """Frames of a whole, plain video file; a late start or a few frames far apart come at once.

    What is known of the stream and the time of every frame come from the container, so that they
    are those of ``VideoSource``; decord makes the images alone. Files whose frames it would count
    otherwise (edit lists, streams without an index) are refused, and so is HDR.
    ``benchmarks/sources.py`` shows when it is faster. It is used only where it is named:
    ``run.source=decord``.
    """

    every: Annotated[int, Ge(1), Doc("yield every n-th frame only, from the first on")] = 1
    threads: Annotated[int, Ge(0), Doc("threads that decode; 0 = as many as fit")] = 0
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _times: Sequence[int] = field(init=False, repr=False, default=())

    @classmethod
    def accepts(cls, location: str) -> bool:  # noqa: ARG003
        """Whether this source is the one to try for ``location``; it never is, unless named."""
        return False

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Open a file and read the times of its frames.

        Raises:
            SourceNotFoundError: There is no such file.
            SourceError: It is no video, or none that decord reads frame by frame.
            MissingDependencyError: decord is not installed.
        """
        self.close()
        plain = VideoSource()
        ((_, info),) = plain.open(location).items()
        plain.close()
        if info.location is None or info.colour.transfer in (PQ, HLG):
            raise SourceError(f"{location}: decord takes neither pipes nor HDR; {_INSTEAD}")
        times = _times(location)
        decord = _decord()
        try:
            count = len(decord.VideoReader(for_ffmpeg(location), num_threads=self.threads))
        except (decord.DECORDError, RuntimeError, UnicodeError) as error:
            raise SourceError(f"{location}: decord cannot read it; {_INSTEAD}") from error
        if times is None or count != len(times):
            raise SourceError(
                f"{location}: decord cannot tell its frames apart as they are shown; {_INSTEAD}"
            )
        self._info, self._times = info, times
        return {info.stream: info}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield every n-th of the frames ``start <= index < stop``, seeking to the first.

        Raises:
            SourceError: No file is open, or a frame cannot be decoded.
        """
        if self._info is None or self._info.location is None:
            raise SourceError("no video is open; call open() with a file first")
        indices = range(len(self._times))[start : stop : self.every]
        return self._read(self._info, self._info.location, self._times, indices)

    def close(self) -> None:
        """Forget the file. A second call does nothing."""
        self._info, self._times = None, ()

    def _read(
        self, info: StreamInfo, location: str, times: Sequence[int], indices: range
    ) -> Iterator[Frame]:
        images = _images(location, self.threads, indices)
        for index, image in zip(indices, images, strict=True):
            later = times[index + 1] if index + 1 < len(times) else None
            yield Frame(
                stream=info.stream,
                index=index,
                pts=times[index],
                time_base=info.time_base,
                image=image,
                duration=None if later is None else later - times[index],
            )


PARTS = {"decord": DecordSource}


def _decord() -> Any:
    try:
        return importlib.import_module("decord")
    except ImportError as error:
        missing = missing_package("the decord source", "decord2", extra="decord")
        missing.add_note("or leave out run.source=decord")
        raise missing from error


def _images(location: str, threads: int, indices: range) -> Iterator[RgbImage]:
    """The images of some frames, in order; one that fails is the first to be missing."""
    decord = _decord()
    reader, size, done = None, _BATCH, 0
    while done < len(indices):
        batch = indices[done : done + size]
        try:
            reader = reader or decord.VideoReader(for_ffmpeg(location), num_threads=threads)
            images = np.asarray(reader.get_batch(list(batch)).asnumpy(), dtype=np.uint8)
        except (decord.DECORDError, RuntimeError) as error:
            if size > 1:  # a reader that failed is of no use any more
                reader, size = None, 1
                continue
            raise SourceError(
                f"{location}: decord cannot decode frame {batch[0]}, which may be incomplete or "
                f"damaged; {_INSTEAD}, which says what is wrong"
            ) from error
        yield from images
        done += len(batch)


def _times(location: str) -> Sequence[int] | None:
    """When each frame is shown, rising; None where packets do not say so plainly."""
    with opened(Place(location), None, timeout=1) as video:
        packets = [packet for packet in video.container.demux(video.stream) if packet.size]
        times = [packet.pts for packet in packets]
        if any(packet.is_discard for packet in packets) or len(set(times)) < len(times):
            return None
        known = [time for time in times if time is not None]
    return sorted(known) if len(known) == len(times) else None

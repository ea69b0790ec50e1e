"""The frames with what was found drawn on them: a video that every browser plays, or a picture.

``overlay.mp4`` is H.264 in yuv420p with its index in front. Frames keep the times of the source
(a source that starts before 0 is moved to 0 as a whole), its colour tags and the shape of its
pixels; rotation has been applied. A width or height that is odd gains one column or row, a copy of
the last (below 4 pixels, as many as make 4). The timecode is that of the film's time 0, which under
``--start`` is before its first picture.

Sound is copied packet by packet where browsers play it in MP4 (AAC, MP3, Opus, FLAC) and the
container takes it; of a part of the source only the packets that begin in that part are kept.
Other sound becomes AAC: mono stays mono, everything else becomes stereo, at the nearest rate that
AAC has. Sound that cannot be decoded, or that fails on the way, is left out with a note.

A colour belongs to a track id. What is ``held`` without evidence is paler, with a dashed line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.drawing.outlines import Painter
from videoseg.drawing.planes import LUMA_WEIGHTS, RGB, yuv420
from videoseg.errors import OutputError, UsageError
from videoseg.system.output_files import stream_names, writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo
from videoseg.writers._video.colours import assumed_matrix
from videoseg.writers.overlay.mp4 import LARGEST, Mp4

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
Opacity = Annotated[float, Doc("strength of the fill, 0 (outline alone) to 1"), Ge(0), Le(1)]
Labels = Annotated[bool, Doc("write label and track id at each object")]


@dataclass
class Overlay:
    """Draws into a video: ``overlay.mp4``, or ``overlay-STREAM.mp4`` each for several streams."""

    needs_image: ClassVar[bool] = True

    # Not 0: that is lossless, in a profile that browsers do not play.
    crf: Annotated[int, Doc("quality of x264, 1 (best) to 51 (worst)"), Ge(1), Le(51)] = 22
    preset: Annotated[Preset, Doc("speed of x264; slower makes smaller files")] = "veryfast"
    opacity: Opacity = 0.35
    labels: Labels = True

    _films: dict[str, tuple[Mp4, Painter]] = field(init=False, repr=False, default_factory=dict)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One video per stream.

        Raises:
            UsageError: A stream is a photograph, or larger than H.264 can be.
        """
        for info in streams.values():
            if max(info.width, info.height) > LARGEST:
                raise UsageError(
                    f"{info.stream} is {info.width} x {info.height}, and an overlay has at most "
                    f"{LARGEST} pixels on a side: write other outputs"
                )
        return tuple(_names(streams, still=False).values())

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Begin the files.

        Raises:
            UsageError: A stream is a photograph.
            OutputError: The folder cannot be written.
        """
        del prompts
        for stream, name in _names(streams, still=False).items():
            info = streams[stream]
            film = Mp4(folder / name, info, crf=self.crf, preset=self.preset)
            weights = LUMA_WEIGHTS[assumed_matrix(info)]
            samples = yuv420(*weights, full_range=bool(info.colour.full_range))
            painter = Painter(samples, info.width, info.height, self.opacity, self.labels)
            self._films[stream] = (film, painter)

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Draw and encode one frame.

        Raises:
            OutputError: The file cannot be written.
        """
        if frame is None:
            raise ValueError("an overlay needs the frame's image")
        film, painter = self._films[scene.stream]
        picture = film.picture_of(frame)
        painter.paint(picture.planes, scene)
        film.write(picture)

    def close(self, *, complete: bool) -> None:
        """End the files, or remove them. A second call does nothing.

        Raises:
            OutputError: A file cannot be written.
        """
        try:
            while complete and self._films:
                stream = next(iter(self._films))
                self._films[stream][0].finish()
                del self._films[stream]
        finally:
            for film, _ in self._films.values():
                film.discard()
            self._films.clear()


@dataclass
class OverlayPng:
    """Draws into a picture, for photographs: ``overlay.png``."""

    needs_image: ClassVar[bool] = True

    opacity: Opacity = 0.35
    labels: Labels = True

    _paths: dict[str, Path] = field(init=False, repr=False, default_factory=dict)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One picture per stream.

        Raises:
            UsageError: A stream is no photograph.
        """
        return tuple(_names(streams, still=True).values())

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Begin.

        Raises:
            UsageError: A stream is no photograph.
            OutputError: The folder cannot be written.
        """
        del prompts
        if not folder.is_dir():
            raise OutputError(f"cannot write to {folder}: there is no such folder")
        self._paths = {name: folder / file for name, file in _names(streams, still=True).items()}

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Draw the photograph and write it.

        Raises:
            OutputError: The file cannot be written.
        """
        import cv2

        if frame is None:
            raise ValueError("an overlay needs the frame's image")
        planes = [np.ascontiguousarray(frame.image[..., channel]) for channel in range(3)]
        Painter(RGB, frame.width, frame.height, self.opacity, self.labels).paint(planes, scene)
        _, png = cv2.imencode(".png", np.dstack(planes[::-1]))
        path = self._paths[scene.stream]
        with writing(path):
            path.write_bytes(png.tobytes())

    def close(self, *, complete: bool) -> None:
        """End, or remove what was written. A second call does nothing."""
        if not complete:
            for path in self._paths.values():
                path.unlink(missing_ok=True)
        self._paths.clear()


PARTS = {"overlay": Overlay, "overlay-png": OverlayPng}


def _names(streams: Mapping[str, StreamInfo], *, still: bool) -> dict[str, str]:
    """File name for each stream."""
    for info in streams.values():
        if info.still != still:
            kind, part = ("a photograph", "overlay-png") if info.still else ("video", "overlay")
            raise UsageError(f"{info.stream} is {kind}: write {part} instead")
    suffix = ".png" if still else ".mp4"
    if len(streams) == 1:
        return dict.fromkeys(streams, f"overlay{suffix}")
    names = stream_names(streams)
    return {stream: f"overlay-{name}{suffix}" for stream, name in names.items()}

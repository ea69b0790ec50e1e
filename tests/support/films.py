"""Writing films of mattes as a run does, and reading them back with the right decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.support import mattes, scenes
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, Scene, StreamInfo
from videoseg.writers._matte_films.writer import MatteFilms
from videoseg.writers._video.planes import planes_of
from videoseg.writers.ffv1 import Ffv1
from videoseg.writers.png_mov import PngMov
from videoseg.writers.prores4444 import Prores4444
from videoseg.writers.qtrle import Qtrle
from videoseg.writers.vp9_alpha import Vp9Alpha

WRITERS: dict[str, type[MatteFilms]] = {
    "prores4444": Prores4444,
    "ffv1": Ffv1,
    "vp9-alpha": Vp9Alpha,
    "qtrle": Qtrle,
    "png-mov": PngMov,
}
LOSSLESS = ("ffv1", "qtrle", "png-mov")


def writer(name: str, **settings: Any) -> MatteFilms:
    """A writer with settings."""
    return WRITERS[name](**settings)


@dataclass(frozen=True)
class Shown:
    """A picture of a film and its time."""

    seconds: Fraction
    frame: Any

    def planes(self) -> tuple[npt.NDArray[Any], ...]:
        """The samples, each plane by itself."""
        return planes_of(self.frame)

    def alpha(self) -> npt.NDArray[np.float64]:
        """The alpha from 0 to 255, (H, W)."""
        planes, name = self.planes(), self.frame.format.name
        plane = planes[-1]
        if len(planes) == 1:
            plane = planes[0][:, (0 if name == "argb" else 3) :: 4]
        return np.asarray(plane * (255 / self._most()), np.float64)

    def grey(self) -> npt.NDArray[np.float64]:
        """A matte by itself, from 0 to 255, (H, W)."""
        plane, name = self.planes()[0], self.frame.format.name
        if name == "rgb24":
            assert (plane[:, 0::3] == plane[:, 1::3]).all()
            assert (plane[:, 0::3] == plane[:, 2::3]).all()
            plane = plane[:, ::3]
        if not name.startswith("yuv"):
            return np.asarray(plane * (255 / self._most()), np.float64)
        scale = 1 << self.frame.format.components[0].bits - 8
        return np.asarray((plane / scale - 16) * (255 / 219), np.float64)

    def _most(self) -> int:
        return int((1 << self.frame.format.components[-1].bits) - 1)


def tags(path: Path) -> tuple[int, int, int, int]:
    """primaries, transfer, matrix and range (0 unknown, 1 limited, 2 full) of the container."""
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        return (
            int(context.color_primaries),
            int(context.color_trc),
            int(context.colorspace),
            int(context.color_range),
        )


def read(path: Path) -> list[Shown]:
    """All pictures; VP9 by libvpx, since FFmpeg's own decoder leaves out the alpha."""
    shown = []
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        decoder: Any = stream.codec_context
        if decoder.name.endswith("vp9"):
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            decoder.extradata = stream.codec_context.extradata
        for packet in film.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                base = frame.time_base or stream.time_base
                shown.append(Shown(Fraction(frame.pts * base), frame))
    return shown


def soft_disc(frame: Frame) -> Scene:
    """A disc with a soft matte, in the middle."""
    mask = scenes.disc(
        frame.width / 2, frame.height / 2, frame.height / 3, width=frame.width, height=frame.height
    )
    return scene_of(frame, mattes.soft(scenes.tracked(mask)))


def scene_of(frame: Frame, *instances: Any) -> Scene:
    """A Scene of a frame."""
    return Scene(
        frame.stream, frame.index, frame.pts, frame.time_base, frame.duration, instances=instances
    )


def cut(
    folder: Path,
    location: Path,
    maker: MatteFilms,
    objects: Callable[[Frame], Scene] = soft_disc,
    *,
    start: int = 0,
) -> tuple[StreamInfo, list[Frame], list[Path]]:
    """The frames of a film, and the films that a writer makes of it."""
    source = VideoSource()
    (info,) = source.open(str(location)).values()
    frames = list(source.frames(start))
    source.close()
    names = mattes.write(maker, folder, map(objects, frames), info, frames=frames)
    return info, frames, [folder / name for name in names]


def of_scenes(
    folder: Path, maker: MatteFilms, made: Sequence[Scene], *infos: StreamInfo
) -> dict[str, list[Shown]]:
    """The pictures of all films that a writer makes of Scenes, by their paths."""
    return {name: read(folder / name) for name in mattes.write(maker, folder, made, *infos)}

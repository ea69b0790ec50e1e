"""One SVG file a frame: ``svg/000012.svg``, one ``path`` a track."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.geometry.paths import format_path
from videoseg.outlines.markup import decimal, path_start, svg_start, title
from videoseg.output_files import frame_folders, frame_name, writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance

_FOLDER = "svg"


@dataclass
class Svg:
    """Writes each frame's outlines as an SVG picture in the frame's own pixels.

    Files are numbered from the stream's ``start_number``. The ``svg`` element carries the frame's
    index, time and shot as ``data-`` attributes, each ``path`` its track's id, label, score and
    state; ``id`` and ``fill`` follow the track id alone. Several streams get a folder each.
    """

    precision: Annotated[int, Doc("decimals of the coordinates, 0 to 6"), Ge(0), Le(6)] = 1
    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _folders: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders."""
        del prompts
        self._streams = streams
        names = frame_folders(streams, _FOLDER)
        self._folders = {stream: str(folder / name) for stream, name in names.items()}
        for path in self._folders.values():
            with writing(path):
                os.makedirs(path, exist_ok=True)

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one picture; without objects it is empty."""
        del frame
        info = self._streams[scene.stream]
        # Not a Path: it would keep the name of every file for good (Python 3.12).
        path = os.path.join(self._folders[scene.stream], frame_name(scene, info, ".svg"))
        with writing(path), open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(_picture(scene, info, self.precision))

    def close(self, *, complete: bool) -> None:
        """Nothing is held open."""


def _picture(scene: Scene, info: StreamInfo, precision: int) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'{svg_start(info)} data-frame="{scene.index}" data-pts="{scene.pts}"'
        f' data-seconds="{decimal(scene.seconds, 6)}" data-shot="{scene.shot}">',
        *(_path(tracked, precision) for tracked in scene.instances),
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _path(tracked: TrackedInstance, precision: int) -> str:
    data = format_path(tracked.shape, precision=precision)
    return (
        f'{path_start(tracked)} data-score="{decimal(tracked.instance.score, 4)}"'
        f' data-state="{tracked.state}" d="{data}">{title(tracked)}</path>'
    )


PARTS = {"svg": Svg}

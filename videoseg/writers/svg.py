"""One SVG file a frame: ``svg/000012.svg``, a layer with one ``path`` a track."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.formats.svg_markup import (
    decimal,
    layer_attributes,
    picture,
    plain,
    root_attributes,
    svg_tag,
    track_attributes,
    track_id_of,
    write_title,
)
from videoseg.formats.svg_path import format_path
from videoseg.system.output_files import FrameNames, Naming, make_frame_folders, writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance

_FOLDER = "svg"


@dataclass
class Svg:
    """Writes each frame's outlines as an SVG picture in the frame's own pixels.

    Files are numbered from the stream's ``start_number``. The ``svg`` element carries the frame's
    index, time and shot as ``data-`` attributes and, as ``data-source``, the file name of the
    picture that it comes from; each ``path`` has its track's id, label, score and state. A track is
    a layer of Inkscape's; its names and ``fill`` follow its id and label alone, so they are the
    same on every frame. Several streams get a folder each.
    """

    precision: Annotated[int, Doc("decimals of the coordinates, 0 to 6"), Ge(0), Le(6)] = 1
    names: Naming = "number"
    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _folders: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _naming: FrameNames = field(init=False, repr=False, default=FrameNames("number"))

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders."""
        del prompts
        self._streams, self._naming = streams, FrameNames(self.names)
        names = make_frame_folders(folder, streams, _FOLDER)
        self._folders = {stream: str(folder / name) for stream, name in names.items()}

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one picture; without objects it is empty."""
        del frame
        info = self._streams[scene.stream]
        # Not a Path: it would keep the name of every file for good (Python 3.12).
        path = os.path.join(self._folders[scene.stream], self._naming.of(scene, info, ".svg"))
        attributes = _root_attributes(scene, info)
        with writing(path), open(path, "wb") as file, picture(file, attributes) as xml:
            for tracked in scene.instances:
                _write_track(xml, tracked, self.precision)

    def close(self, *, complete: bool) -> None:
        """Nothing is held open."""


def _root_attributes(scene: Scene, info: StreamInfo) -> dict[str, str]:
    source = {} if scene.name is None else {"data-source": plain(scene.name)}
    return {
        **root_attributes(info),
        "data-frame": str(scene.index),
        "data-pts": str(scene.pts),
        "data-seconds": decimal(scene.seconds, 6),
        "data-shot": str(scene.shot),
        **source,
    }


def _write_track(xml: Any, tracked: TrackedInstance, precision: int) -> None:
    named = (tracked.track_id, tracked.label)
    path = {
        "id": track_id_of(*named),
        **track_attributes(*named),
        "data-score": decimal(tracked.instance.score, 4),
        "data-state": tracked.state,
        "d": format_path(tracked.shape, precision=precision),
    }
    with xml.element(svg_tag("g"), layer_attributes(*named)), xml.element(svg_tag("path"), path):
        write_title(xml, tracked.label)
    xml.write("\n")


PARTS = {"svg": Svg}

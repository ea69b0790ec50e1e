"""Labels for training YOLO: a text of polygons for every frame, and ``data.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from typing_extensions import Doc

from videoseg.exporters._frames import CopyPictures, labelled_frames
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.formats.outline_polygons import one_ring, polygons_of
from videoseg.formats.yaml_text import yaml_text
from videoseg.geometry.arrays import Points
from videoseg.protocols import RunReader
from videoseg.system.output_files import Naming, frame_folders, writing
from videoseg.types import StreamInfo, TrackedInstance

_FOLDER = "yolo-seg"
_DECIMALS = 6


@dataclass
class YoloSeg:
    """Writes ``yolo-seg/``: ``labels/000012.txt``, ``data.yaml``, and ``images/`` with ``frames``.

    A line is an object: its class, counted from 0, and one polygon in shares of the frame's width
    and height. The form knows one ring: parts and holes are joined to it by pairs of edges that
    lie on each other. Where masks are filled as whole pixels such edges may show, one pixel wide.
    Without ``frames``, put pictures of the same names into ``images``.
    """

    holes: Annotated[Literal["join", "fill"], Doc("holes: joined to the outer ring, or filled")] = (
        "join"
    )
    track_ids: Annotated[bool, Doc("add the track id at the end of each line")] = False
    names: Naming = "number"
    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        top, classes = folder / _FOLDER, classes_of(run.labels)
        images, labels = (frame_folders(run.streams, name) for name in ("images", "labels"))
        with writing(top):
            for name in (*images.values(), *labels.values()):
                (top / name).mkdir(parents=True, exist_ok=True)
            (top / "data.yaml").write_text(
                _data(class_names(run.labels).values()), "ascii", newline="\n"
            )
            for each in labelled_frames(run, folder, self.names):
                size = each.info.width, each.info.height
                lines = [
                    self._line(tracked, classes[tracked.label], size)
                    for tracked in each.scene.instances
                ]
                path = f"{top}/{labels[each.scene.stream]}/{each.stem}.txt"
                with writing(path), open(path, "w", encoding="ascii", newline="\n") as file:
                    file.writelines(lines)
                if self.pictures:
                    each.copy_picture(top / images[each.scene.stream], each.stem)

    def _line(self, tracked: TrackedInstance, number: int, size: tuple[int, int]) -> str:
        rings: list[Points] = []
        for outer, holes in polygons_of(tracked):
            rings += [outer, *(holes if self.holes == "join" else ())]
        shares = np.clip(one_ring(rings) / size, 0, 1).ravel().tolist()
        places = (f"{share:.{_DECIMALS}f}".rstrip("0").rstrip(".") for share in shares)
        behind = [str(tracked.track_id)] if self.track_ids else []
        return " ".join([str(number), *places, *behind]) + "\n"


def _data(classes: Iterable[str]) -> str:
    """What ``data.yaml`` says; a path that is not named is that of the file itself."""
    names = "".join(f"  {number}: {yaml_text(name)}\n" for number, name in enumerate(classes))
    return f"train: images\nval: images\nnames:\n{names}"


PARTS = {"yolo-seg": YoloSeg}

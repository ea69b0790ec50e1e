"""Tracks as lines of JSON, ``tracks.jsonl``: one for every object on every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from videoseg.exporters._rows import RowShape, rows
from videoseg.formats.coco import json_text
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_NAME = "tracks.jsonl"


@dataclass
class Jsonl:
    """Writes a line for each object on each frame, in the order of the run.

    ``stream``, ``frame``, ``pts``, ``seconds``; ``stamp`` (ns), ``topic`` and ``frame_id`` where
    the source is a robot's log, else null; ``shot``, ``source`` (the picture's file name),
    ``track_id``, ``label``, ``score``, ``state`` (``matched``, ``interpolated``, ``held``),
    ``hidden`` (by ``videoseg edit``), ``box`` (left, top, width, height, pixels), ``area``
    (pixels), and ``rle`` (as in COCO) or ``polygon``: for each part its outer ring and then its
    holes, each as x, y, x, y.
    """

    takes_hidden: ClassVar[bool] = True
    shape: RowShape = "rle"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file."""
        del streams
        return (_NAME,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the file from one pass over the run's Scenes."""
        path = folder / _NAME
        with writing(path), path.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(f"{json_text(row)}\n" for row in rows(run, self.shape))


PARTS = {"jsonl": Jsonl}

"""Sequences in the form of DAVIS 2017: palette pictures of object numbers, and lists of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc

from videoseg.exporters._frames import CopyPictures, LabelledFrame, labelled_frames
from videoseg.formats.coco import json_text
from videoseg.formats.images.label_png import check_id, label_png, labels_of, widen_files
from videoseg.formats.palette import voc_palette
from videoseg.protocols import RunReader
from videoseg.system.output_files import Naming, stream_names, writing
from videoseg.types import StreamInfo

_log = logging.getLogger(__name__)

_FOLDER = "davis"
_MOST = 254
"""Objects of a sequence in 8 bits; 255 means "not to be judged"."""


@dataclass
class Davis:
    """Writes ``davis/``, as programs for video object segmentation read it.

    A stream is a sequence: ``Annotations/RESOLUTION/NAME/000012.png``, whose pixels are the numbers
    of its objects, from 1 in the order in which they appear, in the colours of Pascal VOC.
    ``ImageSets/2017/val.txt`` lists the sequences, ``objects.json`` says which track and label a
    number is. Where objects overlap the higher score lies on top. Where a sequence has more than
    254 objects its pictures are 16-bit grey, which few programs for DAVIS read.
    """

    resolution: Annotated[
        Literal["480p", "Full-Resolution"],
        Doc("name of the folder between Annotations and the sequence; sizes stay as they are"),
    ] = "Full-Resolution"
    names: Naming = "number"
    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        top = folder / _FOLDER
        with writing(top):
            sequences = {
                stream: _Sequence(top, f"{self.resolution}/{name}")
                for stream, name in stream_names(run.streams).items()
            }
            for each in labelled_frames(run, folder, self.names):
                sequence = sequences[each.scene.stream]
                sequence.write(each)
                if self.pictures:
                    each.copy_picture(top / "JPEGImages" / sequence.name, each.stem)
            for sequence in sequences.values():
                sequence.finish()
            names = [Path(sequence.name).name for sequence in sequences.values()]
            lists = top / "ImageSets" / "2017"
            lists.mkdir(parents=True, exist_ok=True)
            (lists / "val.txt").write_text(
                "".join(f"{name}\n" for name in names), "ascii", newline="\n"
            )
            found = [sequence.objects() for sequence in sequences.values()]
            objects = json_text(dict(zip(names, found, strict=True)))
            (top / "objects.json").write_text(f"{objects}\n", "ascii", newline="\n")


class _Sequence:
    """The pictures of one stream."""

    def __init__(self, top: Path, name: str) -> None:
        self.name = name
        self._folder = top / "Annotations" / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._numbers: dict[int, tuple[int, str]] = {}

    def write(self, each: LabelledFrame) -> None:
        """Write one picture."""
        numbered = []
        for tracked in each.scene.instances:
            fresh = len(self._numbers) + 1, tracked.label
            numbered.append((tracked, self._numbers.setdefault(tracked.track_id, fresh)[0]))
        check_id(len(self._numbers))
        labels = labels_of(numbered, each.info.width, each.info.height, wide=self._wide)
        png = label_png(labels, palette=voc_palette())
        with writing(self._folder), open(f"{self._folder}/{each.stem}.png", "wb") as file:
            file.write(png)

    def finish(self) -> None:
        """Make all pictures alike."""
        if self._wide:
            _log.warning(
                "davis: %s has %d objects, more than %d: its pictures are 16-bit grey",
                self.name,
                len(self._numbers),
                _MOST,
            )
            widen_files(self._folder)

    def objects(self) -> list[dict[str, object]]:
        """What each number is."""
        return [
            {"id": number, "track_id": track_id, "label": label}
            for track_id, (number, label) in self._numbers.items()
        ]

    @property
    def _wide(self) -> bool:
        return len(self._numbers) > _MOST


PARTS = {"davis": Davis}

"""Boxes of tracks in the form of MOTChallenge: a table for each sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Literal

from typing_extensions import Doc

from videoseg.exporters._frames import CopyPictures, LabelledFrame, labelled_frames
from videoseg.formats.coco import box_of
from videoseg.formats.frame_numbers import rate_of
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.protocols import RunReader
from videoseg.system.output_files import stream_names, writing
from videoseg.types import StreamInfo, TrackedInstance

_FOLDER = "mot"
_IMAGES = "img1"


@dataclass
class Mot:
    """Writes ``mot/NAME/gt/gt.txt`` or ``mot/NAME/det/det.txt``, and ``seqinfo.ini``.

    A line is an object on a frame: frame of the run from 1, track id, left, top, width, height.
    Then come for
    ground truth 1, the class (the labels, from 1, listed in ``labels.txt``) and the share of the
    object that is seen, which is always 1; for detections the score and -1 three times, and the
    track id is -1. Boxes are tight, the frame's left upper corner is at 0, 0.
    """

    table: Annotated[
        Literal["gt", "det"], Doc("gt = tracks as ground truth, det = boxes without identities")
    ] = "gt"
    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        top, classes = folder / _FOLDER, classes_of(run.labels)
        with writing(top), ExitStack() as ends:
            sequences = {}
            for stream, name in stream_names(run.streams).items():
                place = top / name / self.table
                place.mkdir(parents=True, exist_ok=True)
                names = "".join(f"{name}\n" for name in class_names(run.labels).values())
                (place / "labels.txt").write_text(names, "utf-8", newline="\n")
                opened = (place / f"{self.table}.txt").open("w", encoding="ascii", newline="\n")
                sequences[stream] = _Sequence(top / name, ends.enter_context(opened))
            for each in labelled_frames(run, folder):
                sequence = sequences[each.scene.stream]
                sequence.lines.writelines(
                    self._line(each, tracked, classes[tracked.label] + 1)
                    for tracked in each.scene.instances
                )
                sequence.note(each, copy=self.pictures)
            for stream, sequence in sequences.items():
                sequence.describe(run.streams[stream])

    def _line(self, each: LabelledFrame, tracked: TrackedInstance, number: int) -> str:
        box = box_of(tracked.instance.mask)
        if self.table == "gt":
            values: list[object] = [tracked.track_id, *box, 1, number, 1]
        else:
            values = [-1, *box, f"{tracked.instance.score:.6f}", -1, -1, -1]
        return ",".join(map(str, [each.place + 1, *values])) + "\n"


@dataclass
class _Sequence:
    """The files of one stream."""

    folder: Path
    lines: IO[str]
    _last: int = field(default=0)
    _ending: str = field(default=".jpg")

    def note(self, each: LabelledFrame, *, copy: bool) -> None:
        """Take a frame, and its picture under the name that this form asks for."""
        self._last = each.place + 1
        if copy:
            name = each.copy_picture(self.folder / _IMAGES, f"{self._last:06d}")
            self._ending = Path(name).suffix

    def describe(self, info: StreamInfo) -> None:
        """Write ``seqinfo.ini``."""
        rate = rate_of(info)
        values = {
            "name": self.folder.name,
            "imDir": _IMAGES,
            "frameRate": rate.numerator if rate.denominator == 1 else f"{float(rate):.6f}",
            "seqLength": self._last,
            "imWidth": info.width,
            "imHeight": info.height,
            "imExt": self._ending,
        }
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        (self.folder / "seqinfo.ini").write_text(f"[Sequence]\n{text}", "ascii", newline="\n")


PARTS = {"mot": Mot}

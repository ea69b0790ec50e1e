"""Tracks in the form of MOTS: a text of run lengths for each sequence, and pictures of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.errors import OutputError
from videoseg.exporters._frames import CopyPictures, LabelledFrame, labelled_frames
from videoseg.formats.images.label_png import label_png, labels_of
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.geometry import masks
from videoseg.protocols import RunReader
from videoseg.system.output_files import frame_folders, stream_names, writing
from videoseg.types import Mask, StreamInfo, TrackedInstance

_FOLDER = "mots"
_MASKS = "instances"
"""Folder of the label pictures."""
_PICTURES = "images"
"""Folder of the frames."""
_TEXTS = "instances_txt"
"""Folder of the texts, one for each stream."""
_PER_CLASS = 1000
"""Ids of a class: its number times this, and the number of an object, from 1."""
_IGNORED = 10
"""The class whose pixels are not judged."""
_MOST_CLASSES = 64


@dataclass
class Mots:
    """Writes ``mots/``: ``instances_txt/NAME.txt`` and ``instances/000012.png``.

    An id is the class's number times 1000 and the object's number in its class, in the order of
    appearance; classes are the labels, numbered from 1 without 10, which means "ignore".
    ``instances/labels.txt`` lists them. The frames of the run
    count from 0. Masks must not overlap in this form:
    the higher score lies on top. It holds 999 objects of a class, and 64 classes.
    """

    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes.

        Raises:
            OutputError: There are more classes or objects than this form holds.
        """
        top, texts = folder / _FOLDER, folder / _FOLDER / _TEXTS
        folders = frame_folders(run.streams, _MASKS)
        images = frame_folders(run.streams, _PICTURES)
        classes = classes_of(run.labels)
        if len(classes) > _MOST_CLASSES:
            raise OutputError(
                f"{top}: the form mots holds {_MOST_CLASSES} classes, got {len(classes)}; write "
                "youtube-vis instead"
            )
        with writing(top):
            for name in (_TEXTS, _MASKS, *folders.values()):
                (top / name).mkdir(parents=True, exist_ok=True)
            (top / _MASKS / "labels.txt").write_text(_label_list(run.labels), "utf-8", newline="\n")
            names = stream_names(run.streams)
            for name in names.values():
                (texts / f"{name}.txt").write_text("", "ascii", newline="\n")
            ids = {stream: _Ids(classes) for stream in run.streams}
            for each in labelled_frames(run, folder):
                stream = each.scene.stream
                text = texts / f"{names[stream]}.txt"
                _write(each, ids[stream], f"{top}/{folders[stream]}", text)
                if self.pictures:
                    each.copy_picture(top / images[stream], f"{each.place:06d}")


@dataclass
class _Ids:
    """The ids of the objects of a sequence."""

    classes: Mapping[str, int]
    _known: dict[int, int] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def of(self, tracked: TrackedInstance) -> int:
        """The id of an object."""
        if tracked.track_id not in self._known:
            number = self._counts.get(tracked.label, 0) + 1
            if number >= _PER_CLASS:
                raise OutputError(
                    f"the form mots holds {_PER_CLASS - 1} objects of a class, and there are more "
                    f"of {tracked.label!r}; write youtube-vis instead"
                )
            self._counts[tracked.label] = number
            first = _class_number(self.classes[tracked.label])
            self._known[tracked.track_id] = first * _PER_CLASS + number
        return self._known[tracked.track_id]


def _write(each: LabelledFrame, ids: _Ids, folder: str, text: Path) -> None:
    """One frame: its picture, and a line for each object that shows in it."""
    numbered = [(tracked, ids.of(tracked)) for tracked in each.scene.instances]
    labels = labels_of(numbered, each.info.width, each.info.height, wide=True)
    path = f"{folder}/{each.place:06d}.png"
    with writing(path), open(path, "wb") as picture:
        picture.write(label_png(labels, palette=False))
    with writing(text), text.open("a", encoding="ascii", newline="\n") as file:
        for tracked, number in numbered:
            x1, y1, x2, y2 = tracked.instance.mask.crop
            shown = labels[y1:y2, x1:x2] == number
            if shown.any():
                place = f"{each.place} {number} {number // _PER_CLASS}"
                size = f"{each.info.height} {each.info.width}"
                mask = Mask(x1, y1, each.info.width, each.info.height, shown)
                file.write(f"{place} {size} {masks.encode_rle(mask)}\n")


def _class_number(place: int) -> int:
    """The number of a class by its place among the labels."""
    return place + 1 if place + 1 < _IGNORED else place + 2


def _label_list(labels: Sequence[str]) -> str:
    """A class a line, in the order of their numbers."""
    other = "ignored"
    names = list(class_names(labels, reserved=[other]).values())
    if len(names) >= _IGNORED:
        names.insert(_IGNORED - 1, other)
    return "".join(f"{name}\n" for name in names)


PARTS = {"mots": Mots}

"""Pictures in the form of Pascal VOC: boxes as XML, classes and objects as palette pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.errors import OutputError
from videoseg.exporters._frames import CopyPictures, LabelledFrame, labelled_frames
from videoseg.formats.images.label_png import (
    LARGEST,
    LARGEST_NARROW,
    label_png,
    labels_of,
)
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.formats.palette import voc_palette
from videoseg.protocols import RunReader
from videoseg.system.output_files import Naming, stream_names, writing
from videoseg.types import StreamInfo, TrackedInstance

_FOLDER = "pascal-voc"
_BOXES = "Annotations"
"""Folder of the XML files with boxes."""
_CLASSES = "SegmentationClass"
"""Folder of the pictures whose pixels name classes."""
_OBJECTS = "SegmentationObject"
"""Folder of the pictures whose pixels name objects."""
_LISTS = ("ImageSets/Main/default.txt", "ImageSets/Segmentation/default.txt")
_PICTURES = "JPEGImages"
_NOTHING = "background"
"""The class of pixels without an object."""


@dataclass
class PascalVoc:
    """Writes ``pascal-voc/``, as programs for detection and segmentation in pictures read it.

    ``Annotations/000012.xml`` has a box for each object, its pixels counted from 1 and both ends
    in it; ``SegmentationClass`` the number of the class at each pixel, ``SegmentationObject`` that
    of the object in this picture, in the colours of VOC; ``labelmap.txt`` the classes. Where
    objects overlap the higher score lies on top. With several streams the names of pictures begin
    with the stream's. A picture with more than 254 objects or classes is 16-bit grey.
    """

    names: Naming = "number"
    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        top, classes = folder / _FOLDER, classes_of(run.labels)
        if len(classes) > LARGEST:
            raise OutputError(f"{top}: a PNG holds {LARGEST} classes, got {len(classes)}")
        names = class_names(run.labels, ":#", reserved=[_NOTHING])
        streams = stream_names(run.streams) if len(run.streams) > 1 else {}
        with writing(top):
            for name in (_BOXES, _CLASSES, _OBJECTS):
                (top / name).mkdir(parents=True, exist_ok=True)
            for name in _LISTS:
                (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / "labelmap.txt").write_text(
                _label_map(list(names.values())), "utf-8", newline="\n"
            )
            with (top / _LISTS[0]).open("w", encoding="utf-8", newline="\n") as listed:
                for each in labelled_frames(run, folder, self.names):
                    before = f"{streams[each.scene.stream]}_" if streams else ""
                    stem = f"{before}{each.stem}"
                    picture = f"{stem}{Path(each.picture).suffix}"
                    if self.pictures:
                        picture = each.copy_picture(top / _PICTURES, stem)
                    _write(each, top, stem, _boxes(each, picture, names), classes)
                    listed.write(f"{stem}\n")
            (top / _LISTS[1]).write_bytes((top / _LISTS[0]).read_bytes())


def _write(
    each: LabelledFrame, top: Path, stem: str, boxes: bytes, classes: Mapping[str, int]
) -> None:
    """The three files of a frame."""
    objects = each.scene.instances
    by_class = [(tracked, classes[tracked.label] + 1) for tracked in objects]
    by_object = [(tracked, number) for number, tracked in enumerate(objects, 1)]
    made = {
        f"{_BOXES}/{stem}.xml": boxes,
        f"{_CLASSES}/{stem}.png": _picture(each.info, by_class),
        f"{_OBJECTS}/{stem}.png": _picture(each.info, by_object),
    }
    for name, data in made.items():
        path = f"{top}/{name}"
        with writing(path), open(path, "wb") as file:
            file.write(data)


def _picture(info: StreamInfo, numbered: Sequence[tuple[TrackedInstance, int]]) -> bytes:
    highest = max((number for _, number in numbered), default=0)
    labels = labels_of(numbered, info.width, info.height, wide=highest >= LARGEST_NARROW)
    return label_png(labels, palette=voc_palette())


def _boxes(each: LabelledFrame, picture: str, names: Mapping[str, str]) -> bytes:
    """The XML of a frame."""
    from lxml import etree

    root = etree.Element("annotation")
    _add(root, folder=_PICTURES, filename=picture)
    _add(etree.SubElement(root, "source"), database="videoseg")
    _add(etree.SubElement(root, "size"), width=each.info.width, height=each.info.height, depth=3)
    _add(root, segmented=1)
    for tracked in each.scene.instances:
        x1, y1, x2, y2 = tracked.instance.mask.box
        found = etree.SubElement(root, "object")
        _add(found, name=names[tracked.label], pose="Unspecified", truncated=0, difficult=0)
        _add(etree.SubElement(found, "bndbox"), xmin=x1 + 1, ymin=y1 + 1, xmax=x2, ymax=y2)
        attribute = etree.SubElement(etree.SubElement(found, "attributes"), "attribute")
        _add(attribute, name="track_id", value=tracked.track_id)
    etree.indent(root)
    return etree.tostring(root) + b"\n"


def _add(element: Any, **texts: object) -> None:
    """Children with a text each."""
    from lxml import etree

    for name, text in texts.items():
        etree.SubElement(element, name).text = str(text)


def _label_map(names: Sequence[str]) -> str:
    """The classes as CVAT and Datumaro list them: name, colour, and two lists that stay empty."""
    palette = voc_palette()
    lines = ["# label:color_rgb:parts:actions"]
    for number, name in enumerate([_NOTHING, *names]):
        place = 3 * (number % 256)
        lines.append(f"{name}:{','.join(map(str, palette[place : place + 3]))}::")
    return "".join(f"{line}\n" for line in lines)


PARTS = {"pascal-voc": PascalVoc}

"""Tracks for CVAT, ``cvat.xml`` in its form "CVAT for video 1.1"."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from typing_extensions import Doc

from videoseg.exporters._frames import file_for_each
from videoseg.exporters._spool import TrackRecords
from videoseg.formats.label_classes import class_names
from videoseg.formats.outline_polygons import one_ring, polygons_of
from videoseg.formats.palette import hex_of
from videoseg.formats.svg_markup import decimal, plain
from videoseg.geometry import masks
from videoseg.protocols import RunReader
from videoseg.system.output_files import unnamed_file, writing
from videoseg.types import Mask, StreamInfo, TrackedInstance


@dataclass
class Cvat:
    """Writes tracks that CVAT takes into a task made of the same video (Upload annotations).

    Every frame of a track is a key frame, so that CVAT puts nothing in between. Where a track is
    gone it is ``outside``, and where it was not seen but put between two sightings it is
    ``occluded``. A track's ``id`` is its track id. CVAT's polygon is one ring: parts and holes are
    joined to it by pairs of edges that lie on each other. Frames have the numbers that they have in
    the video. Several streams get a file each: ``cvat-NAME.xml``.
    """

    shape: Annotated[
        Literal["polygon", "mask"],
        Doc("polygons, which are easy to edit, or masks, which are exact"),
    ] = "polygon"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file a stream."""
        return tuple(file_for_each(streams, "cvat", "xml").values())

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes; shapes wait in temporary files."""
        with writing(folder), ExitStack() as ends:
            spools = {
                stream: TrackRecords(ends.enter_context(unnamed_file(folder)))
                for stream in run.streams
            }
            last, labels = dict.fromkeys(run.streams, -1), class_names(run.labels)
            for scene in run.scenes():
                for tracked in scene.instances:
                    attributes = self._attributes(tracked)
                    record = [scene.index, labels[tracked.label], attributes, last[scene.stream]]
                    spools[scene.stream].append(tracked.track_id, record)
                last[scene.stream] = scene.index
            for stream, name in file_for_each(run.streams, "cvat", "xml").items():
                info = run.streams[stream]
                frames = max(info.frame_count or 0, last[stream] + 1)
                with writing(folder / name), (folder / name).open("wb") as file:
                    self._write(file, info, frames, labels.values(), spools[stream])

    def _write(
        self, file: Any, info: StreamInfo, frames: int, labels: Iterable[str], spool: TrackRecords
    ) -> None:
        from lxml import etree

        with etree.xmlfile(file, encoding="utf-8") as xml:
            xml.write_declaration()
            with xml.element("annotations"):
                _write_text(xml, "version", "1.1")
                self._write_meta(xml, info, frames, labels)
                for track_id, records in spool.tracks():
                    first = next(records)
                    name = {"id": str(track_id), "label": first[1], "source": "auto"}
                    with xml.element("track", name):
                        _write_shapes(xml, self.shape, frames, itertools.chain([first], records))
                    xml.write("\n")
        file.write(b"\n")

    def _write_meta(self, xml: Any, info: StreamInfo, frames: int, labels: Iterable[str]) -> None:
        """What the task is: its frames and labels."""
        task = {
            "name": plain(info.stream),
            "size": frames,
            "mode": "interpolation",
            "start_frame": 0,
            "stop_frame": max(0, frames - 1),
        }
        with xml.element("meta"), xml.element("task"):
            for name, value in task.items():
                _write_text(xml, name, value)
            with xml.element("labels"):
                for number, label in enumerate(labels, 1):
                    with xml.element("label"):
                        _write_text(xml, "name", label)
                        _write_text(xml, "color", hex_of(number))
                        _write_text(xml, "type", self.shape)
                        _write_text(xml, "attributes", "")
            with xml.element("original_size"):
                _write_text(xml, "width", info.width)
                _write_text(xml, "height", info.height)
        xml.write("\n")

    def _attributes(self, tracked: TrackedInstance) -> dict[str, str]:
        """What an object's element says on a frame."""
        occluded = {"occluded": "0" if tracked.state == "matched" else "1"}
        if self.shape == "mask":
            return {**occluded, **_run_lengths(tracked.instance.mask), "z_order": "0"}
        rings = [ring for outer, holes in polygons_of(tracked) for ring in (outer, *holes)]
        corners = one_ring(rings).tolist()
        points = ";".join(f"{decimal(x, 2)},{decimal(y, 2)}" for x, y in corners)
        return {**occluded, "points": points, "z_order": "0"}


def _run_lengths(mask: Mask) -> dict[str, str]:
    """A mask as CVAT has it: lengths row by row inside its tight box, zeros first."""
    x1, y1, x2, y2 = mask.box
    inside = masks.window(mask, (x1, y1, x2, y2))
    # The columns of the turned picture are the rows of this one.
    turned = masks.from_bitmap(inside.T)
    assert turned is not None  # noqa: S101 - a mask is never empty
    lengths = masks.run_lengths(turned).tolist()
    place = {"left": x1, "top": y1, "width": x2 - x1, "height": y2 - y1}
    return {"rle": ", ".join(map(str, lengths)), **{name: str(n) for name, n in place.items()}}


def _write_shapes(xml: Any, shape: str, frames: int, records: Iterable[list[Any]]) -> None:
    """What a track is on its frames; it is outside from the frame after each that none follows.

    A frame that the run does not have ends nothing: a record names the one of the run before it.
    """
    at, attributes = -1, dict[str, str]()

    def end(before: int) -> None:
        if 0 <= at < before:
            _write_shape(xml, shape, at + 1, {**attributes, "occluded": "0"}, outside=True)

    for frame, _, shown, before in records:
        end(before)
        _write_shape(xml, shape, frame, shown, outside=False)
        at, attributes = frame, shown
    end(frames - 1)


def _write_shape(
    xml: Any, shape: str, frame: int, attributes: Mapping[str, str], *, outside: bool
) -> None:
    key = {"frame": str(frame), "keyframe": "1", "outside": str(int(outside))}
    xml.write("\n")
    with xml.element(shape, {**key, **attributes}):
        pass


def _write_text(xml: Any, name: str, text: object) -> None:
    with xml.element(name):
        xml.write(str(text))


PARTS = {"cvat": Cvat}

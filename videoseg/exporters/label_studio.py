"""Tasks for Label Studio, ``label-studio.json``, and the labelling configuration they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from typing_extensions import Doc

from videoseg.exporters._frames import LabelledFrame, labelled_frames
from videoseg.exporters._spool import TrackRecords
from videoseg.formats.brush_rle import brush_rle
from videoseg.formats.coco import json_item, json_text, score_of
from videoseg.formats.frame_numbers import rate_of
from videoseg.formats.label_classes import class_names
from videoseg.formats.palette import hex_of
from videoseg.protocols import RunReader
from videoseg.system.output_files import unnamed_file, writing
from videoseg.types import StreamInfo, TrackedInstance

_TASKS = "label-studio.json"
"""File of the tasks."""
_CONFIG = "label-studio.xml"
"""File of the labelling interface."""
_MODEL = "videoseg"


@dataclass
class LabelStudio:
    """Writes predictions that Label Studio shows over its tasks, to be corrected there.

    ``images`` is a task for each frame, with its masks for the brush; ``video`` one for each
    stream, with the boxes of its tracks, since Label Studio has no masks in videos. Make a project
    with ``label-studio.xml`` as its labelling interface and import the tasks. A task names its
    picture, or video, behind ``prefix``; the default is for local files.
    """

    task: Annotated[
        Literal["images", "video"], Doc("masks on single frames, or boxes of tracks in the video")
    ] = "images"
    prefix: Annotated[
        str, Doc("what stands before the name of each picture or video in a task")
    ] = "/data/local-files/?d="

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """Tasks and configuration."""
        del streams
        return (_TASKS, _CONFIG)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        path, labels = folder / _TASKS, class_names(run.labels)
        with writing(path), path.open("w", encoding="ascii", newline="\n") as file:
            (folder / _CONFIG).write_bytes(self._config(labels.values()))
            file.write("[")
            if self.task == "images":
                for number, each in enumerate(labelled_frames(run, folder), 1):
                    file.write(json_item(self._image(each, labels), number))
            else:
                for number, text in enumerate(self._videos(run, folder, labels), 1):
                    file.write("\n" if number == 1 else ",\n")
                    file.writelines(text)
            file.write("]\n")

    def _image(self, each: LabelledFrame, labels: Mapping[str, str]) -> dict[str, Any]:
        """The task of a frame."""
        found = each.scene.instances
        scores = [score_of(tracked) for tracked in found]
        prediction = {
            "model_version": _MODEL,
            "score": round(sum(scores) / len(scores), 6) if scores else 0.0,
            "result": [_brush(tracked, labels[tracked.label], each) for tracked in found],
        }
        data = {
            "image": f"{self.prefix}{quote(each.picture, errors='replace')}",
            "stream": each.scene.stream,
            "frame": each.scene.index,
        }
        return {"data": data, "predictions": [prediction]}

    def _videos(
        self, run: RunReader, folder: Path, labels: Mapping[str, str]
    ) -> Iterator[Iterator[str]]:
        """The task of each stream, in pieces."""
        with ExitStack() as ends:
            spools = {
                stream: TrackRecords(ends.enter_context(unnamed_file(folder)))
                for stream in run.streams
            }
            last = dict.fromkeys(run.streams, -1)
            for scene in run.scenes():
                for tracked in scene.instances:
                    label = labels[tracked.label]
                    record = [last[scene.stream], scene.index, float(scene.seconds), label]
                    record += tracked.instance.mask.box
                    spools[scene.stream].append(tracked.track_id, record)
                last[scene.stream] = scene.index
            for stream, info in run.streams.items():
                frames = max(info.frame_count or 0, last[stream] + 1)
                yield self._video(info, frames, spools[stream])

    def _video(self, info: StreamInfo, frames: int, spool: TrackRecords) -> Iterator[str]:
        name = Path(info.location or info.stream).name
        data = {"video": f"{self.prefix}{quote(name, errors='replace')}", "stream": info.stream}
        yield f'{{"data":{json_text(data)},"predictions":[{{"model_version":"{_MODEL}","result":['
        for number, (track_id, records) in enumerate(spool.tracks(), 1):
            yield "\n" if number == 1 else ",\n"
            yield from _rectangle(track_id, records, info, frames)
        yield "]}]}"

    def _config(self, labels: Iterable[str]) -> bytes:
        """The labelling interface."""
        from lxml import etree

        view = etree.Element("View")
        if self.task == "images":
            etree.SubElement(view, "Image", name="image", value="$image", zoom="true")
            choice = etree.SubElement(view, "BrushLabels", name="mask", toName="image")
        else:
            etree.SubElement(view, "Video", name="video", value="$video")
            etree.SubElement(view, "VideoRectangle", name="box", toName="video")
            choice = etree.SubElement(view, "Labels", name="label", toName="video")
        for number, label in enumerate(labels, 1):
            etree.SubElement(choice, "Label", value=label, background=hex_of(number))
        etree.indent(view)
        return etree.tostring(view, encoding="utf-8") + b"\n"


def _brush(tracked: TrackedInstance, label: str, each: LabelledFrame) -> dict[str, Any]:
    """An object as brushed by hand."""
    rle = brush_rle(tracked.instance.mask)
    return {
        "id": f"track-{tracked.track_id}",
        "type": "brushlabels",
        "from_name": "mask",
        "to_name": "image",
        "original_width": each.info.width,
        "original_height": each.info.height,
        "image_rotation": 0,
        "score": score_of(tracked),
        "meta": {"text": [f"track {tracked.track_id}"]},
        "value": {"format": "rle", "rle": rle, "brushlabels": [label]},
    }


def _rectangle(
    track_id: int, records: Iterable[list[Any]], info: StreamInfo, frames: int
) -> Iterator[str]:
    """A track as boxes in shares of the frame, percent, in pieces; frames count from 1."""
    head = {
        "id": f"track-{track_id}",
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "meta": {"text": [f"track {track_id}"]},
    }
    yield f'{json_text(head)[:-1]},"value":{{"sequence":['
    before: dict[str, Any] | None = None
    label, written = "", 0
    # Frames that the run does not have end nothing: a record names the one of the run before it.
    for previous, frame, seconds, label, *box in records:  # noqa: B007 - all are the track's
        key = {"frame": frame + 1, "time": round(seconds, 6), "rotation": 0, **_shares(box, info)}
        if before is not None:
            written += 1
            yield json_item({**before, "enabled": before["frame"] == previous + 1}, written)
        before = key
    if before is not None:
        # Not enabled means that it is gone after this frame.
        yield json_item({**before, "enabled": before["frame"] == frames}, written + 1)
    duration = round(float(frames / rate_of(info)), 6)
    rest = {"framesCount": frames, "duration": duration, "labels": [label]}
    yield f"],{json_text(rest)[1:]}}}"


def _shares(box: Sequence[int], info: StreamInfo) -> dict[str, float]:
    """A box in percent of the frame."""
    x1, y1, x2, y2 = box
    return {
        "x": round(100 * x1 / info.width, 4),
        "y": round(100 * y1 / info.height, 4),
        "width": round(100 * (x2 - x1) / info.width, 4),
        "height": round(100 * (y2 - y1) / info.height, 4),
    }


PARTS = {"label-studio": LabelStudio}

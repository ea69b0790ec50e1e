"""Tracks in the form of YouTube-VIS: for each a mask or null on every frame of its video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any

from typing_extensions import Doc

from videoseg.exporters._frames import CopyPictures, LabelledFrame, labelled_frames
from videoseg.exporters._json_lists import JsonList, json_lists
from videoseg.exporters._spool import TrackRecords
from videoseg.formats.coco import RleForm, box_of, json_text, rle_of, score_of
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.geometry import masks
from videoseg.protocols import RunReader
from videoseg.system.output_files import Naming, stream_names, unnamed_file
from videoseg.types import StreamInfo

_FOLDER = "youtube-vis"
_NAME = "instances.json"
"""File of the annotations."""
_PICTURES = "JPEGImages"
"""Folder of the frames."""
_LISTS = ("videos", "annotations")


@dataclass
class YoutubeVis:
    """Writes ``youtube-vis/instances.json``, as programs for video instance segmentation read it.

    A stream is a video, a track an annotation; where it is not seen its segmentation, box and area
    are null. Categories are the labels, numbered from 1. ``file_names`` are below ``JPEGImages``.
    ``score`` is the mean over the frames: the annotations are a list of results, too.
    """

    segmentation: Annotated[
        RleForm, Doc("masks: run lengths as a list, as in YouTube-VIS (counts), or compressed rle")
    ] = "counts"
    names: Naming = "number"
    pictures: CopyPictures = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes; masks wait in temporary files."""
        top, classes = folder / _FOLDER, classes_of(run.labels)
        top.mkdir(exist_ok=True)
        named = class_names(run.labels).values()
        categories = [{"id": number, "name": name} for number, name in enumerate(named, 1)]
        about = {"description": "Tracks by videoseg"}
        head = {"info": about, "licenses": [], "categories": categories}
        with json_lists(top / _NAME, head, _LISTS) as (videos, annotations), ExitStack() as ends:
            found = {
                stream: _Video(number, name, TrackRecords(ends.enter_context(unnamed_file(folder))))
                for number, (stream, name) in enumerate(stream_names(run.streams).items(), 1)
            }
            for each in labelled_frames(run, folder, self.names):
                video = found[each.scene.stream]
                self._keep(each, video, classes)
                name = each.stem + Path(each.picture).suffix
                if self.pictures:
                    name = each.copy_picture(top / _PICTURES / video.name, each.stem)
                video.pictures.append(f"{video.name}/{name}")
            for stream, video in found.items():
                video.write(videos, annotations, run.streams[stream])

    def _keep(self, each: LabelledFrame, video: _Video, classes: Mapping[str, int]) -> None:
        """Keep what is on a frame until its tracks are written."""
        for tracked in each.scene.instances:
            mask = tracked.instance.mask
            shown = [rle_of(mask, self.segmentation), box_of(mask), masks.area(mask)]
            record = [each.place, classes[tracked.label] + 1, score_of(tracked), *shown]
            video.spool.append(tracked.track_id, record)


@dataclass
class _Video:
    """One stream.

    Attributes:
        number: Its id.
        name: Its folder.
        spool: What its tracks are, by frame.
        pictures: The files of its frames.
    """

    number: int
    name: str
    spool: TrackRecords
    pictures: list[str] = field(default_factory=list)

    def write(self, videos: JsonList, annotations: JsonList, info: StreamInfo) -> None:
        """Write the video and its tracks."""
        size, length = {"width": info.width, "height": info.height}, len(self.pictures)
        video = {"id": self.number, **size, "length": length, "file_names": self.pictures}
        videos.append(video)
        for track_id, records in self.spool.tracks():
            with annotations.growing() as file:
                ids = {"id": annotations.count, "video_id": self.number, "track_id": track_id}
                _write_track(file, {**ids, **size, "iscrowd": 0}, records, length)


def _write_track(
    file: IO[str], ids: Mapping[str, Any], records: Iterable[list[Any]], length: int
) -> None:
    """One annotation: its masks go to the file one by one, all else at the end."""
    boxes: list[Any] = [None] * length
    areas: list[Any] = [None] * length
    category = shown = count = 0
    sum_of_scores = 0.0
    file.write('{"segmentations":[')
    for place, category, score, mask, box, area in records:  # noqa: B007 - all are the track's
        blanks = "null," * (place - shown)
        file.write(f"{blanks}{json_text(mask)}{',' if place + 1 < length else ''}")
        boxes[place], areas[place] = box, area
        shown, count, sum_of_scores = place + 1, count + 1, sum_of_scores + score
    file.write(",".join(["null"] * (length - shown)))
    rest = {"bboxes": boxes, "areas": areas, "category_id": category, **ids}
    rest["score"] = round(sum_of_scores / count, 6)
    file.write(f"],{json_text(rest)[1:]}")


PARTS = {"youtube-vis": YoutubeVis}

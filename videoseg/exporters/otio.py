"""Shots and objects as a timeline of OpenTimelineIO, ``timeline.otio``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import Doc

from videoseg.exporters._frames import file_for_each
from videoseg.exporters._needs import check_installed
from videoseg.exporters._shots import Shot, StreamShots, shots_of
from videoseg.formats.file_names import is_picture
from videoseg.formats.svg_markup import plain
from videoseg.protocols import ReviewItem, RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_OWN = "videoseg"
"""Under this name stands what OpenTimelineIO has no place for."""


@dataclass
class Otio:
    """Writes each shot as a clip of the source; needs ``videoseg[media]``.

    A clip has a green marker for each object that appears in its shot for the first time, over the
    time for which the object stays in the shot, and a red one for each entry of the review list.
    Frames are counted at the nominal rate; the source begins at its timecode, where it has one, and
    else at 0. Several streams get a file each: ``timeline-NAME.otio``.
    """

    objects: Annotated[bool, Doc("a marker for each object")] = True
    review: Annotated[bool, Doc("a marker for each entry of the review list")] = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file a stream.

        Raises:
            MissingDependencyError: OpenTimelineIO is not installed.
        """
        check_installed("opentimelineio", "otio", "media")
        return tuple(file_for_each(streams, "timeline", "otio").values())

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        names = file_for_each(run.streams, "timeline", "otio")
        for stream, found in shots_of(run).items():
            review = [item for item in run.review if item.stream == stream]
            path = folder / names[stream]
            with writing(path):
                text = self._timeline(found, review).to_json_string(indent=2)
                path.write_text(f"{text}\n", "utf-8", newline="\n")

    def _timeline(self, found: StreamShots, review: Sequence[ReviewItem]) -> Any:
        import opentimelineio as otio

        timeline = otio.schema.Timeline(plain(found.info.stream))
        track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
        timeline.tracks.append(track)
        at = _Places(found)
        if found.shots:
            timeline.global_start_time = at.time(found.shots[0].first)
        media = self._media(found, at)
        for number, shot in enumerate(found.shots, 1):
            clip = otio.schema.Clip(
                name=f"{plain(found.info.stream)} shot {number}",
                media_reference=media.clone(),
                source_range=at.range(shot.first, shot.length),
            )
            clip.markers.extend(self._markers(shot, at, review))
            track.append(clip)
        return timeline

    def _media(self, found: StreamShots, at: _Places) -> Any:
        """The source: at least as long as what is shown of it."""
        import opentimelineio as otio

        after = max((shot.last + 1 for shot in found.shots), default=0)
        length = max(found.info.frame_count or 0, after)
        location = found.info.location or found.info.stream
        if found.pictures is None:
            return otio.schema.ExternalReference(plain(_whole(location)), at.range(0, length))
        folder = Path(location).parent if is_picture(Path(location)) else Path(location)
        return otio.schema.ImageSequenceReference(
            target_url_base=plain(Path(_whole(folder)).as_posix()),
            name_prefix=plain(found.pictures.prefix),
            name_suffix=plain(found.pictures.suffix),
            start_frame=found.info.start_number,
            rate=float(found.rate),
            frame_zero_padding=found.pictures.digits,
            available_range=at.range(0, length),
        )

    def _markers(self, shot: Shot, at: _Places, review: Sequence[ReviewItem]) -> Iterator[Any]:
        import opentimelineio as otio

        colours = otio.schema.MarkerColor
        for each in shot.objects.values() if self.objects else ():
            yield otio.schema.Marker(
                name=plain(f"{each.label} {each.track_id}"),
                marked_range=at.range(each.first, each.last - each.first + 1),
                color=colours.GREEN,
                metadata={_OWN: {"track_id": each.track_id, "label": plain(each.label)}},
            )
        for item in review if self.review else ():
            first = at.number(item.frame)
            if first is None or not shot.first <= first <= shot.last:
                continue
            until = at.number(item.until)
            after = shot.last + 1 if until is None else min(until, shot.last + 1)
            yield otio.schema.Marker(
                name=plain(str(item)),
                marked_range=at.range(first, max(1, after - first)),
                color=colours.RED,
                metadata={_OWN: {"review": item.kind, "track_id": item.track}},
            )


def _whole(location: str | Path) -> str:
    """A path from the root on: programs look for others beside the timeline.

    It is no ``file:`` address, which Resolve does not take. What is not there stays as it is.
    """
    return os.path.abspath(location) if os.path.exists(location) else str(location)


@dataclass(frozen=True)
class _Places:
    """Frames of a stream as OpenTimelineIO counts them: from timecode 0, at the nominal rate."""

    shots: StreamShots

    def time(self, number: int) -> Any:
        """When a frame is."""
        import opentimelineio as otio

        return otio.opentime.RationalTime(self.shots.start + number, float(self.shots.rate))

    def range(self, number: int, length: int) -> Any:
        """So many frames from one on."""
        import opentimelineio as otio

        span = otio.opentime.RationalTime(length, float(self.shots.rate))
        return otio.opentime.TimeRange(self.time(number), span)

    def number(self, frame: int | None) -> int | None:
        """The number of a frame of the run that the review list names."""
        return None if frame is None else self.shots.numbers.get(frame)


PARTS = {"otio": Otio}

"""Shots and objects as an edit decision list in the form CMX 3600, ``timeline.edl``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc

from videoseg.exporters._frames import file_for_each
from videoseg.exporters._shots import Shot, StreamShots, shots_of
from videoseg.formats.label_classes import one_line
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_NOT_IN_A_REEL = re.compile("[^A-Za-z0-9]+")
_LONGEST_REEL = 8
_LONGEST_TITLE = 70


@dataclass
class Edl:
    """Writes each shot as a cut of the source, at the source's own timecode.

    Sources without a timecode begin at 00:00:00:00. The record side has the times of the source.
    ``* LOC`` lines mark each object where it appears in its shot for the first time, in green, and
    the review list in red; they are ASCII without accents, other letters become ``?``. Frames are
    counted at the nominal rate, drop-frame where the source's timecode is. Several streams get a
    file each: ``timeline-NAME.edl``.
    """

    markers: Annotated[bool, Doc("mark objects and what is to be looked at again")] = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file a stream."""
        return tuple(file_for_each(streams, "timeline", "edl").values())

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        names = file_for_each(run.streams, "timeline", "edl")
        for stream, found in shots_of(run).items():
            review = [
                (found.numbers[item.frame], str(item))
                for item in run.review
                if item.stream == stream and item.frame in found.numbers
            ]
            path = folder / names[stream]
            with writing(path), path.open("w", encoding="ascii", newline="\n") as file:
                file.writelines(f"{line}\n" for line in self._lines(found, review))

    def _lines(self, found: StreamShots, review: Sequence[tuple[int, str]]) -> Iterator[str]:
        name = _ascii(found.info.stream)
        reel = _NOT_IN_A_REEL.sub("", name)[:_LONGEST_REEL].upper() or "AX"
        yield f"TITLE: {name[:_LONGEST_TITLE]}"
        yield f"FCM: {'DROP FRAME' if ';' in found.timecode(0) else 'NON-DROP FRAME'}"
        for number, shot in enumerate(found.shots, 1):
            span = f"{found.timecode(shot.first)} {found.timecode(shot.last + 1)}"
            yield ""
            yield f"{number:03d}  {reel:<8} V     C        {span} {span}"
            yield f"* FROM CLIP NAME:  {_ascii(found.file_name)}"
            if self.markers:
                yield from _markers(found, shot, review)


def _markers(found: StreamShots, shot: Shot, review: Sequence[tuple[int, str]]) -> Iterator[str]:
    marks = [
        (each.first, "GREEN", f"{each.label} {each.track_id}") for each in shot.objects.values()
    ]
    marks += [(at, "RED", text) for at, text in review if shot.first <= at <= shot.last]
    for at, colour, text in sorted(marks, key=lambda mark: mark[0]):
        # Programs that read locators know colons alone; the line FCM says what is dropped.
        yield f"* LOC: {found.timecode(at).replace(';', ':')} {colour:<7} {_ascii(text)}"


def _ascii(text: str) -> str:
    """One line that every program reads: accents are left out, other letters become ``?``."""
    parted = unicodedata.normalize("NFKD", one_line(text))
    kept = "".join(each for each in parted if not unicodedata.combining(each))
    return kept.encode("ascii", "replace").decode("ascii")


PARTS = {"edl": Edl}

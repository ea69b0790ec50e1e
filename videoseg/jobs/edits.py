"""Corrections of a finished run, as people ask for them: checked, completed, and kept beside it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videoseg.errors import PathDataError, UsageError
from videoseg.geometry import masks
from videoseg.jobs.logged_times import LoggedTimes
from videoseg.jobs.mask_files import read_mask
from videoseg.jobs.positions import frame_index, parse_position
from videoseg.runlog.codec import Json
from videoseg.runlog.edits import (
    Delete,
    EditLog,
    Hide,
    Merge,
    Operation,
    Outline,
    Rename,
    Split,
    apply,
)
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.reader import RunFolder, read_run
from videoseg.runlog.staging import settle
from videoseg.types import Mask, Scene, StreamInfo, TrackedInstance
from videoseg.types.values import whole

_LONGEST = 1000
"""Letters of a label that is given by hand."""
_LISTED = 8
"""A message names at most so many tracks."""
_OUTPUTS = ("writers", "exporters")
"""Tables of settings that name the outputs of a run."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track of a run as its edits leave it.

    Attributes:
        id: Its id.
        label: Its label.
        prompt: Index of its prompt.
        stream: The stream that it is in first.
        first: The first frame that it is on.
        last: The last one.
        frames: On how many it is.
        hidden: Whether it is hidden on all of them.
    """

    id: int
    label: str
    prompt: int
    stream: str
    first: int
    last: int
    frames: int
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Survey:
    """What one reading of a run's log tells.

    Attributes:
        tracks: The tracks by id, in ascending order, as the edits leave them.
        last: For each stream the index of its last frame.
        highest: The highest id that the tracker gave.
    """

    tracks: dict[int, Track]
    last: dict[str, int]
    highest: int


class RunEdits:
    """The corrections of one finished run.

    Each method that makes one writes it down and gives the ``RunEdits`` with it; frames are indices
    of the track's stream. Nothing that the run has written changes by it: ``older`` names what does
    not show it yet.

    Args:
        folder: The output folder.
        log: Its edits, where they were read before.

    Attributes:
        folder: The output folder.
        log: Its edits.

    Raises:
        RunLogError: It holds no finished run, or the edits are damaged or of another run.
    """

    def __init__(self, folder: Path, log: EditLog | None = None) -> None:
        settle(folder)
        self.folder = folder
        self.manifest: Mapping[str, Json] = read_manifest(folder)
        self.log = EditLog.load(folder) if log is None else log
        self._run: RunFolder = read_run(folder)

    def tracks(self) -> Mapping[int, Track]:
        """The tracks of the run by id, in ascending order, as the edits leave them."""
        return self._survey.tracks

    @functools.cached_property
    def _survey(self) -> _Survey:
        """What the log tells; it is read once."""
        found: dict[int, Track] = {}
        last: dict[str, int] = {}
        highest = 0
        operations = self.log.active()
        for tracked in self._run.sightings():
            last[tracked.stream] = tracked.index
            highest = max(highest, *(each.track_id for each in tracked.instances), 0)
            for each in apply(tracked, operations).instances:
                found[each.track_id] = _seen(found.get(each.track_id), each, tracked)
        return _Survey({track: found[track] for track in sorted(found)}, last, highest)

    def index_of(self, place: str, track: int, *, ends: bool = False) -> int:
        """The frame at a place (``jobs.positions``) of the stream that a track is in.

        Args:
            place: As people write it.
            track: Id of the track.
            ends: Whether frames end before it, so that it may lie behind the last.

        Raises:
            UsageError: It is no place, lies behind the end, or there is no such track.
        """
        info = self._run.streams[self._track(track).stream]
        index = frame_index(parse_position(place), info, LoggedTimes(self._run, info))
        if not ends and index > (last := self._survey.last[info.stream]):
            hint = f"; write {place}f for the frame {place}" if place.isdecimal() else ""
            raise UsageError(f"{place} is after the last frame, {last}{hint}")
        return index

    def rename(self, track: int, label: str) -> RunEdits:
        """Give a track another label."""
        label = label.strip()
        if not label:
            raise UsageError("a label is text that is not empty")
        if label != _text(label) or len(label) > _LONGEST:
            raise UsageError(f"a label is text in UTF-8 of at most {_LONGEST} letters")
        return self._made(Rename(self._track(track).id, label))

    def merge(self, track: int, other: int) -> RunEdits:
        """Make one track of two, which keeps the id and the label of the first."""
        kept, gone = self._track(track), self._track(other)
        if kept.id == gone.id:
            raise UsageError(f"track {kept.id} cannot be merged with itself")
        return self._made(Merge(kept.id, gone.id, _text(kept.label), kept.prompt))

    def split(self, track: int, at: int) -> RunEdits:
        """Make two tracks of one: from frame ``at`` on it has the next id that is free."""
        known, at = self._track(track), whole(at, "at")
        if not known.first < at <= known.last:
            raise UsageError(
                f"track {known.id} is on frames {known.first} to {known.last}; it can be split at "
                f"a frame after the first of them, not at {at}"
            )
        return self._made(Split(known.id, at, self._free_id()))

    def delete(self, track: int, start: int | None = None, stop: int | None = None) -> RunEdits:
        """Leave a track out of everything, on frames from ``start`` to before ``stop``."""
        return self._made(Delete(self._track(track).id, *self._between(track, start, stop)))

    def hide(self, track: int, start: int | None = None, stop: int | None = None) -> RunEdits:
        """Draw a track nowhere, on frames from ``start`` to before ``stop``; tables keep it."""
        return self._made(Hide(self._track(track).id, *self._between(track, start, stop)))

    def outline(self, track: int, at: int, path: str | None = None, mask: Any = None) -> RunEdits:
        """Give a track an outline on one frame.

        Args:
            track: Its id.
            at: Index of the frame.
            path: SVG path data, in pixels of the frame.
            mask: In its place a ``Mask``, an array of the whole frame, or a PNG or SVG file.
        """
        known, at = self._track(track), whole(at, "at")
        info = self._run.streams[known.stream]
        scenes = self._run.sightings()
        if not any(each.index == at and each.stream == info.stream for each in scenes):
            raise UsageError(f"{info.stream} has no frame {at}")
        if (path is None) == (mask is None):
            raise UsageError("an outline is a path or a mask; give one of the two")
        counts = None if mask is None else masks.encode_rle(_mask(mask, info))
        size = (info.width, info.height)
        label = _text(known.label)
        made = Outline(known.id, at, size, path, counts, info.stream, label, known.prompt)
        try:
            drawn = made.drawn()
        except (PathDataError, ValueError) as error:
            raise UsageError(f"the outline cannot be read: {error}") from error
        if drawn is None:
            raise UsageError(
                f"the outline holds no pixel of the frame, which is {size[0]} x {size[1]}"
            )
        return self._made(made)

    def undo(self) -> RunEdits:
        """Take back the last correction."""
        return RunEdits(self.folder, self.log.undo())

    def redo(self) -> RunEdits:
        """Bring back what was taken back last."""
        return RunEdits(self.folder, self.log.redo())

    def older(self) -> tuple[str, ...]:
        """Names of the outputs that were written before the corrections that hold now."""
        written, now = self.manifest.get("edited", {}), self.log.active()
        names = [name for kind in _OUTPUTS for name in self.manifest["settings"].get(kind, {})]
        return tuple(name for name in names if self.log.active(written.get(name, 0)) != now)

    def _made(self, operation: Operation) -> RunEdits:
        return RunEdits(self.folder, self.log.append(operation))

    def _track(self, track: int) -> Track:
        """A track by its id.

        Raises:
            UsageError: There is none.
        """
        known = self.tracks()
        if (number := whole(track, "a track")) in known:
            return known[number]
        listed = ", ".join(str(each) for each in [*known][:_LISTED])
        more = ", ..." if len(known) > _LISTED else ""
        raise UsageError(f"{self.folder} has no track {number}; it has {listed or 'none'}{more}")

    def _between(
        self, track: int, start: int | None, stop: int | None
    ) -> tuple[int | None, int | None]:
        """Two frames, between which a track must be somewhere."""
        first = None if start is None else whole(start, "start")
        behind = None if stop is None else whole(stop, "stop")
        if behind is not None and behind <= (first or 0):
            raise UsageError(f"there are no frames from {first or 0} to {behind}")
        if first is None and behind is None:
            return None, None
        operations = self.log.active()
        for scene in self._run.sightings():
            inside = scene.index >= (first or 0) and (behind is None or scene.index < behind)
            shown = apply(scene, operations).instances if inside else ()
            if any(each.track_id == track for each in shown):
                return first, behind
        end = "the end" if behind is None else f"before {behind}"
        raise UsageError(f"track {track} is on no frame from {first or 0} to {end}")

    def _free_id(self) -> int:
        """The least id above all that the run and its edits have ever given."""
        split = [one.change.new for one in self.log.entries if isinstance(one.change, Split)]
        return 1 + max([self._survey.highest, *(each for each in split if each is not None)])


def _seen(known: Track | None, item: TrackedInstance, scene: Scene) -> Track:
    """A track with what is seen of it on one more frame."""
    if known is None:
        of = (item.track_id, item.label, item.instance.prompt, scene.stream)
        return Track(*of, scene.index, scene.index, 1, item.hidden)
    hidden = known.hidden and item.hidden
    return replace(known, last=scene.index, frames=known.frames + 1, hidden=hidden)


def _mask(given: Any, info: StreamInfo) -> Mask:
    """The pixels of a mask, of whatever kind it is given."""
    from videoseg.types import Cue

    cue = Cue(mask=given)
    mask = cue.mask if cue.mask_file is None else read_mask(cue.mask_file, info)
    assert mask is not None  # noqa: S101 - a cue holds either
    if (mask.frame_width, mask.frame_height) != (info.width, info.height):
        raise UsageError(
            f"the mask is {mask.frame_width} x {mask.frame_height}, but {info.stream} is "
            f"{info.width} x {info.height}; a mask has the size of the frame"
        )
    return mask


def _text(label: str) -> str:
    """A label in letters that a file can hold."""
    return label.encode("utf-8", "replace").decode("utf-8") or "object"

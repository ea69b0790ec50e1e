"""Edits of a finished run that a new run of the same answers takes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.errors import OutputError
from videoseg.geometry import masks
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.edited import Edited
from videoseg.runlog.edits import NAME, EditLog, Split, run_mark
from videoseg.runlog.plan import Plan
from videoseg.runlog.reader import RunFolder
from videoseg.types import Scene

_SAME = 0.5
"""Overlap of masks (IoU) from which a track is where it was before; and the share of its frames on
which it must be."""


@dataclass(slots=True)
class CarriedEdits:
    """Edits on their way from one run to another.

    Attributes:
        log: The edits.
        before: The run that they were made on.
        streams: For each stream of the new run its name in the run before.
    """

    log: EditLog
    before: RunFolder
    streams: Mapping[str, str]
    _ids: dict[int, list[int]] = field(init=False, repr=False)
    _new: set[int] = field(init=False, repr=False)
    _met: set[int] = field(init=False, repr=False, default_factory=set)
    _scenes: Iterator[Scene] = field(init=False, repr=False)
    _waiting: dict[tuple[str, int], Scene] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        operations = self.log.active()
        self._new = {each.new for each in operations if isinstance(each, Split) and each.new}
        named = {each.track for each in operations} | {
            getattr(each, "other", each.track) for each in operations
        }
        self._ids = {track: [0, 0] for track in sorted(named - self._new)}
        self._scenes = self.before.tracked()

    def edited(self, vectorizer: Vectorizer) -> Edited:
        """What is shown of the new run's Scenes, with outlines by its settings."""
        return edited(self.log, vectorizer)

    def watch(self, scene: Scene) -> None:
        """Compare the tracks of a Scene that were edited with those of the run before."""
        key = (self.streams.get(scene.stream, scene.stream), scene.index)
        while key not in self._waiting:
            found = next(self._scenes, None)
            if found is None:
                return
            self._waiting[found.stream, found.index] = found
        then = {each.track_id: each for each in self._waiting.pop(key).instances}
        now = {each.track_id: each for each in scene.instances}
        self._met |= self._new & now.keys()
        for track, counts in self._ids.items():
            both = track in then and track in now
            counts[0] += track in then or track in now
            counts[1] += both and (
                masks.iou(then[track].instance.mask, now[track].instance.mask) >= _SAME
            )

    def notes(self) -> Iterator[str]:
        """What does not fit the new run, once all of its Scenes were watched; a line each."""
        for track, (seen, same) in self._ids.items():
            if (not same and seen) or same < _SAME * seen:
                yield (
                    f"edits: track {track} is not where it was before on {seen - same} of {seen} "
                    f"frames; check what was edited of it, or take it back (undo)"
                )
        for track in sorted(self._met):
            yield (
                f"edits: a split gave the id {track}, which this run has given to a track of its "
                "own; where both are, nothing is split: take the split back (undo) and split again"
            )

    def write(self, folder: Path, plan: Plan) -> None:
        """Write the edits into a folder, as those of the new run."""
        path = folder / NAME
        made = self.log.moved(folder, run_mark(plan.to_json()))
        try:
            path.write_bytes(made.to_bytes())
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error

    def check_unchanged(self) -> None:
        """Refuse to go on where somebody has edited since these edits were read.

        Raises:
            OutputError: It is so.
        """
        self.log.check_unchanged()


def edited(log: EditLog, vectorizer: Vectorizer, until: int | None = None) -> Edited:
    """What is shown of the Scenes of a run, with outlines by these settings."""
    return Edited(log.active(until), lambda instance: next(iter(vectorizer.shapes([instance]))))

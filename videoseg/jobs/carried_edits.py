"""What a run made anew takes over from the one before: ids of its tracks, and edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from videoseg.errors import OutputError
from videoseg.jobs.earlier_tracks import EarlierTracks
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.edited import Edited
from videoseg.runlog.edits import NAME, EditLog, Operation, Split, run_mark
from videoseg.runlog.plan import Plan

_SAME_SHARE = 0.5
"""Share of its frames on which an edited track must be where it was before."""


@dataclass(frozen=True, slots=True)
class CarriedEdits:
    """Edits on their way from one run to another, whose tracks keep their ids.

    Attributes:
        log: The edits; there may be none.
        tracks: Gives the tracks of the new run their ids.
    """

    log: EditLog
    tracks: EarlierTracks

    @property
    def names(self) -> tuple[str, ...]:
        """What they add to the output folder."""
        return (NAME,) if self.log.entries else ()

    def edited(self, vectorizer: Vectorizer) -> Edited:
        """What is shown of the new run's Scenes, with outlines by its settings."""
        return edited(self.log, vectorizer)

    def notes(self) -> Iterator[str]:
        """What does not fit the new run, once all of its Scenes have ids; a line each."""
        for track, (seen, same) in self.tracks.agreement.items():
            if (not same and seen) or same < _SAME_SHARE * seen:
                yield (
                    f"edits: track {track} is not where it was before on {seen - same} of {seen} "
                    f"frames; check what was edited of it, or take it back (undo)"
                )

    def write(self, folder: Path, plan: Plan) -> None:
        """Write the edits, if there are any, into a folder, as those of the new run."""
        path = folder / NAME
        if not self.log.entries:
            return
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


def given_ids(log: EditLog) -> frozenset[int]:
    """Ids that edits have given to tracks, also those that hold no more."""
    changes = (entry.change for entry in log.entries)
    return frozenset(each.new for each in changes if isinstance(each, Split) and each.new)


def named_ids(log: EditLog) -> frozenset[int]:
    """Ids of the tracks of the run itself that the edits in force name."""
    return frozenset(track for each in log.active() for track in _named(each)) - given_ids(log)


def _named(operation: Operation) -> tuple[int, ...]:
    other = getattr(operation, "other", None)
    return (operation.track,) if other is None else (operation.track, other)


def edited(log: EditLog, vectorizer: Vectorizer, until: int | None = None) -> Edited:
    """What is shown of the Scenes of a run, with outlines by these settings."""
    return Edited(log.active(until), lambda instance: next(iter(vectorizer.shapes([instance]))))

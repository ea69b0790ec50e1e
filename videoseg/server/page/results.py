"""A finished run with its edits, for a browser: tracks and their bars, cuts, outlines of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from videoseg.config.run_config import load
from videoseg.errors import UsageError
from videoseg.jobs.finished_run import run_of
from videoseg.runlog.edits import EditLog
from videoseg.runlog.findings import Finding
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.reader import RunFolder
from videoseg.server.page.edited_frames import edited_bars, edited_items
from videoseg.server.page.tracked_frames import Bar, TrackedFrames
from videoseg.types import Instance, Shape

_MOST_AT_ONCE = 240
"""Frames in one answer."""


class Results(AbstractContextManager["Results"]):
    """A finished run with its edits as they are now.

    Args:
        folder: Its output folder.
        before: Results of this folder that were shown until now: what they have read is taken over
            if it is still the same run, and they are left to nobody then.

    Raises:
        RunLogError: It holds no finished run, or a damaged one.
    """

    def __init__(self, folder: Path, before: Results | None = None) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.edits = EditLog.load(folder)
        tables = {k: table for k, table in self.manifest["settings"].items() if k == "outlines"}
        self._outlines = load(recorded=tables).outlines
        self.run: RunFolder = run_of(folder, self.manifest, self.edits, self._outlines)
        kept = None if before is None or not before.frames.is_of(self.run) else before.frames
        self._takes_over = kept is not None
        self.frames: TrackedFrames = kept or TrackedFrames(self.run)
        self._operations = self.edits.active()
        self._bars: tuple[int, bool, dict[int, Bar]] | None = None

    def __enter__(self) -> Self:
        if not self._takes_over:
            self.frames.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.frames.__exit__()

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been read."""
        return self.frames.is_whole

    def is_current(self) -> bool:
        """Whether nobody has edited the run or made it anew since it was read."""
        log = EditLog.load(self.folder)
        return log.generation == self.edits.generation and self.frames.is_of(self.run)

    @property
    def location(self) -> str:
        """Where its input was."""
        return str(self.manifest["inputs"][0]["name"])

    def wait(self, seconds: float | None = None) -> None:
        """Return when all of it has been read, or after so many seconds."""
        self.frames.wait(seconds)

    def to_json(self) -> dict[str, Any]:
        """All but the outlines."""
        whole = self.is_whole
        survey = self.frames.survey()
        bars = survey.bars
        if self._operations:
            if self._bars is None or self._bars[:2] != (survey.frames, whole):
                edited = edited_bars(bars, self._operations, self.frames.stream)
                self._bars = survey.frames, whole, edited
            bars = self._bars[2]
        return {
            "folder": str(self.folder),
            "whole": whole,
            "reason": self.frames.reason,
            "frames": survey.frames,
            "tracks": [bars[track].to_json() for track in sorted(bars)],
            "cuts": survey.cuts,
            "review": [finding.to_json() for finding in self._review()],
            "generation": self.edits.generation,
            "edits": [entry.to_json() for entry in self.edits.in_force()],
            "redoable": self._redoable(),
        }

    def outlines(self, start: int, stop: int) -> dict[str, Any]:
        """The outlines of frames ``start <= index < stop``, as far as they have been read.

        Raises:
            UsageError: These are too many frames.
        """
        indices = _range(start, stop)
        whole = self.is_whole
        found = self.frames.outlines(indices)
        if self._operations and found:
            bars, stream = self.frames.survey().bars, self.frames.stream
            info = self.run.streams[stream]
            size = info.width, info.height
            for index, items in found.items():
                given = index, items, self._operations, bars, stream, size
                found[index] = edited_items(*given, self._outline)
        return {"frames": {str(index): items for index, items in found.items()}, "whole": whole}

    def found(self, start: int, stop: int) -> dict[str, Any]:
        """The same as the model found them, before they were steadied and corrected."""
        return self.frames.found(self._outlines).outlines(_range(start, stop))

    def _outline(self, instance: Instance) -> Shape:
        return next(iter(self._outlines.shapes([instance])))

    def _review(self) -> Iterator[Finding]:
        return (each for each in self.run.review if isinstance(each, Finding))

    def _redoable(self) -> bool:
        undone = 0
        for entry in self.edits.entries:
            undone = undone + 1 if entry.kind == "undo" else max(0, undone - 1)
            undone = undone if entry.kind in ("undo", "redo") else 0
        return undone > 0


def _range(start: int, stop: int) -> range:
    if not 0 <= start <= stop <= start + _MOST_AT_ONCE:
        raise UsageError(f"ask for at most {_MOST_AT_ONCE} frames at once")
    return range(start, stop)

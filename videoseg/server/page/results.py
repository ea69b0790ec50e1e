"""What a finished run holds, for a browser: tracks and their bars, cuts, and each frame's outlines.

The log of a run is read once, from its beginning. What the page may ask for, the outlines of any
frame, is kept in a file without a name: in memory there are a number for every frame and the bars.
"""

from __future__ import annotations

import json
import tempfile
import threading
from array import array
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from videoseg.config.run_config import load
from videoseg.errors import UsageError
from videoseg.formats.svg_path import format_path
from videoseg.jobs.finished_run import run_of
from videoseg.runlog.edits import EditLog, Outline
from videoseg.runlog.findings import Finding
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.reader import RunFolder
from videoseg.server.page.work import sentence
from videoseg.types import Scene

_MOST_AT_ONCE = 240
"""Frames in one answer."""


@dataclass
class Bar:
    """A track on the timeline.

    Attributes:
        track: Its id.
        label: Its label on its last frame.
        prompt: Place of its prompt.
        runs: First frame, last frame and state of each stretch of frames that are alike.
    """

    track: int
    label: str
    prompt: int
    runs: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, index: int, state: str, label: str) -> None:
        """One more frame of it."""
        self.label = label
        if self.runs:
            first, last, before = self.runs[-1]
            if index == last + 1 and state == before:
                self.runs[-1] = (first, index, state)
                return
        self.runs.append((index, index, state))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "track": self.track,
            "label": self.label,
            "prompt": self.prompt,
            "runs": self.runs,
        }


class Results(AbstractContextManager["Results"]):
    """A finished run with its edits as they are now; read on a thread of its own.

    Args:
        folder: Its output folder.

    Raises:
        RunLogError: It holds no finished run, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.edits = EditLog.load(folder)
        tables = {k: table for k, table in self.manifest["settings"].items() if k == "outlines"}
        outlines = load(recorded=tables).outlines
        self.run: RunFolder = run_of(folder, self.manifest, self.edits, outlines)
        self.stream = next(iter(self.run.streams))
        self.reason = ""
        self.bars: dict[int, Bar] = {}
        self.cuts: list[int] = []
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed on leaving
        self._ends = array("q", [0])
        self._places: dict[int, int] = {}
        self._lock = threading.Lock()
        self._left = self._whole = False
        self._thread = threading.Thread(target=self._read, name="videoseg-results", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        self._thread.join()
        with self._lock:
            self._file.close()

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been read."""
        return self._whole

    @property
    def location(self) -> str:
        """Where its input was."""
        return str(self.manifest["inputs"][0]["name"])

    def wait(self, seconds: float | None = None) -> None:
        """Return when all of it has been read, or after so many seconds."""
        self._thread.join(seconds)

    def to_json(self) -> dict[str, Any]:
        """All but the outlines."""
        with self._lock:
            bars = [self.bars[track].to_json() for track in sorted(self.bars)]
            cuts, frames = list(self.cuts), len(self._ends) - 1
        return {
            "folder": str(self.folder),
            "whole": self._whole,
            "reason": self.reason,
            "frames": frames,
            "tracks": bars,
            "cuts": cuts,
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
        if not 0 <= start <= stop <= start + _MOST_AT_ONCE:
            raise UsageError(f"ask for at most {_MOST_AT_ONCE} frames at once")
        with self._lock:
            found: dict[str, Any] = {}
            if self._left:  # it is being read anew
                return {"frames": found, "whole": False}
            for index in range(start, stop):
                place = self._places.get(index)
                if place is not None:
                    self._file.seek(self._ends[place])
                    text = self._file.read(self._ends[place + 1] - self._ends[place])
                    found[str(index)] = json.loads(text)
            return {"frames": found, "whole": self._whole}

    def _review(self) -> Iterator[Finding]:
        return (each for each in self.run.review if isinstance(each, Finding))

    def _redoable(self) -> bool:
        undone = 0
        for entry in self.edits.entries:
            undone = undone + 1 if entry.kind == "undo" else max(0, undone - 1)
            undone = undone if entry.kind in ("undo", "redo") else 0
        return undone > 0

    def _read(self) -> None:
        operations = self.edits.active()
        drawn = {(each.track, each.at) for each in operations if isinstance(each, Outline)}
        try:
            shot = 0
            for scene in self.run.scenes():
                if self._left:
                    return
                if scene.stream != self.stream:
                    continue
                self._add(scene, is_cut=scene.shot != shot, drawn=drawn)
                shot = scene.shot
            self._whole = True
        except Exception as error:  # shown to who looks
            self.reason = sentence(error)

    def _add(self, scene: Scene, *, is_cut: bool, drawn: Collection[tuple[int, int]]) -> None:
        shown = scene.instances
        states = {
            each.track_id: "corrected" if (each.track_id, scene.index) in drawn else each.state
            for each in shown
        }
        items = [
            {
                "track": each.track_id,
                "state": states[each.track_id],
                "score": round(each.instance.score, 3),
                "path": format_path(each.shape),
            }
            for each in shown
        ]
        text = json.dumps(items).encode()
        with self._lock:
            self._file.seek(self._ends[-1])
            self._file.write(text)
            self._places[scene.index] = len(self._ends) - 1
            self._ends.append(self._ends[-1] + len(text))
            if is_cut:
                self.cuts.append(scene.index)
            for each in shown:
                bar = self.bars.get(each.track_id)
                if bar is None:
                    bar = Bar(each.track_id, each.label, each.instance.prompt)
                    self.bars[each.track_id] = bar
                bar.add(scene.index, states[each.track_id], each.label)

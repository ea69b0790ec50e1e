"""What a finished run has found, as it was tracked: bars of tracks, cuts, each frame's outlines.

The log of a run is read once, from its beginning.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Self

from videoseg.formats.svg_path import format_path
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.log import SCENES
from videoseg.runlog.reader import RunFolder
from videoseg.server.page.found_frames import FoundFrames
from videoseg.server.page.stored_frames import StoredFrames
from videoseg.server.page.work import sentence
from videoseg.types import Scene


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

    def add(self, first: int, last: int, state: str) -> None:
        """More frames of it, behind those that it has."""
        if self.runs:
            begun, ended, before = self.runs[-1]
            if first == ended + 1 and state == before:
                self.runs[-1] = (begun, last, state)
                return
        self.runs.append((first, last, state))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "track": self.track,
            "label": self.label,
            "prompt": self.prompt,
            "runs": self.runs,
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """What has been read until now.

    Attributes:
        frames: How many frames.
        bars: The tracks, by id.
        cuts: The first frames of shots, but for the first.
    """

    frames: int
    bars: dict[int, Bar]
    cuts: list[int]


class TrackedFrames(AbstractContextManager["TrackedFrames"]):
    """A finished run without its edits; read on a thread of its own.

    Args:
        run: Its log.
    """

    def __init__(self, run: RunFolder) -> None:
        self.stream = next(iter(run.streams))
        self.reason = ""
        self._run = run
        self._mark = _mark_of(run)
        self._bars: dict[int, Bar] = {}
        self._cuts: list[int] = []
        self._stored = StoredFrames()
        self._found: FoundFrames | None = None
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
            found, self._found = self._found, None
        if found is not None:
            found.close()
        self._stored.close()

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been read."""
        return self._whole

    def is_of(self, run: RunFolder) -> bool:
        """Whether a run is still the one that was read."""
        return self._mark == _mark_of(run)

    def wait(self, seconds: float | None = None) -> None:
        """Return when all of it has been read, or after so many seconds."""
        self._thread.join(seconds)

    def survey(self) -> Survey:
        """What has been read until now."""
        with self._lock:
            bars = {
                each.track: Bar(each.track, each.label, each.prompt, list(each.runs))
                for each in self._bars.values()
            }
            return Survey(len(self._stored), bars, list(self._cuts))

    def outlines(self, indices: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """The outlines of some frames, as far as they have been read."""
        return self._stored.get(indices)

    def found(self, vectorizer: Vectorizer) -> FoundFrames:
        """What the model found, before it was steadied."""
        with self._lock:
            if self._found is None:
                self._found = FoundFrames(self._run, vectorizer)
            return self._found

    def _read(self) -> None:
        try:
            shot = 0
            for scene in self._run.tracked():
                if self._left:
                    return
                if scene.stream != self.stream:
                    continue
                self._add(scene, is_cut=scene.shot != shot)
                shot = scene.shot
            self._whole = True
        except Exception as error:  # shown to who looks
            self.reason = sentence(error)

    def _add(self, scene: Scene, *, is_cut: bool) -> None:
        items = [
            {
                "track": each.track_id,
                "state": each.state,
                "score": round(each.instance.score, 3),
                "path": format_path(each.shape),
            }
            for each in scene.instances
        ]
        self._stored.put(scene.index, items)
        with self._lock:
            if is_cut:
                self._cuts.append(scene.index)
            for each in scene.instances:
                bar = self._bars.get(each.track_id)
                if bar is None:
                    bar = Bar(each.track_id, each.label, each.instance.prompt)
                    self._bars[each.track_id] = bar
                bar.label = each.label
                bar.add(scene.index, scene.index, each.state)


def _mark_of(run: RunFolder) -> tuple[int, int, int]:
    """Tells apart the logs that a folder has held one after the other."""
    found = (run.folder / SCENES).stat()
    return found.st_ino, found.st_mtime_ns, found.st_size

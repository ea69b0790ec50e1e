"""How long a run would take and how much it would write, from a trial on a few of its frames."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.jobs.job import Job
from videoseg.protocols import Exporter
from videoseg.types import Frame

_PARTS = 3
_LEAST = 8
"""Frames of a part, unless a batch is longer."""
_ENOUGH = 15.0
"""Seconds after which no further part is begun."""
_AHEAD = frozenset({"decode"})
"""Stages of the thread that reads ahead."""
_MAIN = frozenset({"model", "track", "vectorize", "review"})
"""Stages of the thread that asks the model; all others are of the thread that writes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take, if all its frames were as those of the trial.

    Attributes:
        frames: Frames of the run, or None if unknown.
        calls: Calls of the model, or None if unknown.
        tried: Frames of the trial.
        parts: Places that they were taken from: first index and the one after the last.
        spent: Seconds that the trial took.
        per_frame: Seconds for each frame by stage; of exporters, the share of a frame.
        quickest: Seconds of the run if its threads never waited for each other or for a core.
        slowest: The same if they took turns.
        size: Bytes that it would write.
    """

    frames: int | None
    calls: int | None
    tried: int
    parts: tuple[tuple[int, int], ...]
    spent: float
    per_frame: Mapping[str, float]
    quickest: float | None
    slowest: float | None
    size: int | None


def estimate(job: Job) -> Estimate:
    """Do all of a run on a few frames at its start, middle and end, and scale that up.

    Everything is made in a temporary folder and removed. The job is of no use for a run after it.

    Raises:
        VideosegError: Whatever would be wrong with the run on these frames.
    """
    begun = time.perf_counter()
    for _ in job.look(job.ends[:1]):  # loads the model and lets it settle
        pass
    load = time.perf_counter() - begun
    trial = _Trial(job)
    written = trial.run()
    tried = max(1, trial.count)
    seconds = {**job.clock.seconds, "decode": statistics.median(trial.decoding or [0.0]) * tried}
    idle = ("wait", "load model")
    per_frame = {name: each / tried for name, each in seconds.items() if name not in idle}
    first, last = job.ends
    frames = job.frame_count
    if frames is None and last is not None:
        frames = len(range(first, last + 1, job.source_every))
    quickest, slowest = _between(per_frame, job)
    back = job.frames_back
    load += back * sum(per_frame.get(name, 0.0) for name in ("decode", "model"))
    return Estimate(
        frames=frames,
        calls=None if frames is None else math.ceil(frames / (job.batch or 1)) + back,
        tried=trial.count,
        parts=tuple(trial.parts),
        spent=time.perf_counter() - begun,
        per_frame=per_frame,
        quickest=None if frames is None else load + frames * quickest,
        slowest=None if frames is None else load + frames * slowest,
        size=None if frames is None else round(written * frames / tried),
    )


def _between(per_frame: Mapping[str, float], job: Job) -> tuple[float, float]:
    """Seconds for a frame where all threads work at once, and where they take turns."""
    exporters = {name for name, part in job.outputs.items() if isinstance(part, Exporter)}
    after = sum(spent for name, spent in per_frame.items() if name in exporters)
    threads = {"ahead": 0.0, "main": 0.0, "behind": 0.0}
    for name, spent in per_frame.items():
        if name not in exporters:
            place = "ahead" if name in _AHEAD else "main" if name in _MAIN else "behind"
            threads[place] += spent
    return max(threads.values()) + after, sum(threads.values()) + after


@dataclass
class _Trial:
    """Runs parts of a job and times how their frames come."""

    job: Job
    count: int = 0
    parts: list[tuple[int, int]] = field(default_factory=list)
    decoding: list[float] = field(default_factory=list)

    def run(self) -> int:
        """Run one part after the other, until that has taken long enough; bytes written.

        Each is a run of its own: over the gaps between them nothing can be drawn, nor sound copied.
        """
        begun, written = time.perf_counter(), 0
        for part in self._spans():
            if self.parts and time.perf_counter() - begun > _ENOUGH:
                break
            self.parts.append(part)
            with tempfile.TemporaryDirectory(prefix="videoseg-") as folder:
                self.job.trial(Path(folder), self._frames(*part))
                files = (path for path in Path(folder).rglob("*") if path.is_file())
                written += sum(path.stat().st_size for path in files)
        return written

    def _frames(self, start: int, stop: int) -> Iterator[Frame]:
        since = time.perf_counter()
        for number, frame in enumerate(self.job.frames(start, stop)):
            if number:  # to reach the first takes longer
                self.decoding.append(time.perf_counter() - since)
            self.count += 1
            yield frame
            since = time.perf_counter()

    def _spans(self) -> list[tuple[int, int]]:
        """Parts of equal length, spread evenly; all of a short run."""
        first, last = self.job.ends
        length = max(_LEAST, self.job.batch or 1)
        if last is None:
            return [(first, first + length)]
        frames = last + 1 - first
        if frames <= _PARTS * length:
            return [(first, last + 1)]
        starts = (first + (frames - length) * n // (_PARTS - 1) for n in range(_PARTS))
        return [(start, start + length) for start in starts]

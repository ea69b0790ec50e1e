"""When frames are shown, as the log of a run has it: no input need be open for that."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from videoseg.runlog.reader import RunFolder
from videoseg.types import StreamInfo


@dataclass(frozen=True, slots=True)
class LoggedTimes:
    """When the frames of a stream are shown, as the log of a run has it (``Timed``)."""

    run: RunFolder
    info: StreamInfo

    def index_at(self, seconds: Fraction) -> int:
        """The first frame that begins at a time or later; behind the last where none does."""
        index = -1
        for scene in self.run.sightings():
            if scene.stream == self.info.stream:
                index = scene.index
                if scene.seconds >= seconds:
                    return index
        return index + 1

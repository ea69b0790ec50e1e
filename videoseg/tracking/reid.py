"""What is gone and may come back: known again by its looks alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from videoseg.tracking.tracks import Track

KNOWN = 0.9
"""Least likeness of what is the same object, wherever it comes back."""
APART = 0.03
"""How much more it must look like the one than like any other."""
MOST = 256
"""Objects that are remembered; the oldest are forgotten first."""


@dataclass(slots=True)
class Gallery:
    """Objects that left, each with the appearance it had.

    Attributes:
        reid_seconds: Time after which they are forgotten, seconds.
    """

    reid_seconds: float
    _gone: list[Track] = field(init=False, repr=False, default_factory=list)

    def keep(self, tracks: Iterable[Track]) -> None:
        """Remember tracks that ended, of those that were objects."""
        self._gone += [track for track in tracks if track.confirmed and track.object_id is None]
        del self._gone[:-MOST]

    def match(self, track: Track, hidden: Iterable[Track]) -> Track | None:
        """The object that a new track goes on with, which is forgotten here; None if it is new.

        Args:
            track: A track that has just been confirmed.
            hidden: Others that may be meant, beside those remembered.
        """
        self._gone = [t for t in self._gone if track.born - t.seen <= self.reid_seconds]
        candidates = [
            (other.appearance.similarity(track.appearance), other)
            for other in (*self._gone, *hidden)
            if other.prompt == track.prompt and other.seen < track.born
        ]
        candidates.sort(key=lambda pair: -pair[0])
        if not candidates or candidates[0][0] < KNOWN:
            return None
        if len(candidates) > 1 and candidates[1][0] > candidates[0][0] - APART:
            return None
        found = candidates[0][1]
        self._gone = [other for other in self._gone if other is not found]
        return found

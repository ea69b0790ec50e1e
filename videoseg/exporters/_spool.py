"""What an animated picture shows, kept in a file until it is written."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from videoseg.types import TrackedInstance

_MARKUP = 250
"""Characters that a path takes beside its values, about."""


@dataclass(frozen=True, slots=True)
class Moves:
    """What a path shows from when on.

    Attributes:
        steps: Whether values hold until the next; else they move to the next.
        begin: Microseconds from which on it is drawn,
        end: and from which on no longer; None = to the end.
        times: Microseconds of each value.
        values: Path data.
    """

    steps: bool
    begin: int
    end: int | None
    times: list[int]
    values: list[str]


@dataclass
class Spool:
    """Paths of many tracks in one file, as they come; in memory are some 25 bytes for each.

    A track's outlines may come twice, as a whole and by parts.
    """

    file: IO[bytes]
    _tracks: array[int] = field(default_factory=lambda: array("q"))
    _whole: array[int] = field(default_factory=lambda: array("b"))
    _sizes: array[int] = field(default_factory=lambda: array("q"))
    _offsets: array[int] = field(default_factory=lambda: array("q"))

    def append(self, tracked: TrackedInstance, paths: Sequence[Moves], *, whole: bool) -> None:
        """Add paths of a track."""
        for moves in paths:
            self._tracks.append(tracked.track_id)
            self._whole.append(whole)
            self._sizes.append(size_of([moves]))
            self._offsets.append(self.file.tell())
            record = [tracked.label, moves.steps, moves.begin, moves.end, moves.times, moves.values]
            self.file.write(f"{json.dumps(record)}\n".encode("ascii"))

    def tracks(self) -> Iterator[tuple[int, str, Iterator[Moves]]]:
        """Number and label of each track, and its paths in the order in which they came."""
        tracks, whole = np.asarray(self._tracks), np.asarray(self._whole, dtype=np.bool_)
        sizes, offsets = np.asarray(self._sizes), np.asarray(self._offsets)
        for track_id in np.unique(tracks).tolist():
            mine = tracks == track_id
            ways = [mine & whole, mine & ~whole]
            shorter = min((way for way in ways if way.any()), key=lambda way: sizes[way].sum())
            places = offsets[shorter].tolist()
            label, *_ = self._read(places[0])
            yield track_id, label, (Moves(*moves) for _, *moves in map(self._read, places))

    def _read(self, offset: int) -> list[Any]:
        self.file.seek(offset)
        record: list[Any] = json.loads(self.file.readline())
        return record


def size_of(paths: Sequence[Moves]) -> int:
    """About the characters of paths; ends that one holds when it is hidden are written twice."""
    size = 0
    for moves in paths:
        size += _MARKUP + sum(map(len, moves.values))
        if not moves.steps:
            size += len(moves.values[0]) * (moves.begin > 0) + len(moves.values[-1])
    return size

"""What a format wants in another order than a run has it, kept in a file until it is written."""

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
class Records:
    """JSON values in a file, by their place; in memory are 8 bytes for each."""

    file: IO[bytes]
    _offsets: array[int] = field(default_factory=lambda: array("q"))

    def append(self, record: Sequence[Any]) -> None:
        """Add a value."""
        self._offsets.append(self.file.tell())
        self.file.write(f"{json.dumps(record)}\n".encode("ascii"))

    def __getitem__(self, place: int) -> list[Any]:
        self.file.seek(self._offsets[place])
        record: list[Any] = json.loads(self.file.readline())
        return record


@dataclass
class TrackRecords:
    """JSON values of many tracks in one file, as they come; in memory are 16 bytes for each."""

    file: IO[bytes]
    _tracks: array[int] = field(default_factory=lambda: array("q"))
    _records: Records = field(init=False)

    def __post_init__(self) -> None:
        self._records = Records(self.file)

    def append(self, track_id: int, record: Sequence[Any]) -> None:
        """Add a value of a track."""
        self._tracks.append(track_id)
        self._records.append(record)

    def tracks(self) -> Iterator[tuple[int, Iterator[list[Any]]]]:
        """Each track by its id, and its values in the order in which they came."""
        tracks = np.asarray(self._tracks)
        order = np.argsort(tracks, kind="stable")
        ids, firsts = np.unique(tracks[order], return_index=True)
        for track_id, places in zip(ids.tolist(), np.split(order, firsts[1:]), strict=False):
            yield track_id, (self._records[place] for place in places.tolist())


@dataclass
class Spool:
    """Paths of many tracks in one file, as they come; in memory are some 25 bytes for each.

    A track's outlines may come twice, as a whole and by parts.
    """

    file: IO[bytes]
    _tracks: array[int] = field(default_factory=lambda: array("q"))
    _whole: array[int] = field(default_factory=lambda: array("b"))
    _sizes: array[int] = field(default_factory=lambda: array("q"))
    _records: Records = field(init=False)

    def __post_init__(self) -> None:
        self._records = Records(self.file)

    def append(self, tracked: TrackedInstance, paths: Sequence[Moves], *, whole: bool) -> None:
        """Add paths of a track."""
        for moves in paths:
            self._tracks.append(tracked.track_id)
            self._whole.append(whole)
            self._sizes.append(size_of([moves]))
            record = [tracked.label, moves.steps, moves.begin, moves.end, moves.times, moves.values]
            self._records.append(record)

    def tracks(self) -> Iterator[tuple[int, str, Iterator[Moves]]]:
        """Number and label of each track, and its paths in the order in which they came."""
        tracks, whole = np.asarray(self._tracks), np.asarray(self._whole, dtype=np.bool_)
        sizes = np.asarray(self._sizes)
        for track_id in np.unique(tracks).tolist():
            mine = tracks == track_id
            ways = [mine & whole, mine & ~whole]
            shorter = min((way for way in ways if way.any()), key=lambda way: sizes[way].sum())
            places = np.flatnonzero(shorter).tolist()
            label, *_ = self._records[places[0]]
            paths = map(self._records.__getitem__, places)
            yield track_id, label, (Moves(*moves) for _, *moves in paths)


def size_of(paths: Sequence[Moves]) -> int:
    """About the characters of paths; ends that one holds when it is hidden are written twice."""
    size = 0
    for moves in paths:
        size += _MARKUP + sum(map(len, moves.values))
        if not moves.steps:
            size += len(moves.values[0]) * (moves.begin > 0) + len(moves.values[-1])
    return size

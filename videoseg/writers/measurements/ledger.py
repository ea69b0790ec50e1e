"""Rows of numbers, kept in a file: however many there are, they take hardly any memory."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from videoseg.system.output_files import unnamed_file


class Ledger:
    """Rows of one layout by a whole number each; in memory are 16 bytes for each.

    Every call but ``close`` may raise an ``OSError``: the disk is full.

    Args:
        layout: What a row holds, as ``struct`` writes it.
        folder: On which disk the file is.
    """

    def __init__(self, layout: str, folder: Path) -> None:
        self._row = struct.Struct(layout)
        self._file = unnamed_file(folder)
        self._keys = array("q")
        self._places = array("q")

    def __getitem__(self, key: int) -> tuple[Any, ...]:
        if key not in self:
            raise KeyError(key)
        return self._read(self._places[bisect_left(self._keys, key)])

    def __setitem__(self, key: int, row: Sequence[float]) -> None:
        """Keep a row, in place of the one that was there."""
        at = bisect_left(self._keys, key)
        if key not in self:
            self._keys.insert(at, key)
            self._places.insert(at, len(self._places))
        self._file.seek(self._places[at] * self._row.size)
        self._file.write(self._row.pack(*row))

    def __contains__(self, key: int) -> bool:
        at = bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def items(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Every number with its row, ascending."""
        for key, place in zip(self._keys, self._places, strict=True):
            yield key, self._read(place)

    def close(self) -> None:
        """Forget all. A second call does nothing."""
        # What a full disk does not take any more is not wanted, either.
        with suppress(OSError):
            self._file.close()

    def _read(self, place: int) -> tuple[Any, ...]:
        self._file.seek(place * self._row.size)
        return self._row.unpack(self._file.read(self._row.size))

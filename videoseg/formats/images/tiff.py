"""Where the pages of a TIFF are (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What the two kinds begin with, in both orders of bytes."""
ASSOCIATED = 1
"""Kind of alpha that colours are multiplied by."""
UNASSOCIATED = 2
"""Kind of alpha that colours are not multiplied by."""
_SUBFILE = 254
"""Tag that tells what kind of picture a page is."""
_WIDTH = 256
"""Tag of the width, pixels."""
_HEIGHT = 257
"""Tag of the height, pixels."""
_SAMPLES = 277
"""Tag of the number of samples of a pixel."""
_EXTRA = 338
"""Tag of what samples beyond the colours are."""
_USED = (_SUBFILE, _WIDTH, _HEIGHT, _SAMPLES, _EXTRA)
"""The tags that are read."""
_REDUCED_OR_MASK = 0b101
_SIZES = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8}
"""Bytes of a number by its type."""
_MOST_PAGES = 1 << 16
"""Pages of a file that are read, at most."""
_MOST_TAGS = 1 << 8
"""Tags of a page that are read, at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """One picture of a file.

    Attributes:
        at: Where its description begins, bytes.
        width: Pixels across, as stored.
        height: Pixels down, as stored.
        samples: Numbers of a pixel.
        alpha: What kind of alpha is among them; 0 = none, or nothing is said.
        belongs: Whether it is a smaller version or a mask of another page.
    """

    at: int
    width: int
    height: int
    samples: int
    alpha: int
    belongs: bool


def pages(data: npt.NDArray[np.uint8]) -> Iterator[Page]:
    """Each page of a file in order; ends where the description is damaged.

    Descriptions do not overlap, so all together they are no larger than the file.
    """
    layout = _Layout.of(data)
    at, left = layout.number(layout.first, layout.offset), len(data)
    for _ in range(_MOST_PAGES):
        left -= layout.length(at)
        if not at or left < 0 or at + 8 > len(data):
            return
        tags, at_next = layout.directory(at)
        kind = tags.get(_SUBFILE, 0)
        yield Page(
            at=at,
            width=tags.get(_WIDTH, 0),
            height=tags.get(_HEIGHT, 0),
            samples=tags.get(_SAMPLES, 1),
            alpha=tags.get(_EXTRA, 0),
            belongs=bool(kind & _REDUCED_OR_MASK),
        )
        at = at_next


def mapped(path: Path) -> npt.NDArray[np.uint8]:
    """The bytes of a file, uint8 (N,), read where they are looked at; writing changes the copy."""
    return np.memmap(path, dtype=np.uint8, mode="c")


def beginning_with(path: Path, page: Page) -> npt.NDArray[np.uint8]:
    """The bytes of a file, with one of its pages as the first."""
    data = mapped(path)
    layout = _Layout.of(data)
    place = page.at.to_bytes(layout.offset, layout.order)
    data[layout.first : layout.first + layout.offset] = np.frombuffer(place, np.uint8)
    return data


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers stand in a file.

    Attributes:
        data: The file.
        order: Of the bytes of a number.
        first: Where the place of the first page stands.
        offset: Bytes of a place in the file.
        count: Bytes of a number of tags.
    """

    data: npt.NDArray[np.uint8]
    order: Literal["little", "big"]
    first: int
    offset: int
    count: int

    @classmethod
    def of(cls, data: npt.NDArray[np.uint8]) -> _Layout:
        order: Literal["little", "big"] = "little" if data[0] == ord("I") else "big"
        large = ord("+") in data[2:4].tolist()
        return cls(data, order, *((8, 8, 8) if large else (4, 4, 2)))

    def number(self, start: int, size: int) -> int:
        """A number of some bytes; what is missing counts as zeros."""
        return int.from_bytes(self.data[start : start + size].tobytes(), self.order)

    @property
    def entry(self) -> int:
        """Bytes of a tag."""
        return 4 + 2 * self.offset

    def length(self, at: int) -> int:
        """Bytes of the description of a page."""
        return self.count + self.number(at, self.count) * self.entry + self.offset

    def directory(self, at: int) -> tuple[dict[int, int], int]:
        """The first value of each tag that is used here and is a whole number; the next page."""
        tags: dict[int, int] = {}
        start, number = at + self.count, self.number(at, self.count)
        rows = self.data[start : start + min(number, _MOST_TAGS) * self.entry]
        rows = rows[: len(rows) // self.entry * self.entry].reshape(-1, self.entry)
        high = 0 if self.order == "big" else 1
        names = rows[:, high].astype(int) << 8 | rows[:, 1 - high]
        places = {name: start + row * self.entry for row, name in enumerate(names.tolist())}
        for name in _USED:
            place = places.get(name)
            size = None if place is None else _SIZES.get(self.number(place + 2, 2))
            if place is not None and size is not None:
                tags[name] = self.number(place + 4 + self.offset, size)
        return tags, self.number(start + number * self.entry, self.offset)

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
ASSOCIATED, UNASSOCIATED = 1, 2
"""Kinds of alpha: colours are multiplied by it, or not."""
_SUBFILE, _WIDTH, _HEIGHT, _SAMPLES, _EXTRA = 254, 256, 257, 277, 338
_REDUCED_OR_MASK = 0b101
_SIZES = {1: 1, 3: 2, 4: 4, 13: 4, 16: 8}
"""Bytes of a number by its type."""
_MOST_PAGES, _MOST_TAGS = 1 << 16, 1 << 8


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
    """Each page of a file in order; ends where the description is damaged."""
    layout = _Layout.of(data)
    at, seen = layout.number(layout.first, layout.offset), set[int]()
    while at and at not in seen and len(seen) < _MOST_PAGES and at + 8 <= len(data):
        seen.add(at)
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

    def directory(self, at: int) -> tuple[dict[int, int], int]:
        """The first value of each tag of a page that is a whole number, and the next page."""
        tags: dict[int, int] = {}
        entry_size = 4 + 2 * self.offset
        start = at + self.count
        number = self.number(at, self.count)
        for entry in range(start, start + min(number, _MOST_TAGS) * entry_size, entry_size):
            size = _SIZES.get(self.number(entry + 2, 2))
            if size is not None:
                tags[self.number(entry, 2)] = self.number(entry + 4 + self.offset, size)
        return tags, self.number(start + number * entry_size, self.offset)

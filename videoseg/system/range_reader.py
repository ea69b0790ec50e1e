"""Reads an object in storage by ranges, as a file: what was read lately is kept in blocks."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

BLOCK = 128 * 1024
"""Bytes of a block."""
_KEPT = 256
"""Blocks that are kept."""
_MOST_AHEAD = 64
"""Blocks that are fetched at once where somebody reads on and on."""


class Blocks:
    """The blocks of one object, for all who read it.

    Args:
        size: Bytes of the object.
        fetch: Gives the bytes from a place to behind another.

    Attributes:
        size: Bytes of the object.
        bytes_read: Bytes that were fetched so far.
    """

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self.size = size
        self.bytes_read = 0
        self._fetch = fetch
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._next = -1
        self._ahead = 1

    def block(self, number: int) -> bytes:
        """A block, fetched where it is not kept; more and more at once by who reads straight on."""
        with self._lock:
            if number not in self._kept:
                self._get(number)
            self._kept.move_to_end(number)
            return self._kept[number]

    def kept(self, number: int) -> bytes | None:
        """A block that is kept, or None."""
        return self._kept.get(number)

    def _get(self, number: int) -> None:
        goes_on = number == self._next
        self._ahead = min(2 * self._ahead, _MOST_AHEAD) if goes_on else 1
        self._next = number + self._ahead
        start = number * BLOCK
        content = self._fetch(start, min(self._next * BLOCK, self.size))
        self.bytes_read += len(content)
        for offset in range(0, max(1, len(content)), BLOCK):
            self._kept[number + offset // BLOCK] = content[offset : offset + BLOCK]
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class RangeReader(io.RawIOBase):
    """A file over blocks, which several readers may share.

    Attributes:
        hollow: Whether blocks that are not kept are zeros and are not fetched: for who follows the
            tables of a file and needs nothing of what they lead to.
    """

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.hollow = False
        self._blocks = blocks
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._blocks.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer at the end."""
        left = max(0, self._blocks.size - self._at)
        wanted = left if size < 0 else min(size, left)
        pieces = []
        while wanted:
            number, inside = divmod(self._at, BLOCK)
            taken = self._block(number)[inside : inside + wanted]
            if not taken:  # the object has become shorter
                break
            pieces.append(taken)
            self._at += len(taken)
            wanted -= len(taken)
        return b"".join(pieces)

    def readinto(self, buffer: object) -> int:
        """Read into a buffer; gives how many bytes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def _block(self, number: int) -> bytes:
        if self.hollow:
            kept = self._blocks.kept(number)
            return _HOLLOW if kept is None else kept
        return self._blocks.block(number)


_HOLLOW = bytes(BLOCK)

"""Small pictures of a whole input, made while nobody waits, to look for a place among."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from videoseg.errors import SourceError
from videoseg.jobs.inputs import Input
from videoseg.protocols import FrameSource
from videoseg.server.page.picture_cache import Kept, Picture
from videoseg.system.closing import close_if_able
from videoseg.types import Frame

_MOST_BYTES = 64 << 20
"""Of all its pictures."""
_READ_WHOLE = 9000
"""Frames up to which an input is read from its beginning to its end."""
_MOST_PICTURES = 2400
"""Of an input that is read whole."""
_PLACES = 512
"""Pictures of an input that is longer, each at a jump of its own."""
_NEAR_SHARE = 120
"""A picture is near that is no further away than this part of the input, ..."""
_LEAST_NEAR = 30
"""... or than so many frames."""


class Overview:
    """Rough pictures by index; ``fill`` runs on a thread of its own.

    Args:
        opened: The input, which is opened once more.
        scale: Of the pictures.
        changed: Guards the pictures.
        may_go: Returns when the next one may be made, or says that the page is left.

    Attributes:
        reads_all: Whether the input is being read from its beginning to its end.
    """

    def __init__(
        self, opened: Input, scale: int, changed: threading.Condition, may_go: Callable[[], bool]
    ) -> None:
        self._input, self._scale = opened, scale
        self._changed, self._may_go = changed, may_go
        self._pictures: Kept[int, Picture] = Kept(_MOST_BYTES)
        self.reads_all = False

    def nearest(self, index: int, count: int | None) -> Picture | None:
        """The picture nearest to a frame, if there is one near; the lock is held.

        While the pictures are being made of all frames the nearest one will do: waiting for another
        would take longer.
        """
        most = max(_LEAST_NEAR, (count or 0) // _NEAR_SHARE)
        if self.reads_all:
            most = max(most, index)
        for away in range(most + 1):
            for each in (index - away, index + away):
                if (found := self._pictures.get(each)) is not None:
                    return found
        return None

    def of(self, index: int) -> Picture | None:
        """The picture of a frame, if it was made; the lock is held."""
        return self._pictures.get(index)

    def add(self, frame: Frame) -> None:
        """Keep the picture of a frame, if it has none yet."""
        with self._changed:
            if frame.index in self._pictures:
                return
        made = Picture.of(frame, self._scale, is_rough=True)
        with self._changed:
            self._pictures.put(frame.index, made, len(made.jpeg))

    def fill(self, count: int | None) -> None:
        """Make the pictures; ends early where the input cannot be read, which is said elsewhere."""
        with suppress(SourceError), self._input.again() as source:
            if count is None or count <= _READ_WHOLE:
                self.reads_all = True
                try:
                    self._read_through(source, max(1, -(-(count or 0) // _MOST_PICTURES)))
                finally:
                    self.reads_all = False
            else:
                for index in spread(count, _PLACES):
                    if not self._may_go():
                        return
                    self._jump_to(source, index)

    def _read_through(self, source: FrameSource, every: int) -> None:
        frames = source.frames(0, _READ_WHOLE)
        try:
            for frame in frames:
                if not self._may_go():
                    return
                if frame.stream == self._input.first.stream and frame.index % every == 0:
                    self.add(frame)
        finally:
            close_if_able(frames)

    def _jump_to(self, source: FrameSource, index: int) -> None:
        frames = source.frames(index)
        try:
            for frame in frames:
                if frame.stream == self._input.first.stream:
                    self.add(frame)
                    return
        finally:
            close_if_able(frames)


def spread(count: int, places: int) -> Iterator[int]:
    """Indices all over ``count`` frames, at first far from each other and then between those."""
    bits = max(1, (places - 1).bit_length())
    for number in range(1 << bits):
        mirrored = int(f"{number:0{bits}b}"[::-1], 2)
        yield mirrored * count >> bits

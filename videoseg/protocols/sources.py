"""What sources are, and what some of them can do beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

from videoseg.types import Frame, StreamInfo, TopicInfo


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from. Opened by its constructor's caller through ``open``.

    Where no source is named, its class says for which inputs it is meant (``Accepts``).
    """

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Open a file, folder or address and say what it holds, first stream first.

        Raises:
            SourceNotFoundError: It does not exist ("LOCATION: no such file").
            SourceError: It is not a medium of this kind, or is damaged.
        """
        ...

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield frames ``start <= index < stop`` in order of presentation, pts rising.

        Each call reads for itself; several may be under way at once.

        Raises:
            SourceError: It is not open, or the medium ends or breaks before it should. The good
                frames before that come first; then it names the location and says "incomplete".
        """
        ...

    def close(self) -> None:
        """Release the medium. A second call does nothing."""
        ...


@runtime_checkable
class Accepts(Protocol):
    """A source's class that says for which inputs it is meant where no source is named.

    A source without it is used only where it is named.
    """

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits a location: 0 = not at all; of several the highest wins.

        ``video`` says 0.1 to everything, ``images`` 0.4 to every folder and 0.5 to pictures by
        their ending. A source for folders or files of its own looks for what only those have (a
        file in the folder, first bytes) and says 1, which True is, too. It is asked before anything
        is open, must be quick, and does not raise.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """A source that knows which frame is shown when; those of this package do.

    With one that does not, ``--start`` and ``--end`` take frames alone.
    """

    def index_at(self, seconds: Fraction) -> int:
        """Index of the first frame that begins at this time or later."""
        ...


@runtime_checkable
class Sparse(Protocol):
    """A source that leaves frames out by itself, by a setting; those of this package do."""

    @property
    def every(self) -> int:
        """It yields every n-th frame only, from the first of each reading on; at least 1."""
        ...


@runtime_checkable
class Growing(Protocol):
    """A source that may read what is still being written."""

    @property
    def is_growing(self) -> bool:
        """Whether frames come as they are written; their times say how far apart they are."""
        ...


@runtime_checkable
class Stoppable(Protocol):
    """A source that can be told, while another thread waits in it, that no more is wanted."""

    def stop(self) -> None:
        """End every reading as if the medium had ended. A signal's handler may call it."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """A source that has something to say about its input."""

    @property
    def notes(self) -> Sequence[str]:
        """A line for each thing so far, such as fields that were left in."""
        ...


@runtime_checkable
class CountsLosses(Protocol):
    """A source that goes on over damaged frames, and counts them."""

    @property
    def dropped(self) -> int:
        """Frames that the latest reading has left out."""
        ...

    @property
    def repeated(self) -> int:
        """Frames in whose place the latest reading has given the one before."""
        ...


@runtime_checkable
class ReadsBeside(Protocol):
    """A source that reads other files than the input that is named."""

    @property
    def beside(self) -> Sequence[Path | None]:
        """These files; a run takes them for a part of its input."""
        ...


@runtime_checkable
class Describes(Protocol):
    """A source of logs, which hold more than pictures."""

    def describe(self, location: str) -> Sequence[TopicInfo]:
        """What topics a log has, by name. Quick: it reads the summary alone, where there is one.

        Raises:
            SourceError: It does not exist, or is no log of this kind.
        """
        ...

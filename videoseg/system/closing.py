"""Closes iterators that hold something: generators do, plain iterators do not."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Closes(Protocol):
    """An iterator that can be told that nobody asks it for more."""

    def close(self) -> object:
        """Let go of everything. A second call does nothing."""
        ...


def close_if_able(iterator: object) -> None:
    """Close an iterator, if that can be closed."""
    if isinstance(iterator, Closes):
        iterator.close()

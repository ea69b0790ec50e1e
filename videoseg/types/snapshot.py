"""Named arrays that hold what a part remembers: put together, and taken apart again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

Snapshot: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""What a part remembers, as named arrays: all that is needed to go on exactly as it would have."""


def joined(states: Mapping[str, Snapshot]) -> Snapshot:
    """One Snapshot of several: the names of each stand behind its own and a slash."""
    return {
        f"{name}/{key}": array for name, state in states.items() for key, array in state.items()
    }


def parted(state: Snapshot) -> dict[str, Snapshot]:
    """The Snapshots that ``joined`` made one, in their order, without those that were empty."""
    parts: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, array in state.items():
        first, _, rest = name.partition("/")
        parts.setdefault(first, {})[rest] = array
    return dict(parts)


def listed(states: Iterable[Snapshot]) -> Snapshot:
    """One Snapshot of a sequence of Snapshots, none of them empty."""
    return joined({str(place): state for place, state in enumerate(states)})

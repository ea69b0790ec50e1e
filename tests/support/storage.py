"""Object storage for tests: fsspec's own in memory, and one that fails now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from videoseg.system import object_store
from videoseg.system.object_store import Stored


def need_fsspec() -> None:
    """Skip where fsspec is not installed."""
    pytest.importorskip("fsspec", reason="fsspec is not installed")


def emptied() -> None:
    """Nothing is in memory any more."""
    need_fsspec()
    import fsspec

    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def contents(address: str) -> dict[str, bytes]:
    """All objects below an address by name."""
    place = Stored(address)
    return {name: place.below(name).read() for name in place.names()}


def put(path: Path, address: str) -> str:
    """Upload a file; gives its address."""
    Stored(address).upload(path)
    return address


@contextmanager
def failing(share: float, seed: int = 1) -> Iterator[list[str]]:
    """Within, a share of all calls of the storage fails; gives which did, as they come."""
    chance = np.random.default_rng(seed)
    failed: list[str] = []
    real = Stored._system

    def system(self: Stored) -> tuple[Any, str]:
        return _Failing(real(self)[0], fails), real(self)[1]

    def fails(name: str) -> None:
        if chance.random() < share:
            failed.append(name)
            raise ConnectionResetError("the connection was reset")

    with (
        mock.patch.object(Stored, "_system", system),
        mock.patch.object(object_store, "_FIRST_WAIT", 0.001),
    ):
        yield failed


class _Failing:
    def __init__(self, system: Any, fails: Callable[[str], None]) -> None:
        self._given, self._fails = system, fails

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._given, name)

        def called(*args: Any, **named: Any) -> Any:
            self._fails(name)
            return call(*args, **named)

        return called

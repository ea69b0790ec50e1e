"""Weights on their way: a bar for people, a line now and then for logs, and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from videoseg.cli._terminal import describe, tell

_LOG_SECONDS = 30.0
"""Time between two lines in the log of a job."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Weights that are on this machine.

    Attributes:
        model: Name of the model.
        folder: Where they lie; None for a model that has none to fetch.
        bytes: Their size.
        commit: That of the repository which they come from; None where a folder was named.
    """

    model: str
    folder: str | None
    bytes: int = 0
    commit: str | None = None

    @classmethod
    def of(cls, model: str, folder: Path, files: Sequence[Path]) -> Fetched:
        """Weights in a folder."""
        from videoseg.networks.hub import commit_of

        size = sum(path.stat().st_size for path in files)
        return cls(model, str(folder), size, commit_of(folder))

    @property
    def line(self) -> str:
        """What to tell people."""
        if self.folder is None:
            return f"{self.model}: there are no weights to fetch"
        commit = f", commit {self.commit}" if self.commit is not None else ""
        return f"{self.model}: {self.bytes / 1e6:.1f} MB in {self.folder}{commit}"


@contextmanager
def shown_while(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of a model's weights is here, on stderr; gives what is to be told."""
    from tqdm import tqdm

    watched = sys.stderr.isatty()
    bar = tqdm(total=0, unit="B", unit_scale=True, leave=False, disable=not watched)
    describe(bar, name)
    said = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        if watched:
            bar.total = total
            bar.update(done - bar.n)
        elif time.monotonic() - said >= _LOG_SECONDS:
            said = time.monotonic()
            tell(f"{name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", err=True)

    with bar:
        yield show

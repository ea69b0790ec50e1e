"""Paths that come from outside, kept inside of the folders that the user has opened for them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from videoseg.errors import UsageError, shown


@dataclass(frozen=True)
class Folders:
    """Folders in which, and below which, files may be named.

    Attributes:
        roots: Their real paths, with no link on the way.
    """

    roots: tuple[Path, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Path], what: str = "--allow") -> Self:
        """Folders as the user gives them.

        Args:
            given: Their paths.
            what: The option that they stand in, for messages.

        Raises:
            UsageError: One is no folder.
        """
        roots = []
        for path in given:
            if not path.is_dir():
                raise UsageError(f"{what} {path}: there is no such folder; check the path")
            roots.append(path.resolve(strict=True))
        return cls(tuple(roots))

    def inside(self, given: str) -> Path:
        """The real path of a file or folder that somebody names.

        A relative path is looked for in one folder after another. What a link leads to counts,
        not where the link stands.

        Raises:
            UsageError: It is not there, or not inside; which of both is not said.
        """
        for path in self._candidates(given):
            # Both give the real path, so that ``..`` and links cannot lead out unseen.
            try:
                real = path.resolve(strict=True)
            except (OSError, RuntimeError, ValueError):
                continue
            if any(real.is_relative_to(root) for root in self.roots):
                return real
        raise UsageError(
            f"{shown(given)} is no file in a folder that is open to requests; name one below a "
            "folder of --allow"
        )

    def _candidates(self, given: str) -> list[Path]:
        plain = given and "\0" not in given and not given.startswith(("\\\\", "//", "~"))
        if not plain or (os.name == "nt" and ":" in Path(given).name):  # a stream of a file
            return []
        path = Path(given)
        return [path] if path.is_absolute() else [root / path for root in self.roots]

"""Packages that only one format needs, missed before the work rather than after it."""

from __future__ import annotations

from importlib.util import find_spec

from videoseg.errors import missing_package


def check_installed(package: str, output: str, extra: str) -> None:
    """Refuse an output whose package is not installed.

    Raises:
        MissingDependencyError: It is not.
    """
    if find_spec(package) is None:
        raise missing_package(f"--write {output}", package, extra=extra)

"""Outputs that need packages of an extra."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

PACKAGES = {"exr": "OpenEXR", "cryptomatte": "mmh3", "otio": "opentimelineio", "parquet": "pyarrow"}
"""For an output the package that it cannot do without."""


def need_packages_of(outputs: Iterable[str]) -> None:
    """Skip a test where an output's package is not installed."""
    for name in outputs:
        if name in PACKAGES:
            package = PACKAGES[name]
            pytest.importorskip(package, reason=f"{package} is not installed")

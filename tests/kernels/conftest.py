"""The compiled library, as the sources are now."""

from __future__ import annotations

import ctypes

import pytest

from videoseg.kernels.build import LIBRARY, build


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels as they are now, whatever is installed."""
    folder = tmp_path_factory.mktemp("kernels")
    trouble = build(folder)
    if trouble is not None:
        pytest.skip(f"needs a C compiler: {trouble}")
    return ctypes.CDLL(str(folder / LIBRARY))

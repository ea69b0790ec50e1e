"""Compiled code writes the coordinates of a run log as the Python code does."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from videoseg.geometry.arrays import FloatMap
from videoseg.kernels.number_text import NumberText, number_text_of
from videoseg.runlog import codec

RANDOM = np.random.default_rng(2)
CASES = (
    np.zeros((0, 2)),
    [[0, 1], [-1, 10], [0.5, -0.25], [1234.5, -99999]],
    RANDOM.integers(0, 40000, (300, 2)) / 10,
    np.round(RANDOM.normal(0, 900, (300, 2)), 2),
    np.round(RANDOM.normal(0, 9, (300, 2)), 4),
    [[1e9, -1e9], [2**53 / 1e4, -(2**53) / 1e4], [0.0001, -0.0001]],
    [[0.0, -0.0]],
    [[1 / 3, 1e-7]],
    [[3e38, 1]],
)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_compiled_code_writes_the_same_text(
    case: int, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.asarray(CASES[case], np.float32)

    def written(kernel: NumberText | None, numbers: FloatMap) -> str:
        monkeypatch.setattr(codec, "number_kernel", lambda: kernel)
        return codec._floats_to_text(numbers)

    for each in (values, values[:, ::-1]):
        assert written(number_text_of(library), each) == written(None, each)


def test_compiled_code_writes_what_has_few_decimals(library: ctypes.CDLL) -> None:
    text = number_text_of(library)
    assert text(np.array([[1.5, -0.0625], [0, 1200]], np.float32)) == "1.5,-0.0625,0,1200"
    assert text(np.array([-0.0], np.float32)) is None
    for number in (1 / 3, np.nan, np.inf, -np.inf, 3e38):
        assert text(np.array([1, number], np.float32)) is None

"""ROI align against its definition, sample by sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.models._torch.rois import roi_align

torch = pytest.importorskip("torch")


def sample(plane: Any, y: Any, x: Any) -> float:
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = min(int(y), height - 1), min(int(x), width - 1)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    above = plane[top, left] * (1 - across) + plane[top, right] * across
    below = plane[bottom, left] * (1 - across) + plane[bottom, right] * across
    return float(above * (1 - down) + below * down)


def by_definition(plane: Any, box: Any, bins: int) -> Any:
    x1, y1, x2, y2 = (np.float32(value) for value in box)
    wide, high = (max(side, np.float32(1)) / np.float32(bins) for side in (x2 - x1, y2 - y1))
    columns, rows = math.ceil(wide), math.ceil(high)

    def mean(row: int, column: int) -> float:
        return float(
            np.mean(
                [
                    sample(plane, y1 + (row + (r + 0.5) / rows) * high, x)
                    for r in range(rows)
                    for c in range(columns)
                    for x in [x1 + (column + (c + 0.5) / columns) * wide]
                ]
            )
        )

    return np.array([[mean(row, column) for column in range(bins)] for row in range(bins)])


edge = st.floats(0, 1, width=32)


@examples(40)
@given(a=edge, b=edge, c=edge, d=edge, bins=st.integers(1, 5), seed=st.integers(0, 99))
def test_bins_are_means_of_samples(
    a: float, b: float, c: float, d: float, bins: int, seed: int
) -> None:
    features = np.random.default_rng(seed).normal(size=(2, 3, 9, 14)).astype(np.float32)
    box = (min(a, b) * 14, min(c, d) * 9, max(a, b) * 14, max(c, d) * 9)
    boxes = [torch.tensor([box]), torch.tensor([(0.0, 0.0, 14.0, 9.0), box])]
    found = roi_align(torch.from_numpy(features), boxes, bins).numpy()
    assert found.shape == (3, 3, bins, bins)
    for channel in range(3):
        for number, (image, one) in enumerate(((0, box), (1, (0, 0, 14, 9)), (1, box))):
            expected = by_definition(features[image, channel], one, bins)
            assert np.allclose(found[number, channel], expected, atol=2e-4)


def test_no_boxes_give_no_bins() -> None:
    found = roi_align(torch.zeros(1, 3, 4, 4), [torch.zeros(0, 4)], 7)
    assert found.shape == (0, 3, 7, 7)

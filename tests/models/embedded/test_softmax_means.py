"""Labels that cells take over from cells that are like them."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.models.embedded.memory.softmax_means import softmax_means


@pytest.mark.parametrize("given", [1, 25, 40])
@pytest.mark.parametrize("count", [0, 1, 127, 128, 300])
def test_they_are_means_weighed_by_likeness(count: int, given: int) -> None:
    random = np.random.default_rng(count)
    query = random.normal(0, 3, (count, 5)).astype(np.float32)
    memory = random.normal(0, 3, (40, 5)).astype(np.float32)
    labels = random.random(40, dtype=np.float32)
    weights = np.exp(query.astype(np.float64) @ memory.T)
    alone, together = softmax_means(query, memory, labels, given)
    for found, number in ((alone, given), (together, 40)):
        assert found.dtype == np.float32
        expected = weights[:, :number] @ labels[:number] / weights[:, :number].sum(axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_nothing_is_too_large_for_them() -> None:
    query = np.array([[1000.0], [-1000.0]], np.float32)
    memory = np.array([[1.0], [-1.0]], np.float32)
    alone, together = softmax_means(query, memory, np.array([1.0, 0.0], np.float32), 1)
    assert alone.tolist() == [1.0, 1.0]
    assert together.tolist() == [1.0, 0.0]

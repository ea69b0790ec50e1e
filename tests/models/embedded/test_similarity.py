"""What stands beside a sure thing counts where it is sure by itself or looks similar."""

from __future__ import annotations

import numpy as np

from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.selection import without_false_alarms
from videoseg.models.embedded.grounding.similarity import CellSimilarity


def _scene() -> tuple[CellSimilarity, list[Region]]:
    """Two things of one look and one of another, strongest first, on a grid of 12 x 24 cells."""
    kind = np.full((12, 24), -5, dtype=np.float32)
    features = np.zeros((3, 6, 12), dtype=np.float32)
    features[0] = 1.0
    things = []
    looks_of = ((2, [0, 5, 0]), (10, [0, 5, 1]), (18, [5, 0, 5]))
    for (left, look), strength in zip(looks_of, (1.0, -1.0, -1.2), strict=True):
        cells = np.zeros((12, 24), dtype=np.bool_)
        cells[2:8, left : left + 4] = True
        kind[cells] = strength
        features[:, 1:4, left // 2 : left // 2 + 2] = np.reshape(look, (3, 1, 1))
        things.append(Region(cells, strength))
    return CellSimilarity(features, kind), things


def test_similarity_is_one_of_a_thing_with_itself_and_tells_looks_apart() -> None:
    appearance, (first, similar, other) = _scene()
    assert appearance.similarity(first.cells, first.cells) > 0.999
    assert appearance.similarity(first.cells, similar.cells) > 0.9
    assert appearance.similarity(first.cells, other.cells) < 0.3


def test_an_unsure_thing_counts_beside_one_that_it_looks_like() -> None:
    appearance, (first, similar, other) = _scene()
    assert without_false_alarms([first, similar, other], appearance) == [first, similar]
    sure = Region(other.cells, 0.5)
    assert without_false_alarms([first, sure], appearance) == [first, sure]
    assert without_false_alarms([], appearance) == []


def test_a_scrap_far_weaker_than_the_first_does_not_count_however_similar() -> None:
    appearance, (first, similar, _) = _scene()
    few = np.zeros_like(similar.cells)
    few[2:4, 10] = True
    assert without_false_alarms([Region(first.cells, 3.0), Region(few, -1.0)], appearance)[1:] == []


def test_a_grid_finer_than_the_features_is_read_at_its_own_cells() -> None:
    features = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)
    appearance = CellSimilarity(features, np.zeros((12, 20), dtype=np.float32))
    corner, far = np.zeros((12, 20), dtype=np.bool_), np.zeros((12, 20), dtype=np.bool_)
    corner[:4, :4] = far[8:, 16:] = True
    own = features - features.mean(axis=(1, 2), keepdims=True)
    a, b = own[:, 0, 0], own[:, 2, 4]
    expected = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert abs(appearance.similarity(corner, far) - expected) < 1e-4

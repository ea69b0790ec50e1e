"""Relations between things, as cells show them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from videoseg.models.embedded.grounding.relations import related
from videoseg.models.embedded.language.lexicon import RELATIONS, Relation

Cells = npt.NDArray[np.bool_]


def _box(left: int, top: int, right: int, bottom: int, scale: int = 1) -> Cells:
    cells = np.zeros((30 * scale, 40 * scale), dtype=np.bool_)
    cells[top * scale : bottom * scale, left * scale : right * scale] = True
    return cells


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (_box(2, 10, 8, 20), _box(9, 10, 15, 20), {"touching", "near", "left"}),
        (_box(2, 10, 8, 20), _box(30, 10, 36, 20), {"left"}),
        (_box(30, 12, 36, 22), _box(2, 10, 8, 20), {"right", "below"}),
        (_box(10, 2, 20, 12), _box(8, 6, 24, 25), {"touching", "near", "left", "above", "behind"}),
        (_box(10, 15, 20, 29), _box(10, 2, 20, 12), {"near", "below", "before"}),
    ],
)
def test_each_relation_means_one_thing(one: Cells, other: Cells, expected: set[Relation]) -> None:
    assert {r for r in RELATIONS.values() if related(one, r, other)} == expected


def test_grids_may_differ() -> None:
    assert related(_box(2, 10, 8, 20), "left", _box(9, 10, 15, 20, scale=2))
    assert related(_box(2, 10, 8, 20, scale=2), "touching", _box(8, 10, 15, 20))


@pytest.mark.parametrize("relation", sorted(set(RELATIONS.values())))
def test_nothing_lies_anyhow_to_itself_or_to_nothing(relation: Relation) -> None:
    thing, nothing = _box(2, 10, 8, 20), np.zeros((30, 40), dtype=np.bool_)
    assert not related(thing, relation, thing)
    assert not related(thing, relation, nothing)
    assert not related(nothing, relation, thing)

"""What a phrase takes for granted needs less evidence, and brings with it what looks alike."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.presupposed import alike, with_evidence
from videoseg.models.embedded.grounding.similarity import CellSimilarity
from videoseg.models.embedded.language.parser import parse
from videoseg.models.embedded.language.vocabulary import vocabulary


def _boxed(place: int, strength: float) -> Region:
    """A box of a third of a grid of 6 x 18 cells."""
    cells = np.zeros((6, 18), dtype=np.bool_)
    cells[:, 6 * place : 6 * place + 6] = True
    return Region(cells, strength, (place / 3, 0.0, (place + 1) / 3, 1.0))


def test_evidence_in_a_box_speaks_for_it() -> None:
    kind = np.zeros((6, 18), dtype=np.float32)
    kind[:, :6], kind[:, 6:12], kind[:, 12:] = -4.0, 2.0, -50.0
    found = with_evidence([_boxed(place, -2.0) for place in range(3)], kind, 4.0)
    assert [item.box[0] for item in found if item.box] == [1 / 3, 0.0, 2 / 3]
    assert [item.strength for item in found] == pytest.approx([3.0, 0.0, -1.0])


def test_what_looks_like_the_surest_thing_counts_beside_it() -> None:
    features = np.zeros((2, 3, 9), dtype=np.float32)
    features[0, :, :6] = features[1, :, 6:] = 1.0
    appearance = CellSimilarity(features, np.zeros((6, 18), dtype=np.float32))
    surest, same, other = _boxed(0, 3.0), _boxed(1, -2.0), _boxed(2, -2.0)
    assert appearance.box_similarity(surest, same) > 0.9 > appearance.box_similarity(surest, other)
    assert alike(same, surest, appearance)
    assert not alike(other, surest, appearance)
    assert alike(_boxed(2, 40.0), surest, appearance)


@pytest.mark.parametrize(
    ("phrase", "granted"),
    [
        ("cup", False),
        ("two cups", False),
        ("cup and spoon", False),
        ("the leftmost cup", True),
        ("red cup", True),
        ("the large cup", True),
        ("cup behind the bottle", True),
    ],
)
def test_what_tells_one_from_others_takes_the_kind_for_granted(phrase: str, granted: bool) -> None:
    assert any(each.told_apart for each in parse(phrase, vocabulary()).things) == granted

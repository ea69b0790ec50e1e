"""What evidence finds in pieces is one thing where the detector sees one."""

from __future__ import annotations

import numpy as np

from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.ground import _Group


def _region(left: int, right: int, strength: float, *, boxed: bool = False) -> Region:
    cells = np.zeros((4, 20), dtype=np.bool_)
    cells[:, left:right] = True
    return Region(cells, strength, (left / 20, 0.0, right / 20, 1.0) if boxed else None)


def test_pieces_in_a_box_are_one_thing_and_what_is_beyond_stays() -> None:
    head, body, other = _region(2, 4, 1.0), _region(5, 9, 2.0), _region(14, 18, 0.5)
    weak = _region(10, 11, -3.0)
    group = _Group([body, head, other, weak], [body, head, other])
    whole = group.with_one_in(_region(1, 10, 0.7, boxed=True))
    one, beyond = whole.kept
    np.testing.assert_array_equal(one.cells, head.cells | body.cells)
    assert (one.strength, one.box) == (2.0, None)
    assert beyond is other
    assert whole.every == [one, other, weak]


def test_one_piece_in_a_box_changes_nothing() -> None:
    head, other = _region(2, 4, 1.0), _region(8, 18, 0.5)
    group = _Group([head, other], [head, other])
    assert group.with_one_in(_region(1, 10, 0.7, boxed=True)) is group

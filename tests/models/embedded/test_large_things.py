"""Where one large thing ends of whose box the detector is not sure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from videoseg.models.embedded.grounding import ground
from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.kinds import KindEvidence

_EMPTY = np.zeros((10, 10), dtype=np.float32)
_EVIDENCE = KindEvidence(_EMPTY, _EMPTY)


def _region(columns: int, strength: float, *, boxed: bool = False) -> Region:
    """Some columns of a grid of 10 x 10 cells, from the left."""
    cells = np.zeros((10, 10), dtype=np.bool_)
    cells[:, :columns] = True
    return Region(cells, strength, (0.0, 0.0, columns / 10, 1.0) if boxed else None)


def _decided(
    monkeypatch: pytest.MonkeyPatch, evident: list[Region], outlined: int, every: Region
) -> Any:
    """What evidence says instead of a box of 6 columns, outlined as so many."""
    group = ground._Group([every], evident, _EVIDENCE)
    monkeypatch.setattr(ground._Scene, "_evident", lambda *_: group)
    objects: Any = SimpleNamespace(outlined=lambda _: _region(outlined, 0.0))
    unused: Any = None
    scene = ground._Scene(_EMPTY.astype(np.uint8), unused, objects, unused, 0.5)
    return scene._evidence_instead(unused, [_region(6, 1.0, boxed=True)])


@pytest.mark.parametrize(("outlined", "by_evidence"), [(6, True), (4, False), (3, False)])
def test_it_ends_where_the_smaller_of_outline_and_evidence_does(
    monkeypatch: pytest.MonkeyPatch, outlined: int, by_evidence: bool
) -> None:
    evident = _region(4, 40.0)
    decided = _decided(monkeypatch, [evident], outlined, evident)
    assert (decided is not None) == by_evidence
    if by_evidence:
        assert decided.kept == [evident]


def test_evidence_of_which_nothing_is_left_decides_nothing_by_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decided = _decided(monkeypatch, [], 6, _region(4, 40.0))
    assert decided.kept == []

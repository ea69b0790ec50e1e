"""Models compute what their references compute, at equal random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.references import COMPARISONS


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_model_computes_what_its_reference_does(name: str, tmp_path: Path) -> None:
    found = COMPARISONS[name](tmp_path)
    assert found.scores < 1e-5
    assert (found.boxes or 0) < 1e-2
    assert (found.masks or 0) < 0.002

"""Which of several things have a colour: those with enough of it, and as much as the others."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.selection import of_colour


def _chosen(colour: str, *shares: float) -> list[int]:
    """Places of the things chosen, where each has so much of the colour."""
    odds = np.full((len(shares), 100), -2.0, dtype=np.float32)
    things = []
    for row, share in enumerate(shares):
        odds[row, : round(100 * share)] = 2.0
        cells = np.zeros(odds.shape, dtype=np.bool_)
        cells[row] = True
        things.append(Region(cells, 0.0))
    found = of_colour(things, odds, colour)
    return [things.index(item) for item in found]


@pytest.mark.parametrize(
    ("colour", "shares", "chosen"),
    [
        ("red", (0.1,), [0]),
        ("red", (0.05,), []),
        ("white", (0.2,), [0]),
        ("white", (0.1,), []),
        ("black", (0.2,), []),
        ("black", (0.4,), [0]),
        ("red", (0.1, 0.8, 0.5), [1, 2]),
        ("red", (), []),
    ],
)
def test_things_have_a_colour_by_how_much_of_it_they_and_others_have(
    colour: str, shares: tuple[float, ...], chosen: list[int]
) -> None:
    assert _chosen(colour, *shares) == chosen

"""What is learned of outlines that jitter, waver, speed up or turn, and what follows from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from videoseg.tracking.smoothing.contours import EdgeBand, WarpedContour
from videoseg.tracking.smoothing.jitter import Jitter, NeighbourPair

Map = npt.NDArray[np.float32]
SIZE = 400
EDGE = np.repeat((np.arange(60, dtype=np.float32) - 29.5)[None], SIZE, axis=0)
"""Distances to an upright edge, in cells of one pixel."""
BAND = EdgeBand.of(EDGE, 1.0)


def noise(rng: np.random.Generator, deviation: float) -> Map:
    """An error that is the same across the edge, and another every six pixels along it."""
    errors = np.repeat(rng.normal(0, deviation, SIZE // 6 + 1), 6)[:SIZE]
    return np.repeat(errors[:, None], EDGE.shape[1], axis=1).astype(np.float32).ravel()[BAND.at]


def pair(before: Map, after: Map, trust: float = 1.0) -> tuple[list[WarpedContour], NeighbourPair]:
    ones = np.ones(len(BAND.at), np.float32)
    one, other = (WarpedContour(off, ones, np.float32(trust) * ones) for off in (before, after))
    return [one, other], NeighbourPair.of(one, other, BAND)


def learned(before: Map, after: Map, expected: float = 0.0) -> Jitter:
    return Jitter().learned(pair(before, after)[1], expected)


def moved(jitter: Jitter, before: Map, after: Map, strength: float = 0.5) -> Map | None:
    sides, both = pair(before, after)
    return jitter.shift(sides, both, strength)


@pytest.mark.parametrize("deviation", [0.5, 1, 2])
def test_the_variance_of_jitter_is_found_beside_errors_of_motion(deviation: float) -> None:
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        now = noise(rng, deviation)
        before, after = noise(rng, 1.5) - now, noise(rng, 1.5) - now
        found.append(learned(before, after))
    variances = [jitter.variance for jitter in found if jitter.variance is not None]
    # A seventh is taken for what is alike along the outline.
    assert np.mean(variances) == pytest.approx(0.87 * deviation**2, abs=0.2)
    assert np.mean([jitter.error for jitter in found]) == pytest.approx(1.5**2 / 2, rel=0.1)


@pytest.mark.parametrize("turns", [False, True])
def test_an_object_that_speeds_up_or_turns_does_not_jitter(turns: bool) -> None:
    behind = np.full(len(BAND.at), 2, np.float32)
    jitter = learned(behind, -behind if turns else behind, expected=10.0)
    assert jitter.variance == pytest.approx(0, abs=1e-6)
    shift = moved(jitter, behind, behind)
    assert shift is None or np.abs(shift).max() < 1e-3


def test_an_edge_that_jitters_goes_most_of_the_way_back() -> None:
    rng = np.random.default_rng(1)
    now = noise(rng, 1.5)
    jitter = learned(-now, -now)
    shift = moved(jitter, -now, -now)
    assert shift is not None
    assert np.abs(now + shift).mean() < 0.3 * np.abs(now).mean()
    none = moved(jitter, -now, -now, strength=0.0)
    assert none is not None
    assert not none.any()


def test_what_wavers_counts_as_far_as_motion_does_not_explain_it() -> None:
    rng = np.random.default_rng(2)
    before, after = noise(rng, 2), noise(rng, 2)
    wavers = Jitter(variance=-0.1, error=2.0, expected=0.3)
    shift = moved(wavers, before, after)
    assert shift is not None
    assert np.abs(shift).max() > 0.2
    assert moved(Jitter(variance=-0.1, error=2.0, expected=2.5), before, after) is None
    # With one side alone it cannot be told from lag.
    sides, _ = pair(before, after)
    assert wavers.shift(sides[:1], None, 0.5) is None


def test_nothing_is_learned_where_no_motion_is_confirmed() -> None:
    rng = np.random.default_rng(3)
    _, blind = pair(noise(rng, 1), noise(rng, 1), trust=0.0)
    assert Jitter().learned(blind, 0.0) == Jitter()
    known = Jitter(1.0, 0.5, 0.1)
    assert known.learned(blind, 0.0) is known

"""Compiled code matches rings as the Python code does, byte for byte."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.geometry.arrays import Points
from videoseg.kernels.matching import MatchingKernel
from videoseg.roto import correspondence, knotted_rings, target_ring
from videoseg.roto.correspondence import FollowedRing
from videoseg.roto.keyframes import keyed
from videoseg.roto.knotted_rings import KnottedRing
from videoseg.roto.target_ring import TargetRing


def both(library: ctypes.CDLL, make: Callable[[], object]) -> tuple[object, object]:
    """What is made by compiled code, and by Python code."""
    made = []
    for kernel in (MatchingKernel(library), None):
        with pytest.MonkeyPatch.context() as patch:
            for module in (correspondence, knotted_rings, target_ring):
                patch.setattr(module, "matching_kernel", lambda kernel=kernel: kernel)
            made.append(make())
    return made[0], made[1]


def ring(seed: int, corners: int, size: float) -> Points:
    """A bumpy ring, float64 (corners, 2)."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = size * (1 + 0.2 * np.cos(3 * angles + seed)) + rng.normal(0, size / 50, corners)
    return np.stack([300 + np.cos(angles) * radius, 200 + np.sin(angles) * radius], axis=1)


def square(size: float) -> Points:
    """A square, of which several places are as near to a point."""
    return np.array([[0.0, 0], [size, 0], [size, size], [0, size]])


shapes = st.one_of(
    st.builds(ring, st.integers(0, 99), st.integers(3, 200), st.floats(0.2, 200)),
    st.builds(square, st.sampled_from([1.0, 7.0, 70.0])),
)


@given(shapes, shapes)
def test_nearest_places(library: ctypes.CDLL, one: Points, other: Points) -> None:
    target = TargetRing.of(other)
    compiled, python = both(library, lambda: [each.tolist() for each in target.nearest(one)])
    assert compiled == python


@given(shapes, shapes)
def test_rings_settled(library: ctypes.CDLL, one: Points, other: Points) -> None:
    target = TargetRing.of(other)
    compiled, python = both(library, lambda: correspondence._moved(one, target).tolist())
    assert compiled == python


@given(shapes, shapes, st.integers(0, 999))
def test_points_slid(library: ctypes.CDLL, one: Points, other: Points, seed: int) -> None:
    target = TargetRing.of(other)
    start = np.random.default_rng(seed).integers(0, len(target.places), len(one))

    def slid() -> object:
        places = start.copy()
        return target.slide(one, places).tolist(), places.tolist()

    compiled, python = both(library, slid)
    assert compiled == python


@given(shapes, shapes, st.floats(0.01, 300))
def test_near_rings(library: ctypes.CDLL, one: Points, other: Points, bound: float) -> None:
    target = TargetRing.of(other)
    compiled, python = both(library, lambda: knotted_rings.is_near(one, target, bound))
    assert compiled == python


@pytest.mark.parametrize("off", [0.4, 2.0, 6.0])
def test_a_ring_that_is_moved_is_near_up_to_there_and_no_further(off: float) -> None:
    target = TargetRing.of(ring(1, 300, 80))
    moved = np.add(target.places, (off, 0))
    assert knotted_rings.is_near(moved, target, off + 1e-3)
    assert not knotted_rings.is_near(moved, target, off / 2)


def test_keys(library: ctypes.CDLL) -> None:
    rings = [np.add(ring(2, 300, 60), (3 * frame, frame * frame / 9)) for frame in range(12)]

    def made() -> object:
        knotted = KnottedRing.of(FollowedRing.of(rings), np.full(12, 1.0))
        found = keyed(knotted, np.arange(12.0), np.full(12, 1.0))
        return found.keys.tolist(), found.control.tobytes()

    compiled, python = both(library, made)
    assert compiled == python

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.discs import HEIGHT, WIDTH, evidence_for, overlap, picture
from videoseg.geometry import masks
from videoseg.models.embedded.promptable.min_cut import min_cut
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask, stuff_mask


def test_coarse_evidence_gives_a_fine_mask() -> None:
    import cv2

    image, orange, _ = picture()
    evidence = evidence_for(orange)
    coarse = cv2.resize(evidence, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) > 0
    found = stuff_mask(image, evidence)
    assert overlap(found, orange) > 0.95
    rough = masks.from_bitmap(coarse)
    assert rough is not None
    assert overlap(found, orange) > overlap(ScoredMask(rough, 1), orange)


def test_nothing_found_is_none() -> None:
    image, *_ = picture()
    assert stuff_mask(image, np.full((18, 24), -5, dtype=np.float32)) is None


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (7, 3), (300, 2)])
def test_tiny_frames_do_not_break_it(width: int, height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = stuff_mask(image, np.ones((2, 2), dtype=np.float32))
    if found is not None:
        assert (found.mask.frame_width, found.mask.frame_height) == (width, height)


def test_the_same_evidence_gives_the_same_mask() -> None:
    image, orange, _ = picture()
    first, second = (stuff_mask(image, evidence_for(orange)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.mask.crop == second.mask.crop
    assert (first.mask.bitmap == second.mask.bitmap).all()
    assert math.isclose(first.score, second.score)


def test_the_cut_is_the_minimum_over_all_sides() -> None:
    """On a grid small enough to try every labelling."""
    rng = np.random.default_rng(2)
    for _ in range(4):
        unary = rng.normal(0, 1.5, (3, 4)).astype(np.float32)
        lab = np.zeros((3, 4, 3), dtype=np.float32)
        start = np.full((3, 4), 0.5, dtype=np.float32)
        found = min_cut(lab, unary, start=start, strength=0.7, iterations=2000) > 0.5

        def energy(side: npt.NDArray[np.float32], unary: npt.NDArray[np.float32] = unary) -> float:
            edges = np.abs(np.diff(side, axis=0)).sum() + np.abs(np.diff(side, axis=1)).sum()
            return float(0.7 * edges - (unary * side).sum())

        every = ((np.arange(2**12)[:, None] >> np.arange(12)) & 1).reshape(-1, 3, 4)
        least = min(energy(side.astype(np.float32)) for side in every)
        assert energy(found.astype(np.float32)) == pytest.approx(least, abs=1e-3)

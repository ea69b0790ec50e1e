"""The level of evidence: an outline lies on the image's edges rather than where evidence ends."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from videoseg.geometry.masks import to_bitmap
from videoseg.models.embedded.levels import outline_on_edges


def _disc(radius: float) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[0:240, 0:320] + 0.5
    return np.asarray(radius - np.hypot(x - 160, y - 120), dtype=np.float32)


@pytest.mark.parametrize("blur", [18.0, 30.0])
def test_evidence_that_spills_over_is_drawn_back_to_the_edge(blur: float) -> None:
    truth = _disc(55) > 0
    noise = np.random.default_rng(0).normal(0, 6, (240, 320, 3))
    image = np.where(truth[..., None], (200, 120, 60), (70, 110, 90)) + noise
    spilt = (_disc(75) / blur).astype(np.float32)
    cells = cv2.resize(spilt, (40, 30), interpolation=cv2.INTER_AREA).astype(np.float32)
    result = outline_on_edges(image.clip(0, 255).astype(np.uint8), cells)
    assert result is not None
    found = to_bitmap(result.mask)
    assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_nothing_is_outlined_where_nothing_speaks_for_it() -> None:
    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    assert outline_on_edges(image, np.full((15, 20), -5, dtype=np.float32)) is None


def test_a_thing_that_fills_the_frame_is_the_frame() -> None:
    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    result = outline_on_edges(image, np.full((15, 20), 5, dtype=np.float32))
    assert result is not None
    assert to_bitmap(result.mask).all()

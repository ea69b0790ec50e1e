"""What moves with the background is denied, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from videoseg.geometry.masks import from_bitmap
from videoseg.models.embedded.memory.background_motion import background_odds
from videoseg.motion.flow import Flow
from videoseg.types import Mask

WIDTH, HEIGHT = 320, 180


def _object() -> npt.NDArray[np.bool_]:
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.rectangle(drawn, (100, 50), (170, 130), 1, -1)
    return drawn > 0


def _with_leak() -> Mask:
    """The object and a strip of ground beside it."""
    both = _object()
    both[110:130, 40:100] = True
    found = from_bitmap(both)
    assert found is not None
    return found


def _flow(own: tuple[float, float], other: tuple[float, float]) -> Flow:
    noise = np.random.default_rng(0).normal(0, 0.1, (HEIGHT, WIDTH, 2))
    motion = np.where(_object()[..., None], own, other) + noise
    return Flow(motion.astype(np.float32), WIDTH, HEIGHT)


def test_a_leak_that_stays_with_the_ground_is_denied() -> None:
    odds = background_odds(_flow((4.0, 0.5), (-1.0, 0.0)), _with_leak())
    assert odds is not None
    assert odds.shape == (HEIGHT, WIDTH)
    assert odds[112:128, 44:94].max() < -2
    assert odds[56:124, 106:164].min() > -0.1


def test_nothing_is_said_of_what_is_far_away() -> None:
    odds = background_odds(_flow((4.0, 0.5), (-1.0, 0.0)), _with_leak())
    assert odds is not None
    assert np.count_nonzero(odds[:, 260:]) == 0


def test_nothing_is_denied_where_all_moves_alike_or_anyhow() -> None:
    odds = background_odds(_flow((2.0, 1.0), (2.0, 1.0)), _with_leak())
    assert odds is not None
    assert odds[_object()].min() > -1
    limb = _flow((4.0, 0.5), (-1.0, 0.0))
    limb.backward[90:130, 100:120] = (9.0, -6.0)  # as the object's legs may
    odds = background_odds(limb, _with_leak())
    assert odds is not None
    assert odds[94:126, 104:116].min() == 0


def test_a_turning_and_growing_object_keeps_its_own() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    own = np.stack([0.06 * (x - 135) - 0.05 * (y - 90), 0.05 * (x - 135) + 0.06 * (y - 90)], -1)
    motion = np.where(_object()[..., None], own + np.array([3, 0]), 0).astype(np.float32)
    odds = background_odds(Flow(motion, WIDTH, HEIGHT), _with_leak())
    assert odds is not None
    assert (odds[_object()] < -1).mean() < 0.1
    assert odds[114:126, 44:94].mean() < -3


def test_too_little_to_see_tells_nothing() -> None:
    dot = Mask(5, 5, WIDTH, HEIGHT, np.ones((2, 2), dtype=np.bool_))
    assert background_odds(_flow((1, 0), (0, 0)), dot) is None
    everything = Mask(0, 0, WIDTH, HEIGHT, np.ones((HEIGHT, WIDTH), dtype=np.bool_))
    assert background_odds(_flow((1, 0), (0, 0)), everything) is None

"""Masks cut out of a network's logits, against upsampling the whole frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.geometry.masks import to_bitmap
from videoseg.models._torch import cutouts
from videoseg.models._torch.cutouts import bounds, cut_out, region
from videoseg.models._torch.images import Placement
from videoseg.networks.device import Device
from videoseg.types import Mask

torch = pytest.importorskip("torch")
CPU = Device(torch.device("cpu"), torch.float32)


def blob(seed: int, height: int, width: int) -> Any:
    """Smooth random logits, some positive."""
    rough = np.random.default_rng(seed).normal(-0.3, 1, (1, 1, 4, 5)).astype(np.float32)
    return torch.nn.functional.interpolate(
        torch.from_numpy(rough), (height, width), mode="bicubic"
    )[0]


def cut(
    logits: Any, placement: Placement, *, soft: bool = False, keep: bool = False
) -> list[Mask | None]:
    shape = (logits.shape[1], logits.shape[2])
    boxes = [region(cells, shape, placement) for cells in bounds(logits).tolist()]
    assert all(boxes)
    made = cut_out(
        logits,
        [box for box in boxes if box],
        placement,
        CPU,
        soft=soft,
        keep_logits=keep,
        fetch=lambda tensor: tensor,
    )
    return [mask for some in made for mask in some.masks()]


def whole(logits: Any, width: int, height: int, *, soft: bool) -> Any:
    """The reference: the whole frame, upsampled."""
    values = logits.sigmoid() if soft else logits
    full = torch.nn.functional.interpolate(
        values[None], (height, width), mode="bilinear", align_corners=False
    )[0]
    return full - 0.5 if soft else full


def squeezed(width: int, height: int) -> Placement:
    return Placement(width, height, 64, 64, 64, 64)


@examples(40)
@given(
    seed=st.integers(0, 10_000),
    width=st.integers(1, 150),
    height=st.integers(1, 150),
    soft=st.booleans(),
    keep=st.booleans(),
)
def test_a_cutout_is_the_whole_frame_upsampled(
    seed: int, width: int, height: int, soft: bool, keep: bool
) -> None:
    logits = blob(seed, 16, 24)
    if not (logits > 0).any():
        return
    (mask,) = cut(logits, squeezed(width, height), soft=soft, keep=keep)
    expected = whole(logits, width, height, soft=soft)[0].numpy()
    bitmap = np.zeros((height, width), dtype=np.bool_) if mask is None else to_bitmap(mask)
    clear = np.abs(expected) > 1e-5
    assert np.array_equal(bitmap[clear], (expected > 0)[clear])
    if mask is not None and keep:
        assert mask.logits is not None
        assert np.array_equal(mask.logits > 0, mask.bitmap)


def test_kept_logits_are_the_upsampled_ones() -> None:
    logits = blob(3, 16, 24)
    (mask,) = cut(logits, squeezed(90, 60), keep=True)
    assert mask is not None
    assert mask.logits is not None
    x1, y1, x2, y2 = mask.crop
    expected = whole(logits, 90, 60, soft=False)[0, y1:y2, x1:x2].numpy()
    assert np.allclose(mask.logits.astype(np.float32), expected, atol=2e-3)


@pytest.mark.parametrize("soft", [False, True])
def test_a_margin_is_kept_around_the_object(soft: bool) -> None:
    logits = torch.full((1, 16, 16), -3.0)
    logits[0, 6:9, 5:8] = 3.0
    (mask,) = cut(logits, squeezed(320, 160), soft=soft, keep=True)
    assert mask is not None
    rows, columns = np.nonzero(mask.bitmap)
    height, width = mask.bitmap.shape
    assert min(rows.min(), columns.min()) >= 4
    assert min(height - 1 - rows.max(), width - 1 - columns.max()) >= 4


def test_a_rectangle_lands_where_it_is() -> None:
    """Cells of 20 x 10 pixels: half-way between two cells is the edge of the pixels."""
    logits = torch.full((2, 16, 16), -1.0)
    logits[0, 2:5, 7:9] = 1.0
    logits[1, 15:, 15:] = 1.0
    placed = [mask for mask in cut(logits, squeezed(320, 160)) if mask is not None]
    boxes = []
    for mask in placed:
        rows, columns = np.nonzero(to_bitmap(mask))
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    assert boxes == [(140, 20, 180, 50), (300, 150, 320, 160)]


def test_padding_is_left_out() -> None:
    """A frame in the upper half of the canvas: rows of logits below belong to nothing."""
    placement = Placement(320, 160, 64, 32, 64, 64)
    logits = torch.full((1, 16, 16), -1.0)
    logits[0, 4:12, 4:8] = 1.0
    (mask,) = cut(logits, placement)
    assert mask is not None
    rows, columns = np.nonzero(to_bitmap(mask))
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (80, 160, 80, 160)
    below = torch.full((1, 16, 16), -1.0)
    below[0, 13:, 4:8] = 1.0
    assert region(bounds(below)[0].tolist(), (16, 16), placement) is None


def test_bounds_are_tight() -> None:
    logits = torch.full((3, 9, 12), -1.0)
    logits[0, 2, 3] = logits[0, 7, 5] = 1.0
    logits[1, :, :] = 1.0
    assert bounds(logits).tolist() == [[3, 2, 6, 8], [0, 0, 12, 9], [0, 0, 0, 0]]
    assert region([0, 0, 0, 0], (9, 12), squeezed(50, 50)) is None


def test_many_large_objects_are_cut_out_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.cat([blob(seed, 16, 24) for seed in range(8)]) + 1
    at_once = cut(logits, squeezed(70, 50))
    monkeypatch.setattr(cutouts, "_AT_ONCE", 5000)
    in_turns = cut(logits, squeezed(70, 50))
    for a, b in zip(at_once, in_turns, strict=True):
        assert a is not None
        assert b is not None
        assert a.crop == b.crop
        assert np.array_equal(a.bitmap, b.bitmap)


def test_the_faintest_logit_stays_positive() -> None:
    """float16 knows nothing below 6e-8."""
    logits = torch.full((1, 4, 4), 1e-9)
    (mask,) = cut(logits, squeezed(4, 4), keep=True)
    assert mask is not None
    assert mask.bitmap.all()

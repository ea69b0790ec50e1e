"""Square crops: what is where, there and back again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.geometry import masks
from videoseg.models.embedded.promptable.crops import Crop
from videoseg.models.embedded.promptable.prompt_maps import CHANNELS, ObjectPrompts
from videoseg.types import Mask

WIDTH, HEIGHT = 120, 90


def _rectangle(x1: int, y1: int, x2: int, y2: int) -> Mask:
    bitmap = np.ones((y2 - y1, x2 - x1), dtype=np.bool_)
    return Mask(x1, y1, WIDTH, HEIGHT, bitmap)


@given(
    x1=st.integers(0, 80),
    y1=st.integers(0, 60),
    width=st.integers(12, 40),
    height=st.integers(12, 30),
    room=st.floats(1.1, 2.5),
)
def test_a_mask_comes_back_from_the_crop_where_it_was(
    x1: int, y1: int, width: int, height: int, room: float
) -> None:
    mask = _rectangle(x1, y1, min(x1 + width, WIDTH), min(y1 + height, HEIGHT))
    crop = Crop.around(tuple(map(float, mask.crop)), room)  # type: ignore[arg-type]
    seen = crop.of_mask(mask, 128)
    box = crop.in_frame(WIDTH, HEIGHT)
    assert box is not None
    back = crop.to_frame(np.where(seen, 1, -1).astype(np.float32), box) > 0
    full = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    full[box[1] : box[3], box[0] : box[2]] = back
    truth = masks.to_bitmap(mask)
    assert (full & truth).sum() / (full | truth).sum() > 0.97


@pytest.mark.parametrize("size", [32, 64, 256])
def test_picture_mask_map_and_point_agree(size: int) -> None:
    mask = _rectangle(40, 30, 72, 58)
    bitmap = masks.to_bitmap(mask)
    image = np.repeat(bitmap[..., None] * np.uint8(255), 3, axis=2)
    crop = Crop(30.0, 20.0, 64.0)
    seen = crop.of_mask(mask, size)
    picture = crop.of_image(image, size)[..., 0] > 127
    odds = crop.of_map(np.where(bitmap, 1, -1).astype(np.float32), WIDTH, HEIGHT, size) > 0
    assert (picture != seen).mean() < 0.03
    assert (odds != seen).mean() < 0.03
    left, top = crop.to_crop(40, 30, size)
    assert abs(np.flatnonzero(seen.any(axis=0))[0] - left) <= 1
    assert abs(np.flatnonzero(seen.any(axis=1))[0] - top) <= 1


def test_beyond_the_frame_is_grey() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 250, dtype=np.uint8)
    seen = Crop(-60.0, -60.0, 120.0).of_image(image, 64)
    assert (seen[:28, :28] == 127).all()
    assert (seen[36:, 36:] == 250).all()
    assert (Crop(500.0, 500.0, 40.0).of_image(image, 32) == 127).all()
    assert Crop(500.0, 500.0, 40.0).in_frame(WIDTH, HEIGHT) is None


def test_prompts_are_drawn_where_they_are() -> None:
    crop = Crop(0.0, 0.0, 120.0)
    prompts = ObjectPrompts(
        WIDTH,
        HEIGHT,
        evidence=np.full((9, 12), 3, dtype=np.float32),
        points=((30.0, 40.0, True), (90.0, 60.0, False)),
        boxes=((20.0, 30.0, 50.0, 60.0, True), (100.0, 0.0, 110.0, 10.0, False)),
        prior=_rectangle(24, 34, 48, 58),
    )
    maps = dict(zip(CHANNELS, prompts.maps(crop, 240), strict=True))
    assert maps["positive"][80, 60] == 1
    assert maps["positive"][80, 70] == 0
    assert maps["negative"][120, 180] == 1
    assert maps["negative"][10, 210] == 1  # a box that is not meant
    assert set(np.unique(maps["box"])) == {-1, 1}
    assert maps["box"][100, 70] == 1
    assert maps["box"][100, 110] == -1
    assert maps["previous"].mean() == pytest.approx(2 * (48 * 48) / 240**2 - 1, abs=0.02)
    assert maps["evidence"] == pytest.approx(0.5)


def test_nothing_known_is_nought() -> None:
    maps = ObjectPrompts(WIDTH, HEIGHT, points=((30.0, 40.0, True),)).maps(Crop(0, 0, 120), 64)
    assert maps[CHANNELS.index("positive")].any()
    assert not maps[1:].any()


def test_the_window_is_about_the_object() -> None:
    boxed = ObjectPrompts(WIDTH, HEIGHT, boxes=((40.0, 30.0, 60.0, 50.0, True),)).window()
    assert boxed == Crop(32.0, 22.0, 36.0)
    whole = ObjectPrompts(WIDTH, HEIGHT, points=((3.0, 4.0, True),)).window()
    assert whole == Crop(0.0, -15.0, 120.0)
    evidence = np.full((9, 12), -1, dtype=np.float32)
    assert ObjectPrompts(WIDTH, HEIGHT, evidence=evidence).window() is None
    evidence[3, 4] = 1
    assert ObjectPrompts(WIDTH, HEIGHT, evidence=evidence).window() == Crop(27.0, 17.0, 36.0)
    outside = ObjectPrompts(WIDTH, HEIGHT, boxes=((WIDTH + 5.0, 0.0, WIDTH + 9.0, 9.0, True),))
    assert outside.window() is None
    with pytest.raises(ValueError, match="needs evidence"):
        ObjectPrompts(WIDTH, HEIGHT, points=((3.0, 4.0, False),)).window()

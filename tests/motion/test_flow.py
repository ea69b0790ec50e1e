from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.geometry import masks
from videoseg.motion.flow import Flow, camera_motion, carry_map, carry_mask, flow_between
from videoseg.types import Mask, RgbImage


def texture(height: int, width: int, seed: int = 0) -> RgbImage:
    """Smooth noise that flow can match everywhere."""
    import cv2

    rough = np.random.default_rng(seed).integers(0, 256, (height // 6 + 2, width // 6 + 2, 3))
    smooth = cv2.resize(rough.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, dtype=np.uint8)


def square(x: int, y: int, side: int, *, width: int, height: int) -> Mask:
    return Mask(x, y, width, height, np.ones((side, side), dtype=np.bool_))


def still(height: int, width: int, dx: float = 0, dy: float = 0, *, scale: int = 2) -> Flow:
    """The same motion everywhere, in frame pixels, on a field ``scale`` times smaller."""
    field = np.zeros((height // scale, width // scale, 2), dtype=np.float32)
    field[..., 0], field[..., 1] = dx / scale, dy / scale
    return Flow(field, width, height)


@pytest.mark.parametrize(("dx", "dy"), [(12, 0), (0, -8), (-9, 14)])
def test_finds_the_motion_of_a_shifted_picture(dx: int, dy: int) -> None:
    wide = texture(300, 500)
    previous = wide[40:240, 40:440]
    # The camera's window moves by (-dx, -dy), so what is seen moves by (dx, dy).
    current = wide[40 - dy : 240 - dy, 40 - dx : 440 - dx]
    flow = flow_between(np.ascontiguousarray(previous), np.ascontiguousarray(current))
    middle = flow.backward[20:-20, 20:-20]
    assert np.median(middle[..., 0]) * flow.scale_x == pytest.approx(-dx, abs=0.3)
    assert np.median(middle[..., 1]) * flow.scale_y == pytest.approx(-dy, abs=0.3)
    moved = carry_mask(square(150, 80, 40, width=400, height=200), flow)
    assert moved is not None
    assert masks.iou(moved, square(150 + dx, 80 + dy, 40, width=400, height=200)) > 0.9


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 400), (9, 9), (31, 700), (16, 320), (2000, 3), (33, 33)]
)
def test_any_frame_size_gives_a_finite_field(height: int, width: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    flow = flow_between(noise, np.ascontiguousarray(noise[::-1]))
    assert np.isfinite(flow.backward).all()
    assert (flow.frame_width, flow.frame_height) == (width, height)
    assert max(flow.backward.shape[:2]) <= 320


def test_frames_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        flow_between(texture(40, 60), texture(40, 62))


def test_a_field_that_is_no_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(h, w, 2\)"):
        Flow(np.zeros((4, 4), dtype=np.float32), 8, 8)


def test_no_motion_leaves_a_mask_as_it_is() -> None:
    mask = square(13, 7, 21, width=96, height=64)
    moved = carry_mask(mask, still(64, 96))
    assert moved is not None
    assert masks.iou(moved, mask) == 1


def test_what_leaves_the_frame_is_gone() -> None:
    mask = square(2, 20, 10, width=96, height=64)
    assert carry_mask(mask, still(64, 96, dx=50)) is None
    half = carry_mask(mask, still(64, 96, dx=6))
    assert half is not None
    assert masks.bounding_box(half)[0] == 0


shift = st.integers(-30, 30)


@examples(60)
@given(
    x=st.integers(0, 80),
    y=st.integers(0, 50),
    side=st.integers(1, 16),
    dx=shift,
    dy=shift,
    scale=st.sampled_from([1, 2, 4]),
)
def test_a_whole_shift_moves_every_pixel_by_it(
    x: int, y: int, side: int, dx: int, dy: int, scale: int
) -> None:
    bitmap = np.random.default_rng(x * 91 + y).random((side, side)) < 0.7
    bitmap[0, 0] = True
    mask = Mask(x, y, 96, 68, bitmap)
    moved = carry_mask(mask, still(68, 96, dx=-dx, dy=-dy, scale=scale))
    expected: npt.NDArray[np.bool_] = np.zeros((68, 96), dtype=np.bool_)
    rows, columns = np.nonzero(masks.to_bitmap(mask))
    kept = (rows + dy >= 0) & (rows + dy < 68) & (columns + dx >= 0) & (columns + dx < 96)
    expected[rows[kept] + dy, columns[kept] + dx] = True
    found = np.zeros_like(expected) if moved is None else masks.to_bitmap(moved)
    assert (found == expected).all()


def test_a_crop_is_carried_like_the_whole_frame() -> None:
    rng = np.random.default_rng(4)
    import cv2

    rough = rng.normal(0, 4, (6, 8, 2)).astype(np.float32)
    field = cv2.resize(rough, (48, 32), interpolation=cv2.INTER_CUBIC)
    flow = Flow(np.asarray(field, dtype=np.float32), 96, 64)
    mask = square(30, 20, 25, width=96, height=64)
    whole = carry_map(masks.to_bitmap(mask).astype(np.float32), flow) > 0.5
    moved = carry_mask(mask, flow)
    assert moved is not None
    assert (masks.to_bitmap(moved) == whole).all()
    assert whole.any()


def test_a_map_from_beyond_the_border_is_what_the_caller_says() -> None:
    values = np.full((64, 96), 3, dtype=np.float32)
    moved = carry_map(values, still(64, 96, dx=20), outside=-1)
    assert (moved[:, :76] == 3).all()
    assert (moved[:, 76:] == -1).all()


def test_the_camera_is_told_from_what_moves_by_itself() -> None:
    """A ground that turns, grows and shifts, and an object that covers a fifth of the picture."""
    turn, shift = 1.01 * np.exp(0.01j), 5 - 3j
    rows, columns = np.mgrid[:90, :160]
    now = (columns + 0.5) * 2 + 1j * (rows + 0.5) * 2
    moves = (now - shift) / turn - now
    backward = np.stack([moves.real / 2, moves.imag / 2], axis=2).astype(np.float32)
    backward[20:60, 40:120] += (7, 4)
    flow = Flow(backward, 320, 180)
    for objects in ([], [Mask(80, 40, 320, 180, np.ones((80, 160), np.bool_))]):
        camera = camera_motion(flow, objects)
        for place in (20 + 20j, 300 + 150j):
            moved = camera.moves((place.real, place.imag))
            expected = turn * place + shift - place
            assert abs(complex(*moved) - expected) < 0.3

"""What networks are handed of a frame, against an independent reading of the reference."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from videoseg.models._torch.images import (
    CLIP,
    HALF,
    IMAGENET,
    Images,
    Placement,
    Uploader,
    letterboxed,
    squeezed,
)
from videoseg.networks.device import Device, Lanes
from videoseg.types import Frame

torch = pytest.importorskip("torch")
CPU = Device(torch.device("cpu"), torch.float32)


def frame(width: int, height: int, seed: int = 0) -> Frame:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame("cam", seed, seed, Fraction(1, 25), image)


def images(*frames: Frame) -> Images:
    return Uploader(Lanes(CPU)).upload(frames)


def weights(old: int, new: int, method: str) -> npt.NDArray[np.float64]:
    """How much of each old pixel is in each new one, by an antialiased filter: (new, old)."""
    scale = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * old / new
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / scale
    if method == "bilinear":
        found = np.clip(1 - distance, 0, None)
    else:
        a = -0.5
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((distance - 5) * distance + 8) * distance * a - 4 * a
        found = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    return np.asarray(found / found.sum(1, keepdims=True))


def reference(image: Any, width: int, height: int, method: str) -> npt.NDArray[np.float64]:
    down = weights(image.shape[0], height, method)
    across = weights(image.shape[1], width, method)
    full = np.einsum("yh,hwc,xw->yxc", down, image.astype(np.float64), across)
    return np.asarray(np.clip(full, 0, 255))


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(50, 30), (64, 48), (90, 20), (33, 77), (130, 101)])
def test_levels_are_those_of_an_antialiased_filter(method: Any, size: tuple[int, int]) -> None:
    given = frame(64, 48)
    made, _ = squeezed(images(given), *size, HALF, CPU, method)
    levels = (made[0].permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
    expected = reference(given.image, *size, method)
    # Whole levels, each the nearest to the exact one.
    assert np.abs(levels - levels.round()).max() < 1e-3
    assert np.abs(levels - expected).max() < 0.502


def test_levels_are_close_to_those_of_pillow() -> None:
    pil = pytest.importorskip("PIL.Image")
    given = frame(64, 48)
    made, _ = squeezed(images(given), 31, 29, HALF, CPU)
    levels = (made[0].permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255
    other = np.asarray(pil.fromarray(given.image).resize((31, 29), pil.Resampling.BILINEAR))
    assert np.abs(levels - other).max() < 1.01


@pytest.mark.parametrize("colours", [IMAGENET, HALF, CLIP], ids=["imagenet", "half", "clip"])
def test_each_colour_is_normalised_with_its_own_numbers(colours: Any) -> None:
    given = frame(8, 6)
    made, _ = squeezed(images(given), 8, 6, colours, CPU)
    mean, deviation = (np.array(values) for values in colours)
    expected = (given.image / 255 - mean) / deviation
    assert np.allclose(made[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_frames_of_a_batch_are_what_they_are_alone() -> None:
    given = [frame(40, 30, seed) for seed in range(3)]
    together, _ = squeezed(images(*given), 16, 16, HALF, CPU)
    for one, made in zip(given, together, strict=True):
        assert torch.equal(squeezed(images(one), 16, 16, HALF, CPU)[0][0], made)


def test_a_letterboxed_frame_lies_at_the_top_left_of_zeros() -> None:
    given = frame(40, 20)
    made, placement = letterboxed(images(given), 30, 15, 32, 32, IMAGENET, CPU)
    inside, _ = squeezed(images(given), 30, 15, IMAGENET, CPU)
    assert torch.equal(made[:, :, :15, :30], inside)
    assert made[:, :, 15:].abs().max() == made[:, :, :, 30:].abs().max() == 0
    assert placement == Placement(40, 20, 30, 15, 32, 32)


def test_places_go_there_and_back() -> None:
    placement = Placement(400, 100, 32, 16, 32, 32)
    assert placement.to_model(200, 100) == (16, 16)
    assert placement.to_model(0, 0) == (0, 0)
    assert placement.to_source(*placement.to_model(33, 77)) == pytest.approx((33, 77))


def test_precision_comes_last() -> None:
    given = images(frame(40, 30))
    half = Device(torch.device("cpu"), torch.bfloat16)
    made, _ = squeezed(given, 16, 16, HALF, half)
    assert torch.equal(made, squeezed(given, 16, 16, HALF, CPU)[0].to(torch.bfloat16))

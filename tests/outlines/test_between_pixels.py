"""Outlines at tolerances below half a pixel: smooth curves between the pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from tests.support import scenes
from videoseg.config.run_config import load
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.outlines.between_pixels import chain_of, line_between
from videoseg.outlines.raster import rasterise, wrong_pixels
from videoseg.outlines.trace import trace
from videoseg.outlines.vectorize import outline_of
from videoseg.types import Bezier, Instance, Mask, Ring

FINE = (0.1, 0.2, 0.3, 0.49)
SIZE, MORE = 160, 16


def wavy(seed: int) -> tuple[Mask, np.ndarray]:
    """A round thing with bays, and points of its true edge, which no pixel knows exactly."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    waves = ((n, rng.uniform(0.02, 0.12) / (1 + n / 4), rng.uniform(0, 6.3)) for n in (2, 3, 5, 7))
    radius = 45 * (1 + sum(size * np.sin(n * angle + at) for n, size, at in waves))
    x, y = rng.uniform(79.5, 80.5, 2)
    edge = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    fine = np.zeros((SIZE * MORE, SIZE * MORE), np.uint8)
    cv2.fillPoly(fine, [np.rint(edge * MORE - 0.5).astype(np.int32)], 255)
    small = cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    mask = masks.from_bitmap(np.asarray(small > 127))
    assert mask is not None
    return mask, edge


def ends_of(ring: Ring) -> tuple[np.ndarray, np.ndarray]:
    """Where pieces begin, and which are curves."""
    if not isinstance(ring, Bezier):
        return ring.points.astype(np.float64), np.zeros(len(ring.points), np.bool_)
    segments = ring.segments.astype(np.float64)
    begins = np.roll(segments[:, 2], 1, axis=0)
    straight = (abs(segments[:, 0] - begins) < 1e-4).all(axis=1)
    straight &= (abs(segments[:, 1] - segments[:, 2]) < 1e-4).all(axis=1)
    return begins, np.logical_not(straight)


def bends(ring: Bezier) -> np.ndarray:
    """Degrees by which the way turns at each knot."""
    segments = ring.segments.astype(np.float64)
    begins = np.roll(segments[:, 2], 1, axis=0)

    def way(*steps: np.ndarray) -> np.ndarray:
        angles = np.zeros(len(begins))
        for step in reversed(steps):
            known = np.linalg.norm(step, axis=1) > 1e-3
            angles = np.where(known, np.arctan2(step[:, 1], step[:, 0]), angles)
        return angles

    out = way(segments[:, 0] - begins, segments[:, 2] - begins)
    into = np.roll(way(segments[:, 2] - segments[:, 1], segments[:, 2] - begins), 1)
    turn = (out - into + np.pi) % (2 * np.pi) - np.pi
    return np.asarray(np.degrees(np.abs(turn)))


def points_of(ring: Ring) -> np.ndarray:
    """Points all along a ring."""
    line = shapely.LinearRing(flatten(ring))
    points: np.ndarray = shapely.get_coordinates(shapely.segmentize(line, 0.2))
    return points


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_is_nearer_to_the_true_edge_than_pixels_are(seed: int) -> None:
    mask, edge = wavy(seed)
    (pixels,), (ring,) = (outline_of(mask, tolerance=t).rings for t in (0, 0.3))
    errors = [np.percentile(cKDTree(edge).query(points_of(each))[0], 95) for each in (pixels, ring)]
    assert errors[1] < 0.3
    assert errors[1] < errors[0] * 0.6
    back = cKDTree(points_of(ring)).query(edge)[0]
    assert np.percentile(back, 95) < 0.3


@pytest.mark.parametrize("tolerance", FINE)
def test_a_smooth_thing_has_few_smooth_curves_and_no_steps(tolerance: float) -> None:
    mask, _ = wavy(7)
    (ring,) = outline_of(mask, tolerance=tolerance).rings
    assert isinstance(ring, Bezier)
    begins, curved = ends_of(ring)
    assert curved.mean() > 0.7
    assert len(begins) < 0.25 * len(flatten(outline_of(mask, tolerance=0).rings[0]))
    steps = np.abs(np.roll(begins, -1, axis=0) - begins)
    assert not ((steps.sum(axis=1) <= 1.01) & (steps.min(axis=1) < 1e-3) & ~curved).any()
    assert np.percentile(bends(ring), 90) < 4
    assert wrong_pixels(outline_of(mask, tolerance=tolerance), mask) <= 0.0025 * masks.area(mask)


@pytest.mark.parametrize("turn", [0.0, 0.2, 0.5, 0.7])
def test_corners_stay_corners(turn: float) -> None:
    rows, columns = np.mgrid[:240, :240] + 0.5 - 120.2
    across = columns * math.cos(turn) + rows * math.sin(turn)
    down = rows * math.cos(turn) - columns * math.sin(turn)
    mask = scenes.mask_of((np.abs(across) < 80) & (np.abs(down) < 60))
    (ring,) = outline_of(mask, tolerance=0.3).rings
    begins, _ = ends_of(ring)
    assert len(begins) <= 24
    true = np.array([(x, y) for x in (-80, 80) for y in (-60, 60)], dtype=np.float64)
    true = true @ [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]] + 120.2
    assert cKDTree(begins).query(true)[0].max() < 1.2


@pytest.mark.parametrize("slope", [0.03, 0.1, 0.37, 0.618, 1.0])
def test_a_slanted_edge_is_straight(slope: float) -> None:
    rows, columns = np.mgrid[:200, :200] + 0.5
    mask = scenes.mask_of(rows - 101 > slope * (columns - 99))
    points = points_of(outline_of(mask, tolerance=0.3).rings[0])
    inner = points[(np.abs(points - 100) < 85).all(axis=1)]
    off = np.abs((inner - (99, 101)) @ (-slope, 1)) / math.hypot(1, slope)
    assert np.percentile(off, 95) < 0.4


def test_a_line_between_pixels_shows_exactly_the_pixels() -> None:
    for seed in range(4):
        mask, _ = wavy(seed)
        line = line_between(chain_of(trace([mask.bitmap])))
        assert not line.corner.any()
        inside = shapely.Polygon(line.points)
        rows, columns = np.mgrid[: mask.bitmap.shape[0], : mask.bitmap.shape[1]] + 0.5
        assert (shapely.contains_xy(inside, columns, rows) == mask.bitmap).all()


def test_where_logits_say_where_the_edge_is_it_is_there() -> None:
    rows, columns = np.mgrid[:64, :64] + 0.5
    logits = (20.3 - np.hypot(columns - 32.2, rows - 31.6)).astype(np.float16)
    ring = outline_of(Mask(0, 0, 64, 64, logits > 0, logits), tolerance=0.2).rings[0]
    off = np.abs(np.hypot(*(points_of(ring) - (32.2, 31.6)).T) - 20.3)
    assert off.max() < 0.15
    assert len(ends_of(ring)[0]) <= 12


def test_the_rotoscope_preset_draws_such_curves() -> None:
    mask, _ = wavy(3)
    (shape,) = load(preset="rotoscope").outlines.shapes([Instance(mask, 1.0, 0)])
    (ring,) = shape.rings
    assert isinstance(ring, Bezier)
    assert ends_of(ring)[1].mean() > 0.7
    again = rasterise(shape, mask.frame_width, mask.frame_height)
    assert again is not None
    assert masks.iou(again, mask) > 0.997

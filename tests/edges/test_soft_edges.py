"""Soft edges: what every engine keeps to, and mattes that are known."""

from __future__ import annotations

import itertools
import threading
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from videoseg.edges import soft_edges
from videoseg.edges.finish import expanded, feathered, motion_blurred
from videoseg.edges.soft_edges import EdgeSettings, SoftEdges, signed_distance
from videoseg.errors import ModelError
from videoseg.geometry import masks
from videoseg.matting.closed_form import ClosedForm
from videoseg.matting.guided import Guided, guided_filter
from videoseg.motion import flow
from videoseg.motion.flow import Flow
from videoseg.protocols import Matter
from videoseg.types import (
    WHOLE,
    Alpha,
    EdgeWindow,
    Frame,
    Instance,
    Mask,
    Scene,
    Shape,
    TrackedInstance,
)

WIDTH, HEIGHT = 120, 90
ORANGE, BLUE = (220.0, 120.0, 30.0), (20.0, 60.0, 160.0)


def coverage(x: float, y: float, radius: float, blur: float = 0.0) -> np.ndarray:
    """A disc, float64 (H, W), 0 to 1, its edge soft over so many pixels."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = radius - np.hypot(columns - x, rows - y)
    return np.asarray(np.clip(0.5 + away / max(1.0, blur), 0, 1))


def mask_of(alpha: np.ndarray) -> Mask:
    found = masks.from_bitmap(alpha > 0.5)
    assert found is not None
    return found


def picture(alpha: np.ndarray, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    share = alpha[..., None]
    image = share * ORANGE + (1 - share) * BLUE
    image += noise * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def scene_of(found: list[Mask], index: int = 0, shot: int = 0) -> Scene:
    instances = tuple(
        TrackedInstance(n, Instance(mask, 1.0, 0), Shape(()), "a")
        for n, mask in enumerate(found, start=1)
    )
    return Scene("a", index, index, Fraction(1, 25), shot=shot, instances=instances)


def edges(engine: Matter | None = None, **settings: float) -> SoftEdges:
    return SoftEdges(EdgeSettings(**settings), engine or Guided(), threads=1)  # type: ignore[arg-type]


def ask(step: SoftEdges, mask: Mask, image: np.ndarray, index: int = 0, shot: int = 0) -> Alpha:
    frame = Frame("a", index, index, Fraction(1, 25), image)
    (alpha,) = step.mattes(scene_of([mask], index, shot), frame)
    return alpha


def values_of(alpha: Alpha) -> np.ndarray:
    return alpha.to_array() / WHOLE


@pytest.fixture(params=[Guided, ClosedForm])
def engine(request: pytest.FixtureRequest) -> Matter:
    if request.param is ClosedForm:
        pytest.importorskip("pymatting")
    made: Matter = request.param()
    return made


def test_a_soft_edge_is_found_better_than_the_mask_has_it(engine: Matter) -> None:
    truth = coverage(60, 45, 25, blur=8)
    found = values_of(ask(edges(engine, softness=6.0), mask_of(truth), picture(truth)))
    hard = mask_of(truth).to_array()
    assert np.abs(found - truth).sum() < 0.6 * np.abs(hard - truth).sum()


def test_beyond_the_band_the_mask_is_right(engine: Matter) -> None:
    truth = coverage(60, 45, 25)
    mask = mask_of(truth)
    # A picture that shows nothing where the mask says that something is.
    found = values_of(ask(edges(engine, softness=3.0), mask, picture(np.zeros_like(truth))))
    away = signed_distance(mask.to_array())
    assert (found[away > 3.5] == 1).all()
    assert (found[away < -3.5] == 0).all()


def test_without_softness_the_matte_is_the_mask(engine: Matter) -> None:
    mask = mask_of(coverage(60, 45, 25))
    image = picture(coverage(60, 45, 25))
    assert np.array_equal(values_of(ask(edges(engine, softness=0.0), mask, image)), mask.to_array())


@pytest.mark.parametrize("x", [0, 3, WIDTH - 2])
@pytest.mark.parametrize("radius", [0.6, 3, 300])
def test_any_mask_has_a_matte(engine: Matter, x: float, radius: float) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = mask_of(((columns - x) ** 2 + (rows - 45) ** 2 <= radius**2).astype(float))
    found = values_of(ask(edges(engine, softness=5.0), mask, picture(coverage(60, 45, 25))))
    assert found.shape == (HEIGHT, WIDTH)
    assert np.isfinite(found).all()


def test_an_even_picture_leaves_the_edge_where_the_mask_has_it() -> None:
    mask = mask_of(coverage(60, 45, 25))
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    found = values_of(ask(edges(softness=5.0), mask, grey))
    assert masks.iou(mask_of(found), mask) > 0.98


def test_an_unsteady_mask_flickers_less() -> None:
    truth = coverage(60, 45, 25)
    changes = {}
    for steadiness in (0.0, 0.6):
        step = edges(softness=4.0, steadiness=steadiness)
        found = []
        for n in range(8):
            mask = mask_of(coverage(60, 45, 25 + (-1) ** n * 1.2))
            found.append(values_of(ask(step, mask, picture(truth, seed=n), n)))
        changes[steadiness] = np.mean([np.abs(b - a).sum() for a, b in itertools.pairwise(found)])
    assert changes[0.6] < 0.85 * changes[0.0]


def test_a_moving_object_leaves_nothing_behind() -> None:
    step = edges(softness=4.0, steadiness=0.8)
    for n in range(6):
        truth = coverage(30 + 8 * n, 45, 15)
        found = values_of(ask(step, mask_of(truth), picture(truth, seed=n), n))
    assert np.abs(found - truth).max() < 0.35


def test_any_number_of_threads_makes_the_same_mattes() -> None:
    discs = [coverage(15 + 11 * n, 20 + 5 * n, 8 + n) for n in range(8)]
    found = {}
    for threads in (1, 2, 5):
        settings = EdgeSettings(softness=4.0, feather=1.0, shutter=0.5)
        step = SoftEdges(settings, Guided(), threads)
        mattes: list[Alpha] = []
        for n in range(4):
            moved = [np.roll(each, 3 * n, axis=1) for each in discs]
            frame = Frame("a", n, n, Fraction(1, 25), picture(np.max(moved, axis=0), seed=n))
            mattes += step.mattes(scene_of([mask_of(each) for each in moved], n), frame)
        step.close()
        step.close()
        found[threads] = [(each.crop, each.values.tobytes()) for each in mattes]
    assert len(set(found[1])) == len(found[1]) == 32
    assert found[1] == found[2] == found[5]


def test_an_error_of_an_engine_reaches_the_caller_and_no_thread_is_left() -> None:
    class Broken:
        def alpha(self, window: EdgeWindow) -> np.ndarray:
            raise ModelError(f"no matte for {window.box}")

    before = {*threading.enumerate()}
    step = SoftEdges(EdgeSettings(), Broken(), threads=3)
    truth = coverage(60, 45, 20)
    with pytest.raises(ModelError, match="no matte for"):
        step.mattes(
            scene_of([mask_of(truth)] * 4), Frame("a", 0, 0, Fraction(1, 25), picture(truth))
        )
    step.close()
    assert {*threading.enumerate()} <= before


def test_nothing_is_taken_over_a_cut() -> None:
    truth = coverage(60, 45, 25)
    mask, image = mask_of(truth), picture(truth)
    fresh = ask(edges(), mask, image).values
    step = edges()
    ask(step, mask, picture(coverage(62, 45, 25), seed=3), 0, shot=0)
    assert np.array_equal(ask(step, mask, image, 1, shot=1).values, fresh)


@pytest.mark.parametrize("first", [0, 5])
def test_a_second_run_makes_the_same_mattes(first: int) -> None:
    """Also where the run before it, such as a trial, ended on an earlier frame."""
    step, truth = edges(), coverage(60, 45, 25)

    def run(step: SoftEdges, first: int) -> list[bytes]:
        step.start()
        return [
            ask(step, mask_of(coverage(60 + n, 45, 25)), picture(truth, seed=n), n).values.tobytes()
            for n in range(first, first + 2)
        ]

    run(step, 0)
    assert run(step, first) == run(edges(), first)


@pytest.mark.parametrize("apart", [1, 2])
def test_an_object_that_moves_is_blurred_along_its_motion(apart: int) -> None:
    """Frames that the run leaves out make no longer blur: the shutter is that of one frame."""
    step, still = (edges(softness=0.0, shutter=share) for share in (1.0, 0.0))
    random = np.random.default_rng(0)
    texture = cv2.resize(random.integers(0, 255, (18, 24, 3), np.uint8), (WIDTH, HEIGHT))
    for n in range(2):
        alpha = coverage(50 + 10 * n, 45, 20)[..., None] > 0.5
        moved = np.roll(texture, 10 * n, axis=1)
        image = np.where(alpha, moved, 0).astype(np.uint8)
        mask = mask_of(alpha[..., 0].astype(float))
        blurred, sharp = (values_of(ask(each, mask, image, apart * n)) for each in (step, still))
    across = (blurred[45] > 0).sum() - (sharp[45] > 0).sum()
    down = (blurred[:, 60] > 0).sum() - (sharp[:, 60] > 0).sum()
    assert 6 <= across * apart <= 14
    assert down <= 3


@pytest.mark.parametrize("by", [-4.0, -1.5, 2.0, 3.5])
def test_mattes_grow_and_shrink_by_pixels(by: float) -> None:
    values = coverage(60, 45, 20).astype(np.float32)
    radius = np.sqrt(expanded(values, by).sum() / np.pi)
    assert radius == pytest.approx(20 + by, abs=0.4)


def test_growing_reaches_beyond_the_mask() -> None:
    truth = coverage(60, 45, 20)
    grown = values_of(ask(edges(softness=0.0, expand=6.0), mask_of(truth), picture(truth)))
    assert np.sqrt(grown.sum() / np.pi) == pytest.approx(26, abs=0.5)


def test_feathering_keeps_what_is_covered_in_all() -> None:
    values = coverage(60, 45, 20).astype(np.float32)
    soft = feathered(values, 3.0)
    assert soft.sum() == pytest.approx(values.sum(), rel=1e-3)
    assert 0.3 < soft[45, 80] < 0.7


@pytest.mark.parametrize(
    ("changes", "engine", "count"),
    [
        ({}, Guided(), 1),
        ({"shutter": 0.5}, None, 1),
        ({"feather": 2.0}, None, 0),
        ({"softness": 0.0, "expand": 1.0}, Guided(), 0),
        ({"steadiness": 0.0}, Guided(), 0),
    ],
    ids=["soft", "blurred", "hard and feathered", "hard and grown", "each frame by itself"],
)
def test_motion_is_looked_for_only_where_it_counts(
    changes: dict[str, Any],
    engine: Matter | None,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def flow_between(before: np.ndarray, after: np.ndarray) -> Flow:
        asked.append(before)
        return flow.flow_between(before, after)

    monkeypatch.setattr(soft_edges, "flow_between", flow_between)
    step, truth = SoftEdges(EdgeSettings(**changes), engine, threads=1), coverage(60, 45, 20)
    for n in range(2):
        ask(step, mask_of(truth), picture(truth), n)
    step.close()
    assert len(asked) == count


@pytest.mark.parametrize("deviation", [1.5, 8.0, 15.0])
def test_a_feather_ends_where_it_would_on_the_whole_frame(deviation: float) -> None:
    truth = coverage(60, 45, 9) > 0.5
    found = ask(edges(softness=0.0, feather=deviation), mask_of(truth), picture(truth))
    whole = feathered(truth.astype(np.float32), deviation)
    assert np.array_equal(found.to_array(), np.rint(whole * WHOLE))


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (9.0, 0.0), (-3.5, 7.2)])
def test_motion_blur_moves_nothing(x: float, y: float) -> None:
    values = coverage(60, 45, 15).astype(np.float32)
    soft = motion_blurred(values, x, y)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for places in (rows, columns):
        before = (places * values).sum() / values.sum()
        assert (places * soft).sum() / soft.sum() == pytest.approx(before, abs=0.05)


def test_the_guided_filter_keeps_edges_of_its_guide_and_takes_out_noise() -> None:
    step = np.zeros((40, 40), np.float32)
    step[:, 20:] = 1
    noise = 0.1 * np.random.default_rng(0).standard_normal(step.shape).astype(np.float32)
    found = guided_filter(step, step + noise, 3, 1e-3)
    assert np.abs(found - step).max() < 0.12
    assert np.abs(found[:, 5:15]).std() < 0.3 * noise.std()

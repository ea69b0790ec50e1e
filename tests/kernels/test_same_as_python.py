"""Compiled code gives what the Python code gives, byte for byte."""

from __future__ import annotations

import ctypes
import dataclasses
from operator import attrgetter

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from videoseg.formats import svg_path
from videoseg.kernels.path_text import path_text_of
from videoseg.kernels.polygons import polygons_of
from videoseg.kernels.rings import cycles_of, shortest_of
from videoseg.kernels.smoothing import SmoothingKernel
from videoseg.kernels.splines import spline_runs_of
from videoseg.motion import distance_fields
from videoseg.motion.evidence import Motion
from videoseg.outlines import polygons, shortest_path, splines
from videoseg.outlines import trace as traced
from videoseg.outlines.raster import wrong_pixels
from videoseg.outlines.vectorize import outline_of, outlines_of
from videoseg.tracking.smoothing import blend, jitter, observation
from videoseg.tracking.smoothing.jitter import Jitter
from videoseg.tracking.smoothing.observation import Observation
from videoseg.types import Bezier, Bitmap, Mask, Part, Polygon, Ring, Shape

WIDTH, HEIGHT = 480, 270


def use(patch: pytest.MonkeyPatch, kernel: SmoothingKernel | None) -> None:
    for module in (blend, jitter, observation, distance_fields):
        patch.setattr(module, "smoothing_kernel", lambda: kernel)


def blob(rng: np.random.Generator, size: float, place: tuple[float, float]) -> Mask:
    """A bumpy object with a rough edge about a place, perhaps over the frame's border."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = size * (1 + 0.2 * np.cos(3 * angles)) + rng.normal(0, 1.5, 60)
    points = place + np.stack([np.cos(angles), 0.7 * np.sin(angles)], 1) * radius[:, None]
    full = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(full, [points.astype(np.int32)], 1)
    full[int(HEIGHT / 2), int(WIDTH / 2)] = 1
    made = Mask.from_array(full.astype(np.bool_))
    assert made is not None
    return made


def motion(rng: np.random.Generator) -> Motion:
    """A motion of some pixels, of which some is not to be trusted."""
    shape = (HEIGHT // 3, WIDTH // 3)
    rough = rng.normal(0, 5, (*shape, 2)).astype(np.float32)
    backward = np.asarray(cv2.GaussianBlur(rough, (15, 15), 4), np.float32)
    places = np.dstack(np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape[::-1])))
    trust = rng.uniform(0, 1, shape).astype(np.float32)
    evidence = np.dstack([places + backward, trust]).astype(np.float32)
    return Motion(evidence, WIDTH / shape[1], HEIGHT / shape[0])


def steps(seed: int, size: float) -> list[object]:
    """All that smoothing some frames gives: masks, and what is remembered."""
    rng = np.random.default_rng(seed)
    place = tuple(rng.uniform((0, 0), (WIDTH, HEIGHT)).tolist())
    observed = [Observation.of(blob(rng, size, place)) for _ in range(5)]
    motions = [(motion(rng), motion(rng)) for _ in observed]
    state = None
    found: list[object] = []
    for n, present in enumerate(observed[:-1]):
        following = (observed[n + 1], motions[n + 1][1]) if n % 3 else None
        mask, state = blend.smooth_mask(
            state, motions[n][0], present, following, back=motions[n][1], strength=0.9
        )
        found += [mask.crop, mask.bitmap.tobytes(), state.field.values.tobytes()]
        found += [mask is not present.mask]
        found += [dataclasses.astuple(state.jitter)]
        # So much is seldom learned in so few frames.
        state = dataclasses.replace(state, jitter=Jitter(9.0, 1.0, 0.1))
    return found


@pytest.mark.parametrize("size", [4, 20, 60, 150, 400])
@pytest.mark.parametrize("seed", range(4))
def test_smoothing(
    seed: int, size: float, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, SmoothingKernel(library))
    compiled = steps(seed, size)
    use(monkeypatch, None)
    assert compiled == steps(seed, size)


@pytest.mark.parametrize("size", [4, 20, 60, 150, 400])
@pytest.mark.parametrize("soft", [False, True])
def test_observations(
    size: float, soft: bool, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = blob(np.random.default_rng(int(size)), size, (330, 180))
    if soft:
        inside = cv2.distanceTransform(mask.bitmap.astype(np.uint8), cv2.DIST_L2, 5)
        logits = np.where(mask.bitmap, inside, -2).astype(np.float16)
        mask = dataclasses.replace(mask, logits=logits)
    use(monkeypatch, SmoothingKernel(library))
    compiled = Observation.of(mask)
    use(monkeypatch, None)
    python = Observation.of(mask)
    assert compiled.field.box == python.field.box
    for part in ("field.values", "band.at", "band.on_edge", "room", "blurred", "edge.x", "edge.y"):
        one, other = (attrgetter(part)(each) for each in (compiled, python))
        np.testing.assert_array_equal(one, other, err_msg=part)
        assert one.dtype == other.dtype, part
    assert compiled.edge.values.tobytes() == python.edge.values.tobytes()


def test_edges_of_these_masks_are_moved() -> None:
    assert all(any(each is True for each in steps(seed, 60)) for seed in range(4))


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_tracing(library: ctypes.CDLL, bitmap: Bitmap) -> None:
    bitmap[0, 0] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "cycles_kernel", lambda: cycles_of(library))
        compiled = traced.trace([bitmap])
        patch.setattr(traced, "cycles_kernel", lambda: None)
        python = traced.trace([bitmap])
    for field in dataclasses.fields(compiled):
        one: npt.NDArray[np.int64] = getattr(compiled, field.name)
        np.testing.assert_array_equal(one, getattr(python, field.name))


@st.composite
def bitmaps(draw: st.DrawFn) -> Bitmap:
    """Pixels as they come, or as objects have them: in patches, with holes and specks."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    noise = np.random.default_rng(draw(st.integers(0, 1000))).normal(0, 1, shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), draw(st.sampled_from([0.3, 1.0, 3.0])))
    bitmap = np.asarray(smooth > np.quantile(smooth, draw(st.sampled_from([0.2, 0.6]))), np.bool_)
    bitmap[0, 0] = True
    return bitmap


@given(bitmaps(), st.sampled_from([0.3, 0.5, 2.0]))
def test_polygons(library: ctypes.CDLL, bitmap: Bitmap, tolerance: float) -> None:
    height, width = bitmap.shape
    mask = Mask(3, 2, 3 + width, 2 + height, bitmap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polygons, "polygons_kernel", lambda: polygons_of(library))
        found = polygons.compiled_polygons(mask, tolerance)
        (compiled,) = outlines_of([mask], tolerance=tolerance, curves=False)
        patch.setattr(polygons, "polygons_kernel", lambda: None)
        (python,) = outlines_of([mask], tolerance=tolerance, curves=False)
    assert len(compiled.parts) == len(python.parts)
    for one, other in zip(compiled.parts, python.parts, strict=True):
        assert len(one.holes) == len(other.holes)
    for ring, same in zip(compiled.rings, python.rings, strict=True):
        np.testing.assert_array_equal(control_points(ring), control_points(same))
    if found is not None:
        assert found.wrong == wrong_pixels(found.shape, mask)


def test_polygons_of_objects_are_seldom_left_to_python(library: ctypes.CDLL) -> None:
    bitmap = blob(np.random.default_rng(1), 60, (200, 130)).bitmap.copy()
    bitmap[30:40, 30:40] = False
    found = polygons_of(library)(bitmap, (0, 0, WIDTH, HEIGHT), 0.5)
    assert found is not None
    rings, owners, wrong = found
    assert len(rings) == len(owners) >= 2
    assert wrong < 0.005 * np.count_nonzero(bitmap)


coordinates = st.integers(-300, 300).map(lambda units: units / 10) | st.floats(-1e9, 1e9, width=32)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Rings of lines, and of curves, some of which lines can be, or mirror the one before."""
    rings: list[Polygon | Bezier] = []
    for _ in range(draw(st.integers(0, 3))):
        count = draw(st.integers(3, 8))
        few = draw(st.sampled_from([st.integers(-2, 2).map(float), coordinates]))
        if draw(st.booleans()):
            values = draw(st.lists(few, min_size=2 * count, max_size=2 * count))
            rings.append(Polygon(np.array(values, np.float32).reshape(-1, 2)))
        else:
            values = draw(st.lists(few, min_size=6 * count, max_size=6 * count))
            rings.append(Bezier(np.array(values, np.float32).reshape(-1, 3, 2)))
    return Shape(tuple(Part(ring) for ring in rings))


@given(shapes(), st.integers(0, 6), st.booleans())
def test_path_data(library: ctypes.CDLL, shape: Shape, precision: int, uniform: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svg_path, "path_kernel", lambda: path_text_of(library))
        compiled = svg_path.format_path(shape, precision=precision, uniform=uniform)
        patch.setattr(svg_path, "path_kernel", lambda: None)
        python = svg_path.format_path(shape, precision=precision, uniform=uniform)
    assert compiled == python


def control_points(ring: Ring) -> npt.NDArray[np.float32]:
    return ring.points if isinstance(ring, Polygon) else ring.segments


@pytest.mark.parametrize("tolerance", [0.3, 0.5])
@pytest.mark.parametrize("size", [8, 40, 150])
def test_curves(
    size: float, tolerance: float, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = blob(np.random.default_rng(5), size, (200, 130))
    monkeypatch.setattr(splines, "spline_kernel", lambda: spline_runs_of(library))
    monkeypatch.setattr(shortest_path, "shortest_kernel", lambda: shortest_of(library))
    compiled = outline_of(mask, tolerance=tolerance)
    monkeypatch.setattr(splines, "spline_kernel", lambda: None)
    monkeypatch.setattr(shortest_path, "shortest_kernel", lambda: None)
    python = outline_of(mask, tolerance=tolerance)
    assert len(compiled.rings) == len(python.rings) > 0
    for one, other in zip(compiled.rings, python.rings, strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(control_points(one), control_points(other))

"""SVG path data: the grammar, round trips, and any text at all."""

from __future__ import annotations

import contextlib
import math
import re
import time

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import numpy.typing as npt
import pytest
import resvg_py
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.errors import PathDataError
from videoseg.formats.svg_path import format_path, parse_path
from videoseg.geometry.rings import flatten, signed_area
from videoseg.types import Bezier, Part, Polygon, Ring, Shape

SIZE = 64
coordinates = st.floats(-1e5, 1e5, width=32)
polygons = arrays.arrays(np.float32, st.tuples(st.integers(3, 9), st.just(2)), elements=coordinates)
beziers = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(3), st.just(2)), elements=coordinates
)
rings = st.one_of(polygons.map(Polygon), beziers.map(Bezier))


def shape_of(*made: Ring) -> Shape:
    return Shape(tuple(Part(ring) for ring in made))


def drawn(data: str) -> npt.NDArray[np.int64]:
    """How much of each pixel resvg covers with the path, 0 to 255, from the data itself."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}">'
        f'<path fill-rule="evenodd" d="{data}"/></svg>'
    )
    png = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_string=svg)), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture[..., 3], dtype=np.int64)


@pytest.mark.parametrize(
    ("data", "points"),
    [
        ("M1 2L3 4 5 6Z", [(1, 2), (3, 4), (5, 6)]),
        ("M1 2 3 4 5 6", [(1, 2), (3, 4), (5, 6)]),
        ("m1 2 3 4 5 6z", [(1, 2), (4, 6), (9, 12)]),
        ("M.5.5-1e1+2L3,4", [(0.5, 0.5), (-10, 2), (3, 4)]),
        (" \n\tM 1 , 2 L3 4L5 6 \r\f", [(1, 2), (3, 4), (5, 6)]),
        ("M0 0h5v5H0V0Z", [(0, 0), (5, 0), (5, 5), (0, 5)]),
        ("M1 1h1 2 3v1 2z", [(1, 1), (2, 1), (4, 1), (7, 1), (7, 2), (7, 4)]),
        ("M1.e1 0L1.5.5.5 4", [(10, 0), (1.5, 0.5), (0.5, 4)]),
    ],
)
def test_lines(data: str, points: list[tuple[float, float]]) -> None:
    (ring,) = parse_path(data)
    assert isinstance(ring, Polygon)
    assert ring.points.tolist() == pytest.approx(np.array(points))


@pytest.mark.parametrize(
    "data",
    [
        "M5 5C60 5 60 60 5 60Z",
        "m5 5c55 0 55 55 0 55z",
        "M5 30C5 5 30 5 30 30S55 55 55 30",
        "M5 30c0-25 25-25 25 0s25 25 25 0L30 60",
        "M5 30Q20 0 32 30T60 30L32 60Z",
        "M5 30q15-30 27 0t27 0l-27 30z",
        "M5 30T30 5 60 30L30 60",
        "M5 30S30 5 60 30L30 60",
        "M5 30Q5 5 30 5S60 5 60 30",
        "M10 32A22 22 0 1 1 54 32 22 22 0 1110 32z",
        "M10 32a22 11 30 0144 0 22 11 30 01-44 0z",
        "M10 32a22 11 30 1044 0 22 11 30 10-44 0z",
        "M10 10A20 10 45 0 1 40 40L10 40Z",
        "M10 10A20 30-45.5 1 0 40 40L10 40Z",
        "M10 10A1 1 0 0 1 50 50Z",
        "M10 10A-30 30 0 0 1 50 50L10 50Z",
        "M10 10A0 30 0 0 1 50 50L10 50Z",
        "M10 10A20 20 0 1 1 10 10L40 10L40 50Z",
        "M5 5h20v20h-20zl30 30h20v-20z",
        "M5 5h50v50h-50zm10 10v30h30v-30z",
    ],
)
def test_rings_enclose_what_a_renderer_fills(data: str) -> None:
    expected = drawn(data)
    assert expected.any()
    again = drawn(format_path(shape_of(*parse_path(data)), precision=4))
    assert np.abs(again - expected).max() <= 64  # resvg looks at four lines a pixel


def test_an_arc_is_round() -> None:
    (ring,) = parse_path("M10 0A10 10 0 1 1-10 0 10 10 0 1 1 10 0Z")
    distance = np.linalg.norm(flatten(ring, error=1e-4), axis=1)
    assert distance == pytest.approx(10, rel=3e-4)
    assert signed_area(ring) == pytest.approx(100 * math.pi, rel=1e-3)


@pytest.mark.parametrize("data", ["", "  ", "M1 2", "M1 2Z", "M1 2L3 4Z", "M1 2L3 4 1 2", "M0 0zz"])
def test_what_encloses_nothing_is_no_ring(data: str) -> None:
    assert parse_path(data) == ()


@pytest.mark.parametrize(
    ("data", "position"),
    [
        ("L1 2", 0),
        ("1 2", 0),
        ("M1", 2),
        ("M1 2L", 5),
        ("M1 2,", 4),
        ("M,1 2", 1),
        ("M1,,2", 3),
        ("M1 2L3 4,Z", 8),
        ("M1 2x", 4),
        ("M1 2L3 4Z5", 9),
        ("M1 2A1 1 0 2 0 3 4", 11),
        ("M1 2A1 1 0 1", 12),
        ("M1 2L3 4e", 8),
        ("M1 2L1e400 4", 5),
        ("M1 2l9e11 0 9e11 0", 12),
        ("M1 2L٣ 4", 5),
        ("M1 2L3 --4", 7),
        ("M1 2L. 4", 5),
        ("M1 2Lnan 4", 5),
        ("M1 2ſ", 4),
    ],
)
def test_an_error_names_the_position(data: str, position: int) -> None:
    with pytest.raises(PathDataError, match=rf"at {position}\b"):
        parse_path(data)


@pytest.mark.slow
@examples(50)
@given(st.lists(rings, min_size=1, max_size=4))
@example([Bezier(np.array([[[0.03125, 0], [0, 0], [0, 0]]], np.float32))])
def test_round_trip(made: list[Ring]) -> None:
    """What is drawn stays where it was; a ring of no size may go."""
    again = parse_path(format_path(shape_of(*made), precision=3))
    kept = [ring for ring in made if _survives(ring)]
    assert len(again) == len(kept)
    for ring, parsed in zip(kept, again, strict=True):
        if abs(signed_area(ring)) < 1e-3:
            continue  # between lines that run to and fro on themselves distances are not defined
        one, other = (shapely.LinearRing(flatten(each)) for each in (ring, parsed))
        size = max(1.0, float(np.abs(flatten(ring)).max()))
        assert shapely.hausdorff_distance(one, other) <= 0.05 + 1e-6 * size


def test_a_curve_behind_a_line_of_no_length_mirrors_nothing() -> None:
    still = [[4, 4], [4, 4], [4, 4]]
    curves = [[[4, 4], [4, 4], [0, 4]], [[4, 4], [4, 0], [4, 4]], still, [[4, 4], [0, 4], [2, 8]]]
    ring = Bezier(np.array(curves, dtype=np.float32))
    (again,) = parse_path(format_path(shape_of(ring), precision=3))
    one, other = (shapely.LinearRing(flatten(each)) for each in (ring, again))
    assert shapely.hausdorff_distance(one, other) < 0.05


def _survives(ring: Ring) -> bool:
    """Whether as many corners are left as a ring needs, when those of one place are one."""
    if isinstance(ring, Bezier):
        control = np.round(ring.segments.astype(np.float64), 3).reshape(-1, 2)
        lines = format_path(Shape((Part(ring),)), precision=3)
        if "c" in lines or "s" in lines:
            return True
        points = control[2::3]
    else:
        points = np.round(ring.points.astype(np.float64), 3)
    moved = (points != np.roll(points, 1, axis=0)).any(axis=1)
    return int(moved.sum()) >= 3


@given(rings, st.integers(0, 6))
def test_written_numbers_are_plain_and_short(ring: Ring, precision: int) -> None:
    data = format_path(shape_of(ring), precision=precision)
    assert re.fullmatch(r"[mlhvcsz0-9 .-]*", data)
    for number in re.findall(r"-?(?:\d*\.\d+|\d+)", data):
        assert re.fullmatch(rf"-?(0|[1-9]\d*|([1-9]\d*)?\.\d{{0,{precision}}}[1-9])", number), (
            number
        )
        assert number != "-0"
    assert format_path(shape_of(ring), precision=precision) == data


def test_what_can_be_left_out_is_left_out() -> None:
    square = Polygon(np.array([(1, 1), (4, 1), (4, 3.5), (1, 3.5)], dtype=np.float32))
    assert format_path(shape_of(square)) == "m1 1h3v2.5h-3z"
    wave = [[(0, 2), (2, 2), (4, 0)], [(6, -2), (8, -2), (8, 0)], [(8, 0), (0, 0), (0, 0)]]
    ring = Bezier(np.array(wave, dtype=np.float32))
    assert format_path(shape_of(ring)) == "m0 0c0 2 2 2 4 0s4-2 4 0z"
    assert format_path(shape_of(ring), uniform=True).count(" ") > 10
    far, near = parse_path(format_path(shape_of(square, ring)))
    assert np.array_equal(flatten(far), flatten(square))
    assert np.allclose(flatten(near), flatten(ring), atol=1e-5)


@given(st.lists(rings, min_size=1, max_size=3), st.integers(0, 3))
def test_uniform_text_depends_on_structure_alone(made: list[Ring], precision: int) -> None:
    moved = [
        Polygon(ring.points[::-1].copy())
        if isinstance(ring, Polygon)
        else Bezier(ring.segments[::-1].copy())
        for ring in made
    ]
    one, other = (
        format_path(shape_of(*each), precision=precision, uniform=True) for each in (made, moved)
    )
    assert re.sub(r"[^a-z]", "", one) == re.sub(r"[^a-z]", "", other)


def test_numbers_that_are_not_finite_are_not_written() -> None:
    ring = Polygon(np.array([(0, 0), (1, np.nan), (1, 1)], dtype=np.float32))
    with pytest.raises(ValueError, match="finite"):
        format_path(shape_of(ring))


@given(st.text(st.sampled_from("MmLlHhVvCcSsQqTtAaZz0123456789.,-+eE \n"), max_size=60))
@example("M0 0A1e-8 1e12 0 0 1 1e12 1e12")
@example("M0 0A1e-8 1e-8 0 0 1 1e12 1e12")
@example("M1e12 0a1e12 1e12 45 1 0 1e-9 0z")
def test_any_path_like_text_gives_finite_rings_or_an_error(data: str) -> None:
    try:
        found = parse_path(data)
    except PathDataError:
        return
    for ring in found:
        assert np.isfinite(flatten(ring, error=1e12)).all()


@given(st.text(max_size=40))
def test_any_text_at_all(data: str) -> None:
    try:
        parse_path("M0 0" + data)
    except PathDataError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["L1 2", " ", "1", "M1 2", "1 ", "z", "a1 1 0 001 1", "0.", "1e", "-", ","]
)
def test_long_text_does_not_hang(piece: str) -> None:
    # Linear work takes well under a second; work that grows with the square, most of a minute.
    data = "M0 0" + piece * 100_000
    begin = time.process_time()
    with contextlib.suppress(PathDataError):
        parse_path(data)
    assert time.process_time() - begin < 10

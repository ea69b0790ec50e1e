"""Answers of services that nobody would give in earnest: little memory, one line, and no fault.

The large ones are read in a process of its own, whose memory is measured. How long that takes is
bounded by what is counted, so the tests look at the counts.
"""

from __future__ import annotations

import base64
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from videoseg.errors import PathDataError
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.models._hosted import chat
from videoseg.models._hosted.boxes_and_masks import read_entries
from videoseg.models._hosted.reading import Limits, Tally, UnreadableError
from videoseg.models._hosted.shapes import read_path, shape_of
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream, answered, outlined
from videoseg.outlines import raster
from videoseg.types import Bezier, Frame, Part, Polygon, Prompt, Ring, Shape, shapes

LARGE = (3840, 2160)
MOST_MEGABYTES, MOST_SECONDS = 300, 60.0
RED = Prompt("red", text="red")
BOX = {"x_min": 0.0, "y_min": 0.0, "x_max": 1.0, "y_max": 1.0}


def frame(width: int = 320, height: int = 240) -> Frame:
    return Frame("cam", 0, 0, Fraction(1, 25), np.full((height, width, 3), 90, np.uint8))


# --- what takes memory or time out of all proportion ---


def path(data: str) -> bytes:
    return json.dumps({"path": data, "bbox": BOX}).encode()


def zigzag(points: int) -> bytes:
    data = "".join(f"L{n / points:.4f} {n % 2}" for n in range(points))
    return path(f"M0 0{data}z")


def rings(count: int, corners: int = 4) -> bytes:
    """Rings around each other."""
    made = []
    for n in range(count):
        radius = 0.5 - 0.4 * n / count
        turns = [2 * math.pi * k / corners for k in range(corners)]
        points = [
            f"{0.5 + radius * math.cos(t):.6f} {0.5 + radius * math.sin(t):.6f}" for t in turns
        ]
        made.append(f"M{points[0]}L{' '.join(points[1:])}z")
    return path("".join(made))


def side_by_side(count: int) -> bytes:
    side = math.ceil(math.sqrt(count))
    step = 1 / side
    cells = ((n % side * step, n // side * step) for n in range(count))
    return path("".join(f"M{x:.4f} {y:.4f}h{step / 2:.4f}v{step / 2:.4f}z" for x, y in cells))


def bends(curves: int) -> bytes:
    return path(f"M0 0{''.join(f'C9e9 9e9 0 9e9 {n % 2} 1' for n in range(curves))}z")


def comb(teeth: int) -> bytes:
    """Long slanted teeth: the box around each edge overlaps those of all others; none cross."""
    points = []
    for n in range(teeth):
        shift = n / teeth * 0.2
        points += [f"{0.2 + shift:.6f} {0.2 - shift:.6f}", f"{0.8 + shift:.6f} {0.8 - shift:.6f}"]
    return path(f"M{points[0]}L{' '.join(points[1:])} 1 1 0 1 0 .2z")


def picture(height: int, width: int) -> str:
    import cv2

    done, data = cv2.imencode(".png", np.full((height, width), 255, np.uint8))
    assert done
    return base64.b64encode(bytes(data)).decode()


def entry(mask: Any, count: int = 1) -> bytes:
    return json.dumps([{"box_2d": [0, 0, 1000, 1000], "mask": mask}] * count).encode()


def masks_of(side: int, count: int) -> bytes:
    return entry(picture(side, side), count)


MANY = 4 << 20
MOONDREAM: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a zigzag of 80 kB": ("mask", lambda: zigzag(7_500)),
    "a zigzag of 200 kB": ("refused: .* up and down", lambda: zigzag(19_000)),
    "a zigzag of 800 kB": ("refused: .* segments", lambda: zigzag(80_000)),
    "4000 rings side by side": ("refused: .* 4000 rings", lambda: side_by_side(4_000)),
    "4000 rings in each other": ("refused: .* 4000 rings", lambda: rings(4_000)),
    "990 rings side by side": ("outline", lambda: side_by_side(990)),
    "990 rings in each other": ("outline", lambda: rings(990)),
    "rings of many corners": ("mask", lambda: rings(900, 20)),
    "curves that bend far away": ("refused: .* bend", lambda: bends(2_000)),
    "slanted teeth": ("outline", lambda: comb(2_500)),
    "more slanted teeth": ("mask", lambda: comb(5_000)),
    "ends of rings": ("refused: .* segments", lambda: path("M0 0" + "Z" * 2_000_000)),
    "numbers without end": ("refused: .* segments", lambda: path("M0 0L" + "1 " * 2_000_000)),
    "one long number": ("refused: .* segments", lambda: path("M0 0L" + "1" * 4_000_000)),
    "lists in lists": ("refused: .* not JSON", lambda: b"[" * MANY),
    "many empty lists": ("refused: .* no text", lambda: b'{"path": [' + b"[]," * 10**6 + b"1]}"),
    "deep": ("refused: .* not JSON", lambda: b'{"path": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "events without end": ("refused: .* ended", lambda: b'data: {"type": "x"}\n' * (MANY // 20)),
}
GEMINI: dict[str, tuple[str, Callable[[], bytes]]] = {
    "50 pictures of 4096 x 4096": ("4 found, 46 lost", lambda: masks_of(4096, 50)),
    "500 pictures of one pixel": ("8 found", lambda: masks_of(1, 500)),
    "20000 entries": ("refused: .* 20000 entries", lambda: masks_of(1, 20_000)),
    "a picture of 20000 x 1": ("refused: .* no picture", lambda: entry(picture(1, 20_000))),
    "entries that break off": ("refused: .* entries", lambda: b"[" + b'{"a":1},' * (MANY // 8)),
    "base64 without end": ("refused: .* no picture", lambda: entry("A" * MANY)),
    "tokens without end": ("refused: .* tokens", lambda: entry("<seg_7>" * (MANY // 8))),
    "a token of many digits": ("refused: .* tokens", lambda: entry(f"<seg_{'7' * 5000}>" * 512)),
    "many corners": (
        "refused: .* segments",
        lambda: entry([[n % 999, n % 7] for n in range(10**5)]),
    ),
    "many polygons": ("refused: .* rings", lambda: entry([[[0, 0], [9, 0], [9, 9]]] * 10**5)),
    "a zigzag": ("0 found", lambda: entry([[n / 20, n % 2 * 1000] for n in range(19_000)])),
    "lists in lists": ("refused: .* breaks off", lambda: b"[" * MANY),
    "braces": ("refused: .* breaks off", lambda: b"[{" * (MANY // 2)),
}
OPENAI: dict[str, tuple[str, Callable[[], bytes]]] = {
    "braces": ("words", lambda: said("{" * MANY)),
    "objects in objects": ("words", lambda: said('{"a":' * (MANY // 5))),
    "objects that break off": ("words", lambda: said(('{"a":[' + "0," * 999) * (MANY // 2004))),
}


def said(text: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def read_moondream(body: bytes, shown: Frame) -> str:
    found = outlined(answered("segment", body), shown, 0, Limits())
    return "nothing" if found is None else "outline" if found.outline else "mask"


def read_gemini(text: bytes, shown: Frame) -> str:
    found, lost = Gemini()._instances(text.decode(), shown, RED, 0)
    return f"{len(found)} found, {lost} lost"


def read_openai(body: bytes, _: Frame) -> str:
    return chat._read_openai(body)[0].call.name or "words"


Read: TypeAlias = Callable[[bytes, Frame], str]
READERS: tuple[tuple[str, dict[str, tuple[str, Callable[[], bytes]]], Read], ...] = (
    ("moondream", MOONDREAM, read_moondream),
    ("gemini", GEMINI, read_gemini),
    ("openai", OPENAI, read_openai),
)
CASES = {
    f"{of}: {name}": (read, *case) for of, all_of, read in READERS for name, case in all_of.items()
}


def measure() -> None:
    """Read them all; print what came of each, MB beyond what honest ones take, and seconds."""
    if sys.platform == "win32":
        raise NotImplementedError
    import resource

    def most() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    shown = frame(*LARGE)
    bodies = {name: make() for name, (_, _, make) in CASES.items()}
    read_moondream(rings(3), shown)
    read_gemini(masks_of(64, 1), shown)
    base, found = most(), {}
    for name, body in bodies.items():
        start = time.process_time()
        try:
            outcome = CASES[name][0](body, shown)
        except UnreadableError as error:
            outcome = f"refused: {error}"
        found[name] = (outcome, most() - base, time.process_time() - start)
    print(json.dumps(found))


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[str, int, float]]:
    program = "from tests.hostile.test_answers import measure; measure()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[str, int, float]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
@pytest.mark.parametrize("name", CASES)
def test_no_answer_takes_much(measured: dict[str, tuple[str, int, float]], name: str) -> None:
    outcome, more, took = measured[name]
    assert re.match(CASES[name][1], outcome)
    assert more <= MOST_MEGABYTES
    assert took <= MOST_SECONDS  # a hang, for machines differ


# --- what is counted is counted right, and nothing else has changed ---


def crossings_before(begins: Any, ends: Any, width: int, height: int) -> Any:
    """As it was: all edges by all rows at once."""
    down = ends[:, 1] > begins[:, 1]
    upper, lower = np.where(down[:, None], begins, ends), np.where(down[:, None], ends, begins)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    counts = last - first
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    slope = (lower[edge, 0] - upper[edge, 0]) / (lower[edge, 1] - upper[edge, 1])
    x = upper[edge, 0] + (row + 0.5 - upper[edge, 1]) * slope
    return row, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)


def filled_before(begins: Any, ends: Any, width: int, height: int) -> Any:
    """What lies inside, even-odd, by ``crossings_before``."""
    rows, columns = crossings_before(begins, ends, width, height)
    toggles = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1))
    lines = (toggles & 1).reshape(height, width + 1)
    return np.bitwise_xor.accumulate(lines, axis=1)[:, :-1].astype(np.bool_)


def drawn(shape: Shape, width: int, height: int) -> Any:
    found = raster.rasterise(shape, width, height)
    return np.zeros((height, width), np.bool_) if found is None else masks.to_bitmap(found)


coordinates = st.one_of(
    st.floats(-20, 60, width=32), st.integers(-20, 60), st.integers(0, 80).map(lambda n: n / 2)
)
points = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=12)


@settings(deadline=None)
@example([[(28.0, 1.0), (58.0, 58), (28, 0.0)]], 1)
@given(st.lists(points, min_size=1, max_size=4), st.integers(1, 40))
def test_filling_some_edges_at_a_time_changes_no_pixel(
    given_rings: list[list[tuple[float, float]]], at_once: int
) -> None:
    made = [np.array(one, np.float32) for one in given_rings]
    shape = Shape(tuple(Part(Polygon(one)) for one in made))
    begins = np.concatenate(made).astype(np.float64)
    ends = np.concatenate([np.roll(one, -1, axis=0) for one in made]).astype(np.float64)
    width, height = 40, 30
    # A centre that an edge runs through by chance may be on either side of it.
    shifts = np.array([[-1e-9, 0.0], [1e-9, 0.0]])
    either = [filled_before(begins + by, ends + by, width, height) for by in shifts]
    whole = drawn(shape, width, height)
    with mock.patch.object(raster, "_AT_ONCE", at_once):
        bitmap = drawn(shape, width, height)
    assert (bitmap == whole).all()
    assert ((bitmap == either[0]) | (bitmap == either[1])).all()


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_flattening_some_points_at_a_time_changes_none(at_once: int) -> None:
    segments = np.random.default_rng(1).uniform(0, 200, (9, 3, 2)).astype(np.float32)
    ring = Bezier(segments)
    expected = flatten(ring)
    with mock.patch.object(shapes, "_AT_ONCE", at_once):
        assert (flatten(ring) == expected).all()
    assert shapes.corners_of(ring, 0.02) == len(expected) > 100


def sorted_before(given_rings: tuple[Ring, ...]) -> list[list[int]] | None:
    """As it was, every ring with every other: the rings around each; None where any cross."""
    import shapely

    areas = [shapely.Polygon(flatten(ring)) for ring in given_rings]
    if not all(area.is_valid and area.area > 0 for area in areas):
        return None
    around = []
    for n, inner in enumerate(areas):
        others = [m for m in range(len(areas)) if m != n]
        if any(areas[m].boundary.crosses(inner.boundary) for m in others):
            return None
        around.append([m for m in others if areas[m].contains(inner)])
    return around


boxes = st.tuples(*[st.integers(0, 12)] * 4).filter(lambda b: b[0] < b[2] and b[1] < b[3])


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.lists(boxes, min_size=1, max_size=6))
def test_rings_are_sorted_as_before(given_boxes: list[tuple[int, int, int, int]]) -> None:
    made: tuple[Ring, ...] = tuple(
        Polygon(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32))
        for x1, y1, x2, y2 in given_boxes
    )
    around = sorted_before(made)
    found = shape_of(made)
    if around is None or len(set(given_boxes)) < len(given_boxes):
        assert found is None or around is not None
        return
    assert found is not None
    assert len(found.parts) == sum(len(outer) % 2 == 0 for outer in around)
    assert len(found.rings) == len(made)


def test_rings_that_are_the_same_have_no_outline() -> None:
    twice = "M0 0L9 0L9 9L0 9z" * 2
    assert shape_of(read_path(twice + "M20 0L29 0L29 9L20 9z")) is None


def test_limits_are_settings() -> None:
    three = "M0 0L9 0L9 9zM10 0L19 0L19 9zM20 0L29 0L29 9z"
    assert len(read_path(three, Limits(rings=3, segments=9))) == 3
    with pytest.raises(UnreadableError, match=r"3 rings, more than models\.x\.most_rings = 2"):
        read_path(three, Limits(rings=2, model="x"))
    with pytest.raises(UnreadableError, match="9 segments"):
        read_path(three, Limits(segments=8))
    with pytest.raises(PathDataError):
        read_path("M0 0")
    one = [{"box_2d": [0, 0, 9, 9], "mask": [[0, 0], [9, 0], [9, 9]]}] * 2
    with pytest.raises(UnreadableError, match="2 entries"):
        read_entries(json.dumps(one), Limits(entries=1))
    tally = Tally(Limits(pixels=10))
    tally.add("pixels", 10)
    tally.add("pixels", 30, least=40)
    with pytest.raises(UnreadableError, match="pixels"):
        tally.add("pixels", 1, least=40)
    model = Moondream(most_entries=2, most_rings=3, most_segments=4, most_pixels=5)
    assert model.limits == Limits(2, 3, 4, 5, model="moondream")

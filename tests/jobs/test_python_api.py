"""The Python interface: every number type and every shape of argument, and what comes back."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely.geometry

import videoseg
from tests.support.fakes import Colours
from tests.support.media import clip, square_box
from tests.support.scenes import mask_of
from videoseg.errors import ConfigError, MissingDependencyError, PromptError, UsageError
from videoseg.formats.svg_path import parse_path
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.types import Bezier, Cue, Mask, Part, Polygon, Prompt, Scene, Shape, TrackedInstance

try:
    import torch
except ImportError:
    torch = None

WIDTH, HEIGHT = 96, 64
NUMBERS: dict[str, Callable[[int], Any]] = {
    "int": int,
    "float": float,
    "np.int64": np.int64,
    "np.uint8": np.uint8,
    "np.float32": np.float32,
    "np.float16": np.float16,
    "np.longdouble": np.longdouble,
    "0-d array": np.array,
    "0-d float array": lambda value: np.array(float(value)),
    "Fraction": Fraction,
    "Decimal": Decimal,
}
if torch is not None:
    NUMBERS |= {
        "torch int": torch.tensor,
        "torch float": lambda value: torch.tensor(float(value)),
        "torch half": lambda value: torch.tensor(float(value), dtype=torch.bfloat16),
        "torch with gradient": lambda value: torch.tensor(float(value), requires_grad=True),
    }


@pytest.fixture(scope="module")
def film() -> Path:
    return clip(frames=4, width=WIDTH, height=HEIGHT)


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_number_type(kind: str) -> None:
    make = NUMBERS[kind]
    cue = Cue(
        make(3),
        points=((make(30), make(18)),),
        boxes=[[make(1), make(2), make(30), make(40), make(0)]],
    )
    assert cue == Cue(3, ((30.0, 18.0, True),), ((1.0, 2.0, 30.0, 40.0, False),))
    values = (cue.frame, *cue.points[0], *cue.boxes[0])
    assert [type(value) for value in values] == [
        *(int, float, float, bool),
        *(float, float, float, float, bool),
    ]
    prompt = Prompt("cat", max_instances=make(2), cues=[cue])
    assert prompt.max_instances == 2
    assert type(prompt.max_instances) is int


POINT, POINTS = ((30.0, 18.0, True),), ((30.0, 18.0, True), (4.0, 5.0, False))
SHAPES_OF_POINTS: dict[str, tuple[Any, Any]] = {
    "a tuple of tuples": (((30, 18),), POINT),
    "one alone": ((30, 18), POINT),
    "one alone with its flag": ((30, 18, True), POINT),
    "a list": ([30, 18], POINT),
    "lists": ([[30, 18], [4, 5, False]], POINTS),
    "an array": (np.array([30, 18]), POINT),
    "an array of one": (np.array([[30, 18]]), POINT),
    "an array with flags": (np.array([[30, 18, 1], [4, 5, 0]], np.float32), POINTS),
    "a list of arrays": ([np.array([30, 18]), np.array([4, 5, 0])], POINTS),
    "a numpy bool": ([(30, 18, np.True_), (4, 5, np.False_)], POINTS),
    "a generator": (((x, y) for x, y in [(30, 18)]), POINT),
    "a deque": (deque([(30, 18)]), POINT),
    "zip": (zip([30], [18], strict=True), POINT),
    "None": (None, ()),
    "nothing": ((), ()),
    "an empty array": (np.empty((0, 2)), ()),
}
if torch is not None:
    SHAPES_OF_POINTS["a tensor"] = (torch.tensor([[30.0, 18.0]]), POINT)


@pytest.mark.parametrize("shape", SHAPES_OF_POINTS)
def test_every_shape_of_points(shape: str) -> None:
    given, expected = SHAPES_OF_POINTS[shape]
    assert Cue(points=given, boxes=(1, 2, 3, 4)).points == expected


@pytest.mark.parametrize(
    "given",
    [
        (1, 2, 3, 4),
        [1, 2, 3, 4, True],
        ((1, 2, 3, 4),),
        np.array([1, 2, 3, 4]),
        np.array([[1, 2, 3, 4]], np.float32),
        [np.array([1, 2, 3, 4, 1])],
    ],
)
def test_every_shape_of_boxes(given: Any) -> None:
    assert Cue(boxes=given).boxes == ((1.0, 2.0, 3.0, 4.0, True),)


# Callers without a type checker.
CUE: Any = Cue
PROMPT: Any = Prompt
DOOR: Any = videoseg

MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a string": (lambda: CUE(points="30,18"), "points must be a sequence, got '30,18'"),
    "strings": (lambda: CUE(points=["30", "18"]), "must be numbers, got '30'"),
    "numbers as text": (lambda: CUE(points=[("30", "18")]), "must be numbers, got '30'"),
    "3-D": (lambda: CUE(points=np.zeros((1, 1, 2))), r"a point is x, y .*got \[\[0.0, 0.0\]\]"),
    "3-D boxes": (lambda: CUE(boxes=np.zeros((2, 2, 4))), "a box is x1, y1"),
    "a number": (lambda: CUE(points=3), "points must be a sequence, got 3"),
    "three and four": (lambda: CUE(points=[(1, 2, 3, 4)]), r"a point is x, y .*\(1, 2, 3, 4\)"),
    "a flat list": (lambda: CUE(points=[1, 2, 3, 4]), "a point is x, y"),
    "a mapping": (lambda: CUE(points={"x": 1, "y": 2}), "must be a sequence, got {'x': 1"),
    "a set": (lambda: CUE(points={1, 2}), "must be a sequence"),
    "a point of bools": (lambda: CUE(points=((True, False),)), "must be numbers, got True"),
    "NaN": (lambda: CUE(points=((np.nan, 1),)), "finite numbers, got nan"),
    "a Decimal NaN": (lambda: CUE(points=((Decimal("sNaN"), 1),)), "finite numbers"),
    "infinite": (lambda: CUE(boxes=(0, 0, np.inf, 1)), "finite numbers, got inf"),
    "too large": (lambda: CUE(points=((10**400, 1),)), "too large a number"),
    "complex": (lambda: CUE(points=((1j, 1),)), "must be numbers, got 1j"),
    "a flag of 2": (lambda: CUE(points=((1, 2, 2),)), r"positive \(True\) or not \(False\), got 2"),
    "a flag of None": (lambda: CUE(points=((1, 2, None),)), "got None"),
    "a box of nothing": (lambda: CUE(boxes=(5, 5, 5, 9)), "x1 < x2"),
    "nothing": (lambda: CUE(), "needs a point, a box or a mask"),
    "a negative frame": (lambda: CUE(-1, points=(1, 2)), "frame must be at least 0 .*got -1"),
    "half a frame": (lambda: CUE(1.5, points=(1, 2)), "must be a whole number, got 1.5"),
    "a frame as text": (lambda: CUE("3", points=(1, 2)), "must be a whole number, got '3'"),
    "a frame of True": (lambda: CUE(True, points=(1, 2)), "must be a whole number, got True"),
    "a NaN frame": (lambda: CUE(np.nan, points=(1, 2)), "must be a whole number, got nan"),
    "an infinite frame": (lambda: CUE(np.inf, points=(1, 2)), "must be a whole number, got inf"),
    "a frame array": (lambda: CUE([1, 2], points=(1, 2)), "must be a whole number"),
    "a huge frame": (lambda: CUE(10**12, points=(1, 2)), "below 1000000000"),
    "text=5": (lambda: PROMPT("x", text=5), "text must be a string, got 5"),
    "label=5": (lambda: PROMPT(5, text="a"), "label must be a string, got 5"),
    "cues=cue": (
        lambda: PROMPT("x", cues=CUE(0, (1, 2))),
        r"cues must be a sequence: write cues=\[cue\], got Cue",
    ),
    "cues of tuples": (lambda: PROMPT("x", cues=[(1, 2)]), "sequence of Cue, got"),
    "cues=text": (lambda: PROMPT("x", cues="abc"), "cues must be a sequence"),
    "max_instances=0": (lambda: PROMPT("x", "a", max_instances=0), "at least 1"),
    "max_instances=1.5": (lambda: PROMPT("x", "a", max_instances=1.5), "a whole number, got 1.5"),
    "a mask of floats": (lambda: CUE(mask=np.full((4, 4), 0.5)), "compare probabilities"),
    "a mask of 3-D": (lambda: CUE(mask=np.ones((4, 4, 1), bool)), r"got bool \(4, 4, 1\)"),
    "an empty mask": (lambda: CUE(mask=np.zeros((4, 4), bool)), "at least one pixel"),
    "a mask of text": (lambda: CUE(mask=[["a"]]), "mask: "),
    "no prompt": (lambda: DOOR.segment("clip.mp4"), "nothing to look for"),
    "a list in a list": (
        lambda: DOOR.segment("clip.mp4", [["the dog"]]),
        r"a prompt is a phrase or a Prompt, got \['the dog'\]",
    ),
    "an empty phrase": (lambda: DOOR.segment("clip.mp4", " "), "empty phrase"),
    "marks for two": (
        lambda: DOOR.segment("c.mp4", "a", "b", box=(1, 2, 3, 4)),
        "belong to any",
    ),
    "a box of three": (lambda: DOOR.segment("c.mp4", box=(1, 2, 3)), r"got \[1, 2, 3\]"),
    "a job of nothing": (lambda: DOOR.Job("clip.mp4", []), "nothing to look for"),
    "a job of numbers": (lambda: DOOR.Job("clip.mp4", [3]), "got 3"),
    "at": (lambda: DOOR.segment("c.mp4", point=(1, 2), at=-2), "got -2"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_one_line(mistake: str) -> None:
    make, says = MISTAKES[mistake]
    with pytest.raises(PromptError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: DOOR.segment(None, "a"), UsageError, "a path or an address, got None"),
        (lambda: DOOR.info(3), UsageError, "a path or an address, got 3"),
        (lambda: DOOR.Job(3, "a"), UsageError, "a path or an address, got 3"),
        (lambda: DOOR.read_run(3), UsageError, "a folder is a path, got 3"),
        (lambda: DOOR.segment("a", "a", config={}), ConfigError, "must be a RunConfig.*got {}"),
        (lambda: DOOR.info("a", "fast"), ConfigError, "must be a RunConfig.*got 'fast'"),
        (lambda: DOOR.segment("a", "a", model="nosuch"), ConfigError, "is called 'nosuch'"),
        (
            lambda: DOOR.segment("a", "a", model=Colours),
            ConfigError,
            r"not a class: Colours\(\)",
        ),
        (lambda: DOOR.segment("a", "a", model=3), ConfigError, "3 is no model: its card"),
        (lambda: DOOR.load_config(file=3), ConfigError, "file must be a path, got 3"),
        (lambda: DOOR.load_config(preset=3), ConfigError, "preset must be a name, got 3"),
        (lambda: DOOR.load_config(assignments="a.b=3"), ConfigError, "must be a list"),
        (lambda: DOOR.load_config(flags=3), ConfigError, "flags must be a mapping, got 3"),
    ],
)
def test_other_mistakes(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


PATHS: dict[str, Callable[[Path], Any]] = {
    "str": str,
    "Path": Path,
    "bytes": lambda p: str(p).encode(),
}


@pytest.mark.parametrize("kind", PATHS)
def test_every_kind_of_path(film: Path, tmp_path: Path, kind: str) -> None:
    make = PATHS[kind]
    (stream,) = videoseg.info(make(film)).values()
    assert (stream.width, stream.height) == (WIDTH, HEIGHT)
    model = Colours()
    for _frame, scene in videoseg.segment(make(film), "red", model=model):
        assert len(scene.instances) == 1
    config = videoseg.load_config(flags={"write": ["svg"]})
    for prompts in ("red", ["red"], Prompt(text="red"), [Prompt(text="red")], ("red",)):
        with videoseg.Job(make(film), prompts, config, model=model) as job:
            summary = job.run(make(tmp_path / "out"), overwrite=True)
            assert job.finished(make(tmp_path / "out")) is not None
        assert summary.frames == 4
    assert len(videoseg.read_run(make(tmp_path / "out")).tracks()) == 1
    (tmp_path / "mine.toml").write_text("[run]\nevery = 2\n", encoding="utf-8")
    assert videoseg.load_config(file=make(tmp_path / "mine.toml")).run.every == 2


@pytest.mark.parametrize("kind", NUMBERS)
def test_frame_ranges_and_settings_take_every_number(film: Path, kind: str) -> None:
    make = NUMBERS[kind]
    with videoseg.Job(film, "red", model=Colours()) as job:
        assert [frame.index for frame in job.frames(make(1), make(3))] == [1, 2]
        assert [frame.index for frame, _ in job.look([make(2)])] == [2]
    config = videoseg.load_config(
        flags={"every": make(2), "roi": [make(v) for v in (0, 0, 50, 60)]}
    )
    assert (config.run.every, config.run.roi) == (2, (0, 0, 50, 60))


def test_marks_go_where_they_belong(film: Path) -> None:
    box = square_box(0, WIDTH, HEIGHT)
    model = Colours()
    seen: list[Any] = []

    class Asked(Colours):
        card = replace(Colours.card, kinds=frozenset({"text", "box", "point", "negative", "mask"}))

        def prepare(self, prompts: Any) -> None:
            seen.extend(prompts)

    list(
        videoseg.segment(
            film, "red", box=np.array(box), not_point=(1, 1), at=np.int64(1), model=Asked()
        )
    )
    cue = Cue(1, ((1, 1, False),), ((*box, True),))
    assert seen == [Prompt("red", "red", (cue,))]
    found = list(videoseg.segment(film, box=box, model=model))
    assert [len(scene.instances) for _, scene in found] == [1, 1, 1, 1]
    assert found[0][1].instances[0].label == "object"
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:20, 30:50] = 255
    _, scene = next(videoseg.segment(film, mask=mask, model=model))
    assert scene.instances[0].instance.mask.box == (30, 10, 50, 20)


def test_a_generator_that_is_closed_lets_go(film: Path) -> None:
    model = Colours()
    frames = videoseg.segment(film, "red", model=model)
    next(frames)
    frames.close()
    assert not model.closed  # it is the caller's
    assert list(frames) == []
    videoseg.segment("no-such-file.mp4", "red", model=model).close()


def test_a_model_by_name(film: Path) -> None:
    with videoseg.Job(film, "red", model="embedded") as job:
        assert job.config.run.model == "embedded"


def test_a_run_of_a_model_that_is_no_part_is_recorded_and_taken_up(
    film: Path, tmp_path: Path
) -> None:
    class Plain:
        """No dataclass."""

        card = Colours.card
        prepare, close = (lambda self, *_: None,) * 2

        def segment(self, frames: Any, prompts: Any) -> Any:
            return Colours().segment(frames, prompts)

    out = tmp_path / "out"
    config = videoseg.load_config(flags={"write": ["svg"]})
    with videoseg.Job(film, "red", config, model=Plain()) as job:
        first = job.run(out)
        assert job.run(out, resume=True).tracks == first.tracks
    assert [row["label"] for row in videoseg.read_run(out).tracks()] == ["red"]


# What comes back ---------------------------------------------------------------------------------


def ring_mask() -> Mask:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(columns - 47.5, rows - 31.5)
    return mask_of((distance < 25) & (distance > 10))


def test_masks_are_arrays() -> None:
    mask = ring_mask()
    full = np.asarray(mask)
    assert full.dtype == np.bool_
    assert full.shape == (HEIGHT, WIDTH)
    assert np.array_equal(full, mask.to_array())
    assert np.asarray(mask, dtype=np.uint8).max() == 1
    assert np.array(mask, copy=True).sum() == mask.area == full.sum()
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(mask, copy=False)
    rows, columns = np.nonzero(full)
    assert mask.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    again = Mask.from_array(full.astype(np.int32) * 7)
    assert np.array_equal(again.to_array(), full)
    full[:] = False
    assert mask.area > 0


def curved() -> Shape:
    k = 20 * 0.5523
    outer = np.array(
        [
            [[48 + k, 12], [68, 32 - k], [68, 32]],
            [[68, 32 + k], [48 + k, 52], [48, 52]],
            [[48 - k, 52], [28, 32 + k], [28, 32]],
            [[28, 32 - k], [48 - k, 12], [48, 12]],
        ],
        np.float32,
    )
    hole = np.array([[40, 30], [40, 40], [50, 40], [50, 30]], np.float32)
    far = np.array([[2.5, 2], [9, 2], [9, 8.25]], np.float32)
    return Shape((Part(Bezier(outer), (Polygon(hole),)), Part(Polygon(far))))


def test_shapes_as_polygons_and_for_shapely() -> None:
    shape = curved()
    (outer, holes), (far, none) = shape.polygons(0.01)
    assert len(holes) == 1
    assert none == []
    assert outer.dtype == np.float64
    assert np.abs(np.hypot(*(outer - (48, 32)).T) - 20).max() < 0.02
    assert len(outer) > len(shape.polygons(1)[0][0])
    assert far.tolist() == [[2.5, 2], [9, 2], [9, 8.25]]
    made: Any = shapely.geometry.shape(shape)
    assert made.is_valid
    assert made.area == pytest.approx(np.pi * 400 - 100 + 6.5 * 6.25 / 2, rel=1e-3)
    assert len(made.geoms[0].interiors) == 1
    with pytest.raises(ValueError, match="above 0"):
        shape.polygons(0)


def test_shapes_as_path_data() -> None:
    shape = curved()
    text = shape.to_svg()
    assert text.startswith("M48 12C59.05 12 68 20.95 68 32C")
    assert text.endswith("M2.5 2L9 2L9 8.25Z")
    again = parse_path(text)
    for one, other in zip(shape.rings, again, strict=True):
        assert np.abs(flatten(one) - flatten(other)).max() < 0.006
    drawn = [rasterise(each, WIDTH, HEIGHT) for each in (shape, Shape(tuple(map(Part, again))))]
    assert np.array_equal(np.asarray(drawn[0]), np.asarray(drawn[1]))
    assert shape.to_svg(0).startswith("M48 12C59 12 68 21 68 32C")
    assert (
        "-0"
        not in Shape((Part(Polygon(np.array([[-0.001, 0], [1, 0], [1, 1]], np.float32))),)).to_svg()
    )


def scene_of(*masks: Mask) -> Scene:
    tracked = tuple(
        TrackedInstance(n + 5, videoseg.Instance(mask, 0.25 * (n + 1), n), curved(), f"thing {n}")
        for n, mask in enumerate(masks)
    )
    return Scene("clip", 0, 0, Fraction(1, 25), instances=tracked)


def test_supervision_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingDependencyError, match="pip install supervision"):
        scene_of(ring_mask()).to_supervision()


def test_what_supervision_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))
    found = scene_of(ring_mask()).to_supervision()
    assert (found.xyxy.dtype, found.xyxy.shape) == (np.float32, (1, 4))
    assert (found.mask.dtype, found.mask.shape) == (np.bool_, (1, HEIGHT, WIDTH))
    assert (found.tracker_id.tolist(), found.class_id.tolist()) == ([5], [0])
    assert scene_of().to_supervision().xyxy.shape == (0, 4)


def test_supervision_takes_a_scene() -> None:
    supervision = pytest.importorskip("supervision")
    scene = scene_of(ring_mask(), Mask(3, 4, WIDTH, HEIGHT, np.ones((5, 6), np.bool_)))
    found = scene.to_supervision()
    assert isinstance(found, supervision.Detections)
    assert found.xyxy.tolist() == [list(map(float, t.instance.mask.box)) for t in scene.instances]
    assert found.mask.shape == (2, HEIGHT, WIDTH)
    assert found.area.tolist() == [t.instance.mask.area for t in scene.instances]
    assert found.tracker_id.tolist() == [5, 6]
    assert found.confidence.tolist() == [0.25, 0.5]
    assert found.data["class_name"].tolist() == ["thing 0", "thing 1"]
    assert len(scene_of().to_supervision()) == 0
    assert len(supervision.Detections.merge([found, scene_of().to_supervision()])) == 2


def test_a_finished_run_as_rows(film: Path, tmp_path: Path) -> None:
    config = videoseg.load_config(flags={"write": ["svg"]})
    with videoseg.Job(film, "red", config, model=Colours()) as job:
        job.run(tmp_path / "out")
    run = videoseg.read_run(tmp_path / "out")
    rows = list(run.outlines())
    scenes = list(run.scenes())
    assert [row["frame"] for row in rows] == [0, 1, 2, 3]
    for row, scene in zip(rows, scenes, strict=True):
        (item,) = scene.instances
        assert (row["x1"], row["y1"], row["x2"], row["y2"]) == item.instance.mask.box
        assert row["seconds"] == float(scene.seconds)
        assert row["area"] == np.asarray(item.instance.mask).sum()
    (track,) = run.tracks()
    assert track == {
        "stream": rows[0]["stream"],
        "track": 1,
        "label": "red",
        "prompt": 0,
        "frames": 4,
        "first_frame": 0,
        "last_frame": 3,
        "first_seconds": rows[0]["seconds"],
        "last_seconds": rows[3]["seconds"],
        "mean_score": pytest.approx(0.9),
        "mean_area": pytest.approx(np.mean([row["area"] for row in rows])),
        "max_area": max(row["area"] for row in rows),
    }
    kinds = {type(value) for row in (*rows, track) for value in row.values()}
    assert kinds <= {str, int, float, bool}
    assert run.prompts == (Prompt(text="red"),)
    assert list(run.streams) == [rows[0]["stream"]]


def test_a_run_without_outlines_has_no_rows(film: Path, tmp_path: Path) -> None:
    config = videoseg.load_config(flags={"write": ["svg"]})
    with videoseg.Job(film, "green", config, model=Colours()) as job:
        job.run(str(tmp_path / "out"))
    assert videoseg.read_run(tmp_path / "out").tracks() == []


def test_help_tells_the_way_in() -> None:
    script = "import pydoc, videoseg; print(pydoc.plain(pydoc.render_doc(videoseg)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for each in ("segment(", "class Job", "class Run", "read_run(", "class Prompt", "class Mask"):
        assert each in done.stdout, each

"""The run log: what is read is what was written, and damage is named."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.support import scenes
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import registry
from videoseg.cli._app import run as command
from videoseg.errors import OutputError, RunLogError
from videoseg.geometry.masks import rounded
from videoseg.runlog.log import RunLog
from videoseg.runlog.reader import RunFolder, read_run
from videoseg.types import (
    Bezier,
    Colour,
    Cue,
    Detections,
    Frame,
    Instance,
    Mask,
    Part,
    Polygon,
    Prompt,
    Recorded,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)

WIDTH, HEIGHT = 9, 7
Answer = tuple[str, int, Detections | None]

MOST = 2**63 - 1
numbers = st.integers(-MOST, MOST)
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
probabilities = st.floats(0, 1)
labels = st.text() | st.just(scenes.HOSTILE) | st.just("\udce9")
names = st.sampled_from(["front", "/camera/left", "日本語"])


@st.composite
def mask(draw: st.DrawFn) -> Mask:
    """A mask whose crop may be larger than its object."""
    x, y = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    shape = draw(st.tuples(st.integers(1, HEIGHT - y), st.integers(1, WIDTH - x)))
    bitmap = draw(arrays.arrays(np.bool_, shape))
    bitmap[draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))] = True
    if draw(st.booleans()):
        return Mask(x, y, WIDTH, HEIGHT, bitmap)
    size = draw(arrays.arrays(np.float16, shape, elements=st.floats(0.0625, 60, width=16)))
    return rounded(Mask(x, y, WIDTH, HEIGHT, bitmap, np.where(bitmap, size, -size)))


polygons = st.builds(
    Polygon, st.integers(3, 6).flatmap(lambda n: arrays.arrays(np.float32, (n, 2), elements=floats))
)
beziers = st.builds(
    Bezier,
    st.integers(1, 3).flatmap(lambda n: arrays.arrays(np.float32, (n, 3, 2), elements=floats)),
)
rings = polygons | beziers
parts = st.builds(Part, rings, st.lists(rings, max_size=2).map(tuple))
shapes = st.builds(Shape, st.lists(parts, max_size=2).map(tuple))
instances = st.builds(
    Instance,
    mask=mask(),
    score=probabilities,
    prompt=st.integers(0, 1),
    object_id=st.none() | numbers,
    outline=st.none() | shapes,
    embedding=st.none() | arrays.arrays(np.float32, 3, elements=floats),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Answer], list[Scene]]:
    """Answers and Scenes of two interleaved streams, the Scenes in another order of streams."""
    answers: list[Answer] = []
    made: list[Scene] = []
    for stream in draw(st.lists(names, min_size=1, max_size=2, unique=True)):
        for index in range(draw(st.integers(0, 3))):
            found = draw(st.none() | st.lists(instances, max_size=3).map(tuple))
            presence = draw(st.lists(st.none() | probabilities, max_size=2).map(tuple))
            answer = None if found is None else Detections(stream, index, found, presence)
            answers.append((stream, index, answer))
            made.append(draw(scene_of(stream, index, found or ())))
    return draw(st.permutations(answers)), made


@st.composite
def scene_of(draw: st.DrawFn, stream: str, index: int, found: tuple[Instance, ...]) -> Scene:
    known = instances | st.sampled_from(found) if found else instances
    tracked = st.builds(
        TrackedInstance,
        track_id=st.integers(1, MOST),
        instance=known,
        shape=shapes,
        label=labels,
        state=st.sampled_from(["matched", "interpolated", "held"]),
    )
    return Scene(
        stream=stream,
        index=index,
        pts=draw(numbers),
        time_base=draw(st.fractions(Fraction(1, 10**9), 10**9, max_denominator=10**9)),
        duration=draw(st.none() | st.integers(0, MOST)),
        shot=draw(st.integers(0, MOST)),
        instances=draw(st.lists(tracked, max_size=3).map(tuple)),
        name=draw(st.none() | labels),
        recorded=draw(st.none() | st.builds(Recorded, labels, labels, numbers, numbers, numbers)),
    )


def same(a: Any, b: Any) -> bool:
    """Equality of values of ``types`` all the way down, arrays by type and content."""
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and (a == b).all())
    if isinstance(a, tuple):
        return len(a) == len(b) and all(itertools.starmap(same, zip(a, b, strict=True)))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(
            same(getattr(a, name), getattr(b, name))
            for name, field in a.__dataclass_fields__.items()
            if field.compare
        )
    return bool(a == b)


def write(
    folder: Path,
    answers: list[Answer],
    made: list[Scene],
    *,
    width: int = scenes.WIDTH,
    height: int = scenes.HEIGHT,
) -> RunFolder:
    named = dict.fromkeys(name for name, _, _ in answers)
    streams = scenes.streams(*(scenes.stream(name, width=width, height=height) for name in named))
    with RunLog(folder, streams, scenes.prompts()) as log:
        for answer in answers:
            log.append_detections(*answer)
        for scene in made:
            log.append_scene(scene)
    return read_run(folder)


def sample(folder: Path) -> tuple[list[Answer], list[Scene]]:
    """A run of six frames, logged as a tracker that looks two frames ahead would."""
    made = scenes.moving()
    answers: list[Answer] = []
    with RunLog(folder, scenes.streams(), scenes.prompts()) as log:
        for index, scene in enumerate([*made, None, None]):
            if scene is not None:
                found = tuple(tracked.instance for tracked in scene.instances)
                answers.append((scene.stream, index, Detections(scene.stream, index, found)))
                log.append_detections(*answers[-1])
            if index >= 2:
                log.append_scene(made[index - 2])
    return answers, made


def test_a_scene_without_a_name_is_written_as_by_older_versions(tmp_path: Path) -> None:
    _, made = sample(tmp_path / "plain")
    lines = (tmp_path / "plain" / "scenes.jsonl").read_text().splitlines()[1:]
    assert all({"name", "recorded"}.isdisjoint(json.loads(line)) for line in lines)
    assert all(scene.name is None for scene in read_run(tmp_path / "plain").scenes())
    named = replace(made[0], name="left \udce9 <1>.jpg", instances=())
    answers: list[Answer] = [(named.stream, named.index, None)]
    (found,) = write(tmp_path / "named", answers, [named]).scenes()
    assert found.name == named.name


@given(runs())
def test_what_is_read_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, run: tuple[list[Answer], list[Scene]]
) -> None:
    answers, made = run
    folder = tmp_path_factory.mktemp("log") / "run"
    reader = write(folder, answers, made, width=WIDTH, height=HEIGHT)
    assert same(tuple(reader.detections()), tuple(answers))
    assert same(tuple(reader.scenes()), tuple(made))
    assert reader.count() == (len(answers), len(made))


def test_scenes_share_the_instances_of_their_frame(tmp_path: Path) -> None:
    sample(tmp_path / "run")
    records = (tmp_path / "run" / "scenes.jsonl").read_text().splitlines()[1:]
    named = [each["instance"] for line in records for each in json.loads(line)["instances"]]
    assert named == [0, 1, 0, 1, 0, 0, 0, 1, 0, 1]


def test_logits_are_kept_as_finely_as_anyone_sees(tmp_path: Path) -> None:
    found = scenes.disc(30, 30, 10)
    rows, columns = np.indices(found.bitmap.shape)
    logits = (8.01 - np.hypot(rows - 10, columns - 10)).astype(np.float16)
    deep = replace(found, bitmap=logits > 0, logits=logits)
    answer = Detections("clip", 0, (Instance(deep, 0.5, 0),))
    reader = write(tmp_path / "run", [("clip", 0, answer)], [])
    ((_, _, read),) = reader.detections()
    assert read is not None
    mask = read.instances[0].mask
    assert same(mask, rounded(deep))
    assert mask.logits is not None
    assert same(mask.bitmap, mask.logits > 0)
    assert same(mask.bitmap, deep.bitmap)
    near = np.abs(logits) < 7
    assert np.abs(mask.logits - logits)[near].max() <= 1 / 16


@pytest.mark.parametrize("logits", ["AAAA", "@", "eJwDAAAAAAE="])
def test_damaged_logits_are_named(logits: str, tmp_path: Path) -> None:
    found = replace(scenes.disc(30, 30, 10), logits=None)
    write(tmp_path / "run", [("clip", 0, Detections("clip", 0, (Instance(found, 1, 0),)))], [])
    path = tmp_path / "run" / "detections.jsonl"
    path.write_text(path.read_text().replace('"counts"', f'"logits":"{logits}","counts"'))
    with pytest.raises(RunLogError, match="line 2 is damaged"):
        list(read_run(tmp_path / "run").detections())


def test_streams_and_prompts_come_back(tmp_path: Path) -> None:
    infos = [
        scenes.stream(),
        StreamInfo(
            "b", 4, 3, Fraction(1001, 30000), None, 7, -3, 1001, 10, Fraction(64, 45), 90,
            Colour(9, 16, 9, True), "01:00:00;00", True, True, False, "日本/\udce9.mov",
        ),
    ]  # fmt: skip
    prompts = (
        Prompt(scenes.HOSTILE, "the dog", max_instances=2),
        Prompt(
            "cup",
            cues=(
                Cue(3, points=((0.1, 2, True), (5, 1e-9, False))),
                Cue(boxes=((1, 2, 3.5, 4, True),), mask=scenes.disc(20, 20, 5)),
            ),
        ),
    )
    RunLog(tmp_path / "run", scenes.streams(*infos), prompts).close()
    reader = read_run(tmp_path)
    assert list(reader.streams.values()) == infos
    assert list(reader.streams) == ["clip", "b"]
    assert same(reader.prompts, prompts)


@pytest.mark.parametrize("name", ["detections.jsonl", "scenes.jsonl"])
def test_a_torn_last_line_is_left_out(name: str, tmp_path: Path) -> None:
    answers, made = sample(tmp_path / "run")
    path = tmp_path / "run" / name
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in (last, last + 1, (last + len(whole)) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        reader = read_run(tmp_path / "run")
        found, drawn = reader.count()
        if name == "scenes.jsonl":
            assert (found, drawn) == (6, 5)
            assert same(tuple(reader.scenes()), tuple(made[:5]))
        else:
            assert (found, drawn) == (5, 6)
            assert same(tuple(reader.detections()), tuple(answers[:5]))


@pytest.mark.slow
@given(data=st.data())
def test_damage_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("log") / "run"
    _, made = sample(folder)
    path = folder / data.draw(st.sampled_from(["detections.jsonl", "scenes.jsonl"]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(RunLogError):
        reader = read_run(folder)
        list(reader.detections())
        assert len(list(reader.scenes())) <= len(made)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: [*lines[:3], b"{", *lines[4:]], "line 4 is damaged: JSONDecodeError"),
        (lambda lines: [*lines[:3], b"[]", *lines[4:]], "line 4 is damaged: TypeError"),
        (lambda lines: [*lines[:3], b"{}", *lines[4:]], "line 4 is damaged: KeyError"),
        (lambda lines: [*lines[:3], b"\xff\x00", *lines[4:]], "line 4 is damaged: Unicode"),
        (lambda lines: [*lines[:3], b"[" * 99999, *lines[4:]], "line 4 is damaged: a value of"),
        (lambda lines: [x.replace(b'"counts":"', b'"counts":"~') for x in lines], "no character"),
        (lambda lines: [x.replace(b'"score":0.', b'"score":7.') for x in lines], "in .0, 1."),
        (lambda lines: [x.replace(b"[64,96]", b"[640000,960000]") for x in lines], "of size"),
        (lambda lines: [x.replace(b'"counts":"', b'"counts":"1') for x in lines], "add up to"),
        (lambda lines: [x.replace(b'"width": 96', b'"width": 9600000') for x in lines], "large"),
        (lambda lines: [x.replace(b'"25/1"', b'"0/1"') for x in lines], "must be positive"),
        (lambda lines: [x.replace(b'"prompt":0', b'"prompt":7') for x in lines], "prompt 7 of 2"),
        (lambda lines: [x.replace(b'"index":1', b'"index":1%030d' % 0) for x in lines], "64 bits"),
        (lambda lines: [x.replace(b'"index":1', b'"index":"1"') for x in lines], "a whole number"),
        (lambda lines: [x.replace(b'"stream":"clip"', b'"stream":"c"') for x in lines], "no strea"),
        (lambda lines: [x.replace(b'"crop":[', b'"crop":[9,9,10,10],"":[') for x in lines], "cut"),
    ],
)  # fmt: skip
def test_damage_is_named(damage: Any, message: str, tmp_path: Path) -> None:
    sample(tmp_path)
    path = tmp_path / "detections.jsonl"
    path.write_bytes(b"\n".join(damage(path.read_bytes().split(b"\n"))))
    with pytest.raises(RunLogError, match=message):
        list(read_run(tmp_path).detections())
    with pytest.raises(RunLogError, match=r"detections\.jsonl, line"):
        list(read_run(tmp_path).scenes())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"instance":1}', b'"instance":8}', "line 2 is damaged: .*instance 8 of a frame with 2"),
        (b'"state":"matched"', b'"state":"lost"', "unknown state 'lost'"),
        (
            b'"index":3',
            b'"index":99',
            r"line 5 is damaged: no answer of the model for \('clip', 99",
        ),
        (b'{"segments":[', b'{"segments":[1e39,', "no finite float32"),
        (b'{"segments":[', b'{"segments":[1,', "reshape"),
        (b'"instances"', b'"recorded":["/a","b",1,2],"instances"', "not enough values"),
        (b'"instances"', b'"recorded":["/a",0,1,2,3],"instances"', "expected text, got 0"),
    ],
)
def test_damage_of_scenes_is_named(old: bytes, new: bytes, message: str, tmp_path: Path) -> None:
    sample(tmp_path)
    path = tmp_path / "scenes.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(RunLogError, match=message):
        list(read_run(tmp_path).scenes())


def test_what_is_no_run_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunLogError, match="is not a run folder"):
        read_run(tmp_path)
    sample(tmp_path)
    detections = tmp_path / "detections.jsonl"
    header, rest = detections.read_bytes().split(b"\n", 1)
    for text, message in (
        (b"", "not the log of a run"),
        (b"hello\n", "line 1 is damaged: JSONDecodeError"),
        (b"[]\n", "not the log of a run"),
        (header.replace(b'"version": 1', b'"version": 2') + b"\n", "this videoseg reads version 1"),
        (header.replace(b"1/600", b"1/0") + b"\n", "line 1 is damaged: ZeroDivisionError"),
        ((tmp_path / "scenes.jsonl").read_bytes(), "holds 'scenes', not detections"),
    ):
        detections.write_bytes(text + rest)
        with pytest.raises(RunLogError, match=message):
            read_run(tmp_path)


def test_a_log_without_a_header_says_so(tmp_path: Path) -> None:
    sample(tmp_path)
    (tmp_path / "detections.jsonl").write_bytes(b'{"format":')
    with pytest.raises(RunLogError, match="line 1 is damaged: the header is missing or torn"):
        read_run(tmp_path)


def test_a_log_is_never_written_over(tmp_path: Path) -> None:
    sample(tmp_path)
    before = (tmp_path / "detections.jsonl").read_bytes()
    with pytest.raises(OutputError, match="cannot write the run log in"):
        RunLog(tmp_path, scenes.streams(), scenes.prompts())
    assert (tmp_path / "detections.jsonl").read_bytes() == before


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    log = RunLog(tmp_path, scenes.streams(), scenes.prompts())
    with Path("/dev/full").open("wb") as full:
        log._detections = full
        with pytest.raises(OutputError, match="No space left"):
            log.append_detections("clip", 0, None)
        with pytest.raises(OSError, match="No space left"):
            full.close()
    log.close()
    log.close()


def test_a_scene_needs_its_detections(tmp_path: Path) -> None:
    with RunLog(tmp_path, scenes.streams(), scenes.prompts()) as log:
        with pytest.raises(ValueError, match="before its Detections"):
            log.append_scene(scenes.scene())
        log.append_detections("clip", 0, None)
        log.append_scene(scenes.scene())
        with pytest.raises(ValueError, match="logged twice"):
            log.append_scene(scenes.scene())


def test_an_outline_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    ring = Polygon(np.array([(0, 0), (1, np.nan), (1, 1)], np.float32))
    made = replace(scenes.tracked(scenes.disc(20, 20, 5)), shape=Shape((Part(ring),)))
    with RunLog(tmp_path, scenes.streams(), scenes.prompts()) as log:
        log.append_detections("clip", 0, None)
        with pytest.raises(ValueError, match="no finite number"):
            log.append_scene(scenes.scene(made))
    assert read_run(tmp_path).count() == (1, 0)


STREAMS = {"front": StreamInfo("front", WIDTH, HEIGHT, Fraction(1, 25))}
ONE = np.ones((2, 2), np.bool_)
SQUARE = Shape((Part(Polygon(np.array([[0, 0], [2, 0], [2, 2]], np.float32))),))


def one(**changed: Any) -> Instance:
    """An instance that can be logged, but for what is changed."""
    logits = changed.pop("logits", None)
    bitmap = changed.pop("bitmap", ONE)
    size = changed.pop("size", (WIDTH, HEIGHT))
    made = Instance(Mask(1, 1, size[0], size[1], bitmap, logits), 0.5, 0)
    for name, value in changed.items():
        object.__setattr__(made, name, value)  # also what its own checks would refuse
    return made


def drawn(**changed: Any) -> Scene:
    """A Scene that can be logged, but for what is changed."""
    tracked = {
        name.removeprefix("one_"): changed.pop(name)
        for name in [*changed]
        if name.startswith("one_")
    }
    inside = TrackedInstance(1, one(), SQUARE, "cat")
    made = Scene("front", 0, 0, Fraction(1, 25), 1, 0, (inside,))
    for part, values in ((inside, tracked), (made, changed)):
        for name, value in values.items():
            object.__setattr__(part, name, value)
    return made


LOGITS = np.full((2, 2), 3, np.float16)
NAN = np.array([[1, np.nan], [1, 1]], np.float16)
ANSWERS = {
    "logits that are not numbers": one(logits=NAN),
    "logits of no number at all": one(logits=np.full((2, 2), np.nan, np.float16)),
    "logits beside the mask": one(logits=-LOGITS),
    "logits of other pixels": one(logits=LOGITS, bitmap=np.eye(2, dtype=np.bool_)),
    "a prompt before the first": one(prompt=-1),
    "a prompt after the last": one(prompt=1),
    "no prompt": one(prompt=None),
    "half a prompt": one(prompt=0.5),
    "a truth value for a prompt": one(prompt=True),
    "another size": one(size=(WIDTH + 1, HEIGHT)),
    "a size that is turned": one(size=(HEIGHT, WIDTH)),
    "a score of no number": one(score=float("nan")),
    "a score without end": one(score=float("inf")),
    "no score": one(score=None),
    "an identity of 65 bits": one(object_id=2**64),
    "an identity that is text": one(object_id="1"),
    "an outline of no number": one(
        outline=Shape((Part(Polygon(np.full((3, 2), np.nan, np.float32))),))
    ),
    "an outline too far for float32": one(outline=Shape((Part(Polygon(np.full((3, 2), 1e300))),))),
    "an embedding that is none": one(embedding="far"),
}
SCENES_NOT = {
    "a time of 65 bits": drawn(pts=2**64),
    "a time that is no whole number": drawn(pts=0.5),
    "a duration of no number": drawn(duration=float("nan")),
    "a shot that is none": drawn(shot=None),
    "a time base of 100 bits": drawn(time_base=Fraction(1, 2**100)),
    "an unknown state": drawn(one_state="lost"),
    "a label that is none": drawn(one_label=None),
    "a track that is text": drawn(one_track_id="1"),
    "an instance of another size": drawn(one_instance=one(size=(WIDTH, HEIGHT + 1))),
    "an instance of no prompt": drawn(one_instance=one(prompt=7)),
    "a shape without end": drawn(
        one_shape=Shape((Part(Polygon(np.full((3, 2), np.inf, np.float32))),))
    ),
}


@pytest.mark.parametrize("case", [*ANSWERS, *SCENES_NOT])
def test_what_could_not_be_read_back_is_not_written(case: str, tmp_path: Path) -> None:
    """The log before it can still be read, and whole lines are all that it holds."""
    with RunLog(tmp_path, STREAMS, (Prompt("cat", "cat"),)) as log:
        log.append_detections("front", 0, Detections("front", 0, (one(),)))
        log.append_scene(drawn())
        log.append_detections("front", 1, None)
        with pytest.raises(RunLogError, match="could not be read back") as caught:
            if case in ANSWERS:
                log.append_detections("front", 2, Detections("front", 2, (ANSWERS[case],)))
            else:
                log.append_scene(replace_index(SCENES_NOT[case], 1))
        assert len(str(caught.value).splitlines()) == 1
        assert re.search(r"frame [12] of 'front'", str(caught.value))
    found = read_run(tmp_path)
    assert found.count() == (2, 1)
    assert len(list(found.detections())) == 2
    assert len(list(found.scenes())) == 1


class Wrong(Colours):
    """A model whose answers could not be read back."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        return [
            Detections(
                answer.stream,
                answer.index,
                tuple(
                    replace(each, mask=replace(each.mask, logits=nowhere(each.mask)))
                    for each in answer.instances
                ),
            )
            for answer in super().segment(frames, prompts)
        ]


def nowhere(mask: Mask) -> Any:
    return np.full(mask.bitmap.shape, np.nan, np.float16)


def test_a_run_whose_answers_could_not_be_read_back_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = registry._built_in

    def with_wrong(kind: registry.Kind) -> Any:
        return {**real(kind), **({"wrong": Wrong} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_wrong)
    film, out = str(clip(frames=2, width=160, height=96)), tmp_path / "out"
    assert command(["segment", film, "red", "--model", "wrong", "-q", "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert "logits that are not numbers" in said
    assert said.count("\n") == 1
    assert not out.exists()


def replace_index(scene: Scene, index: int) -> Scene:
    object.__setattr__(scene, "index", index)
    return scene


@pytest.mark.parametrize("presence", [(float("nan"),), (float("inf"),), ("sure",)])
def test_presence_that_is_no_number_is_not_written(presence: Any, tmp_path: Path) -> None:
    with (
        RunLog(tmp_path, STREAMS, (Prompt("cat", "cat"),)) as log,
        pytest.raises(RunLogError, match="could not be read back"),
    ):
        log.append_detections("front", 0, Detections("front", 0, (), presence))
    assert not list(read_run(tmp_path).detections())


def test_whole_numbers_of_numpy_are_as_good(tmp_path: Path) -> None:
    """Models count in them."""
    with RunLog(tmp_path, STREAMS, (Prompt("cat", "cat"),)) as log:
        found = one(prompt=np.int64(0), object_id=np.int32(5), score=np.float32(0.5))
        log.append_detections("front", 0, Detections("front", 0, (found,)))
    ((_, _, answer),) = read_run(tmp_path).detections()
    assert answer is not None
    assert (answer.instances[0].prompt, answer.instances[0].object_id) == (0, 5)


@pytest.mark.parametrize(
    ("size", "taken"), [((30_000, 30_000), False), ((16_384, 16_385), False), ((16_384,) * 2, True)]
)
def test_frames_are_no_larger_than_they_are_read(
    size: tuple[int, int], taken: bool, tmp_path: Path
) -> None:
    streams = {"front": StreamInfo("front", *size, Fraction(1, 25))}
    if taken:
        RunLog(tmp_path, streams, ()).close()
        assert read_run(tmp_path).streams["front"].width == size[0]
        return
    with pytest.raises(RunLogError, match=rf"{size[0]} x {size[1]} pixels are too large"):
        RunLog(tmp_path, streams, ())
    assert not list(tmp_path.iterdir())


def test_a_prompt_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    prompt = Prompt("cat", cues=(Cue(mask=Mask(0, 0, 2, 2, ONE, NAN)),))
    with pytest.raises(RunLogError, match="the header of the run log cannot be kept"):
        RunLog(tmp_path, STREAMS, (prompt,))
    assert not list(tmp_path.iterdir())


def test_records_reach_the_disk_as_they_are_appended(tmp_path: Path) -> None:
    log = RunLog(tmp_path, scenes.streams(), scenes.prompts())
    log.append_detections("clip", 0, None)
    assert read_run(tmp_path).count() == (1, 0)
    log.append_scene(scenes.scene())
    assert read_run(tmp_path).count() == (1, 1)
    log.close()

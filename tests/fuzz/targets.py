"""The readers that are fuzzed: each takes bytes, and may raise nothing but our own errors.

What a reader accepts must be sound: it can be written and read again, or built and used.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

from tests.support.fakes import Colours
from tests.support.hosted_servers import things
from tests.support.scenes import disc, tracked
from tests.support.scenes import scene as scene_of
from videoseg.config.guards import guards_of
from videoseg.config.run_config import load
from videoseg.errors import SourceError, VideosegError
from videoseg.formats.lerobot import DataSet
from videoseg.formats.lerobot.episodes import read_episodes
from videoseg.formats.lerobot.info import read_info
from videoseg.formats.robotics import mcap_chunks
from videoseg.formats.robotics.decoding import TopicDecoder
from videoseg.formats.robotics.messages import MessageError
from videoseg.formats.robotics.pixels import Shown
from videoseg.formats.robotics.schemas import image_kind, image_reader
from videoseg.formats.svg_path import format_path, parse_path
from videoseg.jobs.positions import frame_index, parse_position
from videoseg.models._hosted.meter import Meter
from videoseg.models._hosted.prices import Price
from videoseg.models._hosted.reading import UnreadableError
from videoseg.models._hosted.retry import Patience
from videoseg.models._hosted.service import Service
from videoseg.models._hosted.settings import Hosted
from videoseg.models._hosted.shapes import instance_of, placed, read_path
from videoseg.models._hosted.wire import Reply
from videoseg.models.agent import Agent
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream
from videoseg.outlines.vectorize import outline_of
from videoseg.prompts import check_prompts, listed, load_prompts, parse_prompt
from videoseg.registry import find
from videoseg.runlog.checkpoint import Notes
from videoseg.runlog.codec import (
    detections_from_json,
    detections_to_text,
    prompt_from_json,
    prompt_to_json,
    scene_to_text,
)
from videoseg.runlog.edited import Edited
from videoseg.runlog.edits import EditLog
from videoseg.runlog.log import DETECTIONS, SCENES
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.plan import Plan, difference
from videoseg.runlog.reader import read_run
from videoseg.runlog.staging import STAGING, settle
from videoseg.runlog.summary import Summary
from videoseg.settings import settings_of
from videoseg.sources._logs.source import LogSource
from videoseg.sources.images.stamps import AUTO, stamps_of
from videoseg.sources.mcap import McapSource
from videoseg.sources.rosbag import RosbagSource
from videoseg.types import Bezier, Frame, Instance, Part, Prompt, RgbImage, Shape, StreamInfo

CORPUS = Path(__file__).parent / "corpus"
BETWEEN_FILES = b"\n%%\n"
"""Stands between the files of an input that is several."""

Target = Callable[[bytes], None]
_INFO = StreamInfo("clip", 96, 64, Fraction(1, 600), frame_count=20)
_LARGE = StreamInfo("clip", 640, 360, Fraction(1, 600), Fraction(30000, 1001), 100)
_FRAME = Frame(
    "clip", 0, 0, Fraction(1, 25), things((10, 8, 40, 30), (50, 20, 90, 60), width=96, height=64)
)
_RED = (Prompt("red", text="red"),)
_EDITED = {
    "format": "videoseg-manifest",
    "version": 1,
    "inputs": [{"name": "clip.mp4", "size": 5, "sha256": "ab"}],
    "streams": [{"width": 96, "height": 64}],
    "settings": {"run": {}},
    "stages": {},
    "counts": {"frames": 3, "instances": [{"count": 6, "tracks": 2}]},
    "outputs": [],
}
"""``run.json`` of a run of three frames."""
_PRICE = Price(date(2026, 1, 2), "nowhere", input=10.0, output=10.0)
_FAR = 1e12
"""Beyond this ``format_path`` writes nothing; an arc may bulge that far."""


def paths(data: bytes) -> None:
    """SVG path data: what is parsed is finite, and is the same number of rings once more."""
    rings = parse_path(data.decode("utf-8", errors="replace"))
    far = 0.0
    for ring in rings:
        points = ring.segments if isinstance(ring, Bezier) else ring.points
        assert np.isfinite(points).all()
        far = max(far, float(np.abs(points).max()))
    if far <= _FAR:
        text = format_path(Shape(tuple(map(Part, rings))), precision=6)
        assert len(parse_path(text)) <= len(rings)


def shorthand(data: bytes) -> None:
    """A prompt on the command line."""
    for prompt in listed(parse_prompt(data.decode("utf-8", errors="surrogateescape"))):
        _sound(prompt)


def place(data: bytes) -> None:
    """``--start`` and ``--end``."""
    found = parse_position(data.decode("utf-8", errors="surrogateescape"))
    if found.seconds is None:
        frame_index(found, _LARGE, None)


def prompts(data: bytes) -> None:
    """``prompts.json``."""
    for prompt in load_prompts(_file("prompts.json", data)):
        _sound(prompt)


def config(data: bytes) -> None:
    """A file of settings: what is accepted makes parts."""
    found = load(file=_file("settings.toml", data))
    for kind, parts in found.tables.items():
        for part in parts:
            found.part(kind, part)


def assignment(data: bytes) -> None:
    """``--set``."""
    load(assignments=[data.decode("utf-8", errors="surrogateescape")])


def environment(data: bytes) -> None:
    """Variables of the environment, ``NAME=value`` in lines."""
    lines = data.decode("utf-8", errors="surrogateescape").split("\n")
    load(environment=dict(line.partition("=")[::2] for line in lines))


def run_log(data: bytes) -> None:
    """Both files of a run's log: what is read can be logged and read again."""
    answers, _, drawn = data.partition(BETWEEN_FILES)
    folder = _file(f"log/{DETECTIONS}", answers).parent
    _file(f"log/{SCENES}", drawn)
    run = read_run(folder)
    assert min(run.count()) >= 0
    for prompt in run.prompts:
        prompt_from_json(json.loads(json.dumps(prompt_to_json(prompt))))
    for stream, index, detections in run.detections():
        text = detections_to_text(stream, index, detections)
        detections_from_json(json.loads(text.encode("ascii")))
    for scene in run.scenes():
        json.loads(scene_to_text(scene, ()).encode("ascii"))


def manifest(data: bytes) -> None:
    """``run.json``: what is read can be summed up, compared and taken up again."""
    made = read_manifest(_file("made/run.json", data).parent)
    Summary.of(Path("out"), (), made)
    assert made["inputs"][0]["name"] is not None
    difference(made, _plan())
    load(recorded=made["settings"])


def edits(data: bytes) -> None:
    """``edits.json``: what is read can be written again, and makes Scenes that can be logged."""
    folder = _file("edited/edits.json", data).parent
    (folder / "run.json").write_text(json.dumps(_EDITED))
    found = EditLog.load(folder)
    (folder / "edits.json").write_bytes(found.to_bytes())
    assert EditLog.load(folder) == found
    edited = Edited(found.active(), lambda one: one.outline or outline_of(one.mask))
    for index in range(3):
        made = edited(scene_of(*(tracked(disc(20 + 9 * n, 30, 9), n) for n in (1, 2)), index=index))
        json.loads(scene_to_text(made, ()).encode("ascii"))


def notes(data: bytes) -> None:
    """What an interrupted run has left: its plan, the state of a stage, and answers."""
    plan, _, rest = data.partition(BETWEEN_FILES)
    state, _, answers = rest.partition(BETWEEN_FILES)
    folder = _file("notes/plan.json", plan).parent
    _file("notes/state", state)
    _file(f"notes/{DETECTIONS}", answers)
    known, arrays = Notes(folder).left(_plan(), with_state=bool(state))
    assert known >= 0
    assert all(isinstance(array, np.ndarray) for array in arrays.values())


def staging(data: bytes) -> None:
    """A staging folder that was received (lock, list of pieces, manifest): all stays inside."""
    lock, _, rest = data.partition(BETWEEN_FILES)
    marker, _, made = rest.partition(BETWEEN_FILES)
    with tempfile.TemporaryDirectory() as top:
        out, beside = Path(top, "out"), Path(top, "beside")
        new = out / STAGING / "new"
        new.mkdir(parents=True)
        beside.write_bytes(b"mine")
        (new / "overlay.mp4").write_bytes(b"theirs")
        for name, content in (("lock", lock), ("publishing", marker), ("new/run.json", made)):
            (out / STAGING / name).write_bytes(content)
        try:
            settle(out)
            assert not (out / STAGING).exists()
            assert {path.name for path in out.iterdir()} <= {"overlay.mp4", "run.json"}
        finally:
            assert beside.read_bytes() == b"mine"
            assert {path.name for path in Path(top).iterdir()} == {"out", "beside"}


def project(data: bytes) -> None:
    """A project's file of settings: what is accepted names no address, key, weights or path."""
    file = _file("project/videoseg.toml", data)
    found = load(folder=file.parent)
    for kind, parts in found.tables.items():
        for part, settings in parts.items():
            cls = find(kind, part).cls
            defaults = {each.name: each.default for each in settings_of(cls)}
            for name, mark in guards_of(cls).items():
                said = settings.get(name, defaults[name])
                assert said in (defaults[name], *mark.harmless), (part, name, said)
    mask = found.run.ignore_mask
    assert mask is None or mask.resolve().is_relative_to(file.parent.resolve())


def data_set(data: bytes) -> None:
    """What a LeRobot data set says of itself (info.json, episodes.jsonl): all files are in it."""
    info, _, episodes = data.partition(BETWEEN_FILES)
    folder = _file("meta/info.json", info).parent.parent
    _file("meta/episodes.jsonl", episodes)
    said = read_info(folder)
    found = DataSet(folder, said, read_episodes(folder, said))
    names = list(found.by_name().values())
    assert len({each.name.lower() for each in names}) == len(names)
    for each in names:
        assert "/" not in each.name
        assert len(each.name) < 200
        for path in (folder / each.episode.data, found.file_of(each)):
            assert Path(os.path.normpath(path)).is_relative_to(folder)
            assert path != folder


def answer_path(data: bytes) -> None:
    """A path in an answer, where its box lies: what it makes can be drawn."""
    text = data.decode("utf-8", errors="replace")
    rings = placed(read_path(text), (0.1, 0.2, 0.9, 0.8), width=96, height=64)
    found = instance_of(rings, 1.0, 0, width=96, height=64)
    _drawn([found] if found is not None else [])


def answer_moondream(data: bytes) -> None:
    """Places, then an outline of each, as one answer or as a stream."""
    _asked(Moondream(), data)
    _asked(Moondream(several="point", stream=True), data)


def answer_gemini(data: bytes) -> None:
    """Boxes and masks, or a refusal."""
    _asked(Gemini(), data)


def answer_agent(data: bytes) -> None:
    """Turns of a language model, over both protocols: what it says is said back to it."""
    for model in (Agent(language="openai"), Agent(language="gemini")):
        model.compose(lambda _: Colours())
        _asked(model, data)


def mcap_log(data: bytes) -> None:
    """A robot's log: what is read are frames of one size for each topic, times rising."""
    _read(McapSource(), _file("log.mcap", data))


def mcap_pieces(data: bytes) -> None:
    """The same where chunks are too large to be unpacked at once."""
    with mock.patch.object(mcap_chunks, "AT_ONCE", 0), mock.patch.object(mcap_chunks, "_PIECE", 99):
        _read(McapSource(), _file("log.mcap", data))


def ros1_bag(data: bytes) -> None:
    """A bag of ROS 1, also one that has no index."""
    _read(RosbagSource(), _file("log.bag", data))


def _read(source: LogSource, path: Path) -> None:
    """All frames of a log."""
    last: dict[str, int] = {}
    try:
        streams = source.open(str(path))
        for frame in source.frames():
            info = streams[frame.stream]
            assert (frame.width, frame.height) == (info.width, info.height)
            assert last.get(frame.stream, frame.pts - 1) < frame.pts
            last[frame.stream] = frame.pts
    finally:
        source.close()


def times_of_pictures(data: bytes) -> None:
    """A list of times beside two pictures: those that are taken rise and fit 64 bits."""
    listed = _file("pictures/timestamps.txt", data)
    pictures = [listed.with_name(name) for name in ("a.png", "b.png")]
    found, _ = stamps_of(pictures, AUTO)
    if found is not None:
        assert len(found.paths) == len(found.times) == 2
        assert -(2**63) <= found.times[0] < found.times[1] < 2**63


def log_message(data: bytes) -> None:
    """A message with a picture: its schema and encoding in a line, then its bytes."""
    said, _, content = data.partition(b"\n")
    schema, _, encoding = said.decode("utf-8", "replace").partition(" ")
    kind, reader = image_kind(schema), image_reader(schema, encoding)
    if kind is None or reader is None:
        return
    decoder = TopicDecoder(kind, reader, Shown())
    try:
        image = decoder.rgb(decoder.read(content))
    except MessageError as error:
        raise SourceError(str(error)) from error
    _shown(image)


TARGETS: Mapping[str, Target] = {
    target.__name__: target
    for target in (
        paths,
        shorthand,
        place,
        prompts,
        config,
        assignment,
        environment,
        run_log,
        manifest,
        edits,
        notes,
        staging,
        project,
        data_set,
        answer_path,
        answer_moondream,
        answer_gemini,
        answer_agent,
        mcap_log,
        mcap_pieces,
        ros1_bag,
        log_message,
        times_of_pictures,
    )
}


def run_one(target: Target, data: bytes) -> None:
    """Feed a target; our own errors are fine where they are one line.

    Raises:
        Exception: Whatever else came of it: a fault.
    """
    try:
        target(data)
    except (VideosegError, UnreadableError) as error:
        text = str(error)
        assert text.strip(), "an error without a word"
        assert len(text.splitlines()) == 1, f"an error of several lines: {text!r}"


def _sound(prompt: Prompt) -> None:
    """Whether a prompt can be checked and logged."""
    prompt_from_json(json.loads(json.dumps(prompt_to_json(prompt))))
    check_prompts([prompt], _LARGE)


@dataclass
class _Wire:
    """Answers from an input, one a call; one that begins with 429 is a refusal."""

    answers: Iterator[bytes]

    def post(self, url: str, body: bytes) -> Reply:
        body.decode("utf-8")
        answer = next(self.answers, b"")
        refused = answer.startswith(b"429")
        wait = answer[3:40].decode("latin-1").partition("\n")[0]
        return Reply(429 if refused else 200, {"retry-after": wait}, answer)

    def close(self) -> None:
        pass


def _asked(model: Hosted, data: bytes) -> None:
    """What a model makes of answers that an input holds."""
    meter = Meter(_PRICE, None, 1000.0)
    model._meter, model._service = (
        meter,
        Service(
            name="S",
            url="http://127.0.0.1:9",
            wire=_Wire(iter(data.split(BETWEEN_FILES))),  # type: ignore[arg-type]
            meter=meter,
            patience=Patience(attempts=2, first_wait=0.0, longest_wait=0.0),
            cache=None,
            key=None,
            smaller="",
        ),
    )
    try:
        (found,) = model.segment([_FRAME], [_RED])  # type: ignore[attr-defined]
        _drawn(found.instances)
    finally:
        used = meter.usage
        assert used.cost is not None
        assert used.calls == 0 or 0 <= used.cost < 1e6
        assert min(used.input_tokens, used.output_tokens, used.unreadable) >= 0


def _drawn(found: Sequence[Instance]) -> None:
    """Whether what was found is within limits and can be written."""
    assert sum(one.mask.bitmap.size for one in found) <= 2**26
    for one in found:
        assert 0 <= one.score <= 1
        if one.outline is not None:
            format_path(one.outline)


def _shown(image: RgbImage) -> None:
    """Whether a picture is one."""
    assert image.dtype == np.uint8
    assert image.shape[2:] == (3,)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="videoseg-fuzz-")


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder().name, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


@cache
def _plan() -> Plan:
    return Plan(
        inputs=(),
        streams=(_INFO,),
        prompts=(Prompt("disc", "disc"),),
        model="embedded",
        weights=(),
        settings={"run": {}},
        versions={},
    )

"""Runs from a robot's log to a new log, through all parts."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_resume import contents
from tests.support import media, robot_logs
from tests.support.fakes import Colours
from tests.support.robot_logs import LATENCY, Written
from videoseg import Job, Prompt, __version__, load_config, registry

COUNT = 8
TOPICS = {"/front/image": "front_image", "/rear/image": "rear_image"}
OUTPUTS = ["mcap", "rosbag2", "jsonl"]
reading = pytest.importorskip("mcap.reader")
pytest.importorskip("foxglove_schemas_protobuf")


class Orange(Colours):
    """Finds what is red; breaks on a frame if it is told to."""

    breaks_at: int | None = None

    def segment(self, frames: Any, prompts: Any) -> Any:
        if any(frame.index == Orange.breaks_at for frame in frames):
            raise RuntimeError("the model broke")
        return super().segment(frames, prompts)


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"orange": Orange} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.setattr(Orange, "breaks_at", None)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two cameras whose pictures are a little apart; the front one repeats a stamp."""
    written = []
    images = robot_logs.squares(COUNT, 96, 64)
    for stamp, image in zip(robot_logs.stamps(COUNT), images, strict=True):
        for number, topic in enumerate(TOPICS):
            own = stamp + 1_000_001 * number
            coded = robot_logs.compressed(own, robot_logs.png(image))
            written.append(Written(topic, own, own + LATENCY, coded))
    written.insert(4, written[2])
    schemas = dict.fromkeys(TOPICS, "foxglove.CompressedImage")
    return robot_logs.mcap_file(tmp_path / "run.mcap", schemas, written)


def job(log: Path) -> Job:
    settings = ["exporters.mcap.passthrough=images", "run.batch=1"]
    config = load_config(flags={"model": "orange", "write": OUTPUTS}, assignments=settings)
    return Job(log, (Prompt("square", "red"),), config)


def messages(path: Path) -> Iterator[tuple[str, Any, Any]]:
    """Topic, message and what is in it, of those in Protocol Buffers."""
    with path.open("rb") as file:
        for schema, channel, message in reading.make_reader(file).iter_messages():
            if channel.message_encoding == "protobuf":
                kind = schema.name.removeprefix("foxglove.")
                module = importlib.import_module(f"foxglove_schemas_protobuf.{kind}_pb2")
                yield channel.topic, message, getattr(module, kind).FromString(message.data)


def test_annotations_match_the_pictures_by_their_stamps(log: Path, tmp_path: Path) -> None:
    with job(log) as made:
        made.run(tmp_path / "out")
    path = tmp_path / "out" / "run.segmented.mcap"
    times: dict[str, set[tuple[int, int, int]]] = {}
    for topic, message, content in messages(path):
        stamp = content.timestamp.ToNanoseconds()
        times.setdefault(topic, set()).add((stamp, message.log_time, message.publish_time))
        if topic.endswith("/annotations"):
            assert [text.text.rsplit(" ", 1)[0] for text in content.texts] == [
                f"square #{1 if 'front' in topic else 2}"
            ]
    for topic, stream in TOPICS.items():
        assert len(times[topic]) == COUNT
        for kind in ("annotations", "mask"):
            assert times[f"/videoseg/{stream}/{kind}"] == times[topic]
    lines = (tmp_path / "out" / "tracks.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert {(row["topic"], row["stamp"]) for row in rows} == {
        (topic, stamp) for topic in TOPICS for stamp, _, _ in times[topic]
    }


def test_the_file_says_what_made_it(log: Path, tmp_path: Path) -> None:
    with job(log) as made:
        made.run(tmp_path / "out")
    with (tmp_path / "out" / "run.segmented.mcap").open("rb") as file:
        found = {note.name: note.metadata for note in reading.make_reader(file).iter_metadata()}
    said = found["videoseg"]
    assert (said["model"], said["videoseg"]) == ("colours", __version__)
    recorded = json.loads((tmp_path / "out" / "run.json").read_text())
    assert json.loads(said["settings"]) == recorded["settings"]
    assert len(said["settings_sha256"]) == 64
    assert found["videoseg.classes"] == {"1": "square"}


def test_a_log_becomes_a_log_where_no_outputs_are_named(log: Path, tmp_path: Path) -> None:
    with Job(log, (Prompt("square", "red"),), load_config(flags={"model": "orange"})) as made:
        done = made.run(tmp_path / "log")
    assert "run.segmented.mcap" in done.outputs
    assert any(name.endswith(".svg") for name in done.outputs)
    with Job(
        media.film(), (Prompt("square", "red"),), load_config(flags={"model": "orange"})
    ) as made:
        assert not [name for name in made.run(tmp_path / "film").outputs if ".mcap" in name]


def test_a_run_that_is_gone_on_with_makes_the_same_bytes(log: Path, tmp_path: Path) -> None:
    with job(log) as made:
        made.run(tmp_path / "whole")
    Orange.breaks_at = 5
    with pytest.raises(RuntimeError, match="the model broke"), job(log) as made:
        made.run(tmp_path / "broken", resume=True)
    Orange.breaks_at = None
    with job(log) as made:
        made.run(tmp_path / "broken", resume=True)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")

"""Logs of robots on the command line: ``info`` lists topics, ``--topic`` chooses."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest

from tests.support import media, robot_logs
from tests.support.commandline import command
from tests.support.robot_logs import LATENCY, Written
from videoseg.cli._app import run
from videoseg.cli.options.view import RecordingOptions
from videoseg.config.run_config import load
from videoseg.jobs.inputs import open_source

for package in ("mcap", "rosbags", "foxglove_schemas_protobuf"):
    pytest.importorskip(package)

COUNT = 12


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two cameras and a topic without pictures."""
    written = []
    for stamp, image in zip(
        robot_logs.stamps(COUNT), robot_logs.squares(COUNT, 96, 64), strict=True
    ):
        coded = robot_logs.compressed(stamp, robot_logs.png(image))
        written += [
            Written("/front/image", stamp, stamp + LATENCY, coded),
            Written("/rear/image", stamp, stamp + LATENCY, robot_logs.raw(stamp, image)),
            Written("/tf", stamp, stamp + LATENCY, b"x"),
        ]
    schemas = {
        "/tf": "foxglove.FrameTransform",
        "/front/image": "foxglove.CompressedImage",
        "/rear/image": "foxglove.RawImage",
    }
    return robot_logs.mcap_file(tmp_path / "run.mcap", schemas, written)


def test_info_lists_topics(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(log)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("run.mcap: 3 topics, ")
    assert shown[1:] == [
        "  /front/image",
        "    foxglove.CompressedImage (protobuf), 96 x 64 pixels, 12 messages, about 25 a second, "
        "0.440 s",
        "  /rear/image",
        "    foxglove.RawImage (protobuf), 96 x 64 pixels, 12 messages, about 25 a second, 0.440 s",
        "  /tf",
        "    foxglove.FrameTransform (protobuf), 12 messages, about 25 a second, 0.440 s",
    ]


def test_info_as_json_of_chosen_topics(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", str(log), "--topic", "/front/*", "--topic", "/tf", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == log.stat().st_size
    assert [each["name"] for each in found["topics"]] == ["/front/image", "/tf"]
    front = found["topics"][0]
    assert (front["size"], front["count"], front["has_pictures"]) == ([96, 64], COUNT, True)


def test_a_topic_that_is_not_there_names_the_nearest(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["info", str(log), "--topic", "/frond/image"]) == 1
    said = capsys.readouterr().err
    assert "no topic fits '/frond/image'; did you mean /front/image" in said
    # A topic that is there, but has no pictures.
    assert run(["segment", str(log), "dog", "--topic", "/tf", "--dry-run"]) == 1
    assert "no topic with pictures fits '/tf'; there are /front/image" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["info"],
        ["segment", "--text", "dog"],
        ["preview", "--text", "dog"],
        ["replay", "--text", "dog"],
    ],
)
def test_topics_of_what_is_no_log_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([words[0], str(media.film()), "--topic", "/front/*", *words[1:]]) == 2
    said = capsys.readouterr().err
    assert "--topic is for logs of robots (mcap, rosbag)" in said
    assert f"{media.film()} is read as video; leave it out" in " ".join(said.split())


def test_a_topic_of_a_log_is_played(log: Path) -> None:
    ran = command(
        "replay",
        str(log),
        "thing",
        "--topic",
        "/rear/*",
        "--model",
        "blind",
        "--rate",
        "0",
        "--json",
    )
    assert ran.code == 0
    assert json.loads(ran.out)["shown"] == COUNT


def test_the_option_reaches_either_source(log: Path, tmp_path: Path) -> None:
    config = load(assignments=RecordingOptions(["/rear/*"]).assignments())
    assert list(open_source(log, config)[1]) == ["rear_image"]
    bag = robot_logs.ros_bag(
        tmp_path / "bag",
        [
            Written(f"/{name}/image", stamp, stamp, image)
            for name in ("front", "rear")
            for stamp, image in zip(
                robot_logs.stamps(2), robot_logs.squares(2, 96, 64), strict=True
            )
        ],
        "sqlite3",
    )
    assert list(open_source(bag, config)[1]) == ["rear_image"]


def test_info_of_a_hole_of_ten_gigabytes_behind_a_log_without_an_end(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where a recorder has taken room in advance and crashed."""
    data = log.read_bytes()
    (start,) = struct.unpack_from("<Q", data, len(data) - 8 - 20)
    end = data.rindex(struct.pack("<BQ", 0x0F, 4), 0, start)
    with log.open("wb") as file:
        file.write(data[:end])
        file.truncate(10 << 30)
    before = time.monotonic()
    assert run(["info", str(log)]) == 0
    assert time.monotonic() - before < 5
    assert "96 x 64 pixels, 12 messages" in capsys.readouterr().out


def test_info_of_ten_gigabytes_reads_the_summary_alone(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An attachment that is a hole in the file stands before the chunks."""
    hole = 10 << 30
    data = log.read_bytes()
    magic, header_end = data[:8], 8 + 9 + struct.unpack_from("<Q", data, 9)[0]
    moved = 9 + hole
    footer = len(data) - 8 - 20
    start, offsets, _ = struct.unpack_from("<QQI", data, footer)
    summary = bytearray(data[start : footer - 9])
    at = 0
    while at < len(summary):  # places of chunks, which have moved
        kind, length = struct.unpack_from("<BQ", summary, at)
        if kind == 0x08:
            place = at + 9 + 16
            struct.pack_into(
                "<Q", summary, place, struct.unpack_from("<Q", summary, place)[0] + moved
            )
        at += 9 + length
    with log.open("wb") as file:
        file.write(magic + data[8:header_end] + struct.pack("<BQ", 0x09, hole))
        file.seek(hole, 1)
        file.write(data[header_end:start] + summary)
        file.write(struct.pack("<BQQQI", 0x02, 20, start + moved, offsets + moved, 0) + magic)
    before = time.monotonic()
    assert run(["info", str(log)]) == 0
    assert time.monotonic() - before < 5
    shown = capsys.readouterr().out
    assert "3 topics, 11 GB" in shown.splitlines()[0]
    assert "/front/image" in shown
    assert "96 x 64 pixels, 12 messages" in shown

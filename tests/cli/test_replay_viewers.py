"""``videoseg replay`` with programs that look on: Foxglove's protocol, and what is refused."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support import foxglove_client, media, processes
from tests.support.commandline import command
from tests.support.processes import posix
from tests.support.robot_logs import LATENCY, START, STEP, Recorder
from tests.support.waiting import PATIENCE
from videoseg.cli.options.replay import _host_and_port
from videoseg.errors import UsageError


@posix
@pytest.mark.slow
def test_foxglove_looks_on_at_a_log_that_is_recorded(tmp_path: Path) -> None:
    for package in ("mcap", "foxglove", "websockets"):
        pytest.importorskip(package)
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

    recorder = Recorder(tmp_path / "log.mcap")
    recorder.start()
    recorder.add_square(0)
    shown = 1
    told = ["--box", "4,4,60,60", "--follow", "--serve", "0", "--drop", "none", "--json"]
    with processes.started("replay", str(recorder.path), *told) as process:
        assert process.stderr is not None
        said = process.stderr.readline().decode()
        found = re.search(r"ws://127\.0\.0\.1:(\d+)", said)
        assert found is not None, said + process.stderr.read().decode()
        with foxglove_client.connected(found[0]) as client:
            client.wait_for_channels(4)
            client.subscribe(["/videoseg/cam/image", "/videoseg/cam/tracks"])
            got: dict[int, dict[str, bytes]] = {}
            while sum(len(each) == 2 for each in got.values()) < 5:
                shown += 1
                recorder.add_square(shown - 1)
                for topic, time, data in client.until_time(START + (shown - 1) * STEP + LATENCY):
                    got.setdefault(time, {})[topic.rsplit("/", 1)[1]] = data
            process.send_signal(signal.SIGINT)
            out, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, complaints
    assert json.loads(out)["shown"] == shown
    whole = {time: each for time, each in got.items() if len(each) == 2}
    for time, each in whole.items():
        index, stamp = (time - LATENCY - START) // STEP, time - LATENCY
        assert CompressedImage.FromString(each["image"]).timestamp.ToNanoseconds() == stamp
        tracks = json.loads(each["tracks"])
        assert tracks["stamp"]["sec"] * 10**9 + tracks["stamp"]["nsec"] == stamp
        assert (tracks["frame"], tracks["topic"]) == (index, "/cam")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(found[1]))).close()
    recorder.crash()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8765", ("127.0.0.1", 8765)),
        (":0", ("127.0.0.1", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 (asked for)
        ("[::1]:65535", ("::1", 65535)),
        ("robot.local:9", ("robot.local", 9)),
    ],
)
def test_where_to_serve(text: str, expected: tuple[str, int]) -> None:
    assert _host_and_port(text) == expected


@pytest.mark.parametrize("text", ["", "x", "1:2:x", "65536", "-1", "80.5", "localhost", "²"])
def test_what_is_no_place_to_serve(text: str) -> None:
    with pytest.raises(UsageError, match="--serve takes PORT or HOST:PORT"):
        _host_and_port(text)


def test_two_ways_to_one_viewer_are_refused() -> None:
    ran = command(
        "replay", str(media.film()), "thing", "--model", "blind",
        "--rerun", "--rerun-connect", "rerun+http://127.0.0.1:1/proxy",
    )  # fmt: skip
    assert ran.code == 2
    assert "choose one" in ran.lines[-1]

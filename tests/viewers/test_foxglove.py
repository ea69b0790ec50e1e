"""The server for Foxglove, as a program that looks on sees it."""

from __future__ import annotations

import base64
import json
import socket
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import foxglove_client, recordings, scenes
from tests.support.foxglove_client import Client
from tests.support.labels import export
from tests.support.waiting import until
from videoseg.errors import MissingDependencyError, OutputError
from videoseg.viewers.foxglove import FoxgloveServer

for package in ("foxglove", "foxglove_schemas_protobuf", "mcap", "websockets"):
    pytest.importorskip(package)


@contextmanager
def looking_on(run: scenes.Run, *topics: str) -> Iterator[tuple[FoxgloveServer, Client]]:
    """A server for the streams of a run, and who has subscribed to some topics; all if none."""
    server = FoxgloveServer(port=0)
    where = server.open(run.streams, run.prompts).split()[-1]
    try:
        with foxglove_client.connected(where) as client:
            client.wait_for_channels(4 * len(run.streams))
            wanted = topics or tuple(client.channels)
            client.subscribe(wanted)
            channels = [each for of in server._channels.values() for each in of.values()]
            until(lambda: sum(each.has_sinks() for each in channels) == len(wanted))
            yield server, client
    finally:
        server.close()


def test_it_sends_what_the_exporter_writes_with_the_same_stamps(tmp_path: Path) -> None:
    from mcap.reader import make_reader

    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    found: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    made = [*run.made]
    with looking_on(run) as (server, client):
        for scene in made:
            server.show(scene, scenes.frame_of(scene))
        for topic, time, data in islice(client.messages(), 4 * len(made)):
            found[topic].append((time, data))
        assert client.info["capabilities"] == ["time"]
        client.until_time(max(each.recorded.log_time for each in made if each.recorded))
    written: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    with (export("mcap", run, tmp_path / "out") / "drive.segmented.mcap").open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            written[channel.topic].append((message.log_time, message.data))
            offered = client.channels[channel.topic]
            assert (offered["schemaName"], offered["encoding"]) == (
                schema.name, channel.message_encoding
            )  # fmt: skip
            stated = offered["schema"].encode()
            binary = offered["schemaEncoding"] == "protobuf"
            assert (base64.b64decode(stated + b"==") if binary else stated) == schema.data
    pictures = {topic for topic in found if topic.endswith("/image")}
    assert {topic: found[topic] for topic in found.keys() - pictures} == written
    assert len(pictures) == len(run.streams)


def test_messages_are_read_by_foxgloves_schemas(tmp_path: Path) -> None:
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
    from foxglove_schemas_protobuf.ImageAnnotations_pb2 import ImageAnnotations
    from foxglove_schemas_protobuf.RawImage_pb2 import RawImage

    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    scene = next(each for each in run.made if each.instances)
    frame, said = scenes.frame_of(scene), scene.recorded
    assert said is not None
    with looking_on(run) as (server, client):
        server.show(scene, frame)
        found = {topic.rsplit("/", 1)[1]: (time, data) for topic, time, data in
                 islice(client.messages(), 4)}  # fmt: skip
    kinds: dict[str, Any] = {
        "image": CompressedImage, "annotations": ImageAnnotations, "mask": RawImage
    }  # fmt: skip
    read = {name: kind.FromString(found[name][1]) for name, kind in kinds.items()}
    assert {time for time, _ in found.values()} == {said.log_time}
    assert {each.timestamp.ToNanoseconds() for each in read.values()} == {said.stamp}
    assert read["image"].frame_id == read["mask"].frame_id == said.frame_id
    picture = cv2.imdecode(np.frombuffer(read["image"].data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert np.abs(picture[..., ::-1].astype(int) - frame.image).mean() < 10
    pixels = np.frombuffer(read["mask"].data, np.uint8)
    ids = {tracked.track_id for tracked in scene.instances}
    assert set(pixels.tolist()) - {0} <= ids
    assert len(read["annotations"].texts) == len(scene.instances)
    tracks = json.loads(found["tracks"][1])
    assert tracks["stamp"] == dict(zip(("sec", "nsec"), divmod(said.stamp, 10**9), strict=True))
    assert {each["track_id"] for each in tracks["tracks"]} == ids


def test_only_what_somebody_wants_is_sent(tmp_path: Path) -> None:
    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    topic = "/videoseg/cam_left_image/tracks"
    with looking_on(run, topic) as (server, client):
        for scene in run.made:
            server.show(scene, scenes.frame_of(scene))
        count = sum(scene.stream == "cam_left_image" for scene in run.made)
        assert {each[0] for each in islice(client.messages(), count)} == {topic}


def test_closing_lets_go_of_the_port_and_of_who_looks_on() -> None:
    run = scenes.Run(scenes.streams(scenes.stream()), scenes.prompts(), scenes.moving())
    before = {*threading.enumerate()}
    with looking_on(run) as (server, client):
        port = server._server.port
        with pytest.raises(OutputError, match=f"cannot serve at 127.0.0.1, port {port}"):
            FoxgloveServer(port=port).open(run.streams, run.prompts)
        server.close()
        server.close()
        with pytest.raises(Exception, match=r"close|100\d"):
            for _ in client.messages():
                pass
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    until(lambda: {*threading.enumerate()} <= before)


def test_it_listens_on_this_machine_alone() -> None:
    server = FoxgloveServer(port=0)
    where = server.open(scenes.streams(scenes.stream()), scenes.prompts())
    port = int(where.rpartition(":")[2])
    try:
        assert where.endswith(f"ws://127.0.0.1:{port}")
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(OSError):  # noqa: PT011 (refused, or there is no such address)
            socket.create_connection(("127.0.0.2", port), timeout=5).close()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("module", "package"),
    [("foxglove", "foxglove-sdk"), ("mcap_protobuf", "mcap-protobuf-support")],
)
def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError) as caught:
        FoxgloveServer(port=0).open(scenes.streams(scenes.stream()), scenes.prompts())
    said = "--serve needs {}: pip install 'videoseg[foxglove]'"
    assert str(caught.value) == said.format(package)

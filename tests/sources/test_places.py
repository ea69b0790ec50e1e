"""Video from pipes and addresses, and the frame at a time."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import media
from tests.support.places import ROOT
from videoseg import registry
from videoseg.errors import SourceError
from videoseg.protocols import FrameSource
from videoseg.sources.video import VideoSource
from videoseg.types import Frame

READ_STDIN = """
import sys
from tests.support import media
from videoseg.errors import SourceError
from videoseg.sources.video import VideoSource
source = VideoSource()
try:
    (info,) = source.open("-").values()
    print([media.read_index(frame.image) for frame in source.frames()])
    print(info.stream, info.location, info.has_audio)
    next(source.frames())
except SourceError as error:
    print(error)
"""


def read_from_stdin(path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", READ_STDIN],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    assert not done.stderr
    return done.stdout.decode().splitlines()


def test_standard_input_is_read_once() -> None:
    shown, described, again = read_from_stdin(media.clip(name="clip.mkv", audio=True))
    assert shown == str([*range(12)])
    assert described == "stdin None False"
    assert again.startswith("-: has been read already")


def test_an_index_at_the_end_cannot_come_through_a_pipe() -> None:
    (said,) = read_from_stdin(
        media.film(name="a.mp4", times=tuple(range(60)), codec="mjpeg", pixel_format="yuvj420p")
    )
    assert said.startswith("-: ")
    assert "faststart" in said


@contextmanager
def named_pipe(pipe: Path) -> Iterator[Path]:
    """A pipe of this name that a film of six frames is written into."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes here")
    os.mkfifo(pipe)
    data = media.film(name="a.ts").read_bytes()
    feeding = threading.Thread(target=lambda: pipe.write_bytes(data))
    feeding.start()
    yield pipe
    feeding.join()


def test_a_named_pipe(tmp_path: Path) -> None:
    source = VideoSource()
    with named_pipe(tmp_path / "camera.ts") as pipe:
        (info,) = source.open(str(pipe)).values()
        assert [media.read_index(frame.image) for frame in source.frames()] == [*range(6)]
    assert (info.stream, info.location) == ("camera", None)
    with pytest.raises(SourceError, match="a pipe is read once"):
        source.index_at(Fraction(0))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_picture_at_an_address_is_read(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.jpg"), np.full((40, 60, 3), 200, np.uint8))
    with served(tmp_path) as address:
        kind = registry.source_for(f"{address}/a.jpg")
        (frame,) = open_frames(kind, f"{address}/a.jpg")
    assert (frame.width, frame.height) == (60, 40)
    assert abs(frame.image.mean() - 200) < 2


def open_frames(kind: str, location: str) -> list[Frame]:
    source: FrameSource = registry.find("sources", kind).make()
    source.open(location)
    return list(source.frames())


def test_an_address() -> None:
    path = media.clip(name="my clip.mp4", audio=True)
    with served(path.parent) as address:
        location = f"{address}/my%20clip.mp4?at=now"
        source = VideoSource()
        (info,) = source.open(location).values()
        for _ in range(2):
            assert [media.read_index(frame.image) for frame in source.frames()] == [*range(12)]
        assert (info.stream, info.location, info.live) == ("my clip", location, False)
        assert info.has_audio
        with pytest.raises(SourceError, match=r"none\.mp4: cannot be opened \(.*404"):
            source.open(f"{address}/none.mp4")
    with pytest.raises(SourceError, match="check the address"):
        source.open(location)


def test_an_address_that_does_not_answer() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = VideoSource(timeout=0.3)
        with pytest.raises(SourceError, match="cannot be opened"):
            source.open(f"http://127.0.0.1:{silent.getsockname()[1]}/clip.mp4")


def test_the_frame_at_a_time() -> None:
    pts = (0, 40, 100, 140, 300, 301, 500)
    source = VideoSource()
    source.open(str(media.film(name="a.mp4", times=pts, time_base=Fraction(1, 1000))))
    for index, time in enumerate(pts):
        assert source.index_at(Fraction(time, 1000)) == index
        assert source.index_at(Fraction(2 * time + 1, 2000)) == index + 1
        assert next(source.frames(index)).seconds == Fraction(time, 1000)
    assert source.index_at(Fraction(-5)) == 0
    assert source.index_at(Fraction(99)) == len(pts)


def test_with_low_delay_a_frame_does_not_wait_for_the_next() -> None:
    path = str(media.film())
    taken: list[int] = []
    real = VideoSource._pictures

    class Counting(VideoSource):
        def _pictures(self, *given: Any) -> Iterator[Any]:
            for picture in real(self, *given):
                taken.append(picture[0])
                yield picture

    for low_delay, before in ((True, [0]), (False, [0, 1])):
        taken.clear()
        source = Counting(low_delay=low_delay)
        source.open(path)
        frames = source.frames()
        first = next(frames)
        assert taken == before
        assert first.duration is not None
        assert [first.index, *(frame.index for frame in frames)] == [*range(6)]
        source.close()

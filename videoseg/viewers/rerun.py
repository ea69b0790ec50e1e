"""The viewer of Rerun: pictures and objects while they are found."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from videoseg.errors import OutputError, UsageError, missing_package
from videoseg.formats.label_classes import one_line
from videoseg.formats.robotics.labelled import LabelledImage, labeller
from videoseg.formats.robotics.rerun_content import (
    MOST_CLASSES,
    class_context,
    frame_content,
    new_recording,
    picture_content,
    set_time,
    stream_names_of,
)
from videoseg.types import Frame, Prompt, Scene, StreamInfo

_SCHEMES = ("rerun", "rerun+http", "rerun+https")
_HERE = "127.0.0.1"
_PORT = 9876
"""The port that a viewer listens at."""
_WINDOW = ("--hide-welcome-screen", "--expect-data-soon")
_PATIENCE_SECONDS = 5.0
"""How long the viewer is waited for, at the beginning and at the end."""
_STARTING_SECONDS = 30.0
_SETTLING_SECONDS = 0.5


@dataclass
class RerunViewer:
    """Shows what the exporter ``rerun`` writes, and the pictures.

    Attributes:
        address: A viewer that runs, ``rerun+http://HOST:PORT/proxy``; None = start one.
    """

    address: str | None = None
    _recording: Any = field(init=False, repr=False, default=None)
    _names: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _labels: dict[int, str] = field(init=False, repr=False, default_factory=dict)
    _labelled: Callable[[Scene], LabelledImage] = field(init=False, repr=False)

    def open(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> str:
        """Start a viewer or connect to one; see ``Viewer``."""
        del prompts
        try:
            recording = new_recording("replay")
        except ImportError as error:
            raise missing_package("--rerun", "rerun-sdk", extra="rerun") from error
        self._names, self._labelled = stream_names_of(streams), labeller(streams)
        self._labels = {}
        if self.address is not None:
            _check(self.address)
        address = _started() if self.address is None else self.address
        recording.connect_grpc(address)
        self._recording = recording
        return f"Rerun shows it at {address}"

    def show(self, scene: Scene, frame: Frame) -> None:
        """Send what is on a frame; see ``Viewer``."""
        image, recording = self._labelled(scene), self._recording
        name = self._names[scene.stream]
        new = {each.track_id: one_line(each.label) for each in scene.instances}
        if not new.keys() <= self._labels.keys():
            self._labels |= new
            numbers = {track: _number(track) for track in self._labels}
            recording.log("/", class_context(numbers, self._labels), static=True)
        set_time(recording, image)
        recording.log(f"{name}/image", picture_content(frame.image))
        for part, content in frame_content(image, {track: _number(track) for track in new}):
            recording.log(f"{name}/{part}", content)

    def close(self) -> None:
        """Send what waits, and let go of the viewer, which stays open; see ``Viewer``."""
        recording, self._recording = self._recording, None
        if recording is not None:
            with contextlib.suppress(Exception):  # it was closed: there is nobody to tell
                recording.flush(timeout_sec=_PATIENCE_SECONDS)
            recording.disconnect()


def _number(track: int) -> int:
    """Number of a track as a class; where a run never ends, numbers come again."""
    return (track - 1) % MOST_CLASSES + 1


def _check(address: str) -> None:
    """See that there is somebody at an address; Rerun itself would wait without a word.

    Raises:
        UsageError: It is no address of a viewer.
        OutputError: There is nobody.
    """
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    if parts.scheme not in _SCHEMES or not host or parts.path != "/proxy":
        raise UsageError(f"--rerun-connect takes rerun+http://HOST:PORT/proxy, got {address!r}")
    if not _answers(host, port):
        raise OutputError(
            f"no viewer of Rerun is at {host}, port {port}; start 'rerun' there, or leave the "
            "address out"
        )


def _answers(host: str, port: int) -> bool:
    """Whether somebody listens at a port."""
    try:
        socket.create_connection((host, port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def _started() -> str:
    """Address of the viewer of this machine, which is started where none runs.

    Rerun's own way to start one lets all of the network in.

    Raises:
        OutputError: It cannot be started.
    """
    address = f"rerun+http://{_HERE}:{_PORT}/proxy"
    if _answers(_HERE, _PORT):
        return address
    viewer = subprocess.Popen(  # noqa: S603 (the package's own program)
        [sys.executable, "-m", "rerun", "--bind", _HERE, "--port", str(_PORT), *_WINDOW],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends the run, not the viewer
    )
    end = time.monotonic() + _STARTING_SECONDS
    while viewer.poll() is None and time.monotonic() < end:
        time.sleep(_SETTLING_SECONDS)  # without a screen it ends right after it has listened
        if _answers(_HERE, _PORT) and viewer.poll() is None:
            return address
    viewer.kill()
    raise OutputError(
        "the viewer of Rerun does not start here; start 'rerun' where there is a screen, and name "
        "it with --rerun-connect"
    )

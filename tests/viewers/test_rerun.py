"""What the viewer of Rerun is sent, as a viewer's server keeps it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import recordings, scenes
from tests.support.labels import export
from tests.support.processes import posix
from tests.support.rrd import columns
from tests.support.waiting import until
from videoseg.errors import MissingDependencyError, OutputError, UsageError
from videoseg.viewers import rerun as viewers
from videoseg.viewers.rerun import RerunViewer, _answers, _check

PORTLESS = "rerun+http://127.0.0.1:{}/proxy"


@contextmanager
def saved(path: Path) -> Iterator[str]:
    """The address of a viewer without a window, which saves what it is sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "rerun", "--bind", "127.0.0.1", "--save", str(path)]
    with subprocess.Popen(
        [*command, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as viewer:
        try:
            until(lambda: viewer.poll() is not None or _answers("127.0.0.1", port))
            assert viewer.poll() is None
            yield PORTLESS.format(port)
        finally:
            if sys.platform != "win32":
                os.killpg(viewer.pid, signal.SIGTERM)


@posix
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:RRD file has no footer")
def test_it_is_sent_what_the_exporter_writes(tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk")
    run = recordings.run_over(recordings.mcap_log(tmp_path / "drive.mcap"))
    live = tmp_path / "live.rrd"
    with saved(live) as address:
        viewer = RerunViewer(address)
        assert address in viewer.open(run.streams, run.prompts)
        for scene in run.made:
            viewer.show(scene, scenes.frame_of(scene))
        viewer.close()
        viewer.close()
        until(lambda: live.exists() and _is_whole(live, run))
    found = columns(live)
    written = columns(export("rerun", run, tmp_path / "out") / "drive.segmented.rrd")
    for entity, expected in written.items():
        if entity == "/":
            continue
        got = found[entity]
        for name in expected.keys() - {"rerun.controls.RowId"}:
            assert got[name] == expected[name], (entity, name)
    for name in recordings.STREAMS.values():
        own = [scene for scene in run.made if scene.stream == name]
        images = found[f"/{name}/image"]
        assert images["stamp"] == [scene.pts for scene in own]
        coded = np.array(images["EncodedImage:blob"][0][0], np.uint8)
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert picture is not None
        assert np.abs(picture[..., ::-1].astype(int) - scenes.frame_of(own[0]).image).mean() < 10
    ends: list[Any] = found["/"]["AnnotationContext:context"]
    assert {each["class_id"] for each in ends[-1][0]} == {
        each["class_id"] for each in written["/"]["AnnotationContext:context"][0][0]
    }


def _is_whole(path: Path, run: scenes.Run) -> bool:
    try:
        found = columns(path)
        return all(
            len(found[f"/{name}/mask"]["stamp"]) == sum(s.stream == name for s in run.made)
            for name in recordings.STREAMS.values()
        )
    except Exception:  # it is still being written
        return False


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:9876", "http://127.0.0.1:9876/proxy", "rerun+http://a:b/proxy"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="--rerun-connect takes rerun"):
        _check(address)


def test_where_nobody_is_the_address_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(OutputError, match=f"no viewer of Rerun is at 127.0.0.1, port {port}"):
            _check(PORTLESS.format(port))


def test_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingDependencyError, match=r"needs rerun-sdk: pip install 'videoseg\["):
        RerunViewer().open(scenes.streams(scenes.stream()), scenes.prompts())


@posix
@pytest.mark.slow
def test_without_a_screen_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rerun.chunk")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(viewers, "_PORT", free.getsockname()[1])
    with pytest.raises(OutputError, match="does not start here"):
        viewers._started()

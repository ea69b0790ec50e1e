"""``videoseg serve``: from its first line to Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support import web
from tests.support.media import clip
from videoseg.cli._app import run
from videoseg.server.running import listen

web.need_web()


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command on a free port, and the lines it has said when it is ready."""
    command = [sys.executable, "-m", "videoseg", "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip()]
        if "token" in " ".join(arguments) or "--host" in arguments:
            lines.append(process.stdout.readline().strip())
        try:
            yield process, lines
        finally:
            process.kill()


def test_it_answers_and_ends_without_a_trace() -> None:
    image = np.full((48, 64, 3), 90, np.uint8)
    with served() as (process, (line,)):
        place = line.partition("http://")[2].partition("/")[0]
        assert line == f"embedded answers at http://{place}/v1; Ctrl-C ends it"
        posted = {"image_url": web.data_uri(image), "object": "cat"}
        assert web.post_json(place, "/v1/detect", posted) == (200, {"objects": []})
        status, answer = web.post_json(place, "/v1/detect", {**posted, "object": "flurb"})
        assert status == 422
        assert "flurb" in answer["error"]
        document = json.loads(web.send(place, "GET", "/openapi.json")[2])
        assert document["openapi"] == "3.1.0"
        if os.name != "nt":
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out, err) == (0, "", "")


def test_beyond_this_machine_a_token_is_made_and_said_once() -> None:
    with served("--host", "0.0.0.0") as (process, (line, said)):  # noqa: S104 - for the test alone
        place = line.partition("http://")[2].partition("/")[0]
        token = said.removeprefix("token: ")
        assert len(token) >= 32
        assert web.send(place, "GET", "/metrics")[0] == 401
        assert web.send(place, "GET", "/metrics", authorization=f"Bearer {token}")[0] == 200
        if os.name != "nt":
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert token not in out + err
            assert "without encryption" in err


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0).socket as taken:
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"videoseg: port {port} of 127.0.0.1 is taken; choose another with --port, or 0 for any\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "nonsense"], 2, "no model is called 'nonsense'"),
        (["--host", "no.such.host.invalid"], 1, "there is no such address"),
        (["--port", "70000"], 2, "--port"),
        (["--queue", "0"], 2, "--queue"),
    ],
)
def test_what_does_not_fit_is_said(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", *arguments]) == code
    assert said in capsys.readouterr().err


def test_without_the_extra_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert run(["serve"]) == 4
    assert capsys.readouterr().err == (
        "videoseg: videoseg serve needs starlette: pip install 'videoseg[web]'\n"
    )


def test_a_service_is_asked_for_consent_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--model", "moondream"]) == 2
    said = capsys.readouterr().err
    assert "all frames of this server's clients" in said
    assert "--yes allows it" in said


def test_folders_without_a_place_for_results_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", "--allow", str(tmp_path)]) == 2
    assert "say with -o where their results go" in capsys.readouterr().err
    assert run(["serve", "--allow", str(tmp_path / "none"), "-o", str(tmp_path / "out")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.slow
def test_it_takes_a_video(tmp_path: Path) -> None:
    film = clip(name="film.mp4", width=64, height=48, frames=4)
    with served("-o", str(tmp_path), "--allow", str(film.parent)) as (_, (line,)):
        place = line.partition("http://")[2].partition("/")[0]
        asked = {"path": film.name, "box": ["10,10,40,40"], "write": ["masks"]}
        status, job = web.post_json(place, "/jobs", asked)
        assert status == 202, job
        events = web.send(place, "GET", f"/jobs/{job['id']}/events")[2].decode()
        assert '"state": "done"' in events
    assert (tmp_path / job["id"] / "masks.json").exists()

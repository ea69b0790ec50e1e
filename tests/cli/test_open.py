"""``videoseg open``: what it opens, and what it refuses before anything is served."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.commandline import command
from tests.support.media import clip, film
from tests.support.waiting import PATIENCE, until
from tests.support.web import need_web, send


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    made = command("open", str(clip()))
    assert made.code == 4
    assert len(made.lines) == 1
    assert "videoseg[web]" in made.lines[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing.mp4"], 1, "nothing.mp4"),
        ([], 2, "CLIP"),
        (["-"], 2, "is not one clip"),
        (["CLIP", "--box", "1,2"], 2, "--box"),
        (["CLIP", "--set", "run.colour=red"], 2, "colour"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(
    arguments: list[str], code: int, said: str
) -> None:
    need_web()
    given = [str(clip()) if each == "CLIP" else each for each in arguments]
    made = command("open", *given, "--no-browser")
    assert made.code == code
    assert said in made.lines[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_what_is_read_once_is_refused(tmp_path: Path) -> None:
    need_web()
    if sys.platform == "win32":
        raise NotImplementedError
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    content = film(name="a.ts", times=tuple(range(5)), width=64, height=48).read_bytes()
    writer = threading.Thread(target=lambda: pipe.write_bytes(content))
    writer.start()
    made = command("open", str(pipe), "--no-browser")
    writer.join(PATIENCE)
    assert made.code == 2
    (line,) = made.lines
    assert "is read once" in line


def test_a_finished_run_takes_no_prompts(tmp_path: Path) -> None:
    need_web()
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    made = command("open", str(tmp_path), "--text", "cat", "--no-browser")
    assert made.code == 2
    assert "holds a finished run" in made.lines[0]


def test_a_damaged_run_is_said(tmp_path: Path) -> None:
    need_web()
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    made = command("open", str(tmp_path), "--no-browser")
    assert made.code == 1
    assert len(made.lines) == 1
    assert "run.json" in made.lines[0]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a signal ends it otherwise there")
def test_it_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    need_web()
    words = [sys.executable, "-m", "videoseg", "open", str(clip()), "--no-browser", "--text", "cat"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
        assert found is not None, line
        status, _, body = send(found[1], "GET", "/api/project")
        assert status == 200
        assert json.loads(body)["prompts"] == [{"label": "cat", "text": "cat"}]
        process.send_signal(signal.SIGINT)
        until(lambda: process.poll() is not None)
        assert process.stderr.read() == ""
    assert process.returncode == 0

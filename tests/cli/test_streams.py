"""The command line in surroundings that lack what others have: streams, a home, a folder."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import media

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shells and users of POSIX")
PROGRAM = f"{sys.executable} -m videoseg"
RUN = "segment in.png --box 10,10,40,30 --write svg -o out"
HOMELESS = """
import pwd, sys
def gone(*_): raise KeyError("no such user")
pwd.getpwuid = pwd.getpwnam = gone
from videoseg.cli import main
main()
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = np.full((60, 80, 3), 60, np.uint8)
    image[10:30, 10:40] = (20, 20, 220)
    cv2.imwrite("in.png", image)


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command.replace("videoseg ", f"{PROGRAM} ")],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_no_run_and_reach_no_file(closed: str) -> None:
    assert shell(f"videoseg {RUN} --json {closed}").returncode == 0
    names = sorted(path.name for path in Path("out").rglob("*") if path.is_file())
    assert "run.json" in names
    for path in Path("out").rglob("*"):
        if path.is_file():
            assert b"wrote " not in path.read_bytes()
            assert b"note: " not in path.read_bytes()


@pytest.mark.parametrize("command", ["models", "--help", "preview in.png --grid --json"])
def test_output_on_a_full_disk_is_one_line(command: str) -> None:
    done = shell(f"videoseg {command} >/dev/full")
    assert done.returncode == 1
    assert b"cannot write to standard output: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.slow
def test_messages_that_cannot_be_written_cost_no_run() -> None:
    done = shell(f"videoseg {RUN} --json 2>/dev/full")
    assert done.returncode == 0
    assert json.loads(done.stdout)["state"] == "done"
    done = shell(f"videoseg {RUN} --overwrite 2>&1 | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0
    assert Path("out/run.json").exists()


@pytest.mark.parametrize("command", ["models", "--help"])
def test_a_reader_that_leaves_is_no_failure(command: str) -> None:
    done = shell(f"videoseg {command} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    "locale",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX"},
    ],
    ids=["ascii", "C", "POSIX"],
)
def test_letters_that_the_locale_lacks(locale: dict[str, str]) -> None:
    Path("in.png").rename("hübsch.png")
    done = shell("videoseg preview hübsch.png --grid --json", **locale)
    assert done.returncode == 0, done.stderr
    name = json.loads(done.stdout)["out"]
    assert name.encode("utf-8", "surrogateescape") == "hübsch.preview.png".encode()
    for command in ("info hübsch.png", "segment --help"):
        assert shell(f"videoseg {command}", **locale).returncode == 0


@pytest.mark.parametrize(
    "command",
    ["models", "config show", "info in.png", RUN, "segment in.png x --model gemini -o o --yes"],
)
def test_a_user_without_a_home_folder(command: str) -> None:
    without = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "GEMINI_API_KEY")
    }
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS, *command.split()],
        capture_output=True,
        env=without,
        timeout=300,
        check=False,
    )
    assert done.returncode == (4 if "gemini" in command else 0), done.stderr
    assert b"unexpected" not in done.stderr
    assert {path.name for path in Path().iterdir()} <= {"in.png", "out"}


def test_a_working_folder_that_is_gone() -> None:
    picture = Path("in.png").absolute()
    begin = "mkdir gone && cd gone && rmdir ../gone && videoseg "
    for command in ("--version", "--help", "models"):
        assert shell(begin + command).returncode == 0
    for command in (f"segment {picture} x", "segment in.png x", f"preview {picture} x"):
        done = shell(begin + command)
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1
        assert b"the working folder does not exist any more" in done.stderr


@pytest.mark.slow
def test_names_of_the_greatest_length() -> None:
    long = "é" * 125 + "a"  # 251 bytes, and 4 of the ending
    Path("in.png").rename(f"{long}.png")
    done = shell(f"videoseg segment {long}.png --box 10,10,40,30 --write svg")
    assert done.returncode == 0, done.stderr
    done = shell(f"videoseg preview {long}.png --grid")
    assert done.returncode == 0, done.stderr
    made = sorted(os.fsencode(path.name) for path in Path().iterdir())
    assert [len(name) for name in made] in ([253, 255, 255], [254, 255, 255], [255, 255, 255])
    too_long = "x" * 300
    for command in (
        f"segment {long}.png --box 10,10,40,30 -o {too_long}",
        f"preview {long}.png --grid -o {too_long}.png",
        f"info {too_long}.mp4",
        f"segment {too_long}.mp4 cat",
        f"write {too_long} --write svg",
        f"config show --config {too_long}",
    ):
        done = shell(f"videoseg {command}")
        assert done.returncode in (1, 2), command
        assert done.stderr.count(b"\n") == 1, done.stderr
        assert b"unexpected" not in done.stderr, done.stderr


def test_several_inputs_with_one_name_that_is_too_long() -> None:
    Path("other.png").write_bytes(Path("in.png").read_bytes())
    long = "x" * 253
    command = f"segment in.png other.png --box 10,10,40,30 --write svg -o {{stem}}-{long}"
    done = shell(f"videoseg {command}")
    assert done.returncode == 1
    assert done.stderr.count(b"File name too long") == 4, done.stderr
    assert b"unexpected" not in done.stderr


def without_temporary_folder(arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    """The command, where nothing but the output folder can be written, and it is elsewhere."""
    start = (
        "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/nowhere'];"
        "from videoseg.cli import main; main()"
    )
    command = [sys.executable, "-c", start, *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=300)


def test_outputs_need_no_folder_for_temporary_files() -> None:
    """What waits until it is written lies beside the outputs."""
    done = without_temporary_folder([*RUN.split(), "--write", "masks"])
    assert done.returncode == 0, done.stderr
    assert Path("out/masks.json").is_file()


@pytest.mark.slow
def test_what_is_followed_back_needs_no_such_folder_either() -> None:
    film = str(media.film())
    marked = ["segment", film, "--prompt", "label=it;box=10,10,40,30;at=3"]
    marked += ["--write", "svg", "-o", "out"]
    done = without_temporary_folder(marked)
    assert done.returncode == 0, done.stderr
    assert Path("out/svg/000000.svg").is_file()


@pytest.mark.slow
def test_a_strict_umask_and_folders_that_cannot_be_written() -> None:
    assert shell(f"umask 077; videoseg {RUN}").returncode == 0
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in Path("out").rglob("*")}
    assert modes == {0}
    assert shell(f"videoseg {RUN}2", TMPDIR="/nowhere").returncode == 0
    for command in (RUN.replace("-o out", "-o /proc/x"), "preview in.png --grid -o /proc/x.png"):
        done = shell(f"videoseg {command}")
        assert done.returncode == 1
        assert done.stderr.count(b"\n") == 1, done.stderr
        assert b"cannot write" in done.stderr, done.stderr

"""One input with several processes: what they make, how they fail, and how runs go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.kill_resume import STAGED_ANSWERS, contents
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from tests.support.processes import is_there
from tests.support.waiting import PATIENCE, until
from videoseg import registry
from videoseg.cli._app import run
from videoseg.jobs.ranges import ASKED

FRAMES = 3 * ASKED + 7
OUTPUTS = ("--write", "svg", "--write", "masks", "--write", "overlay")
CURVES = ("--set", "outlines.curves=true")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes the models of the tests known to processes."""
    folder = tmp_path_factory.mktemp("plugin")
    install_models(folder)
    return folder


@pytest.fixture(autouse=True)
def _installed(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin installed, and an empty folder to work in with a clip."""
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.chdir(tmp_path)
    registry._outside.cache_clear()
    shutil.copy(clip(frames=FRAMES, width=96, height=64), "a.mp4")
    yield
    registry._outside.cache_clear()


def segment(out: str, jobs: int, *arguments: str, model: str = "colours") -> int:
    named = ("--model", model, "-o", out, "--jobs", str(jobs))
    return run(["segment", "a.mp4", *arguments, *named])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("--text", "red", "--text", "blue"),
        ("red", "--every", "3"),
        ("red", "--start", "5f", "--end", "50f"),
        ("--box", "4,20,40,60", "--repeat-prompt", *CURVES),
        ("--box", "4,20,40,60", *CURVES),
    ],
)
def test_any_number_of_processes_makes_the_same(arguments: tuple[str, ...]) -> None:
    for jobs in (1, 2, 3):
        assert segment(f"out/{jobs}", jobs, *arguments, *OUTPUTS, "-q") == 0
    whole = contents(Path("out/1"))
    assert len(whole) > 2 * 45
    assert contents(Path("out/2")) == whole
    assert contents(Path("out/3")) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("purple",), 4, "no colour is called 'purple'"),
        (("red", "--set", f"models.colours.fail_at={ASKED + 3}"), 1, "the model broke"),
        (("--text", "red", "--text", "purple"), 3, "not looked for: 'purple'"),
    ],
)
def test_what_goes_wrong_is_said_as_ever(
    arguments: tuple[str, ...], code: int, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    said = []
    for jobs in (1, 2):
        assert segment("out", jobs, *arguments, "--overwrite") == code
        lines = capfd.readouterr().err.splitlines()
        said.append([line for line in lines if says in line])
    assert len(said[0]) == 1
    assert said[1] == said[0]


def test_a_broken_input_is_said_as_ever(capfd: pytest.CaptureFixture[str]) -> None:
    data = Path("a.mp4").read_bytes()
    Path("a.mp4").write_bytes(data[: len(data) * 2 // 3])
    said = []
    for jobs in (1, 2):
        assert segment("out", jobs, "red", "--overwrite", "-q") == 1
        said.append(capfd.readouterr().err)
    assert said[1] == said[0]
    assert said[0].count("\n") == 1


def test_a_killed_process_ends_the_run_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    os.rename("a.mp4", "bad.mp4")
    command = ["segment", "bad.mp4", "red", "--model", "killed", "-q", "--jobs", "2", "-o", "out"]
    assert run(command) == 1
    said = capfd.readouterr().err
    assert "a process that answers frames was killed" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--box", "4,20,40,60"), "followed from there"),
        (("red", "--jobs", "2"), ""),
    ],
)
def test_one_process_is_enough_where_frames_follow_from_each_other(
    arguments: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    end = () if says else ("--end", "9f")  # one range is one process's work
    assert segment("out", 2, *arguments, *end, "--write", "svg") == 0
    said = capfd.readouterr().err
    assert ("whatever --jobs says" in said) == bool(says)
    assert says in said


def begun(plugin: Path, jobs: int) -> subprocess.Popen[str]:
    """A process that segments the clip slowly, with some answers kept."""
    # A process that was started in the background may have been told to ignore Ctrl-C.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from videoseg.cli import main; main()"
    )
    path = os.pathsep.join([str(plugin), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", start, "segment", "a.mp4", "red", "--model", "slow", *CURVES]
    process = subprocess.Popen(
        [*command, "-o", "out", *OUTPUTS, "--jobs", str(jobs)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    kept = Path("out") / STAGED_ANSWERS
    until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 5, process)
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_run_goes_on_with_any_number_of_processes(
    plugin: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert segment("whole", 1, "red", *CURVES, *OUTPUTS, "-q", model="slow") == 0
    resumed = ("red", *CURVES, *OUTPUTS, "--resume", "--json")
    for before, after in ((2, 3), (3, 1), (1, 2)):
        with begun(plugin, before) as process:
            process.kill()
            process.communicate(timeout=PATIENCE)
        until(lambda: not is_there(process.pid))
        capfd.readouterr()
        kept = (Path("out") / STAGED_ANSWERS).read_bytes().rpartition(b"\n")[0]
        assert segment("out", after, *resumed, model="slow") == 0
        assert json.loads(capfd.readouterr().out)["known"] == kept.count(b"\n")
        assert Path("out/run/detections.jsonl").read_bytes().startswith(kept)
        assert contents(Path("out")) == contents(Path("whole"))
        shutil.rmtree("out")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("to", ["one", "all"])
def test_ctrl_c_ends_every_process(plugin: Path, to: str) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    with begun(plugin, 2) as process:
        if to == "all":  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    until(lambda: not is_there(process.pid))
    assert (Path("out") / STAGED_ANSWERS).exists()

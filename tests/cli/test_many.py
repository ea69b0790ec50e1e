"""Many inputs: in one process and in several, with failures, interrupts and earlier results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from tests.support.processes import is_there
from tests.support.waiting import PATIENCE, until
from videoseg import registry
from videoseg.cli._app import run
from videoseg.runlog.staging import STAGING

COLOURS = ("--model", "colours", "--write", "svg")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that makes the models of the tests known to processes."""
    folder = tmp_path_factory.mktemp("plugin")
    install_models(folder)
    return folder


@pytest.fixture(autouse=True)
def _installed(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin installed, and an empty folder to work in."""
    monkeypatch.syspath_prepend(str(plugin))
    monkeypatch.chdir(tmp_path)
    registry._outside.cache_clear()
    yield
    registry._outside.cache_clear()


def films(*names: str, **spec: Any) -> None:
    """Copies of a small clip; one called bad.mp4 is not."""
    made = clip(**{"frames": 5, "width": 96, "height": 64, **spec})
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, name)


def left() -> set[str]:
    """Every file here but the clips, and what runs keep to be gone on with."""
    files = (path for path in Path().rglob("*") if path.is_file() and path.suffix != ".mp4")
    return {path.as_posix() for path in files if STAGING not in path.parts}


def results(out: str) -> dict[str, bytes]:
    """All that was drawn below a folder."""
    return {str(path): path.read_bytes() for path in sorted(Path(out).rglob("*.svg"))}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_failure_does_not_stop_the_others(jobs: str, capfd: pytest.CaptureFixture[str]) -> None:
    films("a.mp4", "c.mp4")
    Path("b.mp4").write_text("no film")
    code = run(["segment", "*.mp4", "red", *COLOURS, "-o", "out", "--jobs", jobs, "--json"])
    said = capfd.readouterr()
    assert code == 3
    document = json.loads(said.out)
    assert [each["input"] for each in document["inputs"]] == ["a.mp4", "b.mp4", "c.mp4"]
    assert [each["state"] for each in document["inputs"]] == ["done", "failed", "done"]
    assert (document["done"], document["skipped"], document["failed"]) == (2, 0, 1)
    assert document["inputs"][0]["prompts"][0]["outlines"] == 5
    assert "b.mp4" in document["inputs"][1]["reason"]
    assert "Traceback" not in said.err
    assert sum(line.startswith("videoseg: b.mp4") for line in said.err.splitlines()) == 1
    table = [line for line in said.err.splitlines() if "  " in line and "mp4" in line]
    assert [line.split()[:2] for line in table] == [
        ["a.mp4", "done"],
        ["b.mp4", "failed"],
        ["c.mp4", "done"],
    ]
    assert "3 inputs: 2 done, 1 failed" in said.err
    assert {path.name for path in Path("out").iterdir()} == {"a", "c"}
    assert len(results("out/a")) == 5


@pytest.mark.slow
def test_processes_make_what_one_process_makes() -> None:
    films("day/a.mp4", "day/b.mp4", "day/c.mp4")
    assert run(["segment", "day", "red", *COLOURS, "-o", "x/{stem}", "--jobs", "2", "-q"]) == 0
    assert run(["segment", "day", "red", *COLOURS, "-o", "y/{stem}", "-q"]) == 0
    drawn = {name.replace("x", "y", 1): data for name, data in results("x").items()}
    assert len(drawn) == 15
    assert drawn == results("y")


def test_all_failed_is_failed(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mp4", "b.mp4"):
        Path(name).write_text("no film")
    assert run(["segment", "a.mp4", "b.mp4", "red", *COLOURS, "-q"]) == 1
    said = capfd.readouterr()
    assert [line.split(":")[1].strip() for line in said.err.splitlines()] == ["a.mp4", "b.mp4"]
    assert left() == set()


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["purple", *COLOURS], 4, "no colour is called 'purple'"),
        (["red", "--model", "colours", "--set", "writers.svg.precision=99"], 2, "precision"),
        (["red", *COLOURS, "--write", "nope"], 2, "no output is called"),
        (["red", *COLOURS, "-o", "{what}"], 2, "no field {what}"),
        (["red", *COLOURS, "-o", "{model}"], 2, "would both write to colours"),
        (["none.mp4", "red", *COLOURS], 1, "none.mp4: no such file"),
        (COLOURS, 2, "nothing to look for"),
    ],
)
def test_what_fails_for_all_is_one_line_and_ends_all(
    arguments: list[str], code: int, says: str, jobs: str, capfd: pytest.CaptureFixture[str]
) -> None:
    films("a.mp4", "b.mp4", "c.mp4")
    assert run(["segment", "a.mp4", "b.mp4", *arguments, "--jobs", jobs]) == code
    said = capfd.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1, said.err
    assert left() == set()


def test_what_is_there_is_skipped_and_what_differs_is_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    films("a.mp4", "b.mp4")
    command = ["segment", "a.mp4", "b.mp4", "red", *COLOURS, "--skip-existing"]
    assert run(["segment", "a.mp4", "red", *COLOURS]) == 0
    before = (Path("a.videoseg/run.json")).stat().st_mtime_ns
    capfd.readouterr()
    assert run([*command, "--json"]) == 0
    states = [each["state"] for each in json.loads(capfd.readouterr().out)["inputs"]]
    assert states == ["skipped", "done"]
    assert (Path("a.videoseg/run.json")).stat().st_mtime_ns == before

    films("b.mp4", frames=6)
    assert run([*command, "--set", "writers.svg.precision=2"]) == 1
    said = capfd.readouterr().err
    precision = "writers.svg.precision was 1 and is 2"
    assert f"a.videoseg holds the result of another run: {precision}" in said
    assert "b.videoseg holds the result of another run: the input is not the same" in said
    assert run([*command[:3], "blue", *COLOURS, "--skip-existing"]) == 1
    assert "the prompts are not the same" in capfd.readouterr().err
    shutil.rmtree("a.videoseg/svg")
    assert run([*command, "-q"]) == 1
    assert "a.videoseg lacks svg of its run" in capfd.readouterr().err
    assert run([*command, "--overwrite", "--json"]) == 0
    states = [each["state"] for each in json.loads(capfd.readouterr().out)["inputs"]]
    assert states == ["done", "done"]
    assert run(["segment", "a.mp4", "red", *COLOURS, "--skip-existing"]) == 0
    assert "nothing to do: a.videoseg is complete" in capfd.readouterr().err


def test_another_model_or_a_damaged_manifest_is_another_run(
    capfd: pytest.CaptureFixture[str],
) -> None:
    films("a.mp4")
    assert run(["segment", "a.mp4", "red", *COLOURS]) == 0
    same = ["segment", "a.mp4", "red", "--write", "svg", "--skip-existing", "--model"]
    assert run([*same, "slow"]) == 1
    assert "model name was 'colours' and is 'slow'" in capfd.readouterr().err
    Path("a.videoseg/run.json").write_text("{")
    assert run([*same, "colours"]) == 1
    assert "a.videoseg" in capfd.readouterr().err


def test_a_killed_process_costs_its_input_alone(capfd: pytest.CaptureFixture[str]) -> None:
    films("a.mp4", "bad.mp4", "c.mp4", "d.mp4")
    command = ["segment", ".", "red", "--model", "killed", "--write", "svg", "--jobs", "2"]
    assert run([*command, "-o", "out"]) == 3
    assert "bad.mp4: its process was killed, as the system does" in capfd.readouterr().err
    assert {path.name for path in Path("out").iterdir()} >= {"a", "c", "d"}
    assert not list(Path("out").rglob("bad/run.json"))
    # What the killed process has found is kept until somebody says otherwise.
    again = ["segment", "bad.mp4", "red", *COLOURS, "-o", "out/bad"]
    assert run(again) == 1
    assert "out/bad holds an unfinished run" in capfd.readouterr().err
    assert run([*again, "--overwrite"]) == 0
    assert not list(Path("out").rglob(STAGING))


def begun(plugin: Path, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that segments long clips slowly, with at least two runs begun."""
    films(*(f"{n}.mp4" for n in range(4)), frames=200)
    # A process that was started in the background may have been told to ignore Ctrl-C.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from videoseg.cli import main; main()"
    )
    path = os.pathsep.join([str(plugin), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", start, "segment", ".", "red", "--model", "slow"]
    process = subprocess.Popen(
        [*command, *arguments, "-o", "out", "--write", "svg"],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(Path("out").rglob("new/svg/*.svg"))) > 4, process)
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("to", ["one", "all"])
def test_ctrl_c_ends_every_process_and_leaves_nothing(plugin: Path, to: str) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    with begun(plugin, "--jobs", "2") as process:
        if to == "all":  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert left() == set()
    until(lambda: not is_there(process.pid))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_processes_end_with_their_parent(plugin: Path) -> None:
    with begun(plugin, "--jobs", "2") as process:
        process.kill()
        process.communicate(timeout=PATIENCE)
    until(lambda: not is_there(process.pid))
    assert left() == set()

"""What shells offer, asked as they ask: through variables of the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.project.test_public import HEAVY
from videoseg import registry
from videoseg.cli._app import app
from videoseg.config.layers import presets

PROGRAM = f"""
import sys
sys.argv[0] = "videoseg"
from videoseg.cli import main
try:
    main()
finally:
    heavy = {HEAVY!r} & set(sys.modules)
    assert not heavy, heavy
"""


class Shell:
    """Asks as a shell does, but within this process."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch = patch
        self._capture = capture

    def asks(self, **variables: str) -> str:
        for name, value in variables.items():
            self._patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            app(args=[], prog_name="videoseg", standalone_mode=False)
        assert not ended.value.code
        said = self._capture.readouterr()
        assert said.err == ""
        return said.out

    def offers(self, line: str) -> list[str]:
        """What bash offers at the end of a line."""
        return self.asks(**of_bash(line)).split()


def of_bash(line: str) -> dict[str, str]:
    return {
        "_VIDEOSEG_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("line", "offered"),
    [("segment --model e", "embedded"), ("write --write m", "masks"), ("show s", "svg")],
)
def test_a_real_process_loads_nothing_heavy(line: str, offered: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **of_bash(f"videoseg {line}")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert offered in done.stdout.split()


def test_verbs_and_options(shell: Shell) -> None:
    assert shell.offers("videoseg do") == ["doctor"]
    assert shell.offers("videoseg segment clip.mp4 --mod") == ["--model"]
    assert shell.offers("videoseg replay clip.mp4 --drop ") == ["oldest", "newest", "none"]


@pytest.mark.parametrize("verb", ["segment", "eval run", "eval suite"])
def test_models(shell: Shell, verb: str) -> None:
    assert set(registry.names("models")) <= set(shell.offers(f"videoseg {verb} --model "))
    assert shell.offers(f"videoseg {verb} --model no-such") == []


@pytest.mark.parametrize("verb", ["segment", "eval run", "config show"])
def test_presets(shell: Shell, verb: str) -> None:
    assert shell.offers(f"videoseg {verb} --preset ") == list(presets())
    beginning = [name for name in presets() if name.startswith("ro")]
    assert shell.offers(f"videoseg {verb} --preset ro") == beginning


@pytest.mark.parametrize("verb", ["segment", "replay", "rerun", "write"])
def test_outputs(shell: Shell, verb: str) -> None:
    names = sorted({*registry.names("writers"), *registry.names("exporters")})
    assert shell.offers(f"videoseg {verb} out --write ") == names
    assert shell.offers(f"videoseg {verb} out --write anim") == ["animated-svg"]


def test_outputs_after_a_comma(shell: Shell) -> None:
    assert shell.offers("videoseg write out --write svg,anim") == ["svg,animated-svg"]
    names = {*registry.names("writers"), *registry.names("exporters")}
    offered = shell.offers("videoseg segment out --write svg,masks,")
    assert set(offered) == {f"svg,masks,{name}" for name in names - {"svg", "masks"}}


def test_parts(shell: Shell) -> None:
    assert {"run", "outlines", "iou", "svg", "embedded"} <= set(shell.offers("videoseg show "))


@pytest.mark.parametrize(
    ("name", "variables", "says"),
    [
        ("zsh", {}, '"fast":"A quick look'),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "fast\tA quick look"),
    ],
)
def test_other_shells_say_what_a_name_is(
    shell: Shell, name: str, variables: dict[str, str], says: str
) -> None:
    line = "videoseg segment --preset fa"
    said = shell.asks(_VIDEOSEG_COMPLETE=f"complete_{name}", _TYPER_COMPLETE_ARGS=line, **variables)
    assert says in said


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts_for_shells(shell: Shell, name: str) -> None:
    script = shell.asks(_VIDEOSEG_COMPLETE=f"source_{name}")
    assert f"_VIDEOSEG_COMPLETE=complete_{name}" in script

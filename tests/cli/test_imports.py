"""What help costs: it must come at once, so that no verb's help loads what only its work needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = (
    "av",
    "cv2",
    "lxml",
    "numpy",
    "onnxruntime",
    "scipy",
    "shapely",
    "starlette",
    "torch",
    "tqdm",
    "uvicorn",
    "videoseg.jobs.job",
    "videoseg.config.run_config",
    "videoseg.networks.hub",
    "videoseg.registry",
    "videoseg.system.object_store",
    "videoseg.types",
)
VERBS = (
    *("segment", "preview", "replay", "rerun", "write", "info", "models", "show", "bench"),
    *("cluster", "cluster status", "doctor", "open", "serve"),
    *("config", "config show", "config presets", "config schema", "config trust"),
    *("eval", "eval run", "eval compare", "eval suite"),
    *("edit", "edit out rename", "edit out outline", "edit out list"),
)
TELL = """
import atexit, json, sys
from videoseg.cli import main
sys.argv[0] = "videoseg"
atexit.register(lambda: print("\\nLOADED " + json.dumps(sorted(sys.modules)), flush=True))
main()
"""


def loaded(*arguments: str, **environment: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", TELL, *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.decode().rpartition("LOADED ")[2]))


@pytest.mark.parametrize("arguments", ["--help", "--version", "segment --help"])
def test_help_loads_nothing_heavy(arguments: str) -> None:
    assert loaded(*arguments.split()).isdisjoint(HEAVY)


def test_help_of_no_verb_loads_anything_heavy() -> None:
    """All in one process, so the first that loads something is the one that is named."""
    code = (
        "import json, sys; from videoseg.cli._app import run\n"
        "for verb in sys.argv[1:]:\n"
        "    ended = run([*verb.split(), '--help'])\n"
        "    print('\\nLOADED', json.dumps([verb, ended, sorted(sys.modules)]), flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *VERBS], capture_output=True, check=False, timeout=120
    )
    lines = [line for line in done.stdout.decode().splitlines() if line.startswith("LOADED ")]
    told = [json.loads(line.removeprefix("LOADED ")) for line in lines]
    assert [verb for verb, *_ in told] == list(VERBS), done.stderr
    for verb, ended, modules in told:
        assert (verb, ended, set(HEAVY).intersection(modules)) == (verb, 0, set())


def test_every_verb_is_listed() -> None:
    from typer.main import get_command

    from videoseg.cli._app import app

    assert set(get_command(app).commands) == {v for v in VERBS if " " not in v}  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", ["videoseg seg", "videoseg segment --mod", "videoseg config s"])
def test_completion_of_verbs_and_options_loads_nothing_heavy(words: str) -> None:
    state = {"_VIDEOSEG_COMPLETE": "complete_bash", "COMP_WORDS": words}
    state["COMP_CWORD"] = str(len(words.split()) - 1)
    assert loaded(**state).isdisjoint(HEAVY)


def test_completion_of_presets_loads_no_numpy() -> None:
    words = "videoseg segment --preset f"
    state = {"_VIDEOSEG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    assert loaded(**state).isdisjoint({"numpy", "av", "cv2", "scipy", "videoseg.config.run_config"})

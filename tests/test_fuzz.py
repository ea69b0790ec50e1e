"""Inputs that fuzzing has found: nothing but our own errors comes of them, and little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, run_one

MOST_BYTES = 64 << 20
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_input(path: Path) -> None:
    data = path.read_bytes()
    tracemalloc.start()
    try:
        run_one(TARGETS[path.parent.name], data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_inputs(name: str) -> None:
    assert any(path.parent.name == name for path in INPUTS)


@pytest.mark.parametrize(
    "name",
    [
        "paths/every-command",
        "shorthand/everything",
        "prompts/everything",
        "config/run",
        "config/rotoscope",
        "assignment/list",
        "environment/every-kind",
        "run_log/two-frames",
        "manifest/whole",
        "notes/whole",
        "staging/whole",
        "project/harmless",
    ],
)
def test_what_is_right_is_taken_to_the_end(name: str) -> None:
    """Changes are made to these: what a reader refuses at once would lead nowhere."""
    path = CORPUS / name
    TARGETS[path.parent.name](path.read_bytes())

"""Inputs that fuzzing has found: nothing but our own errors comes of them, and little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from unittest import mock

import pytest

from tests.fuzz import targets
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


@pytest.mark.parametrize("name", sorted(path.name for path in (CORPUS / "log_message").iterdir()))
def test_honest_messages_hold_pictures(name: str) -> None:
    """What is no picture is left out without an error, so what was made is looked at."""
    with mock.patch.object(targets, "_shown") as shown:
        TARGETS["log_message"]((CORPUS / "log_message" / name).read_bytes())
    assert shown.call_count == 1


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
        "data_set/whole",
        "mcap_log/two-cameras",
        "mcap_log/no-chunks",
        "mcap_pieces/two-cameras",
        "ros1_bag/no-index",
        "ros1_bag/lz4",
    ],
)
def test_what_is_right_is_taken_to_the_end(name: str) -> None:
    """Changes are made to these: what a reader refuses at once would lead nowhere."""
    path = CORPUS / name
    if path.parent.name.startswith("mcap_"):
        pytest.importorskip("mcap")
    if name == "ros1_bag/lz4":
        pytest.importorskip("rosbags")
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize(
    "name",
    [
        "answer_path/curves",
        "answer_path/cut-off",
        "answer_moondream/detect",
        "answer_moondream/point",
        "answer_gemini/png",
        "answer_gemini/polygons",
        "answer_gemini/tokens",
        "answer_agent/openai",
        "answer_agent/gemini",
    ],
)
def test_honest_answers_are_drawn(name: str) -> None:
    """What cannot be read is left out without an error, so what was found is looked at."""
    path = CORPUS / name
    with mock.patch.object(targets, "_drawn") as drawn:
        TARGETS[path.parent.name](path.read_bytes())
    assert any(len(call.args[0]) for call in drawn.call_args_list)

"""Every preset runs as a user would run it, and does what it is for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.extras import need_packages_of
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import registry
from videoseg.cli._app import run
from videoseg.config.layers import presets
from videoseg.config.run_config import load
from videoseg.config.tables import output_kind

FRAMES = 12


@pytest.mark.parametrize("name", sorted(presets()))
def test_preset(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_packages_of(load(preset=name).run.write)
    real = registry._built_in

    def with_colours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"colours": Colours} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_colours)
    film = str(clip(frames=FRAMES, width=160, height=96))
    out = tmp_path / "out"
    assert (
        run(["segment", film, "red", "--preset", name, "--model", "colours", "-o", str(out)]) == 0
    )
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["instances"] == [{"label": "red", "count": FRAMES, "tracks": 1}]
    asked = load(preset=name)
    assert manifest["settings"]["run"]["write"] == list(asked.run.write)
    assert all((out / made).exists() for made in manifest["outputs"])


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_says_for_whom_it_is_and_why(name: str) -> None:
    text = presets()[name].read_text(encoding="utf-8")
    first, *rest = text.splitlines()
    assert re.fullmatch(r"# .{20,98}[.]", first), "one sentence that a list can show"
    assert rest
    assert "[run]" in text


def test_robotics_never_looks_ahead() -> None:
    tracker = load(preset="robotics").part("tracking", "iou")
    assert (tracker.look_ahead, tracker.max_gap_frames, tracker.smoothing) == (0, 0, 0)


MEDIA = ("nuke", "after-effects", "resolve", "blender")


@pytest.mark.parametrize("name", MEDIA)
def test_shapes_and_mattes_of_a_program_are_numbered_alike(name: str) -> None:
    """Where one says nothing, its own default counts."""
    config = load(preset=name)
    parts = [config.part(output_kind(each), each) for each in config.run.write]
    starts = [part.start_frame for part in parts if hasattr(part, "start_frame")]
    assert len(set(starts)) == 1


@pytest.mark.parametrize("name", MEDIA)
def test_a_preset_for_a_program_makes_its_shapes_and_soft_mattes(name: str) -> None:
    config = load(preset=name)
    assert {"resolve": "fusion"}.get(name, name) in config.run.write
    assert config.edges.changes_masks
    assert config.outlines.curves


def test_training_data_is_what_was_seen() -> None:
    config = load(preset="training-data")
    tracker = config.part("tracking", "iou")
    assert (tracker.max_gap_frames, tracker.smoothing) == (0, 0)
    assert config.part("writers", "frames").format == "png"

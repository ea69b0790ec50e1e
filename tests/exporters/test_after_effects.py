"""The script for After Effects, run by Duktape with a model of After Effects' objects."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import roto_runs, scenes
from tests.support.after_effects_stub import AfterEffects
from videoseg.exporters.after_effects import AfterEffects as Exporter
from videoseg.formats.svg_markup import plain

pytest.importorskip("dukpy")


def ran(run: scenes.Run, folder: Path, *, old: bool = False, **settings: int) -> AfterEffects:
    text = roto_runs.written(Exporter(**settings), run, folder)  # type: ignore[arg-type]
    return AfterEffects.ran(text, old=old)


def test_tracks_look_as_they_are_on_every_frame(tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, ran(run, tmp_path).matte)


def test_solids_carry_the_motion_and_cover_their_masks(tmp_path: Path) -> None:
    run = roto_runs.placed()
    found = ran(run, tmp_path)
    roto_runs.check(run, found.matte, least=0.99)
    transform = found.comp["solids"][0]["children"]["ADBE Transform Group"]["children"]
    assert len(transform["ADBE Rotate Z"]["keys"]) == 3


def test_where_pixels_are_not_square_vertices_move(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    found = ran(run, tmp_path)
    roto_runs.check(run, found.matte)
    transform = found.comp["solids"][0]["children"]["ADBE Transform Group"]["children"]
    assert "ADBE Rotate Z" not in transform
    assert found.comp["pixelAspect"] == pytest.approx(64 / 45, abs=1e-6)


def test_the_composition_is_the_clip(tmp_path: Path) -> None:
    comp = ran(roto_runs.known_motion(), tmp_path).comp
    assert (comp["width"], comp["height"], comp["displayStartFrame"]) == (320, 240, 1001)
    assert comp["rate"] == pytest.approx(float(roto_runs.NTSC), abs=1e-12)
    assert comp["duration"] == pytest.approx(roto_runs.FRAMES / roto_runs.NTSC, abs=1e-5)


def test_older_versions_get_a_start_time(tmp_path: Path) -> None:
    comp = ran(roto_runs.known_motion(), tmp_path, old=True).comp
    assert comp["displayStartTime"] == pytest.approx(1001 / float(roto_runs.NTSC))


def test_layers_are_called_as_the_tracks_are(tmp_path: Path) -> None:
    names = [solid["name"] for solid in ran(roto_runs.known_motion(), tmp_path).comp["solids"]]
    labels = ["the cat 1", f"{plain(scenes.HOSTILE)} 2", "two\nparts 3", "the cat 4"]
    assert sorted(set(names) & set(labels)) == sorted(labels)


def test_the_script_is_ecmascript_3(tmp_path: Path) -> None:
    text = roto_runs.written(Exporter(), roto_runs.known_motion(), tmp_path)
    assert text.isascii()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    assert not re.search(r"\b(let|const|JSON|forEach|map)\b|=>|`", bare)
    assert not re.search(r",\s*[\])}]", bare), "a comma before the end of a list"

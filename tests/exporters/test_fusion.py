"""The masks for Fusion, read by Lua."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import roto_runs, scenes
from tests.support.fusion_stub import Fusion
from videoseg.exporters.fusion import Fusion as Exporter
from videoseg.formats.svg_markup import plain

pytest.importorskip("lupa")


def pasted(run: scenes.Run, folder: Path, **settings: int) -> Fusion:
    return Fusion.pasted(roto_runs.written(Exporter(**settings), run, folder))  # type: ignore[arg-type]


def test_tracks_look_as_they_are_on_every_frame(tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, pasted(run, tmp_path).matte, first=0)


def test_where_an_object_goes_is_on_the_centre_and_turns_are_in_the_points(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    fusion = pasted(run, tmp_path, start_frame=1001)
    roto_runs.check(run, fusion.matte)
    assert list(fusion.keys("turning_1PathX")) == [1003, 1009, 1017]
    assert fusion.tools["nested_7"].Inputs.Center is None
    aspect = fusion.tools["turning_1"].Inputs.PixelAspect.Value
    assert aspect[1] / aspect[2] == pytest.approx(64 / 45, abs=1e-6)


def test_keys_sit_on_their_frames(tmp_path: Path) -> None:
    fusion = pasted(roto_runs.known_motion(), tmp_path)
    assert list(fusion.keys("the_cat_4Polyline")) == [19]
    assert [(at, key[1]) for at, key in fusion.keys("the_cat_4Level").items()] == [
        (18, 0),
        (19, 1),
        (20, 0),
    ]
    assert min(fusion.keys("the_cat_1Level")) == 0


def test_labels_are_comments_and_names_are_plain(tmp_path: Path) -> None:
    fusion = pasted(roto_runs.known_motion(), tmp_path)
    assert fusion.tools["R_B_x_2"].Inputs.Comments.Value == f"{plain(scenes.HOSTILE)} 2"
    assert all(re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) for name in fusion.tools)

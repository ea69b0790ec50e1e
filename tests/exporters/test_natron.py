"""The script for Natron, run where the documented calls of Natron are stood in for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.support import roto_runs, scenes
from tests.support.natron_stub import Natron
from videoseg.exporters.natron import Natron as Exporter
from videoseg.formats.svg_markup import plain


def ran(run: scenes.Run, folder: Path) -> Natron:
    natron = Natron()
    natron.run(roto_runs.written(Exporter(), run, folder))
    return natron


def test_tracks_look_as_they_are_on_every_frame(tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, ran(run, tmp_path).matte)


def test_motion_is_on_the_shapes(tmp_path: Path) -> None:
    run = roto_runs.placed()
    natron = ran(run, tmp_path)
    roto_runs.check(run, natron.matte)
    for name in ("turning_1", "turning_1_holes"):
        (shape,) = natron.nodes[name].shapes
        assert len(shape.keys) == 2
        assert list(shape.params["rotate"].keys[0]) == list(range(1003, 1018))


def test_motion_is_in_the_points_where_pixels_are_not_square(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    natron = ran(run, tmp_path)
    roto_runs.check(run, natron.matte)
    (shape,) = natron.nodes["turning_1"].shapes
    assert not shape.params["rotate"].keys


def test_labels_and_keys(tmp_path: Path) -> None:
    nodes = ran(roto_runs.known_motion(), tmp_path).nodes
    assert nodes["R_B_x_2"].label == f"{plain(scenes.HOSTILE)} 2"
    (shape,) = nodes["the_cat_4"].shapes
    assert list(shape.keys) == [1020]
    assert shape.activated == {1019: False, 1020: True, 1021: False}

"""The script for Nuke, run where the documented calls of Nuke are stood in for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import roto_runs, scenes
from tests.support.nuke_stub import Nuke
from videoseg.exporters.nuke import Nuke as Exporter


def ran(run: scenes.Run, folder: Path, linear: int = 2, **settings: int) -> Nuke:
    nuke = Nuke(linear)
    nuke.run(roto_runs.written(Exporter(**settings), run, folder))  # type: ignore[arg-type]
    return nuke


@pytest.mark.parametrize("linear", [1, 2])
def test_tracks_look_as_they_are_on_every_frame(linear: int, tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, ran(run, tmp_path, linear).matte)


def test_layers_carry_the_motion(tmp_path: Path) -> None:
    run = roto_runs.placed()
    nuke = ran(run, tmp_path)
    roto_runs.check(run, nuke.matte, least=0.99)
    (layer,) = nuke.nodes["turning_1"]["curves"].rootLayer
    assert layer.transform.rotation[2].getNumberOfKeys() == 3
    assert len(layer[0].points[0].center.curves[0].all) == 2


def test_where_pixels_are_not_square_points_move(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    nuke = ran(run, tmp_path)
    roto_runs.check(run, nuke.matte)
    (layer,) = nuke.nodes["turning_1"]["curves"].rootLayer
    assert layer.transform.rotation[2].getNumberOfKeys() == 0
    assert nuke.formats == ["320 240 1.422222 videoseg_320x240"]


def test_no_build_of_nuke_goes_unnoticed_whose_keys_are_not_linear(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no linear keys"):
        ran(roto_runs.placed(), tmp_path, linear=77)


def test_keys_sit_on_their_frames(tmp_path: Path) -> None:
    nuke = ran(roto_runs.known_motion(), tmp_path, start_frame=86_400)
    (layer,) = nuke.nodes["the_cat_4"]["curves"].rootLayer
    last = 86_400 + roto_runs.FRAMES - 1
    assert [key.time for key in layer[0].points[0].center.curves[0].all] == [last]
    assert layer[0].visible == {last - 1: False, last: True, last + 1: False}


def test_labels_are_never_code(tmp_path: Path) -> None:
    nuke = ran(roto_runs.known_motion(), tmp_path)
    label = nuke.nodes["R_B_x_2"]["label"].value
    assert label.startswith("R_B _x_")
    assert not set('[]$\\"<>{}') & set(label)

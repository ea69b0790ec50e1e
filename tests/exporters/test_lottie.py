"""The Lottie animation, rendered by rlottie."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import roto_runs
from tests.support.roto_runs import RotoRun
from videoseg.exporters.lottie import Lottie
from videoseg.formats.literals import track_name
from videoseg.types import Bitmap

rlottie = pytest.importorskip("rlottie_python")


def shown(run: RotoRun, folder: Path, **settings: bool) -> roto_runs.Matte:
    """What rlottie shows of a track on a frame, where alpha is above one half."""
    animation = json.loads(roto_runs.written(Lottie(**settings), run, folder))
    tracks: dict[str, Any] = {}
    for layer in run.layers():
        named = f"{layer.label} {layer.track_id}"
        alone = [each for each in animation["layers"] if each["nm"] == named]
        assert alone
        text = json.dumps({**animation, "layers": alone})
        name = track_name(layer.track_id, layer.label)
        tracks[name] = rlottie.LottieAnimation.from_data(text)

    def matte(name: str, number: int) -> Bitmap:
        picture = tracks[name].render_pillow_frame(frame_num=number)
        return np.asarray(picture)[:, :, 3] > 127

    return matte


@pytest.mark.parametrize("masks", [False, True])
def test_tracks_look_as_they_are_on_every_frame(masks: bool, tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, shown(run, tmp_path, masks=masks), first=0)


@pytest.mark.parametrize("masks", [False, True])
def test_layers_carry_the_motion(masks: bool, tmp_path: Path) -> None:
    run = roto_runs.placed()
    roto_runs.check(run, shown(run, tmp_path, masks=masks), first=0)


def test_the_animation_is_as_wide_as_the_clip_looks(tmp_path: Path) -> None:
    text = roto_runs.written(Lottie(), roto_runs.placed(Fraction(2)), tmp_path)
    animation = json.loads(text)
    assert (animation["w"], animation["h"], animation["op"]) == (640, 240, roto_runs.FRAMES)
    assert animation["fr"] == float(roto_runs.NTSC)
    (turning,) = (each for each in animation["layers"] if each["nm"] == "turning 1")
    first = turning["shapes"][0]["it"][0]["ks"]["k"][0]
    assert first["t"] == 2
    assert first["s"][0]["v"][0] == [240, 80]
    assert turning["ks"]["r"] == {"a": 0, "k": 0}

"""The script for Blender, run with a model of its masks, and by Blender itself where it is."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import roto_runs, scenes
from tests.support.blender_stub import Blender
from videoseg.exporters.blender import Blender as Exporter
from videoseg.formats.svg_markup import plain
from videoseg.types import RotoLayer

_RENDER = """
import sys
import bpy
folder = sys.argv[1]
exec(compile(open(folder + "/shapes.blender.py").read(), "shapes", "exec"), {})
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y = 320, 240
scene.render.resolution_percentage = 100
scene.use_nodes = True
tree = scene.node_tree
tree.nodes.clear()
node = tree.nodes.new("CompositorNodeMask")
node.size_source, node.size_x, node.size_y = "FIXED", 320, 240
shown = tree.nodes.new("CompositorNodeComposite")
tree.links.new(node.outputs[0], shown.inputs[0])
settings = scene.render.image_settings
settings.file_format, settings.color_mode, settings.color_depth = "PNG", "BW", "8"
scene.render.engine = "CYCLES"
scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(scene.camera)
for mask in bpy.data.masks:
    node.mask = mask
    for number in range(1001, 1021):
        scene.frame_set(number)
        scene.render.filepath = f"{folder}/{mask.name}.{number}.png"
        bpy.ops.render.render(write_still=True)
"""
_HALF = 187
"""One half of white, as sRGB."""


def ran(run: scenes.Run, folder: Path) -> Blender:
    blender = Blender()
    blender.run(roto_runs.written(Exporter(), run, folder))
    return blender


def test_tracks_look_as_they_are_on_every_frame(tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, ran(run, tmp_path).matte)


def test_motion_is_in_the_points(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    roto_runs.check(run, ran(run, tmp_path).matte)


def test_a_tall_frame(tmp_path: Path) -> None:
    shapes = (roto_runs.shape({0: roto_runs.box(20, 30, 80, 150)}),)
    layer = RotoLayer("clip", 7, "x", shapes)
    info = roto_runs.stream(width=120, height=200)
    run = roto_runs.RotoRun(scenes.streams(info), (), [roto_runs.at(0)], given=(layer,))
    blender = ran(run, tmp_path)
    roto_runs.check(run, lambda name, number: blender.matte(name, number, 120, 200))


def test_the_screen_and_the_frame_are_as_before(tmp_path: Path) -> None:
    blender = ran(roto_runs.known_motion(), tmp_path)
    assert (blender.area.ui_type, blender.scene.frame_current) == ("VIEW_3D", 1)


def test_masks_have_labels_and_the_range_of_the_clip(tmp_path: Path) -> None:
    masks = ran(roto_runs.known_motion(), tmp_path).masks
    assert masks["R_B_x_2"]["label"] == plain(scenes.HOSTILE)
    assert (masks["the_cat_1"].frame_start, masks["the_cat_1"].frame_end) == (1001, 1020)
    assert list(masks["the_cat_4"].layers[0].shape_keys) == [1020]


def test_blender_renders_the_tracks_as_they_are(tmp_path: Path) -> None:
    python = os.environ.get("VIDEOSEG_BLENDER")
    if python is None:
        pytest.skip("needs bpy 4; set VIDEOSEG_BLENDER to a Python that has it")
    run = roto_runs.known_motion()
    roto_runs.written(Exporter(), run, tmp_path)
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [python, "-c", _RENDER, str(tmp_path)], check=True, capture_output=True, env=environment
    )

    def matte(name: str, number: int) -> np.ndarray:
        return np.asarray(cv2.imread(f"{tmp_path}/{name}.{number}.png", 0)) > _HALF

    roto_runs.check(run, matte)

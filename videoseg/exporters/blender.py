"""Blender: a script that makes masks with shape keys, ``shapes.blender.py``.

Each track is a mask; each of its parts and holes is a layer of it, in the order in which Blender
draws them. Coordinates of masks run from 0 to 1 along the longer side of the frame and are centred
on the other, y up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

import numpy as np

from videoseg.exporters._keyed_shapes import NumberedShapes, absolute
from videoseg.exporters._python_scripts import write_shape
from videoseg.formats.literals import python_literal
from videoseg.formats.svg_markup import plain
from videoseg.geometry.arrays import Values
from videoseg.roto.numbered import Clip, NumberedLayer
from videoseg.types import Knot

_DIGITS = 7
_HEAD = '''\
"""Masks of videoseg. Run it in Blender: Scripting workspace, open this file, Run Script."""
import bpy

FIRST, LAST = {first}, {last}


class Editor:
    """The largest area as an image editor of masks, in which shape keys can be inserted."""

    def __enter__(self):
        window = bpy.context.window_manager.windows[0]
        self.area = max(window.screen.areas, key=lambda area: area.width * area.height)
        self.before = self.area.ui_type
        self.frame = bpy.context.scene.frame_current
        self.area.type = "IMAGE_EDITOR"
        self.space = self.area.spaces.active
        self.space.mode = "MASK"
        region = next(each for each in self.area.regions if each.type == "WINDOW")
        self.override = {"window": window, "area": self.area, "region": region}
        return self

    def __exit__(self, *_):
        self.area.ui_type = self.before
        bpy.context.scene.frame_set(self.frame)

    def show(self, mask, number):
        self.space.mask = mask
        bpy.context.scene.frame_set(number)

    def insert_key(self):
        with bpy.context.temp_override(**self.override):
            if bpy.ops.mask.shape_key_insert() != {"FINISHED"}:
                raise RuntimeError("Blender has not inserted a shape key")


def add_shape(editor, mask, name, blend, presence, keys):
    """Add a layer; the numbers of a key are each point and the ends of its handles."""
    layer = mask.layers.new(name=name)
    mask.layers.active = layer
    layer.blend = blend
    spline = layer.splines.new()
    spline.use_cyclic = True
    spline.points.add(len(keys[0][1].split()) // 6 - len(spline.points))
    for point in spline.points:
        point.handle_type = "FREE"
        # A key is inserted for layers that have a selected point.
        point.select = True
    for number, text in keys:
        editor.show(mask, number)
        values = [float(value) for value in text.split()]
        for point, start in zip(spline.points, range(0, len(values), 6)):
            point.co = values[start : start + 2]
            point.handle_left = values[start + 2 : start + 4]
            point.handle_right = values[start + 4 : start + 6]
        editor.insert_key()
    for point in spline.points:
        point.select = False
    for number, there in presence:
        layer.alpha = float(there)
        layer.keyframe_insert("alpha", frame=number)


def add_track(editor, name, label, shapes):
    mask = bpy.data.masks.new(name)
    mask["label"] = label
    mask.use_fake_user = True
    mask.frame_start, mask.frame_end = FIRST, LAST
    for shape in shapes:
        add_shape(editor, mask, *shape)


with Editor() as editor:
    pass
'''


@dataclass
class Blender(NumberedShapes):
    """Writes a Python script that makes animated masks in Blender.

    Points take the motion of the object over.
    """

    _endings: ClassVar[tuple[str, ...]] = (".blender.py",)

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        head = _HEAD.replace("{first}", str(clip.first)).replace("{last}", str(clip.last))
        file.write(head)
        for layer in layers:
            _write_track(file, layer, clip)


def _write_track(file: IO[str], layer: NumberedLayer, clip: Clip) -> None:
    label = python_literal(plain(layer.label))
    file.write(f'    add_track(editor, "{layer.name}", {label}, [\n')
    for group in layer.groups:
        for shape in group:
            blend = "MERGE_ADD" if shape.op == "add" else "MERGE_SUBTRACT"
            write_shape(file, shape, clip, _mask_space, blend, digits=_DIGITS)
    file.write("    ])\n")


def _mask_space(knots: Sequence[Knot], clip: Clip) -> Values:
    """Places of a shape, float64 (S, 3, 2), as masks of Blender count them."""
    width, height = clip.info.width, clip.info.height
    places = absolute(knots).reshape(-1, 3, 2)
    centred = (places - (width / 2, height / 2)) * (1, -1)
    return np.asarray(centred / max(width, height) + 0.5)


PARTS = {"blender": Blender}

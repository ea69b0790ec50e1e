"""Nuke: a script that makes Roto nodes, ``shapes.nuke.py``, by the documented Python API.

For a photograph there are the nodes as text to paste, too, ``shapes.nk``.

Each track is a Roto node whose layer carries the motion, and whose alpha is the track. Holes are a
Roto node of their own, taken away by a Merge: inside one node a shape with the operation ``minus``
makes alpha negative where it reaches over the edge. y counts from the bottom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

from videoseg.exporters._keyed_shapes import NumberedShapes, upside_down
from videoseg.exporters._nuke_text import write_head, write_nodes
from videoseg.exporters._python_scripts import write_groups
from videoseg.formats.literals import nuke_label, python_literal
from videoseg.formats.svg_markup import decimal
from videoseg.geometry.arrays import Values
from videoseg.roto.numbered import Clip, NumberedLayer
from videoseg.types import Knot, StreamInfo

_COLUMN = 110
"""Distance of the nodes of two tracks in the node graph, pixels."""
_HEAD = '''\
# -*- coding: utf-8 -*-
"""Roto shapes of videoseg. Run it in Nuke: Script Editor, "Source a script"."""
import nuke
import nuke.rotopaint as rp

FORMAT = nuke.addFormat("{width} {height} {aspect} videoseg_{width}x{height}")


def linear_type(curves):
    """What makes a key linear: builds of Nuke differ by one, so each value is tried."""
    probe = rp.Shape(curves)
    probe.append(rp.ShapeControlPoint(0, 0))
    curve = probe[0].center.getPositionAnimCurve(0)
    for time, value in ((0, 0), (10, 0), (20, 100)):
        curve.addKey(time, value)
    linear = int(rp.InterpolationType.eLinearInterpolationType)
    for kind in (linear + 1, linear):
        for number in range(curve.getNumberOfKeys()):
            curve.getKey(number).interpolationType = kind
        if abs(curve.evaluate(5)) < 1e-3 and abs(curve.evaluate(15) - 50) < 1e-3:
            return kind
    raise RuntimeError("this build of Nuke makes no linear keys")


def set_keys(curve, keys, kind):
    curve.removeAllKeys()
    for time, value in keys:
        curve.addKey(time, value)
    for number in range(curve.getNumberOfKeys()):
        curve.getKey(number).interpolationType = kind


def add_shape(curves, layer, kind, colour, name, presence, keys):
    """Add a shape; the numbers of a key are x, y and both tangents of each point."""
    times = [time for time, _ in keys]
    values = [[float(value) for value in text.split()] for _, text in keys]
    shape = rp.Shape(curves, type="bezier")
    shape.name = name
    for start in range(0, len(values[0]), 6):
        shape.append(rp.ShapeControlPoint(values[0][start], values[0][start + 1]))
    layer.append(shape)
    for index in range(len(values[0]) // 6):
        point = shape[index]
        for place, part in enumerate((point.center, point.leftTangent, point.rightTangent)):
            for axis in (0, 1):
                column = 6 * index + 2 * place + axis
                set_keys(
                    part.getPositionAnimCurve(axis),
                    [(time, row[column]) for time, row in zip(times, values)],
                    kind,
                )
    attributes = shape.getAttributes()
    attributes.set("ltt", 0)  # the lifetime is all frames
    for channel, value in zip(("ro", "go", "bo"), colour):
        attributes.set(channel, value)
    for time, there in presence:
        shape.setVisible(time, there)


def add_roto(name, label, colour, pivot, placements, shapes):
    """Make a Roto node with shapes on a layer that moves."""
    node = nuke.nodes.Roto()
    node.setName(name)
    node["label"].setValue(label)
    node["format"].setValue(FORMAT)
    curves = node["curves"]
    kind = linear_type(curves)
    layer = rp.Layer(curves)
    layer.name = name
    curves.rootLayer.append(layer)
    if placements:
        transform = layer.getTransform()
        for axis in (0, 1):
            still = [(placements[0][0], pivot[axis])]
            set_keys(transform.getPivotPointAnimCurve(axis), still, kind)
            moved = [(row[0], row[1 + axis]) for row in placements]
            set_keys(transform.getTranslationAnimCurve(axis), moved, kind)
            scaled = [(row[0], row[4]) for row in placements]
            set_keys(transform.getScaleAnimCurve(axis), scaled, kind)
        turned = [(row[0], row[3]) for row in placements]
        set_keys(transform.getRotationAnimCurve(2), turned, kind)
    for shape in shapes:
        add_shape(curves, layer, kind, colour, *shape)
    curves.changed()
    return node


def add_merge(name, operation, below, above):
    merge = nuke.nodes.Merge2(operation=operation)
    merge.setName(name)
    merge.setInput(0, below)
    merge.setInput(1, above)
    return merge


def add_track(name, label, colour, pivot, placements, groups):
    """Make the nodes of a track: its groups together, each its parts without its holes."""
    whole = None
    for group_name, parts, holes in groups:
        node = add_roto(group_name, label, colour, pivot, placements, parts)
        if holes:
            cut = add_roto(group_name + "_holes", label, colour, pivot, placements, holes)
            node = add_merge(group_name + "_matte", "stencil", node, cut)
        whole = add_merge(group_name + "_joined", "max", whole, node) if whole else node
    return whole


'''


@dataclass
class Nuke(NumberedShapes):
    """Writes a Python script that makes animated Roto nodes in Nuke.

    A layer moves by translation, rotation and scale; where pixels are not square, points move.
    """

    _endings: ClassVar[tuple[str, ...]] = (".nuke.py",)
    _moves_layers: ClassVar[bool] = True

    def _endings_of(self, info: StreamInfo) -> Sequence[str]:
        return (*self._endings, ".nk") if info.still else self._endings

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        file, *texts = files
        info = clip.info
        aspect = decimal(info.sample_aspect_ratio, 6)
        head = _HEAD.replace("{width}", str(info.width)).replace("{height}", str(info.height))
        file.write(head.replace("{aspect}", aspect))
        for text in texts:
            write_head(text)
        for number, layer in enumerate(layers):
            _write_track(file, layer, clip)
            for text in texts:
                write_nodes(text, layer, clip, number * _COLUMN)


def _write_track(file: IO[str], layer: NumberedLayer, clip: Clip) -> None:
    height = clip.info.height
    colour = ", ".join(decimal(value / 255, 4) for value in layer.colour)
    label = python_literal(nuke_label(layer.label))
    file.write(f'add_track("{layer.name}", {label}, ({colour}),\n')
    pivot = layer.pivot[0], height - layer.pivot[1]
    placements = [
        (number, each.x, -each.y, -each.rotation, each.scale)
        for number, each in layer.placements.items()
    ]
    rows = "".join(
        f"({number}, {', '.join(decimal(value, 6) for value in values)}), "
        for number, *values in placements
    )
    file.write(f"    ({decimal(pivot[0], 3)}, {decimal(pivot[1], 3)}), [{rows.rstrip(', ')}], [\n")
    write_groups(file, layer, clip, _rows)
    file.write("])\n")


def _rows(knots: Sequence[Knot], clip: Clip) -> Values:
    return upside_down(knots, clip.info.height)


PARTS = {"nuke": Nuke}

"""Natron: a script that makes Roto nodes, ``shapes.natron.py``, by the documented Python API.

Each track is a Roto node whose alpha is the track; its holes are a Roto node of their own, taken
away by a Merge. y counts from the bottom; handles are absolute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

from videoseg.exporters._keyed_shapes import NumberedShapes, upside_down
from videoseg.exporters._python_scripts import write_groups
from videoseg.formats.literals import python_literal
from videoseg.formats.svg_markup import decimal, plain
from videoseg.geometry.arrays import Values
from videoseg.roto.interpolation import placement_between
from videoseg.roto.numbered import Clip, NumberedLayer
from videoseg.types import Knot

_HEAD = '''\
# -*- coding: utf-8 -*-
"""Roto shapes of videoseg. Run it in Natron: Script Editor, "Load script", "Execute script"."""
project = globals().get("app") or natron.getGuiInstance(0)


def move(bezier, centre, placements):
    """Have a shape move as a whole, by values of every frame, so that nothing lies in between."""
    for dimension in (0, 1):
        bezier.getParam("center").setValue(centre[dimension], dimension)
        for time, x, y, rotation, scale in placements:
            bezier.getParam("translate").setValueAtTime((x, y)[dimension], time, dimension)
            bezier.getParam("scale").setValueAtTime(scale, time, dimension)
    for time, x, y, rotation, scale in placements:
        bezier.getParam("rotate").setValueAtTime(rotation, time)


def add_shape(context, colour, motion, name, presence, keys):
    """Add a shape; the numbers of a key are each point and the ends of its handles."""
    values = [(time, [float(value) for value in text.split()]) for time, text in keys]
    first, start = values[0]
    bezier = context.createBezier(start[0], start[1], first)
    for place in range(6, len(start), 6):
        bezier.addControlPoint(start[place], start[place + 1])
    bezier.setCurveFinished(True)
    bezier.setScriptName(name)
    bezier.setOverlayColor(*colour)
    for time, row in values:
        for index in range(len(row) // 6):
            bezier.setPointAtIndex(index, time, *row[6 * index : 6 * index + 6])
    for time, there in presence:
        bezier.setActivated(time, there)
    if motion[1]:
        move(bezier, *motion)


def add_roto(name, label, colour, motion, shapes):
    node = project.createNode("fr.inria.built-in.Roto")
    node.setScriptName(name)
    node.setLabel(label)
    for shape in shapes:
        add_shape(node.getRotoContext(), colour, motion, *shape)
    return node


def add_merge(name, operation, below, above):
    merge = project.createNode("net.sf.openfx.MergePlugin")
    merge.setScriptName(name)
    merge.setLabel(name)
    merge.getParam("operation").set(operation)
    merge.connectInput(0, below)
    merge.connectInput(1, above)
    return merge


def add_track(label, colour, motion, groups):
    """Make the nodes of a track: its groups together, each its parts without its holes."""
    whole = None
    for name, parts, holes in groups:
        node = add_roto(name, label, colour, motion, parts)
        if holes:
            cut = add_roto(name + "_holes", label + " holes", colour, motion, holes)
            node = add_merge(name + "_matte", "stencil", node, cut)
        whole = add_merge(name + "_joined", "max", whole, node) if whole else node


'''


@dataclass
class Natron(NumberedShapes):
    """Writes a Python script that makes animated Roto nodes in Natron.

    Shapes move as a whole by their translation, rotation and scale; where pixels are not square,
    points move.
    """

    _endings: ClassVar[tuple[str, ...]] = (".natron.py",)
    _moves_layers: ClassVar[bool] = True

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        file.write(_HEAD)
        for layer in layers:
            _write_track(file, layer, clip)


def _write_track(file: IO[str], layer: NumberedLayer, clip: Clip) -> None:
    label = python_literal(plain(f"{layer.label} {layer.track_id}"))
    colour = ", ".join(decimal(value / 255, 4) for value in layer.colour)
    file.write(f"add_track({label}, ({colour}),\n    {_motion(layer, clip)}, [\n")
    write_groups(file, layer, clip, _rows)
    file.write("])\n")


def _motion(layer: NumberedLayer, clip: Clip) -> str:
    """The centre, and the translation, rotation and scale on every frame."""
    numbers = range(min(layer.placements), max(layer.placements) + 1) if layer.placements else ()
    rows = []
    for number in numbers:
        each = placement_between(layer.placements, number)
        values = (each.x, -each.y, -each.rotation, each.scale)
        rows.append(f"({number}, {', '.join(decimal(value, 6) for value in values)})")
    x, y = layer.pivot[0], clip.info.height - layer.pivot[1]
    return f"(({decimal(x, 3)}, {decimal(y, 3)}), [{', '.join(rows)}])"


def _rows(knots: Sequence[Knot], clip: Clip) -> Values:
    rows = upside_down(knots, clip.info.height)
    rows[:, 2:4] += rows[:, :2]
    rows[:, 4:] += rows[:, :2]
    return rows


PARTS = {"natron": Natron}

"""Fusion and DaVinci Resolve: mask tools to paste into the node graph, ``shapes.setting``.

Each track is a chain of Polygon masks, whose last has the track's name. x and y are shares of the
frame's width and height from its centre, y up; a key is a polyline. Where the object goes is on the
centre of its masks, which all share a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, ClassVar

import numpy as np
from typing_extensions import Doc

from videoseg.exporters._keyed_shapes import NumberedShapes
from videoseg.formats.literals import lua_literal
from videoseg.formats.svg_markup import decimal, plain
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape
from videoseg.types import Knot

_DIGITS = 7
_COLUMN = 110
"""Distance of tools side by side in the node graph."""
_ROW = 33
"""Distance of tools below each other in the node graph."""


@dataclass
class Fusion(NumberedShapes):
    """Writes Polygon masks for Fusion and the Fusion page of DaVinci Resolve.

    Where the object goes is on the centre of the masks; points take its turns over.
    """

    start_frame: Annotated[
        int,
        Doc("number of the first frame, where numbering is by shot; Resolve's clips begin at 0"),
    ] = 0

    _endings: ClassVar[tuple[str, ...]] = (".setting",)
    _shifts_layers: ClassVar[bool] = True

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        file.write("{\n\tTools = ordered() {\n")
        for column, layer in enumerate(layers):
            _write_track(file, layer, clip, column)
        file.write("\t},\n}\n")


def _write_track(file: IO[str], layer: NumberedLayer, clip: Clip, column: int) -> None:
    shapes = [shape for group in layer.groups for shape in group]
    before = None
    if layer.placements:
        _write_path(file, layer, clip)
    for row, shape in enumerate(shapes):
        name = layer.name if row == len(shapes) - 1 else shape.name
        place = column * _COLUMN, row * _ROW
        _write_mask(file, name, before, shape, layer, clip, place)
        _write_presence(file, name, shape, clip)
        _write_polylines(file, name, shape, layer, clip)
        before = name


def _write_mask(
    file: IO[str],
    name: str,
    before: str | None,
    shape: NumberedShape,
    layer: NumberedLayer,
    clip: Clip,
    place: tuple[int, int],
) -> None:
    """A mask tool that goes on from the one before it."""
    info = clip.info
    mode = "Merge" if shape.op == "add" else "Subtract"
    inputs = {
        "OutputSize": 'Value = FuID { "Custom" }',
        "MaskWidth": f"Value = {info.width}",
        "MaskHeight": f"Value = {info.height}",
        "PixelAspect": f"Value = {{ {decimal(info.sample_aspect_ratio, 6)}, 1 }}",
        "ClippingMode": 'Value = FuID { "None" }',
        "PaintMode": f'Value = FuID {{ "{mode}" }}',
        "Level": f'SourceOp = "{name}Level", Source = "Value"',
        "Polyline": f'SourceOp = "{name}Polyline", Source = "Value"',
        "Polyline2": "Value = Polyline { }, Disabled = true",
        "Comments": f"Value = {lua_literal(plain(f'{layer.label} {layer.track_id}'))}",
    }
    if layer.placements:
        inputs["Center"] = f'SourceOp = "{layer.name}Path", Source = "Value"'
    if before is not None:
        inputs["EffectMask"] = f'SourceOp = "{before}", Source = "Mask"'
    file.write(
        f"\t\t{name} = PolylineMask {{\n"
        '\t\t\tDrawMode = "ModifyOnly",\n\t\t\tDrawMode2 = "InsertAndModify",\n'
        "\t\t\tNameSet = true,\n\t\t\tInputs = {\n"
    )
    for key, value in inputs.items():
        file.write(f"\t\t\t\t{key} = Input {{ {value}, }},\n")
    red, green, blue = (decimal(value / 255, 4) for value in layer.colour)
    file.write(
        f"\t\t\t}},\n\t\t\tViewInfo = OperatorInfo {{ Pos = {{ {place[0]}, {place[1]} }} }},\n"
        f"\t\t\tColors = {{ TileColor = {{ R = {red}, G = {green}, B = {blue} }}, }},\n\t\t}},\n"
    )


def _write_path(file: IO[str], layer: NumberedLayer, clip: Clip) -> None:
    """Where the middle of the masks is: shares of the frame from its lower left corner."""
    name, info = f"{layer.name}Path", clip.info
    places = {
        "X": {number: 0.5 + each.x / info.width for number, each in layer.placements.items()},
        "Y": {number: 0.5 - each.y / info.height for number, each in layer.placements.items()},
    }
    file.write(f"\t\t{name} = XYPath {{\n\t\t\tNameSet = true,\n\t\t\tInputs = {{\n")
    for axis in places:
        file.write(f'\t\t\t\t{axis} = Input {{ SourceOp = "{name}{axis}", Source = "Value", }},\n')
    file.write("\t\t\t},\n\t\t},\n")
    for axis, keys in places.items():
        _write_spline(
            file, f"{name}{axis}", {at: decimal(value, _DIGITS) for at, value in keys.items()}
        )


def _write_presence(file: IO[str], name: str, shape: NumberedShape, clip: Clip) -> None:
    keys = {number: str(int(there)) for number, there in shape.presence(clip.first)}
    _write_spline(file, f"{name}Level", keys)


def _write_spline(file: IO[str], name: str, keys: Mapping[int, str]) -> None:
    file.write(f"\t\t{name} = BezierSpline {{\n\t\t\tNameSet = true,\n\t\t\tKeyFrames = {{\n")
    for number, value in keys.items():
        file.write(f"\t\t\t\t[{number}] = {{ {value}, Flags = {{ Linear = true }} }},\n")
    file.write("\t\t\t},\n\t\t},\n")


def _write_polylines(
    file: IO[str], name: str, shape: NumberedShape, layer: NumberedLayer, clip: Clip
) -> None:
    red, green, blue = layer.colour
    file.write(
        f"\t\t{name}Polyline = BezierSpline {{\n"
        f"\t\t\tSplineColor = {{ Red = {red}, Green = {green}, Blue = {blue} }},\n"
        "\t\t\tNameSet = true,\n\t\t\tKeyFrames = {\n"
    )
    for place, (number, knots) in enumerate(shape.keys.items()):
        file.write(
            f"\t\t\t\t[{number}] = {{ {place}, Flags = {{ Linear = true, LockedY = true }}, "
            "Value = Polyline { Closed = true, Points = {\n"
        )
        for point in _points(knots, clip):
            file.write(f"\t\t\t\t\t{{ {point} }},\n")
        file.write("\t\t\t\t} } },\n")
    file.write("\t\t\t},\n\t\t},\n")


def _points(knots: Sequence[Knot], clip: Clip) -> Iterator[str]:
    rows = np.array(knots, dtype=np.float64).reshape(-1, 3, 2)
    rows[:, 0] -= (clip.info.width / 2, clip.info.height / 2)
    rows /= (clip.info.width, -clip.info.height)
    names = ("X", "Y", "LX", "LY", "RX", "RY")
    for row in rows.reshape(-1, 6).tolist():
        yield ", ".join(
            f"{name} = {decimal(value, _DIGITS)}" for name, value in zip(names, row, strict=True)
        )


PARTS = {"fusion": Fusion}

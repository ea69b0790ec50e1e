"""Silhouette: shapes in its XML, ``shapes.fxs``.

Each track is a layer of shapes, whose matrix carries the motion. What is higher in the list, and so
takes from what is below it, comes first. Coordinates are from the frame's centre in shares of its
height, y down; frames count from the start of the session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, ClassVar

import numpy as np
from typing_extensions import Doc

from videoseg.exporters._keyed_shapes import NumberedShapes, absolute
from videoseg.formats.literals import xml_attribute
from videoseg.formats.svg_markup import decimal
from videoseg.geometry.arrays import Points
from videoseg.roto.b_splines import b_splines
from videoseg.roto.interpolation import placement_between, turned
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape

_SPLINE_SHARE = 0.25
"""Share of the tolerance that B-splines may take."""


@dataclass
class Silhouette(NumberedShapes):
    """Writes shapes for Silhouette.

    A layer moves by a matrix for every frame; where pixels are not square, points move. B-splines
    are what is known to be read; the order in which Silhouette reads the handles of Bézier points
    is not.
    """

    bezier: Annotated[
        bool, Doc("Bézier shapes with few points, whose handles are not known to be read right")
    ] = False

    _endings: ClassVar[tuple[str, ...]] = (".fxs",)
    _moves_layers: ClassVar[bool] = True

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        info = clip.info
        aspect = decimal(info.sample_aspect_ratio, 6)
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Silhouette width="{info.width}" height="{info.height}" pixelAspect="{aspect}" '
            f'workRangeStart="{clip.first}" workRangeEnd="{clip.last}" '
            f'sessionStartFrame="{clip.first}">\n'
        )
        for layer in layers:
            for group in reversed(range(len(layer.groups))):
                self._write_group(file, layer, group, clip)
        file.write("</Silhouette>\n")

    def _write_group(self, file: IO[str], layer: NumberedLayer, group: int, clip: Clip) -> None:
        suffix = f" ({group + 1})" if group else ""
        label = xml_attribute(f"{layer.label} {layer.track_id}{suffix}")
        file.write(f'<Layer type="Layer" label={label} expanded="True">\n<Properties>\n')
        _write_constant(file, "mode", "Add")
        _write_constant(file, "invert", "false")
        _write_matrices(file, layer, clip)
        file.write('<Property id="objects" constant="True" expanded="True">\n')
        for shape in reversed(layer.groups[group]):
            self._write_shape(file, shape, layer, clip)
        file.write("</Property>\n</Properties>\n</Layer>\n")

    def _write_shape(
        self, file: IO[str], shape: NumberedShape, layer: NumberedLayer, clip: Clip
    ) -> None:
        kind = "Bezier" if self.bezier else "Bspline"
        file.write(
            f'<Object type="Shape" label={xml_attribute(shape.name)} shape_type="{kind}" '
            'hidden="False" locked="False">\n<Properties>\n<Property id="opacity">\n'
        )
        for number, there in shape.presence(clip.first):
            frame = number - clip.first
            file.write(f'<Key frame="{frame}" interp="hold">{100 * there}</Key>\n')
        file.write("</Property>\n")
        _write_constant(file, "motionBlur", "true")
        colour = ",".join(f"{value / 255:.6f}" for value in layer.colour)
        _write_constant(file, "outlineColor", f"({colour})")
        _write_constant(file, "mode", "Add" if shape.op == "add" else "Subtract")
        _write_constant(file, "invert", "false")
        file.write('<Property id="path">\n')
        for number, points in self._points(shape).items():
            file.write(f'<Key frame="{number - clip.first}" interp="linear">\n')
            file.write(f'<Path closed="True" type="{kind}">\n')
            for row in _image_space(points, clip):
                file.write(f"<Point>{','.join(f'({x:f},{y:f})' for x, y in row)}</Point>\n")
            file.write("</Path>\n</Key>\n")
        file.write("</Property>\n</Properties>\n</Object>\n")

    def _points(self, shape: NumberedShape) -> Mapping[int, Points]:
        """By number the points in pixels, with the ends of their handles if they have any."""
        if self.bezier:
            return {at: absolute(knots).reshape(-1, 3, 2) for at, knots in shape.keys.items()}
        splines = b_splines(shape.keys.values(), _SPLINE_SHARE * self.tolerance)
        return {at: made[:, None] for at, made in zip(shape.keys, splines, strict=True)}


def _image_space(points: Points, clip: Clip) -> list[list[list[float]]]:
    info = clip.info
    made = (points - (info.width / 2, info.height / 2)) / info.height
    made[..., 0] *= float(info.sample_aspect_ratio)
    rows: list[list[list[float]]] = (np.round(made, 6) + 0.0).tolist()
    return rows


def _write_matrices(file: IO[str], layer: NumberedLayer, clip: Clip) -> None:
    """The motion of a layer, column by column, on every frame: in between nothing is known."""
    if not layer.placements:
        return
    info = clip.info
    pivot = (np.array(layer.pivot) - (info.width / 2, info.height / 2)) / info.height
    file.write('<Property id="transform.matrix">\n')
    for number in range(min(layer.placements), max(layer.placements) + 1):
        placement = placement_between(layer.placements, number)
        turn = turned(placement)
        shift = pivot + np.array(placement[:2]) / info.height - turn @ pivot
        matrix = np.eye(4)
        matrix[:2, :2], matrix[:2, 3] = turn, shift
        values = ",".join(f"{value:f}" for value in (matrix.T.ravel() + 0.0).tolist())
        file.write(f'<Key frame="{number - clip.first}" interp="linear">({values})</Key>\n')
    file.write("</Property>\n")


def _write_constant(file: IO[str], name: str, value: str) -> None:
    file.write(f'<Property constant="True" id="{name}"><Value>{value}</Value></Property>\n')


PARTS = {"silhouette": Silhouette}

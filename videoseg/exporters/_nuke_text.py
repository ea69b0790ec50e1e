"""Roto nodes on one frame as the text that Nuke copies and pastes.

Of animated points no sample of this text is known, so it is written for photographs alone. Numbers
are float32 in hexadecimal, as Nuke writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import numpy as np

from videoseg.exporters._keyed_shapes import upside_down
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape

_HEAD = "set cut_paste_input [stack 0]\nversion 15.0 v4\npush $cut_paste_input\n"
_ROOT_FLAGS = 2_097_152
"""The tree of shapes is shown expanded."""
_SHAPE_FLAGS = 512
"""The shape is rendered."""
_POINT_FLAGS = 8192
"""Tangents are relative to their point."""
_ROW = 80
"""Distance of nodes in the node graph."""


def write_head(file: IO[str]) -> None:
    """Write what comes before the nodes."""
    file.write(_HEAD)


def write_nodes(file: IO[str], layer: NumberedLayer, clip: Clip, column: int) -> None:
    """Write the nodes of a track, as the script makes them.

    Args:
        file: The text.
        layer: The track; its motion is in its points.
        clip: Its clip, of one frame.
        column: Place of its nodes from the left, pixels.
    """
    row = 0
    for number, group in enumerate(layer.groups):
        name = layer.group_name(number)
        parts = [shape for shape in group if shape.op == "add"]
        holes = [shape for shape in group if shape.op == "subtract"]
        if holes:  # the node that is written last becomes the input below
            _write_roto(file, f"{name}_holes", holes, clip, (column, row))
        _write_roto(file, name, parts, clip, (column, row + _ROW))
        if holes:
            _write_merge(file, f"{name}_matte", "stencil", (column, row + 2 * _ROW))
        if number:
            _write_merge(file, f"{name}_joined", "max", (column, row + 3 * _ROW))
        row += 4 * _ROW


def _write_roto(
    file: IO[str], name: str, shapes: Sequence[NumberedShape], clip: Clip, place: tuple[int, int]
) -> None:
    middle = f"{_hex(clip.info.width / 2)} {_hex(clip.info.height / 2)}"
    file.write(
        "Roto {\n inputs 0\n output alpha\n cliptype none\n"
        f" curves {{{{{{v {_hex(1.2)}}}\n  {{f 0}}\n  {{n\n   {{layer Root\n"
        f"    {{f {_ROOT_FLAGS}}}\n    {{t {middle}}}\n    {{a}}"
    )
    for shape in shapes:
        _write_shape(file, shape, clip)
    file.write(f"}}}}}}}}\n name {name}\n xpos {place[0]}\n ypos {place[1]}\n}}\n")


def _write_shape(file: IO[str], shape: NumberedShape, clip: Clip) -> None:
    ((number, knots),) = shape.keys.items()
    rows = upside_down(knots, clip.info.height)
    file.write(
        f"\n    {{curvegroup {shape.name} {_SHAPE_FLAGS} bezier\n"
        f"     {{{{cc\n       {{f {_POINT_FLAGS}}}\n       {{px {_hex(number)}"
    )
    for x, y, in_x, in_y, out_x, out_y in rows.tolist():
        for pair in ((in_x, in_y), (x, y), (out_x, out_y)):
            file.write(f"\n        {{{_hex(pair[0])} {_hex(pair[1])}}}")
    pivot = " ".join(_hex(value) for value in rows[:, :2].mean(axis=0).tolist())
    middle = f"spx {_hex(clip.info.width / 2)} spy {_hex(clip.info.height / 2)}"
    file.write(
        f"}}}}     idem}}\n     {{tx {_hex(number)} {pivot}}}\n"
        f"     {{a osw {_hex(10)} osf 0 str 1 {middle} sb 1 tt {_hex(4)}}}}}"
    )


def _write_merge(file: IO[str], name: str, operation: str, place: tuple[int, int]) -> None:
    file.write(
        f"Merge2 {{\n inputs 2\n operation {operation}\n name {name}\n"
        f" xpos {place[0]}\n ypos {place[1]}\n}}\n"
    )


def _hex(value: float) -> str:
    """A number as Nuke's text has it."""
    return f"x{np.float32(value).view(np.uint32):08x}" if value else "0"

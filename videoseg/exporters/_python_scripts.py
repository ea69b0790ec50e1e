"""Shapes as values of Python, for the scripts that make them in Nuke, Natron and Blender.

Numbers stand in one string for each key: that takes less memory to run than a tuple for each point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, TypeAlias

from videoseg.formats.literals import decimals
from videoseg.geometry.arrays import Values
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape
from videoseg.types import Knot

Rows: TypeAlias = Callable[[Sequence[Knot], Clip], Values]
"""The numbers of a key as the program counts them."""


def write_shape(
    file: IO[str], shape: NumberedShape, clip: Clip, rows: Rows, *more: str, digits: int = 3
) -> None:
    """Write ``(name, more, presence, keys)`` and a comma.

    Args:
        file: The script.
        shape: The shape.
        clip: Its clip.
        rows: Gives the numbers.
        more: Words that follow the name.
        digits: Decimals of the numbers.
    """
    names = "".join(f'"{each}", ' for each in (shape.name, *more))
    presence = ", ".join(str(each) for each in shape.presence(clip.first))
    file.write(f"        ({names}[{presence}], [\n")
    for number, knots in shape.keys.items():
        file.write(f'            ({number}, "{decimals(rows(knots, clip), digits)}"),\n')
    file.write("        ]),\n")


def write_groups(file: IO[str], layer: NumberedLayer, clip: Clip, rows: Rows) -> None:
    """Write ``(name, parts, holes)`` and a comma for each group."""
    for number, group in enumerate(layer.groups):
        file.write(f'    ("{layer.group_name(number)}", [\n')
        for op, end in (("add", "    ], [\n"), ("subtract", "    ]),\n")):
            for shape in group:
                if shape.op == op:
                    write_shape(file, shape, clip, rows)
            file.write(end)

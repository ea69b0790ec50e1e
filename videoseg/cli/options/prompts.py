"""How a command line says what to look for; alike for every verb that takes prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from videoseg.types import Prompt

Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="TEXT", help="Phrase to find; repeat for more objects."),
]
Box = Annotated[
    list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The object is in this box.")
]
NotBox = Annotated[list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Exclude this box.")]
Point = Annotated[list[str] | None, typer.Option(metavar="X,Y", help="A point on the object.")]
NotPoint = Annotated[
    list[str] | None, typer.Option(metavar="X,Y", help="A point that is not on the object.")
]
Mask = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="The object on the first frame: PNG or SVG."),
]
Shorthand = Annotated[
    list[str] | None,
    typer.Option("--prompt", metavar="KEY=VALUE;...", help="One object; repeat for more objects."),
]
PromptFile = Annotated[
    Path | None, typer.Option("--prompts", metavar="FILE", help="Read prompts from a JSON file.")
]
RepeatPrompt = Annotated[
    bool, typer.Option("--repeat-prompt", help="Use the same boxes and points on every frame.")
]


def prompts_of(
    texts: Sequence[str],
    boxes: Sequence[str] | None,
    not_boxes: Sequence[str] | None,
    points: Sequence[str] | None,
    not_points: Sequence[str] | None,
    masks: Sequence[str] | None,
    shorthand: Sequence[str] | None,
    file: Path | None,
) -> tuple[Prompt, ...]:
    """The prompts of one command line; bare boxes, points and masks belong to the bare text.

    Raises:
        PromptError: A mark cannot be read, or there are bare marks and several bare texts.
    """
    from videoseg.prompts import (
        Marks,
        as_prompts,
        listed,
        load_prompts,
        parse_numbers,
        parse_prompt,
    )

    def numbers(values: Sequence[str] | None, count: int, flag: str) -> list[tuple[float, ...]]:
        return [parse_numbers(value, count, flag) for value in values or ()]

    marks = Marks(
        box=numbers(boxes, 4, "--box"),
        not_box=numbers(not_boxes, 4, "--not-box"),
        point=numbers(points, 2, "--point"),
        not_point=numbers(not_points, 2, "--not-point"),
        mask=masks,
    )
    marked = any((boxes, not_boxes, points, not_points, masks))
    found = list(as_prompts(texts, marks)) if texts or marked else []
    for item in shorthand or ():
        found += listed(parse_prompt(item))
    if file is not None:
        found += load_prompts(file)
    return tuple(found)

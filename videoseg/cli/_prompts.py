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
    shorthand: Sequence[str] | None,
    file: Path | None,
) -> tuple[Prompt, ...]:
    """The prompts of one command line; bare boxes and points belong to the bare text.

    Raises:
        PromptError: A mark cannot be read, or there are bare marks and several bare texts.
    """
    from videoseg.errors import PromptError
    from videoseg.prompts import by_hand, load_prompts, parse_numbers, parse_prompt
    from videoseg.types import Prompt

    def numbers(values: Sequence[str] | None, count: int, flag: str) -> list[tuple[float, ...]]:
        return [parse_numbers(value, count, flag) for value in values or ()]

    cues = by_hand(
        boxes=numbers(boxes, 4, "--box"),
        not_boxes=numbers(not_boxes, 4, "--not-box"),
        points=numbers(points, 2, "--point"),
        not_points=numbers(not_points, 2, "--not-point"),
    )
    found: list[Prompt] = []
    if cues and len(texts) > 1:
        raise PromptError(
            "boxes and points with several phrases could belong to any of them; "
            "write --prompt 'text=...;box=...' for each object"
        )
    found += [Prompt(label=text or "object", text=text, cues=cues) for text in texts]
    if cues and not texts:
        found.append(Prompt(label="object", cues=cues))
    found += [parse_prompt(item) for item in shorthand or ()]
    if file is not None:
        found += load_prompts(file)
    return tuple(found)

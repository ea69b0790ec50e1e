"""How a command line says what to look for; alike for every verb that takes prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from videoseg.cli.options.settings import RunOptions
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.jobs.rerun import Finished
    from videoseg.types import Prompt

Text: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="TEXT", help="Phrase to find; repeat for more objects."),
]
Box: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The object is in this box.")
]


@dataclass(frozen=True)
class MarkOptions(RunOptions):
    """What to look for, beside phrases."""

    box: Box = None
    not_box: Annotated[
        list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Exclude this box.")
    ] = None
    point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="A point on the object.")
    ] = None
    not_point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="A point that is not on the object.")
    ] = None
    mask: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="The object on the first frame: PNG or SVG."),
    ] = None
    prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE;...", help="One object; repeat for more objects."),
    ] = None
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read prompts from a JSON file.")
    ] = None

    def any_given(self) -> bool:
        """Whether something to look for was given."""
        return self.marked or bool(self.prompt or self.prompts)

    def with_texts(self, texts: Sequence[str], at: int = 0) -> tuple[Prompt, ...]:
        """The prompts of one command line; bare boxes, points and masks belong to the bare text.

        Args:
            texts: The bare texts.
            at: Index of the frame that bare boxes, points and masks were made on.

        Raises:
            PromptError: A mark cannot be read, or there are bare marks and several bare texts.
        """
        from videoseg.prompts import Marks, as_prompts, listed, load_prompts, parse_prompt

        marks = Marks(
            box=numbers(self.box, 4, "--box"),
            not_box=numbers(self.not_box, 4, "--not-box"),
            point=numbers(self.point, 2, "--point"),
            not_point=numbers(self.not_point, 2, "--not-point"),
            mask=self.mask,
            at=at,
        )
        found = list(as_prompts(texts, marks)) if texts or self.marked else []
        for item in self.prompt or ():
            found += listed(parse_prompt(item))
        if self.prompts is not None:
            found += load_prompts(self.prompts)
        return tuple(found)

    @property
    def marked(self) -> bool:
        """Whether there are bare boxes, points or masks."""
        return any((self.box, self.not_box, self.point, self.not_point, self.mask))


@dataclass(frozen=True)
class PromptOptions(MarkOptions):
    """What to look for, beside phrases, and how it is meant."""

    repeat_prompt: Annotated[
        bool,
        typer.Option("--repeat-prompt", help="Use the same boxes and points on every frame."),
    ] = False

    def flags(self) -> dict[str, Any]:
        """Whether prompts are repeated."""
        return {"repeat_prompt": self.repeat_prompt}


@dataclass(frozen=True)
class AddedOptions(MarkOptions):
    """What to look for besides, in a finished run."""

    text: Text = None
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Frame of boxes, points and masks: 12.5 or 250f."),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted rerun with new prompts.")
    ] = False

    def add_to(self, run: Finished) -> bool:
        """Add the prompts to a run; whether there are any.

        Raises:
            PromptError: One does not fit.
            UsageError: There is a place and nothing that lies there.
        """
        if self.at is not None and not self.marked:
            raise UsageError(
                "--at says on which frame --box, --point or --mask lies; give one of them"
            )
        if not self.text and not self.any_given():
            return False
        run.add(self.with_texts(self.text or (), 0 if self.at is None else run.index_of(self.at)))
        return True


def numbers(values: Sequence[str] | None, count: int, flag: str) -> list[tuple[float, ...]]:
    """The numbers of each value of an option, for example ``1,2,3,4``.

    Raises:
        PromptError: A value is not so many numbers.
    """
    from videoseg.prompts import parse_numbers

    return [parse_numbers(value, count, flag) for value in values or ()]

"""What marks an object on a frame, in pixels or in shares of the frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from videoseg.errors import PromptError
from videoseg.types import Cue, Mask, Prompt, StreamInfo, values

Numbers: TypeAlias = Sequence[float]


class Shares(tuple[float, ...]):
    """Coordinates as shares of the frame's width and height, 1 for all of it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, init=False)
class ShareCue(Cue):
    """A cue in shares of the frame, until its size is known (``in_pixels``)."""


def parse_numbers(text: str, count: int, what: str) -> tuple[float, ...]:
    """Parse ``"10,20,80,90"`` into ``count`` numbers; ``"10%,20%,50%,60%"`` gives ``Shares``.

    Raises:
        PromptError: There are more or fewer, or one is not a number.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    shares = all(piece.endswith("%") for piece in pieces)
    try:
        numbers = tuple(float(piece[:-1] if shares else piece) for piece in pieces)
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        form = "x,y" if count == 2 else "x1,y1,x2,y2"
        raise PromptError(f"{what} is {form} in pixels, or all in per cent, got {text!r}")
    return Shares(number / 100 for number in numbers) if shares else numbers


@dataclass(frozen=True)
class Marks:
    """What marks one object on one frame.

    Attributes:
        box: Boxes ``x1, y1, x2, y2`` around it: one, or several.
        point: Points ``x, y`` on it.
        not_box: Boxes around what is not meant.
        not_point: Points beside it.
        mask: Masks of it: each a ``Mask``, an array (H, W) of the whole frame, or a file.
        at: Index of the frame; None = every frame.
    """

    box: Any = None
    point: Any = None
    not_box: Any = None
    not_point: Any = None
    mask: Any = None
    at: Any = 0

    def cues(self) -> tuple[Cue, ...]:
        """The cues that they make: one for each mask, and one with all points and boxes.

        Those in shares of the frame make another one.

        Raises:
            PromptError: A mark does not fit.
        """
        found = [Cue(self.at, mask=mask) for mask in _masks(self.mask)]
        for kind, shares in ((Cue, False), (ShareCue, True)):
            box, not_box = (_in_unit(each, shares) for each in (self.box, self.not_box))
            point, not_point = (_in_unit(each, shares) for each in (self.point, self.not_point))
            points = (*_told(values.points, point, True), *_told(values.points, not_point))
            boxes = (*_told(values.boxes, box, True), *_told(values.boxes, not_box))
            if points or boxes:
                found.append(kind(self.at, points, boxes))
        return tuple(found)


def in_pixels(prompts: Iterable[Prompt], info: StreamInfo) -> tuple[Prompt, ...]:
    """The same prompts with what is in shares of the frame in pixels of a stream."""
    wide, high = info.width, info.height

    def placed(cue: Cue) -> Cue:
        if not isinstance(cue, ShareCue):
            return cue
        points = tuple((x * wide, y * high, said) for x, y, said in cue.points)
        boxes = tuple(
            (x1 * wide, y1 * high, x2 * wide, y2 * high, said) for x1, y1, x2, y2, said in cue.boxes
        )
        return Cue(frame=cue.frame, points=points, boxes=boxes)

    return tuple(replace(prompt, cues=tuple(map(placed, prompt.cues))) for prompt in prompts)


def _told(
    convert: Callable[[Any], tuple[tuple[Any, ...], ...]], given: Any, positive: bool | None = None
) -> Iterator[tuple[Any, ...]]:
    """Converted marks; those that are not ``positive=True`` show what is not meant."""
    for mark in convert(given):
        yield mark if positive else (*mark[:-1], False)


def _in_unit(given: Any, shares: bool) -> Any:
    """Marks that are ``Shares``, or those that are not; only lists of marks can hold both."""
    if isinstance(given, Shares):
        given = [given]
    if not isinstance(given, list):
        return None if shares else given
    return [mark for mark in given if isinstance(mark, Shares) is shares]


def _masks(given: Any) -> list[Any]:
    """Single masks: one is a ``Mask``, a file, or an array (H, W)."""
    if given is None:
        return []
    single = isinstance(given, Mask | str | os.PathLike) or getattr(given, "ndim", 0) == 2
    single = single or not isinstance(given, Iterable)  # such as a picture of Pillow
    return [given] if single else values.sequence(given, "masks")

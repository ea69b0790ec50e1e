"""What to find: prompts, and the cues that say where it is. Both convert what they are given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

from videoseg.errors import PromptError, shown
from videoseg.types import values
from videoseg.types.shapes import Mask

PromptKind: TypeAlias = Literal["text", "point", "negative", "box", "mask"]
Marks: TypeAlias = Sequence[Any] | npt.NDArray[Any] | None
"""Points or boxes: one, or a sequence or array of them (see ``values.py``)."""
GivenMask: TypeAlias = Mask | str | os.PathLike[str] | npt.ArrayLike | None
"""A mask, an array of the whole frame, or a file that holds one."""


@dataclass(frozen=True, slots=True, init=False)
class Cue:
    """Where an object is, by hand, in source pixels.

    Attributes:
        frame: Index of the frame it was made on; None means every frame.
        points: ``(x, y, positive)``; a point that is not positive lies outside the object.
        boxes: ``(x1, y1, x2, y2, positive)``; a box that is not positive shows what is not meant.
        mask: The object as found elsewhere, or None.
        mask_file: A picture or SVG that holds the mask, until a run reads it for its frames' size
            (``jobs.mask_files``); None in what models are asked.
    """

    frame: int | None
    points: tuple[tuple[float, float, bool], ...]
    boxes: tuple[tuple[float, float, float, float, bool], ...]
    mask: Mask | None
    mask_file: Path | None

    def __init__(
        self,
        frame: Any = None,
        points: Marks = (),
        boxes: Marks = (),
        mask: GivenMask = None,
        mask_file: str | os.PathLike[str] | None = None,
    ) -> None:
        """Check and convert what is given.

        Args:
            frame: Index of the frame, a whole number of any type, or None.
            points: ``x, y`` or ``x, y, positive``: one, or a sequence or array of them.
            boxes: ``x1, y1, x2, y2``, likewise.
            mask: The object: a ``Mask``, an array (H, W) of the whole frame, or a file.
            mask_file: The file, where ``mask`` is not one.

        Raises:
            PromptError: Something does not fit; shows the value.
        """
        if isinstance(mask, str | os.PathLike):
            mask, mask_file = None, mask
        set_ = object.__setattr__
        set_(self, "frame", None if frame is None else values.whole(frame, "a cue's frame"))
        set_(self, "points", values.points(points))
        set_(self, "boxes", values.boxes(boxes))
        set_(self, "mask", _mask(mask))
        set_(self, "mask_file", None if mask_file is None else Path(mask_file))
        if not (self.points or self.boxes or self.has_mask):
            raise PromptError("a cue needs a point, a box or a mask")

    @property
    def has_mask(self) -> bool:
        """Whether it holds a mask or names a file of one."""
        return self.mask is not None or self.mask_file is not None

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompt that this cue asks a model to understand."""
        kinds: set[PromptKind] = set()
        for *_, positive in self.points:
            kinds.add("point" if positive else "negative")
        for *_, positive in self.boxes:
            kinds.add("box" if positive else "negative")
        if self.has_mask:
            kinds.add("mask")
        return frozenset(kinds)


@dataclass(frozen=True, slots=True, init=False)
class Prompt:
    """One thing to find: text, cues, or both. Later cues correct the same object.

    Attributes:
        label: Name written into the outputs; free text.
        text: The phrase to ground, or None.
        cues: Where it is, by hand.
        max_instances: Keep at most this many per frame, best first; None = all.
    """

    label: str
    text: str | None
    cues: tuple[Cue, ...]
    max_instances: int | None

    def __init__(
        self,
        label: str | None = None,
        text: str | None = None,
        cues: Sequence[Cue] = (),
        max_instances: Any = None,
    ) -> None:
        """Check and convert what is given.

        Args:
            label: Name written into the outputs; by default the text, or ``object``.
            text: The phrase to ground, or None.
            cues: Where it is: a sequence of ``Cue``.
            max_instances: A whole number from 1, of any type, or None.

        Raises:
            PromptError: Something does not fit; shows the value.
        """
        if text is not None and not isinstance(text, str):
            raise PromptError(f"text must be a string, got {shown(text)}")
        if text is not None and not text.strip():
            raise PromptError("an empty phrase names nothing; give words, a box or a point")
        if isinstance(cues, Cue):
            raise PromptError(f"cues must be a sequence: write cues=[cue], got {shown(cues)}")
        given = tuple(values.sequence(cues, "cues"))
        for cue in given:
            if not isinstance(cue, Cue):
                raise PromptError(f"cues must be a sequence of Cue, got {shown(cue)} in it")
        label = label if label is not None else text or "object"
        if not isinstance(label, str):
            raise PromptError(f"label must be a string, got {shown(label)}")
        if text is None and not given:
            raise PromptError(f"prompt {label!r} needs text, a point, a box or a mask")
        most = max_instances
        set_ = object.__setattr__
        set_(self, "label", label)
        set_(self, "text", text)
        set_(self, "cues", given)
        set_(
            self,
            "max_instances",
            None if most is None else values.whole(most, "max_instances", least=1),
        )

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompt that this asks a model to understand."""
        kinds: set[PromptKind] = set() if self.text is None else {"text"}
        return frozenset(kinds.union(*(cue.kinds for cue in self.cues)))


def _mask(value: object) -> Mask | None:
    """A mask as it is, or of an array of the whole frame."""
    if value is None or isinstance(value, Mask):
        return value
    try:
        return Mask.from_array(value)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:  # numpy's, of a tensor on a GPU for one
        raise PromptError(f"mask: {' '.join(str(error).split())}") from error

"""What a model says of itself before it is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from videoseg.errors import shown
from videoseg.types.prompts import PromptKind


@dataclass(frozen=True, slots=True)
class Figure:
    """What a model answers to one question about the picture of ``videoseg models check``.

    Attributes:
        question: ``text``, ``point`` or ``box``.
        count: How many objects it finds.
        score: Of the best of them; 0 where there is none.
        box: Of the best: x1, y1, x2, y2 in pixels of the picture.
        area: Pixels of its mask; 0 for a model that finds boxes.
    """

    question: str
    count: int
    score: float = 0.0
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    area: int = 0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is and takes, readable without loading it.

    Attributes:
        name: Name under which ``--model`` finds it.
        summary: One line for a table.
        kinds: Kinds of prompt it understands.
        open_vocabulary: Whether it takes any phrase rather than a fixed list of things.
        licence: Licence of the weights.
        megabytes: Size of the weights on disk.
        extra: The extra to install (``videoseg[extra]``), or None for the core.
        packages: Packages that the extra brings and the model cannot do without.
        weights: Hub ids with pinned revisions (``org/name@commit``), or files of the package.
        memory: Megabytes that asking one frame takes in fp32, weights included; 0 = hardly any.
        rank: ``--model auto`` takes the highest of those on this machine; 0 = never.
        sends_frames_away: True when frames leave this machine.
        grounds: True for a ``Grounder``, which finds boxes and is asked together with a segmenter:
            ``grounder+segmenter``.
        independent: Whether it answers a prompt, and follows its object, alike to the last bit
            whatever else is asked beside it, and gives instances in the order of the prompts.
        about: File of the package, in the folder of the model's module, that tells more: what it
            learned from, what it knows, where it fails, figures.
        figures: What it answers with the weights of the card, for ``videoseg models check``.
    """

    name: str
    summary: str
    kinds: frozenset[PromptKind]
    open_vocabulary: bool
    licence: str
    megabytes: float
    extra: str | None = None
    weights: tuple[str, ...] = field(default=())
    sends_frames_away: bool = False
    packages: tuple[str, ...] = ()
    memory: float = 0
    rank: int = 0
    grounds: bool = False
    independent: bool = False
    about: str = ""
    figures: tuple[Figure, ...] = ()

    def __post_init__(self) -> None:
        known = get_args(PromptKind)
        if not self.kinds or not set(self.kinds) <= set(known):
            raise ValueError(f"kinds must be some of {', '.join(known)}, got {shown(self.kinds)}")
        object.__setattr__(self, "kinds", frozenset(self.kinds))
        for name in ("weights", "packages"):
            given: object = getattr(self, name)
            if not isinstance(given, Iterable) or isinstance(given, str):
                raise ValueError(f"{name} must be a tuple of names, got {shown(given)}")
            object.__setattr__(self, name, tuple(given))

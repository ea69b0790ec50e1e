"""What a run asks: prompts of what a caller gives, and those of one frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videoseg.errors import PromptError, shown
from videoseg.prompts.marks import Marks
from videoseg.prompts.phrases import listed
from videoseg.types import Prompt, values

_NONE = Marks()


@dataclass(frozen=True, slots=True)
class Refused:
    """A prompt that the model cannot ground.

    Attributes:
        prompt: Its place among the prompts of the run.
        label: Its label.
        text: Its words.
        reason: Why it is refused, in one line.
    """

    prompt: int
    label: str
    text: str
    reason: str


def as_prompts(asked: Any, marks: Marks = _NONE) -> tuple[Prompt, ...]:
    """Prompts of what a caller asks.

    Args:
        asked: A phrase, a ``Prompt``, or a sequence of both; a text may list several phrases
            (``split_phrases``), that of a ``Prompt`` is one.
        marks: Belong to the only phrase, or stand for themselves.

    Raises:
        PromptError: Nothing is asked, a mark does not fit, or it could belong to several phrases.
    """
    given = [asked] if isinstance(asked, str | Prompt) else values.sequence(asked, "prompts")
    cues = marks.cues()
    if cues and len(given) > 1:
        raise PromptError(
            "boxes, points and masks beside several phrases could belong to any; give each object "
            "a prompt of its own: --prompt 'text=...;box=...', or Prompt(text=..., cues=...)"
        )
    found = []
    for each in given:
        if isinstance(each, Prompt):
            found.append(replace(each, cues=(*each.cues, *cues)) if cues else each)
        elif isinstance(each, str):
            found += listed(Prompt(text=str(each), cues=cues))
        else:
            raise PromptError(f"a prompt is a phrase or a Prompt, got {shown(each)}")
    if cues and not given:
        found.append(Prompt(cues=cues))
    if not found:
        raise PromptError("nothing to look for: give words, a box, a point or a mask")
    return tuple(found)


def on_every_frame(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    """The same prompts with their cues meant for every frame as given, carried nowhere."""
    return tuple(
        replace(prompt, cues=tuple(replace(cue, frame=None) for cue in prompt.cues))
        for prompt in prompts
    )


def prompt_on(prompt: Prompt, index: int) -> Prompt | None:
    """A prompt as it holds on one frame for itself; None where its marks are on others."""
    if not prompt.cues:
        return prompt
    here = [replace(cue, frame=None) for cue in prompt.cues if cue.frame in (None, index)]
    return replace(prompt, cues=tuple(here)) if here else None


def is_carried(prompt: Prompt) -> bool:
    """Whether a prompt is marked on some frames, from which it is followed."""
    return any(cue.frame is not None for cue in prompt.cues)


def mask_files(prompts: Iterable[Prompt]) -> list[Path]:
    """The files that prompts take masks from."""
    files = (cue.mask_file for prompt in prompts for cue in prompt.cues)
    return [file for file in files if file is not None]

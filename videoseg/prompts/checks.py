"""Refuses prompts that a model or an input cannot take, before any work."""

from __future__ import annotations

from collections.abc import Sequence

from videoseg.errors import PromptError
from videoseg.prompts.marks import Numbers
from videoseg.types import ModelCard, Prompt, StreamInfo


def check_kinds(prompts: Sequence[Prompt], card: ModelCard) -> None:
    """Refuse prompts of kinds that a model does not take.

    Raises:
        PromptError: Naming the kinds that it takes and the one that a prompt needs.
    """
    for prompt in prompts:
        missing = prompt.kinds - card.kinds
        if missing:
            raise PromptError(
                f"model {card.name!r} takes {', '.join(sorted(card.kinds))}, but prompt "
                f"{prompt.label!r} needs {', '.join(sorted(missing))}; `videoseg models` lists more"
            )


def check_prompts(prompts: Sequence[Prompt], info: StreamInfo) -> None:
    """Refuse cues that cannot be on this stream, before any work.

    Raises:
        PromptError: A point or box lies outside the frame, or seems to be in shares of it, or its
            frame is not in the stream.
    """
    size = f"the frame is {info.width} x {info.height}"
    for prompt in prompts:
        for cue in prompt.cues:
            for x, y, _ in cue.points:
                if not (0 <= x <= info.width and 0 <= y <= info.height):
                    raise PromptError(f"point {x:g},{y:g} of {prompt.label!r} lies outside: {size}")
                if (x % 1 or y % 1) and (hint := _shares_hint((x, y), info)):
                    raise PromptError(f"point {x:g},{y:g} of {prompt.label!r} {hint}")
            for x1, y1, x2, y2, _ in cue.boxes:
                if x1 >= info.width or y1 >= info.height or x2 <= 0 or y2 <= 0:
                    raise PromptError(
                        f"box {x1:g},{y1:g},{x2:g},{y2:g} of {prompt.label!r} lies outside: {size}"
                    )
                if hint := _shares_hint((x1, y1, x2, y2), info):
                    raise PromptError(f"box {x1:g},{y1:g},{x2:g},{y2:g} of {prompt.label!r} {hint}")
            mask = cue.mask
            if mask is not None and (mask.frame_width, mask.frame_height) != (
                info.width,
                info.height,
            ):
                raise PromptError(
                    f"the mask of {prompt.label!r} is {mask.frame_width} x {mask.frame_height}, "
                    f"but {size}"
                )
            if cue.frame is not None and info.frame_count and cue.frame >= info.frame_count:
                raise PromptError(
                    f"prompt {prompt.label!r} is anchored at frame {cue.frame}, but "
                    f"{info.stream} has {info.frame_count} frames (0 to {info.frame_count - 1})"
                )


def _shares_hint(numbers: Numbers, info: StreamInfo) -> str:
    """What to write where numbers are hardly meant as pixels; empty where they may be."""
    if max(numbers) > 1 or min(numbers) < 0 or (info.width, info.height) == (1, 1):
        return ""
    shares = ",".join(f"{100 * number:g}%" for number in numbers)
    return (
        f"lies within one pixel of the {info.width} x {info.height} frame; if you mean shares of "
        f"the frame, write {shares}"
    )

"""Prompts that are added to those of a run: another cue of an object, or another object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from videoseg.errors import PromptError, shown
from videoseg.types import Prompt


def with_added(before: Sequence[Prompt], added: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """The prompts of a run with more.

    One with the label of an object that is there adds its cues to it; any other is a new object.
    Cues that are there already are left out.

    Raises:
        PromptError: It is not clear which object is meant, it is another one under the same label,
            or nothing of it is new.
    """
    found = list(before)
    for prompt in added:
        places = [n for n, known in enumerate(found) if known.label == prompt.label]
        if not places:
            found.append(prompt)
            continue
        if len(places) > 1:
            raise PromptError(
                f"{len(places)} objects of the run are called {prompt.label!r}; a new cue could "
                "belong to any of them"
            )
        found[places[0]] = _corrected(found[places[0]], prompt)
    if found == list(before):
        raise PromptError("nothing of these prompts is new: the run has found all of it")
    return tuple(found)


def _corrected(known: Prompt, more: Prompt) -> Prompt:
    """A prompt with the cues of another one, which means the same object."""
    if more.text not in (None, known.text):
        raise PromptError(
            f"the run has an object {known.label!r} with the text {shown(known.text)}; give this "
            f"one another label: label=...;text={more.text}"
        )
    if more.max_instances not in (None, known.max_instances):
        raise PromptError(
            f"max of {known.label!r} is {known.max_instances} in the run, and cannot be changed"
        )
    new = tuple(cue for cue in more.cues if cue not in known.cues)
    return replace(known, cues=(*known.cues, *new))

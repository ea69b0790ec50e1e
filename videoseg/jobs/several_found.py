"""Notices where a phrase that names one thing finds several, so that a run can say so, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from videoseg.types import Detections, Prompt

_MAX_PHRASE = 80
"""A note quotes no more characters of a phrase than this."""


@dataclass(slots=True)
class SeveralFound:
    """Counts what is found for phrases that name one thing.

    Attributes:
        prompts: What is asked; ``Instance.prompt`` indexes them.
        can_pick: Whether the model has a setting that says which of several is meant.
    """

    prompts: Sequence[Prompt]
    can_pick: bool
    _said: set[int] = field(init=False, repr=False, default_factory=set)

    def look(self, answer: Detections) -> list[str]:
        """What is new to say, a line for each phrase that finds several for the first time."""
        found = Counter(one.prompt for one in answer.instances)
        new = [
            index
            for index, count in found.items()
            if count > 1 and index not in self._said and _names_one(self.prompts[index])
        ]
        self._said.update(new)
        return [self._line(index, found[index], answer.index) for index in new]

    def _line(self, index: int, count: int, frame: int) -> str:
        phrase = (self.prompts[index].text or "")[:_MAX_PHRASE]
        pick = "choose it with --pick left, largest or a number, or " if self.can_pick else ""
        return (
            f"{phrase!r} fits {count} things on frame {frame}, and all are followed; to follow "
            f"one, {pick}mark it with --box or --point"
        )


def _names_one(prompt: Prompt) -> bool:
    """Whether a phrase means one thing: "the girl", but not "the girls" nor "girl"."""
    words = (prompt.text or "").lower().split()
    one = len(words) > 1 and words[0] in ("the", "this", "that") and not words[-1].endswith("s")
    return one and not prompt.cues and prompt.max_instances != 1

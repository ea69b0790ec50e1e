"""Which objects of one stream the model must follow anew, where the answers of others are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from videoseg.geometry import masks
from videoseg.stages.known_answers import ALWAYS, KnownAnswers
from videoseg.types import Cue, Detections, Frame, Mask, Prompt


@dataclass(slots=True)
class Reused:
    """Keeps track of what is known of one stream.

    From a new cue on, an object is followed anew. If nothing is remembered of it but its last mask,
    that ends where the mask is the known one again: behind a cut, at a mask that was drawn.

    Attributes:
        known: The answers of an earlier run.
        remembers: Whether what follows an object remembers all frames since its first mark.
        anew: Numbers of the prompts whose answers do not hold on the latest frame.
    """

    known: KnownAnswers
    remembers: bool
    anew: set[int] = field(init=False)
    _starts: dict[int, tuple[int, ...]] = field(init=False)
    _for_good: set[int] = field(init=False)
    _logged: Detections = field(init=False)

    def __post_init__(self) -> None:
        count = range(len(self.known.prompts))
        self._starts = {n: self.known.starts(n, remembers=self.remembers) for n in count}
        self.anew = {n for n, starts in self._starts.items() if starts == (ALWAYS,)}
        self._for_good = set(self.anew)

    def begin(self, before: int, frame: Frame) -> list[int]:
        """Come to the next frame; give the prompts that are followed anew from here on.

        Raises:
            RunLogError: There is no answer about it.
        """
        self._logged = self.known.on(frame)
        begun = [
            n
            for n, starts in self._starts.items()
            if n not in self.anew and any(before < start <= frame.index for start in starts)
        ]
        self.anew |= {*begun}
        self._for_good |= {n for n in begun if self.remembers or self.known.is_mixed(n)}
        return begun

    def is_joined(self, number: int, stop: int) -> bool:
        """Whether what is known of a prompt before a cue's frame has come from that cue as well."""
        starts = self._starts[number]
        if starts == (ALWAYS,) or self.remembers or self.known.is_mixed(number):
            return not starts
        return not starts or stop < starts[0]

    def kept(self, before: int, frame: Frame) -> Detections:
        """What is known of all other prompts on this frame."""
        prompts = self.known.prompts
        held = {n for n in range(len(prompts)) if n not in self.anew}
        shown = held - {n for n in self.known.back_anew if not has_begun(prompts[n], frame)}
        said: tuple[float | None, ...] = ()
        due = {n for n in held if _is_due(prompts[n], before, frame)}
        if due:
            presence = enumerate(self._logged.presence)
            said = tuple(value if n in due else None for n, value in presence)
        found = tuple(one for one in self._logged.instances if one.prompt in shown)
        return replace(self._logged, instances=found, presence=said)

    def settle(self, found: Mapping[int, Mask]) -> list[int]:
        """Prompts whose masks on this frame are the known ones, so that answers hold again.

        Args:
            found: The masks that are followed on from this frame, by prompt.
        """
        logged = {one.prompt: one.mask for one in self._logged.instances}
        settled = [n for n in self.anew - self._for_good if _is_same(found.get(n), logged.get(n))]
        self.anew -= {*settled}
        return settled


def has_begun(prompt: Prompt, frame: Frame) -> bool:
    """Whether a cue of the prompt holds by now: what was found before came backwards."""
    return any(cue.frame is None or cue.frame <= frame.index for cue in prompt.cues)


def cues_due(prompt: Prompt, before: int, frame: Frame) -> list[Cue]:
    """The cues of a prompt that are asked on a frame; ``before`` is the index of the last one."""
    return [cue for cue in prompt.cues if cue.frame is None or before < cue.frame <= frame.index]


def drawn_on(prompt: Prompt, frame: Frame) -> Mask | None:
    """The object as it was drawn on this very frame, where nothing but masks says how it lies."""
    here = [cue for cue in prompt.cues if cue.frame in (None, frame.index)]
    given = [cue.mask for cue in here if cue.mask is not None]
    whole = all(cue.frame is not None and not cue.points and not cue.boxes for cue in here)
    return masks.union(given) if whole else None


def _is_due(prompt: Prompt, before: int, frame: Frame) -> bool:
    """Whether the model is asked a prompt on a frame."""
    if not prompt.cues:
        return True
    return bool(cues_due(prompt, before, frame)) and drawn_on(prompt, frame) is None


def _is_same(a: Mask | None, b: Mask | None) -> bool:
    """Whether an object is followed on alike from two masks."""
    if a is None or b is None:
        return a is b
    return a.crop == b.crop and np.array_equal(a.bitmap, b.bitmap)

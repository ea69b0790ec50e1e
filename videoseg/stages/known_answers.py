"""Answers of an earlier run with fewer cues: which of them hold still, object by object.

The model must answer a prompt alike whatever else is asked (``ModelCard.independent``). Then an
object whose prompt is the same has the same answers, and of one with another cue those before it
hold: up to where that cue can reach back, which a model with a memory decides. Between two cues an
answer comes from both, so that from where a cue is put between others nothing holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from videoseg.errors import RunLogError
from videoseg.stages.backwards import first_mark
from videoseg.types import Detections, Frame, Prompt

ALWAYS = -1
"""Instead of a frame: from the first on, and before it."""


@dataclass(slots=True)
class KnownAnswers:
    """What an earlier run has answered.

    Attributes:
        answers: Gives ``stream, index, answer`` of all frames, in their order.
        prompts: What is asked now.
        before: What was asked then; None for a prompt that is new.
        places: For each of the prompts its place in the answers.
        both_ways: Whether objects are followed from their cues in both directions.
        back_anew: Prompts that are followed back anew, before their first mark.
    """

    answers: Callable[[], Iterable[tuple[str, int, Detections | None]]]
    prompts: Sequence[Prompt]
    before: Sequence[Prompt | None]
    places: Sequence[int]
    both_ways: bool = True
    back_anew: frozenset[int] = field(init=False, default=frozenset())
    _log: Iterator[tuple[str, int, Detections | None]] | None = field(init=False, default=None)
    _waiting: dict[tuple[str, int], Detections | None] = field(init=False, default_factory=dict)
    _asked: defaultdict[str, bytearray] = field(
        init=False, default_factory=lambda: defaultdict(bytearray)
    )

    @property
    def frames(self) -> int:
        """How many frames the model was asked about."""
        return sum(map(sum, self._asked.values()))

    def rewind(self) -> None:
        """Frames are asked for from the first one again."""
        self._log = None
        self._waiting.clear()

    def on(self, frame: Frame) -> Detections:
        """The earlier answer about a frame; frames are asked for in their order, each once.

        Raises:
            RunLogError: There is none.
        """
        if self._log is None:
            self._log = iter(self.answers())
        key = (frame.stream, frame.index)
        while key not in self._waiting:
            stream, index, answer = next(self._log, (None, 0, None))
            if stream is None:
                raise RunLogError(f"the log has no answer for frame {frame.index} of {key[0]}")
            self._waiting[stream, index] = answer
        answer = self._waiting.pop(key)
        for passed in [one for one in self._waiting if one[0] == key[0] and one[1] < key[1]]:
            del self._waiting[passed]
        return self._numbered(answer) if answer is not None else Detections(*key)

    def starts(self, number: int, *, remembers: bool) -> tuple[int, ...]:
        """Frames from which on a prompt must be asked anew, in ascending order.

        Args:
            number: Of the prompt.
            remembers: Whether what follows it remembers all frames since its first mark.

        Returns:
            None: all answers hold. ``ALWAYS`` alone: none does.
        """
        now, then = self.prompts[number], self.before[number]
        if then is None or (now.label, now.text, now.max_instances) != (
            then.label,
            then.text,
            then.max_instances,
        ):
            return (ALWAYS,)
        kept = len(then.cues)
        if now.cues[:kept] != then.cues:
            return (ALWAYS,)
        added = [cue.frame for cue in now.cues[kept:]]
        if not added:
            return ()
        first = first_mark(then)
        frames = sorted(frame for frame in added if frame is not None)
        if first is None or len(frames) < len(added) or frames[0] <= first:
            return (ALWAYS,)
        if self.is_mixed(number):
            return (first,)
        return (first,) if remembers else tuple(dict.fromkeys(frames))

    def is_mixed(self, number: int) -> bool:
        """Whether a cue is added to a prompt among those that its answers come from both ways."""
        now, then = self.prompts[number], self.before[number]
        if not self.both_ways or then is None:
            return False
        frames = {cue.frame for cue in then.cues if cue.frame is not None}
        added = [cue.frame for cue in now.cues[len(then.cues) :] if cue.frame is not None]
        return len(frames) > 1 and min(added, default=max(frames) + 1) <= max(frames)

    def asked_everywhere(self) -> tuple[int, ...]:
        """The prompts of which nothing is known."""
        numbers = range(len(self.prompts))
        return tuple(n for n in numbers if self.starts(n, remembers=True) == (ALWAYS,))

    def holds_back(self, number: int) -> bool:
        """Whether what is known of a prompt before its first mark holds, unless cuts differ."""
        return self.starts(number, remembers=True) != (ALWAYS,)

    def latest_mark(self, behind: int) -> int | None:
        """The last of the first marks of prompts then, of those behind a frame."""
        marks = [first_mark(prompt) for prompt in self.before if prompt is not None]
        return max((mark for mark in marks if mark is not None and mark > behind), default=None)

    def count(self, stream: str, index: int) -> None:
        """The model is asked about a frame, maybe not for the first time."""
        asked = self._asked[stream]
        asked.extend(bytes(max(0, index + 1 - len(asked))))
        asked[index] = 1

    def _numbered(self, answer: Detections) -> Detections:
        """An answer with the prompts that are asked now, by their number."""
        number = {place: n for n, place in enumerate(self.places) if self.before[n] is not None}
        found = tuple(
            replace(one, prompt=number[one.prompt])
            for one in answer.instances
            if one.prompt in number
        )
        presence: tuple[float | None, ...] = ()
        if answer.presence:
            known = {n: answer.presence[place] for place, n in number.items()}
            presence = tuple(known.get(n) for n in range(len(self.prompts)))
        return replace(answer, instances=found, presence=presence)


def in_order(answer: Detections) -> Detections:
    """An answer with its instances in the order of their prompts."""
    return replace(answer, instances=tuple(sorted(answer.instances, key=lambda one: one.prompt)))


def combined(asked: Detections, known: Detections, count: int) -> Detections:
    """An answer of both; of each prompt's presence what either says.

    Args:
        asked: What the model answered now.
        known: What it answered then, about other prompts.
        count: How many prompts there are.
    """
    said: dict[int, float] = {}
    for one in (known, asked):
        said |= {n: value for n, value in enumerate(one.presence) if value is not None}
    is_said = bool(asked.presence or known.presence)
    presence = tuple(said.get(n) for n in range(count)) if is_said else ()
    both = replace(asked, instances=(*known.instances, *asked.instances), presence=presence)
    return in_order(both)

"""What a pair of models can do beside answering: what its members can do."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from videoseg.models._pair import Pair, Questions, parted
from videoseg.protocols import (
    AsyncSegmenter,
    Composite,
    Explains,
    Follows,
    Grounder,
    KeepsMissed,
    Keyframed,
    Metered,
    Pending,
    Remote,
    Segmenter,
    VideoSegmenter,
)
from videoseg.types import Detections, Frame, Grounding, Prompt
from videoseg.types.usage import Usage

Prompts: TypeAlias = Sequence[Sequence[Prompt]]


class _Following(Pair):
    """The segmenter brings a memory for following objects."""

    def video_segmenter(self) -> VideoSegmenter | None:
        """A new memory, for one stream, or None if there is none."""
        memory: VideoSegmenter | None = _able(self.segmenter).video_segmenter()
        return memory


class _Submitting(Pair):
    """The segmenter works on by itself while the caller does something else."""

    def submit(self, frames: Sequence[Frame], prompts: Prompts) -> Pending:
        """Find boxes, and begin on what ``segment`` answers."""
        begun = time.perf_counter()
        questions = self.questions(frames, prompts)
        grounded = time.perf_counter() - begun
        asked = [each.prompts for each in questions]
        return _Outlining(questions, grounded, _able(self.segmenter).submit(frames, asked))

    def batch_size(self) -> int:
        """Frames that fit into memory at once."""
        return int(_able(self.segmenter).batch_size())


class _Keyframed(Pair):
    """Too slow to be asked on every frame, as one of the two is."""

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next: as many as the slower one needs."""
        return max(int(one.keyframe_every) for one in self.members if isinstance(one, Keyframed))


class _KeepingMissed(Pair):
    """One of the two may miss on one frame what is there all the same."""

    @property
    def keyframe_patience(self) -> int:
        """Questions in a row that may miss an object: as many as either allows."""
        members = (one for one in self.members if isinstance(one, KeepsMissed))
        return max(int(one.keyframe_patience) for one in members)


class _Remote(Pair):
    """One of the two is run by other machines; the other takes one call at a time."""

    @property
    def concurrency(self) -> int:
        """Frames that may be asked about at once: as many as both allow."""
        return min(int(one.concurrency) for one in self.members if isinstance(one, Remote))

    def abandon(self) -> None:
        """End all calls that are under way."""
        for one in self.members:
            if isinstance(one, Remote):
                one.abandon()

    def ground(self, frames: Sequence[Frame], prompts: Prompts) -> Sequence[tuple[Grounding, ...]]:
        """Have the grounder find boxes."""
        if isinstance(self.grounder, Remote):
            return super().ground(frames, prompts)
        with self.one_at_a_time:
            return super().ground(frames, prompts)

    def outline(self, frames: Sequence[Frame], prompts: Prompts) -> Sequence[Detections]:
        """Have the segmenter outline what is in boxes."""
        if isinstance(self.segmenter, Remote):
            return super().outline(frames, prompts)
        with self.one_at_a_time:
            return super().outline(frames, prompts)


class _Metered(Pair):
    """One of the two counts what it uses."""

    @property
    def usage(self) -> Usage:
        """What both have used since they were prepared."""
        used = (one.usage for one in self.members if isinstance(one, Metered))
        return functools.reduce(Usage.plus, used)


class _Explaining(Pair):
    """One of the two says which liberties it takes."""

    def explain(self, prompts: Sequence[Prompt]) -> Sequence[str]:
        """One line for each liberty, with the prompts that each of the two is asked."""
        asked = zip(self.members, parted(prompts), strict=True)
        return [
            line for one, own in asked if isinstance(one, Explains) for line in one.explain(own)
        ]


class _Composed(Pair):
    """One of the two is made of other models."""

    def compose(self, part: Callable[[str], Segmenter]) -> None:
        """Take the way to models by name."""
        for one in self.members:
            if isinstance(one, Composite):
                one.compose(part)


OF_THE_SEGMENTER: dict[type, type[Pair]] = {Follows: _Following, AsyncSegmenter: _Submitting}
"""What a pair can do if its segmenter can, and how."""
OF_EITHER: dict[type, type[Pair]] = {
    Keyframed: _Keyframed,
    KeepsMissed: _KeepingMissed,
    Remote: _Remote,
    Metered: _Metered,
    Explains: _Explaining,
    Composite: _Composed,
}
"""What a pair can do if one of the two can, and how."""


def pair_of(grounder: Grounder, segmenter: Segmenter) -> Pair:
    """The two as one model, which can do what they can do, and nothing else."""
    able = [how for what, how in OF_THE_SEGMENTER.items() if isinstance(segmenter, what)]
    members = (grounder, segmenter)
    able += [
        how for what, how in OF_EITHER.items() if any(isinstance(one, what) for one in members)
    ]
    return _pair_class(tuple(able))(grounder, segmenter)


@functools.cache
def _pair_class(able: tuple[type[Pair], ...]) -> type[Pair]:
    return type("Pair", able, {}) if able else Pair


def _able(segmenter: Segmenter) -> Any:
    """A segmenter with what it can do beside answering."""
    return segmenter


@dataclass(frozen=True, slots=True, eq=False)
class _Outlining:
    """A batch whose boxes are found and that the segmenter has begun on (``Pending``).

    Attributes:
        questions: What the segmenter is asked on each frame.
        grounded: Seconds that it took to find the boxes.
        pending: The segmenter's answers.
    """

    questions: Sequence[Questions]
    grounded: float
    pending: Pending

    @property
    def seconds(self) -> float:
        return self.grounded + self.pending.seconds

    def result(self) -> Sequence[Detections]:
        answers = zip(self.questions, self.pending.result(), strict=True)
        return [asked.answer(one) for asked, one in answers]

"""Follows what is marked on a later frame back to the one before, before frames are answered.

That is the first frame, or one that the same object is marked on. Frames are read a second time, in
pieces from the marked frame down, each decoded forward and gone through from its end; a piece fits
into ``_MOST_BYTES``. Time runs backwards for whoever follows: frame numbers and times are mirrored
at the marked frame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from videoseg.motion.shot_cuts import CutDetector
from videoseg.protocols import FrameSource, Sparse, Stage
from videoseg.stages.between_cues import Span
from videoseg.stages.checked import Check, unchecked
from videoseg.stages.waiting_answers import WaitingAnswers
from videoseg.types import Cue, Detections, Frame, Prompt

_MOST_BYTES = 256 << 20
"""Pictures that are held in memory at once, bytes."""
_LEAST = 8
"""Frames of a piece, however large they are."""
Answered: TypeAlias = tuple[Frame, Detections | None]


Watch: TypeAlias = Callable[[int, int], object]
"""Called with frames that were followed back so far, and with how many there are, about."""


def unwatched(done: int, total: int) -> None:
    """Nobody watches."""
    del done, total


class KnownBefore(Protocol):
    """What is known of objects before their first marks (``known_answers.py``)."""

    back_anew: frozenset[int]
    """Prompts of which it turned out not to hold."""

    def holds_back(self, number: int) -> bool:
        """Whether what is known of a prompt before its first mark holds, unless cuts differ."""
        ...

    def latest_mark(self, behind: int) -> int | None:
        """The frame from which objects were followed back to a frame; None where none was."""
        ...

    def count(self, stream: str, index: int) -> None:
        """The model is asked about a frame."""
        ...


@dataclass(frozen=True, slots=True)
class Backwards:
    """How to come to the frames before a mark.

    Attributes:
        again: Opens the input for a reading of its own, within a context.
        every: Distance between frames that are asked, in frames.
        first: Index of a frame that is asked, from which the others are counted.
        also: Indices of frames that are asked besides.
        check: Called before each frame.
        folder: Where what is found ahead of its turn waits; None = where the system keeps such
            files.
        watch: Told of every frame that is gone through.
    """

    again: Callable[[], AbstractContextManager[FrameSource]]
    every: int = 1
    first: int = 0
    also: frozenset[int] = frozenset()
    check: Check = unchecked
    folder: Path | None = None
    watch: Watch = unwatched

    def before(
        self,
        frame: Frame,
        prompts: Sequence[Prompt],
        stage: Callable[[Sequence[Prompt]], Stage],
        waiting: WaitingAnswers,
        known: KnownBefore | None = None,
    ) -> None:
        """Find objects from their first marks back to a frame.

        Args:
            frame: The first frame that is wanted.
            prompts: All prompts of the run.
            stage: Makes what follows some prompts from their marks on.
            waiting: Gets what is found.
            known: What is known of objects before their marks, or None.

        Raises:
            SourceError: The input cannot be read again.
            ModelError: The model did not answer the frame it was asked about.
            OutputError: The disk is full.
        """
        places = [n for n, each in enumerate(prompts) if (first_mark(each) or 0) > frame.index]
        marks = {place: first_mark(prompts[place]) or 0 for place in places}
        last = max(marks.values(), default=0)
        if known is not None:
            places = self._anew(frame, places, last, known)
        if not places:
            return
        mirrored = [_mirrored_prompt(prompts[place], marks[place], last) for place in places]
        with self.again() as source:
            down = self._down(source, frame, frame.index, last)
            for shown, answer in self._watched(stage(mirrored).run(down), frame.index, last):
                index = last - shown.index
                kept = [
                    replace(one, prompt=places[one.prompt])
                    for one in (answer.instances if answer is not None else ())
                    if index < marks[places[one.prompt]]
                ]
                waiting.keep(shown.stream, index, kept)
                if known is not None and index <= max(marks[place] for place in places):
                    known.count(shown.stream, index)

    def between(
        self,
        frame: Frame,
        spans: Iterable[Span],
        prompts: Sequence[Prompt],
        stage: Callable[[Sequence[Prompt]], Stage],
        waiting: WaitingAnswers,
        known: KnownBefore | None = None,
    ) -> None:
        """Find objects on the way back from a cue to the one before.

        What is found between two cues depends on these alone, not on later ones.

        Args:
            frame: The first frame that is wanted.
            spans: From where to where.
            prompts: All prompts of the run.
            stage: Makes what follows some prompts from their marks on.
            waiting: Gets what is found.
            known: Counts frames about which the model is asked, or None.

        Raises:
            SourceError: The input cannot be read again.
            ModelError: The model did not answer the frame it was asked about.
            OutputError: The disk is full.
        """
        together: defaultdict[tuple[str, int, int], list[Span]] = defaultdict(list)
        for span in spans:
            together[span.stream, span.start, span.stop].append(span)
        for (stream, start, stop), some in together.items():
            if stop <= frame.index:
                continue
            places = [span.found.prompt for span in some]
            with self.again() as source:
                frames = (
                    each
                    for each in self._down(source, frame, start, stop)
                    if each.stream == stream and frame.index <= stop - each.index > start
                )
                first = max(start + 1, frame.index)
                for shown, answer in self._watched(
                    stage(_drawn(some, prompts)).run(frames), first, stop
                ):
                    index = stop - shown.index
                    if index == stop or answer is None:
                        continue
                    found = [replace(one, prompt=places[one.prompt]) for one in answer.instances]
                    waiting.keep(stream, index, found, some[0].share(index))
                    if known is not None:
                        known.count(stream, index)

    def ahead(self, first: int, last: int) -> Iterator[Frame]:
        """Frames that are asked, from one to another; maybe some more.

        Args:
            first: Index of the first, which the source yields.
            last: The last frames of all streams do not come before this index.

        Raises:
            SourceError: The input cannot be read again.
        """
        with self.again() as source:
            stop = last + self.every * _step_of(source)
            for frame in source.frames(first, stop):
                if self._is_asked(frame.index):
                    self.check()
                    yield frame

    def _anew(
        self, frame: Frame, places: Sequence[int], last: int, known: KnownBefore
    ) -> list[int]:
        """Those of some prompts that must be followed back, since not all of it is known."""
        held = [place for place in places if known.holds_back(place)]
        before = known.latest_mark(frame.index)
        if held and before is not None and not self._cuts_agree(frame, last, before):
            known.back_anew = frozenset(held)
            held = []
        return [place for place in places if place not in held]

    def _cuts_agree(self, frame: Frame, last: int, before: int) -> bool:
        """Whether the same cuts are seen on the way back from either of two frames.

        How much changes from frame to frame in a shot is known only of frames that were seen, so a
        cut may be one for who comes from further away alone.
        """
        if last == before:
            return True
        detectors: dict[str, tuple[CutDetector, CutDetector]] = {}
        with self.again() as source:
            for shown in self._down(source, frame, frame.index, max(last, before)):
                index = max(last, before) - shown.index
                far, near = detectors.setdefault(
                    shown.stream, (CutDetector(patience=0), CutDetector(patience=0))
                )
                is_cut = any(far.push(shown.image))
                if index > min(last, before):
                    continue
                if any(near.push(shown.image)) != is_cut and index < min(last, before):
                    return False
                if len(detectors) == 1 and far.judges_like(near):
                    return True
        return True

    def _down(self, source: FrameSource, like: Frame, first: int, last: int) -> Iterator[Frame]:
        """Frames that are asked, from the last down to a first one, in mirrored time.

        Args:
            source: What is read.
            like: A frame of the same size.
            first: Index of the first frame, which the source yields.
            last: Index of the last.
        """
        # A source that leaves frames out counts from where a reading begins.
        step = _step_of(source)
        length = max(_LEAST, _MOST_BYTES // like.image.nbytes) * max(self.every, step)
        stop = last + 1
        while stop > first:
            start = max(first, stop - length)
            start -= (start - first) % step
            piece = [each for each in source.frames(start, stop) if self._is_asked(each.index)]
            while piece:
                frame = piece.pop()
                self.check()
                yield replace(frame, index=last - frame.index, pts=-frame.pts, native=None)
            stop = start

    def _watched(self, answers: Iterable[Answered], first: int, last: int) -> Iterator[Answered]:
        """Answers to the frames from the last down to a first one, told to who watches."""
        total = (last - first) // self.every + 1
        for done, each in enumerate(answers, 1):
            self.watch(min(done, total), total)
            yield each

    def _is_asked(self, index: int) -> bool:
        return (index - self.first) % self.every == 0 or index in self.also


def first_mark(prompt: Prompt) -> int | None:
    """Index of the first frame that a prompt is marked on; None where marks hold on every frame."""
    frames = [cue.frame for cue in prompt.cues]
    known = [frame for frame in frames if frame is not None]
    return min(known) if known and len(known) == len(frames) else None


def mark_notes(prompts: Iterable[Prompt], first: int, *, goes_back: bool) -> Iterator[str]:
    """What becomes of the frames before those that prompts are marked on.

    Args:
        prompts: What is asked.
        first: Index of the first frame.
        goes_back: Whether marks are followed backwards.
    """
    for prompt in prompts:
        mark = first_mark(prompt)
        if mark is None or mark <= first:
            continue
        yield f"{prompt.label!r} is marked on frame {mark}: " + (
            f"it is followed back to frame {first} first, then onwards"
            if goes_back
            else f"it is followed from there on; frames {first} to {mark - 1} stay empty"
        )


def _mirrored_prompt(prompt: Prompt, mark: int, last: int) -> Prompt:
    """A prompt with its first marks alone, at their place in mirrored time."""
    cues = (replace(cue, frame=last - mark) for cue in prompt.cues if cue.frame == mark)
    return replace(prompt, cues=tuple(cues))


def _step_of(source: FrameSource) -> int:
    """Distance between the frames that a source yields."""
    return int(source.every) if isinstance(source, Sparse) else 1


def _drawn(spans: Sequence[Span], prompts: Sequence[Prompt]) -> list[Prompt]:
    """The prompts of some objects, each marked where its object is known at one end of its span."""
    return [
        replace(prompts[span.found.prompt], cues=(Cue(frame=0, mask=span.found.mask),))
        for span in spans
    ]

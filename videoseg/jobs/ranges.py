"""One clip answered in ranges of its frames, by several who have a model each.

Where a model answers each frame for itself, any part of a clip can be asked anywhere. All that
follows (tracks, smoothing, outlines, files) needs the frames in their order and stays in one place,
which is fed by these answers as a rerun is by those of a log. So the result is the same, byte for
byte, whoever has answered which range:

* ``why_serial`` says whether a run can be answered so.
* ``Grid.of`` cuts its frames into ranges. Borders depend on the settings alone, never on how many
  answer, and fall between two batches, so that a model sees the same frames together as ever.
* ``AskedRun.of`` is what whoever answers must know; it can be pickled. They make an ``Answerer`` of
  it, once: the input is opened and the model loaded. ``Answerer.loaded`` is what the model has to
  say of the prompts; ``Answerer.answer(range)`` yields the lines of the log, one a frame, in order.
* Who hands ranges out implements ``Elsewhere``: ``begin(range)`` returns at once, and iterating
  over what it gives waits for the lines. An error is raised there, in its place among the lines.
* ``FromRanges`` joins: a ``Stage`` that gives each frame its answer. It hands out a few ranges
  ahead of the frame at hand, and no more, so memory does not grow with the clip.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from videoseg.config.run_config import RunConfig
from videoseg.errors import RunLogError
from videoseg.jobs.asking import load_model, run_stage
from videoseg.jobs.assembly import Assembly, assemble
from videoseg.jobs.range_reading import RangeReading
from videoseg.prompts import Refused
from videoseg.protocols import Keyframed, Metered, Remote, Segmenter
from videoseg.runlog.codec import detections_from_json, detections_to_text
from videoseg.runlog.validation import refusing
from videoseg.stages.batched import USUAL
from videoseg.stages.every_nth import batch_within
from videoseg.system.closing import close_if_able
from videoseg.system.threads import opencv_unthreaded
from videoseg.types import Detections, Frame, Prompt

_log = logging.getLogger(__name__)

ASKED = 16
"""Frames of a range that the model is asked about, at least: enough to be worth a jump to a key
frame, and few enough that a clip of some seconds is shared out evenly."""


@dataclass(frozen=True, slots=True)
class AnswerRange:
    """Frames that are answered together.

    Attributes:
        start: Index of the first.
        stop: Index behind the last; the input may end before.
    """

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the ranges of a run begin and end.

    Each but the last ends with a frame that the model is asked about, as the whole run does: the
    last frame of all is always asked (``stages.every_nth``).

    Attributes:
        first: Index of the run's first frame.
        stop: Index behind its last, as far as that is known.
        asked: Frames of a range that the model is asked about.
        step: From one of them to the next, in frames of the input.
        source_step: From one frame that the source yields to the next, likewise.
    """

    first: int
    stop: int | None
    asked: int
    step: int = 1
    source_step: int = 1

    @classmethod
    def of(cls, parts: Assembly) -> Grid:
        """The ranges of a run."""
        run, every = parts.config.run, parts.input.every
        batch = batch_within(run.batch, run.every) or USUAL
        counts = (parts.range.stop, parts.input.first.frame_count)
        return cls(
            parts.range.start,
            min((count for count in counts if count is not None), default=None),
            math.ceil(ASKED / batch) * batch,
            math.lcm(every, run.every),
            every,
        )

    def range_from(self, index: int) -> AnswerRange:
        """From a frame of the run to the end of the range that it is in."""
        last_asked = (self._number(index) + 1) * self.asked - 1
        return AnswerRange(index, self.first + last_asked * self.step + self.source_step)

    def count(self) -> int | None:
        """How many ranges there are, as far as that is known."""
        return None if self.stop is None else 1 + self._number(max(self.first, self.stop - 1))

    def _number(self, index: int) -> int:
        """Which range a frame is in, from 0; before the first frame that is asked there is none."""
        unasked = self.step - self.source_step
        return (index - self.first + unasked) // (self.asked * self.step)


@dataclass(frozen=True, slots=True)
class AskedRun:
    """What whoever answers ranges must know of a run; it can be pickled.

    Attributes:
        location: The input.
        prompts: What is asked.
        config: The settings.
        in_one_go: Whether one must answer all of it, from its first frame on, in order.
    """

    location: str
    prompts: tuple[Prompt, ...]
    config: RunConfig
    in_one_go: bool = False

    @classmethod
    def of(cls, parts: Assembly, *, in_one_go: bool = False) -> AskedRun:
        """What is to be known of a run."""
        return cls(parts.input.location, parts.questions.prompts, parts.config, in_one_go)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a model has to say of the prompts, once it is loaded (``ModelSession``).

    Attributes:
        refused: The prompts that it cannot ground.
        notes: Lines for people.
    """

    refused: tuple[Refused, ...]
    notes: tuple[str, ...]


def can_share(parts: Assembly, jobs: int) -> int:
    """How many of ``jobs`` there is work for; 1 where a run is answered in one go, and says why."""
    most = Grid.of(parts).count() if jobs > 1 else 1
    reason = why_serial(parts) if most is None or most > 1 else None
    if reason is not None:
        _log.warning("one process answers all frames, whatever --jobs says: %s", reason)
        return 1
    return jobs if most is None else min(jobs, most)


def why_serial(parts: Assembly) -> str | None:
    """Why a run must be answered in one go, as a clause; None where ranges can be."""
    model, name = parts.session.model, parts.session.card.name
    if (reason := why_here(parts)) is not None:
        return reason
    if parts.questions.has_marked_frames:
        return "what is marked on a frame is followed from there, frame by frame"
    if isinstance(model, Keyframed) and model.keyframe_every > 1:
        return f"{name} is asked now and then, and objects are followed in between"
    if len(parts.input.streams) > 1:
        return "its input has several streams"
    return None


def why_here(parts: Assembly) -> str | None:
    """Why no one elsewhere can answer a run, not even in one go, as a clause; else None."""
    model, name = parts.session.model, parts.session.card.name
    if parts.session.is_given:
        return "its model was handed over, and is in one process"
    if isinstance(model, Remote | Metered):
        return f"{name} is a service, which is asked about several frames at once as it is"
    if not parts.input.is_rereadable:
        return "its input can be read only once"
    return None


class Answerer(AbstractContextManager["Answerer"]):
    """Answers ranges of a run with a model of its own, which is loaded when this is made.

    Args:
        run: The run.
        model: A model to do it with, which the caller closes; by default one is made.

    Attributes:
        loaded: What the model has to say of the prompts.

    Raises:
        VideosegError: As a run raises it before its first frame.
    """

    def __init__(self, run: AskedRun, model: Segmenter | None = None) -> None:
        self._parts = assemble(run.location, run.prompts, run.config, model=model, asks=True)
        try:
            load_model(self._parts)
            self.loaded = Loaded(self._parts.session.refused, self._parts.session.notes)
            self._reading = RangeReading(self._parts.range)
            self._in_one_go = run.in_one_go
            self._stage = run_stage(self._parts, backwards=run.in_one_go)
        except BaseException:
            self._parts.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._reading.close()
        self._parts.close()

    def answer(self, asked: AnswerRange) -> Iterator[str]:
        """The lines of the log for the frames of a range, without their ends, as they come.

        What is to be answered in one go is answered from its first frame on, whatever is asked for.

        Raises:
            VideosegError: As a run raises it, behind the lines before it.
        """
        if self._in_one_go:
            frames = self._parts.range.frames()
        else:
            frames = self._reading.part(asked.start, asked.stop)
        answers = self._stage.run(frames)
        with opencv_unthreaded(), ExitStack() as ends:
            ends.callback(close_if_able, frames)
            ends.callback(close_if_able, answers)
            for frame, answer in answers:
                with refusing(f"the answer for frame {frame.index} of {frame.stream!r}"):
                    text = detections_to_text(frame.stream, frame.index, answer)
                yield text


class Elsewhere(Protocol):
    """Whoever has ranges answered."""

    @property
    def ahead(self) -> int:
        """Ranges that are handed over beyond the one whose answers are taken, at least 0."""
        ...

    def begin(self, asked: AnswerRange) -> Iterator[str]:
        """Have a range answered, and return at once; iterating waits for ``Answerer.answer``."""
        ...


class Crew(Elsewhere, AbstractContextManager[Any], Protocol):
    """Those who answer the ranges of one run; leaving the context lets them go."""

    def loaded(self) -> Loaded:
        """Wait until a model is loaded; what it has to say of the prompts.

        Raises:
            VideosegError: It cannot be.
        """
        ...


CrewFor: TypeAlias = Callable[[AskedRun], Crew | None]
"""Gives those who answer a run, or None where this process should."""


@dataclass(frozen=True, slots=True)
class FromOneGo:
    """A ``Stage``: every frame has been answered elsewhere, by one who began with the first.

    Attributes:
        elsewhere: Who answers.
    """

    elsewhere: Elsewhere

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer; answers about earlier ones are passed.

        Raises:
            RunLogError: The answers are to other frames than these.
            VideosegError: What was raised where they were to be answered.
        """
        lines: Iterator[str] | None = None
        for frame in frames:
            if lines is None:
                asked = AnswerRange(frame.index, sys.maxsize)
                lines = itertools.dropwhile(_is_not_about(frame), self.elsewhere.begin(asked))
            yield frame, _answer_about(frame, lines)


def _is_not_about(frame: Frame) -> Callable[[str], bool]:
    def is_not(line: str) -> bool:
        return detections_from_json(json.loads(line))[:2] != (frame.stream, frame.index)

    return is_not


@dataclass(frozen=True, slots=True)
class FromRanges:
    """A ``Stage``: every frame has been answered elsewhere, in ranges.

    Attributes:
        elsewhere: Who answers.
        grid: Where ranges begin and end.
    """

    elsewhere: Elsewhere
    grid: Grid

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer.

        Raises:
            RunLogError: The answers are to other frames than these.
            VideosegError: What was raised where they were to be answered.
        """
        begun: deque[tuple[AnswerRange, Iterator[str]]] = deque()
        for frame in frames:
            while begun and frame.index >= begun[0][0].stop:
                begun.popleft()
            self._begin(begun, frame.index)
            yield frame, _answer_about(frame, begun[0][1])

    def _begin(self, begun: deque[tuple[AnswerRange, Iterator[str]]], index: int) -> None:
        """Hand out ranges from a frame on, until enough are under way."""
        stop = self.grid.stop
        start = begun[-1][0].stop if begun else index
        while not begun or (len(begun) <= self.elsewhere.ahead and (stop is None or start < stop)):
            asked = self.grid.range_from(start)
            begun.append((asked, self.elsewhere.begin(asked)))
            start = asked.stop


def _answer_about(frame: Frame, lines: Iterator[str]) -> Detections | None:
    line = next(lines, None)
    if line is None:
        raise RunLogError(f"nobody has answered frame {frame.index} of {frame.stream!r}")
    stream, index, answer = detections_from_json(json.loads(line))
    if (stream, index) != (frame.stream, frame.index):
        raise RunLogError(
            f"frame {index} of {stream!r} was answered in place of {frame.index} of "
            f"{frame.stream!r}: has the input changed?"
        )
    return answer

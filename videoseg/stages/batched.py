"""Asks a model the same prompts on every frame, several frames at a time."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from videoseg.errors import OutOfMemoryError
from videoseg.protocols import AsyncSegmenter, Pending, Segmenter
from videoseg.stages.checked_answers import sound
from videoseg.types import Detections, Frame, Prompt

USUAL = 4
"""Frames at once for a model that does not say how many fit."""
Answered: TypeAlias = tuple[Frame, Detections]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Load:
    """How a model was kept busy.

    Attributes:
        frames: Frames that were answered.
        largest: Most frames at once.
        halved: How often memory ran out and fewer frames were taken at once.
        busy: Seconds that the model was at work, by the clock of its device.
        begun: When the first batch was handed over, seconds of the monotonic clock, or None.
        ended: When the last answer came.
    """

    frames: int = 0
    largest: int = 0
    halved: int = 0
    busy: float = 0.0
    begun: float | None = None
    ended: float = 0.0

    @property
    def idle(self) -> float | None:
        """Share of the time between first and last answer in which the model had nothing to do."""
        if self.begun is None or self.ended <= self.begun:
            return None
        return max(0.0, 1 - self.busy / (self.ended - self.begun))

    def begin(self) -> None:
        """A batch is handed over."""
        if self.begun is None:
            self.begun = time.perf_counter()

    def end(self, frames: int, seconds: float) -> None:
        """The answers for some frames have come, after so many seconds of work."""
        self.frames += frames
        self.largest = max(self.largest, frames)
        self.busy += seconds
        self.ended = time.perf_counter()


@dataclass(slots=True)
class Batched:
    """A ``Stage``: every frame is asked, for itself.

    A model that can begin on a batch (``AsyncSegmenter``) is handed the next one before the answers
    of the last are fetched, so that it never waits for the rest of the run. Where memory runs out,
    the same frames are asked again, half as many at once, with nothing else under way.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked; their cues are meant for every frame as they are.
        batch_size: Frames that are handed to the model at once; 0 = as many as fit.
        load: Filled in on the way.
        ahead: Batches that may be handed over before the answers of one are fetched, where the
            model can begin on them; 0 = each is answered before the next frame is taken.
        alone: Index of the frame that begins a run, or None. A model that cannot begin on a batch
            is handed it alone, so that its outlines are soon seen, and the rest of its batch
            after it: later batches hold the frames that they would without.
    """

    segmenter: Segmenter
    prompts: Sequence[Prompt]
    batch_size: int = 0
    load: Load = field(default_factory=Load)
    ahead: int = 1
    alone: int | None = None
    _most: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.batch_size < 0:
            raise ValueError(f"a batch holds at least one frame, got {self.batch_size = }")

    def run(self, frames: Iterable[Frame]) -> Iterator[Answered]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model did not answer every frame once, in order.
            OutOfMemoryError: Not even one frame fits.
        """
        ahead = self.ahead if isinstance(self.segmenter, AsyncSegmenter) else 0
        under_way: deque[_Batch] = deque()
        for frames_of in self._batches(iter(frames)):
            batch = self._begin(frames_of)
            if batch is not None:
                under_way.append(batch)
            while len(under_way) > (ahead if batch is not None else 0):
                yield from self._finish(under_way.popleft(), under_way)
            if batch is None:
                yield from self._alone(frames_of)
        while under_way:
            yield from self._finish(under_way.popleft(), under_way)

    def _batches(self, source: Iterator[Frame]) -> Iterator[tuple[Frame, ...]]:
        """Frames for one batch after the other."""
        begun = tuple(islice(source, 1))
        if (
            begun
            and begun[0].index == self.alone
            and not isinstance(self.segmenter, AsyncSegmenter)
        ):
            yield begun
            begun = ()
        if begun := (*begun, *islice(source, self._size() - 1)):
            yield begun
        while batch := tuple(islice(source, self._size())):
            yield batch

    def _size(self) -> int:
        """Frames for the next batch."""
        if self.batch_size:
            wanted = self.batch_size
        elif isinstance(self.segmenter, AsyncSegmenter):
            wanted = self.segmenter.batch_size()
        else:
            wanted = USUAL
        return wanted if self._most is None else min(wanted, self._most)

    def _begin(self, frames: tuple[Frame, ...]) -> _Batch | None:
        """Have the model begin on frames, or be done with them; None where memory ran out."""
        self.load.begin()
        prompts = tuple(self.prompts)
        asked = (prompts,) * len(frames)
        try:
            if isinstance(self.segmenter, AsyncSegmenter):
                return _Batch(frames, self.segmenter.submit(frames, asked))
            start = time.perf_counter()
            answers = self.segmenter.segment(frames, asked)
            return _Batch(frames, _Done(answers, time.perf_counter() - start))
        except MemoryError:
            return None

    def _finish(self, batch: _Batch, others: Iterable[_Batch]) -> Iterator[Answered]:
        """The answers to a batch, asked again in parts where memory runs out."""
        answers = self._answers(batch)
        if answers is None:
            for other in others:  # they hold memory until they are done
                other.settle()
            yield from self._alone(batch.frames)
        else:
            yield from zip(batch.frames, answers, strict=True)

    def _alone(self, frames: tuple[Frame, ...]) -> Iterator[Answered]:
        """Ask frames again for which memory ran out, half as many at once; nothing is under way."""
        size = max(1, len(frames) // 2)
        self._most = size if self._most is None else min(self._most, size)
        self.load.halved += 1
        _log.warning("memory ran out with %d frames at once; going on with %d", len(frames), size)
        for start in range(0, len(frames), size):
            part = frames[start : start + size]
            batch = self._begin(part)
            answers = None if batch is None else self._answers(batch)
            if answers is not None:
                yield from zip(part, answers, strict=True)
            elif len(part) > 1:
                yield from self._alone(part)
            else:
                raise OutOfMemoryError(
                    f"model {self.segmenter.card.name!r}: not enough memory for frame "
                    f"{part[0].index} of {part[0].stream!r} alone; take a smaller model, "
                    "--precision bf16, or another --device"
                )

    def _answers(self, batch: _Batch) -> Sequence[Detections] | None:
        """Wait for the answers to a batch and check them; None where memory ran out."""
        done = batch.answers()
        if done is None:
            return None
        prompts = (tuple(self.prompts),) * len(batch.frames)
        answers = sound(self.segmenter, batch.frames, prompts, done.answers)
        self.load.end(len(answers), done.seconds)
        return answers


@dataclass(frozen=True, slots=True)
class _Done:
    """Answers that are there (``Pending``)."""

    answers: Sequence[Detections]
    seconds: float

    def result(self) -> Sequence[Detections]:
        return self.answers


@dataclass(slots=True)
class _Batch:
    """Frames that the model has begun on."""

    frames: tuple[Frame, ...]
    pending: Pending | None

    def answers(self) -> _Done | None:
        """Wait for the answers; None where memory runs out."""
        try:
            if self.pending is None:
                return None
            return _Done(self.pending.result(), self.pending.seconds)
        except MemoryError:
            return None

    def settle(self) -> None:
        """Wait for the answers now, so that nothing of the batch is left on the device."""
        self.pending = self.answers()

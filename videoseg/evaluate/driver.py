"""Asks a model one question at a time through the public protocols, and times every call."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain

from videoseg import pipeline
from videoseg.errors import UnknownPhraseError, UsageError
from videoseg.evaluate.answers import Answer, Found
from videoseg.protocols import Metered, Remote, Segmenter, Tracker, TwoPassTracker
from videoseg.registry import release
from videoseg.stages.batched import USUAL, Batched, Load
from videoseg.stages.every_nth import seeing_ahead
from videoseg.stages.propagated import Propagated
from videoseg.stages.select import stage_for
from videoseg.system.threads import Stopwatch
from videoseg.tracking.iou import IouTracker
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo


class Driver(AbstractContextManager["Driver"]):
    """A model that is opened when the first question comes, and closed on leaving.

    Where every answer is in the cache already, the model is never opened.

    Args:
        make: Makes the model.
        tracker: Makes a tracker, as a run has it.
        at_once: Questions about one image that a service is asked at once.
    """

    def __init__(
        self,
        make: Callable[[], Segmenter],
        tracker: Callable[[], Tracker] = IouTracker,
        at_once: int = 1,
    ) -> None:
        self._make = make
        self._tracker = tracker
        self._at_once = at_once
        self._model: Segmenter | None = None
        self._refusals: dict[str, str | None] = {}

    @property
    def spent(self) -> float | None:
        """US dollars that the model has used so far; None where that is not known."""
        if self._model is None:
            return 0.0
        return self._model.usage.cost if isinstance(self._model, Metered) else None

    def __exit__(self, *_: object) -> None:
        if self._model is not None:
            release(self._model, "the model")

    def ask(self, frame: Frame, question: str, prompt: Prompt) -> Answer:
        """Ask one thing about one image, alone: no other question can help or harm the answer.

        Raises:
            LimitReachedError: A limit of the user's does not allow it.
            VideosegError: The model fails, or a package or weight file is missing.
        """
        refused = self._refusal(prompt)
        if refused is not None:
            return Answer(question, (), 0.0, refused=refused)
        model, before = self._opened(), self.spent
        start = time.perf_counter()
        (detections,) = model.segment([frame], [(prompt,)])
        seconds, after = time.perf_counter() - start, self.spent
        cost = None if before is None or after is None else after - before
        return replace(_answer(question, 0, prompt, detections, seconds), cost=cost)

    def ask_each(self, frame: Frame, questions: Mapping[str, Prompt]) -> Iterator[Answer]:
        """Ask some things about one image, each alone; a service several at once, if it may be.

        Raises:
            LimitReachedError: As of ``ask``; those under way are waited for first.
            VideosegError: As of ``ask``.
        """
        if self._at_once == 1 or not isinstance(self._opened(), Remote):
            for question, prompt in questions.items():
                yield self.ask(frame, question, prompt)
            return
        asked = yield from self._accepted(questions)
        model, before = self._opened(), self.spent

        def timed(question: str) -> Answer:
            prompt = asked[question]
            start = time.perf_counter()
            (detections,) = model.segment([frame], [(prompt,)])
            return _answer(question, 0, prompt, detections, time.perf_counter() - start)

        with ThreadPoolExecutor(self._at_once) as threads:
            under_way = [threads.submit(timed, question) for question in asked]
        answers, after = [one.result() for one in under_way], self.spent
        # Which of them took what cannot be told apart.
        if before is not None and after is not None:
            answers = [replace(one, cost=(after - before) / len(answers)) for one in answers]
        yield from answers

    def follow(
        self, frames: Iterable[Frame], questions: Mapping[str, Prompt], *, carry: bool
    ) -> Iterator[Answer]:
        """Ask about the objects of a sequence together, by the stage that a run would use.

        Args:
            frames: In order, from the first.
            questions: A prompt for each object; those that the model refuses are answered once.
            carry: Carry cues from the frame they are anchored at; else ask as given on every frame.
        """
        asked = yield from self._accepted(questions)
        if not asked:
            return
        model, prompts = self._opened(), tuple(asked.values())
        model.prepare(prompts)
        stage = Propagated(model, prompts) if carry else Batched(model, prompts)
        start = time.perf_counter()
        for frame, detections in stage.run(frames):
            seconds = (time.perf_counter() - start) / len(asked)
            if detections is not None:
                for n, (question, prompt) in enumerate(asked.items()):
                    yield _answer(question, n, prompt, detections, seconds, frame.index)
            start = time.perf_counter()

    def track(self, frames: Iterable[Frame], questions: Mapping[str, Prompt]) -> Iterator[Answer]:
        """Ask about some things through a video as a run does: tracker and smoothing included.

        Args:
            frames: In order, from the first.
            questions: A prompt for each thing; those that the model refuses are answered once.

        Raises:
            UsageError: The tracker goes over a video twice.
        """
        asked = yield from self._accepted(questions)
        if not asked:
            return
        model, before, names = self._opened(), self.spent, list(asked)
        start = time.perf_counter()
        for step in self._steps(model, frames, tuple(asked.values())):
            now, spent = time.perf_counter(), self.spent
            seconds = (now - start) / len(names)
            cost = None if before is None or spent is None else (spent - before) / len(names)
            for n, name in enumerate(names):
                found = _followed(step.scene, n)
                yield Answer(name, found, seconds, frame=step.frame.index, cost=cost)
            start, before = time.perf_counter(), spent

    def _steps(
        self, model: Segmenter, frames: Iterable[Frame], prompts: tuple[Prompt, ...]
    ) -> Iterator[pipeline.Step]:
        """What becomes of each frame, by the one loop that runs use."""
        model.prepare(prompts)
        tracker = seeing_ahead(self._tracker(), 1)
        if isinstance(tracker, TwoPassTracker):
            raise UsageError("a tracker that goes over a video twice cannot be measured here")
        shown = iter(frames)
        first = next(shown)
        tracker.start({first.stream: _stream_of(first)}, prompts)
        stage = stage_for(model, prompts, batch=USUAL, every=1, first=0, load=Load())
        return pipeline.follow(chain([first], shown), stage, tracker, _as_it_is, Stopwatch())

    def _accepted(
        self, questions: Mapping[str, Prompt]
    ) -> Generator[Answer, None, dict[str, Prompt]]:
        """Answer what the model refuses; returns what it takes."""
        asked: dict[str, Prompt] = {}
        for question, prompt in questions.items():
            refused = self._refusal(prompt)
            if refused is None:
                asked[question] = prompt
            else:
                yield Answer(question, (), 0.0, refused=refused)
        return asked

    def _opened(self) -> Segmenter:
        if self._model is None:
            self._model = self._make()
        return self._model

    def _refusal(self, prompt: Prompt) -> str | None:
        """Why the model cannot take this phrase, or None; each phrase is tried once."""
        phrase = prompt.text or ""
        if phrase not in self._refusals:
            try:
                self._opened().prepare((prompt,))
                self._refusals[phrase] = None
            except UnknownPhraseError as error:
                self._refusals[phrase] = str(error)
        return self._refusals[phrase]


def _followed(scene: Scene, prompt: int) -> tuple[Found, ...]:
    """What a Scene has for the prompt at this position, best first."""
    found = [
        Found(replace(one.instance.mask, logits=None), one.instance.score, one.track_id)
        for one in scene.instances
        if one.instance.prompt == prompt
    ]
    return tuple(sorted(found, key=lambda one: -one.score))


def _as_it_is(scene: Scene) -> Scene:
    """No outlines: masks are what is measured."""
    return scene


def _stream_of(first: Frame) -> StreamInfo:
    return StreamInfo(
        stream=first.stream,
        width=first.width,
        height=first.height,
        time_base=first.time_base,
        frame_rate=1 / first.time_base,
    )


def _answer(
    question: str,
    position: int,
    prompt: Prompt,
    detections: Detections,
    seconds: float,
    frame: int = 0,
) -> Answer:
    """The part of the detections that answers the prompt at this position, best first."""
    found = [
        Found(replace(one.mask, logits=None), one.score)
        for one in detections.instances
        if one.prompt == position
    ]
    found.sort(key=lambda one: -one.score)
    presence = detections.presence[position] if detections.presence else None
    kept = tuple(found[: prompt.max_instances])
    return Answer(question, kept, seconds, frame=frame, presence=presence)

"""A model on a thread of its own: questions come from many requests and are answered together.

What waits is bounded, and so is how long the first of a batch waits for others.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from fractions import Fraction

from videoseg.protocols import AsyncSegmenter, Remote, Segmenter
from videoseg.server.asgi import Refusal, RefusedError
from videoseg.stages.checked_answers import sound
from videoseg.system import free_memory
from videoseg.types import Frame, Instance, Prompt, RgbImage

_log = logging.getLogger(__name__)

STREAM = "request"
_PHRASES = 4096
"""Phrases after which a model is let go of and loaded anew, for it remembers each."""
_LAST_SECONDS = 5.0
"""For the call that is under way at the end."""
_ANSWERS = 100
"""After which memory that is free is given back to the system."""
_POLL_SECONDS = 0.1
OnBatch = Callable[[int, float], None]
"""Called with the pictures in a call and the seconds it took."""


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    frame: Frame
    prompt: Prompt
    answer: Future[tuple[Instance, ...]] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        # Nobody looks into SystemExit on another thread: a plug-in may raise it.
        fault = error if isinstance(error, Exception) else RuntimeError(f"it exits ({error})")
        self.answer.set_exception(fault)


class ModelThread:
    """Answers questions about single pictures, several in a call where the model takes several.

    Args:
        model: The model; closed at the end.
        batch: Pictures in a call at most; 0 = as many as the model says that fit, or one.
        wait: Seconds that a question may wait for others, where a call takes several.
        most_waiting: Questions that may wait; further ones are refused.
        on_batch: Called after each call of the model.
    """

    def __init__(
        self,
        model: Segmenter,
        *,
        batch: int = 0,
        wait: float = 0.005,
        most_waiting: int = 128,
        on_batch: OnBatch = lambda _, __: None,
    ) -> None:
        self.model = model
        self._batch, self._wait, self._on_batch = batch, wait, on_batch
        self._waiting: queue.Queue[_Question] = queue.Queue(maxsize=most_waiting)
        self._stopping = threading.Event()
        self._phrases: set[str] = set()
        self._numbers = itertools.count()
        self._threads: list[threading.Thread] = []

    @property
    def waiting(self) -> int:
        """Questions that wait for their turn."""
        return self._waiting.qsize()

    @property
    def is_alive(self) -> bool:
        """Whether questions are answered."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Load the model and begin.

        Raises:
            MissingDependencyError: Weights or a package are missing.
            ModelError: It cannot be loaded.
        """
        loaded: Future[None] = Future()
        # A service takes several calls at once; a network on this machine takes one.
        count = self.model.concurrency if isinstance(self.model, Remote) else 1
        for number in range(count):
            # What loads it works with it: some packages bind what they load to a thread.
            thread = threading.Thread(
                target=self._work if number else self._load_and_work,
                args=() if number else (loaded,),
                name=f"videoseg-model-{number}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
        try:
            loaded.result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Refuse what waits, end the threads and let go of the model."""
        self._stopping.set()
        if isinstance(self.model, Remote):
            self.model.abandon()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_LAST_SECONDS)
        while not self._waiting.empty():
            try:
                question = self._waiting.get_nowait()
            except queue.Empty:
                break
            if question.answer.set_running_or_notify_cancel():  # else nobody waits for it any more
                question.fail(_ended())
        if not any(thread.is_alive() for thread in self._threads):
            self.model.close()

    def ask(self, image: RgbImage, prompt: Prompt) -> Future[tuple[Instance, ...]]:
        """Ask about a picture; the answer's instances come with the best first.

        Raises:
            RefusedError: Too many questions wait, or the server ends.
        """
        index = next(self._numbers)
        question = _Question(Frame(STREAM, index, index, Fraction(1), image), prompt)
        if self._stopping.is_set():
            raise _ended()
        try:
            self._waiting.put_nowait(question)
        except queue.Full:
            raise RefusedError(
                Refusal(503, "too many questions wait; ask again later", {"retry-after": "1"})
            ) from None
        return question.answer

    def _load_and_work(self, loaded: Future[None]) -> None:
        try:
            self.model.prepare(())
        except BaseException as error:
            loaded.set_exception(error)
            return
        loaded.set_result(None)
        self._work()

    def _work(self) -> None:
        answered = 0
        while not self._stopping.is_set():
            try:
                first = self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            batch = [first, *self._others()]
            self._answer([one for one in batch if one.answer.set_running_or_notify_cancel()])
            answered += len(batch)
            if answered >= _ANSWERS:
                free_memory.give_back()
                answered = 0

    def _others(self) -> list[_Question]:
        """What else there is, or comes soon."""
        most, until = self._most() - 1, time.monotonic() + self._wait
        found: list[_Question] = []
        while len(found) < most:
            left = until - time.monotonic()
            try:
                found.append(
                    self._waiting.get(timeout=left) if left > 0 else self._waiting.get_nowait()
                )
            except queue.Empty:
                break
        return found

    def _most(self) -> int:
        if self._batch:
            return self._batch
        try:
            return self.model.batch_size() if isinstance(self.model, AsyncSegmenter) else 1
        except Exception:  # it will fail again when it is asked, where somebody hears it
            return 1

    def _answer(self, batch: Sequence[_Question]) -> None:
        known = []
        for question in batch:
            try:
                self._prepare(question.prompt)
            except BaseException as error:
                question.fail(error)
            else:
                known.append(question)
        if known:
            self._segment(known)

    def _prepare(self, prompt: Prompt) -> None:
        if prompt.text is not None and prompt.text not in self._phrases:
            if len(self._phrases) >= _PHRASES and not isinstance(self.model, Remote):
                self.model.close()
                self._phrases.clear()
            self.model.prepare((prompt,))
            self._phrases.add(prompt.text)
            return
        self.model.prepare((prompt,))

    def _segment(self, batch: Sequence[_Question]) -> None:
        frames = tuple(one.frame for one in batch)
        prompts = tuple((one.prompt,) for one in batch)
        begun = time.perf_counter()
        try:
            answers = sound(self.model, frames, prompts, self.model.segment(frames, prompts))
        except BaseException as error:
            if len(batch) == 1:
                batch[0].fail(error)
                return
            # One of them broke it, or all need too much memory; the others are not lost.
            _log.warning("a call with %d pictures failed; each is asked alone", len(batch))
            for one in batch:
                self._segment((one,))
            return
        self._on_batch(len(batch), time.perf_counter() - begun)
        for one, answer in zip(batch, answers, strict=True):
            best = sorted(answer.instances, key=lambda each: -each.score)
            one.answer.set_result(tuple(best))


def _ended() -> RefusedError:
    return RefusedError(Refusal(503, "the server ends; ask again later"))

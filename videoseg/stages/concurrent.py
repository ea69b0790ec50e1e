"""Asks a model that is a service about several frames at once, and gives the answers in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from videoseg.errors import LimitReachedError
from videoseg.protocols import RemoteSegmenter
from videoseg.stages.checked import Check, unchecked
from videoseg.stages.checked_answers import sound
from videoseg.types import Detections, Frame, Prompt

_AHEAD = 2
"""Frames that may be asked or answered and not yet given out, for each call at once: one slow
answer at the head does not leave the others idle."""
_CHECK_SECONDS = 0.2
"""How often somebody may look in while an answer is waited for."""
_MOST_HELD = 96
"""Frames that may wait in memory for the answers of those."""


@dataclass(frozen=True, slots=True)
class Concurrent:
    """A ``Stage``: every frame is asked, for itself, ``segmenter.concurrency`` at a time.

    An error about a frame is raised after the answers of all frames before it. Whoever leaves
    early ends the calls that are under way; at a limit they are waited for.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked; their cues are meant for every frame as they are.
        ahead: Frames that may be asked or answered and not yet given out, at least 1.
        check: Called while an answer is waited for.
    """

    segmenter: RemoteSegmenter
    prompts: Sequence[Prompt]
    ahead: int
    check: Check = unchecked

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model failed, or did not answer the frame it was asked about.
            LimitReachedError: A limit of the user's allows no further call.
        """
        prompts, at_once = tuple(self.prompts), self.segmenter.concurrency
        waiting: deque[tuple[Frame, Future[Detections]]] = deque()
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="videoseg-in-flight")
        try:
            for frame in frames:
                waiting.append((frame, pool.submit(self._ask, frame, prompts)))
                while waiting and (len(waiting) >= self.ahead or waiting[0][1].done()):
                    yield self._answered(*waiting.popleft())
            while waiting:
                yield self._answered(*waiting.popleft())
        except LimitReachedError:
            raise  # what is under way is within the limit, and worth its answer to a cache
        except BaseException:
            self.segmenter.abandon()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, frame: Frame, prompts: tuple[Prompt, ...]) -> Detections:
        given = ((frame,), (prompts,))
        (answer,) = sound(self.segmenter, *given, self.segmenter.segment(*given))
        return answer

    def _answered(self, frame: Frame, future: Future[Detections]) -> tuple[Frame, Detections]:
        while wait([future], _CHECK_SECONDS).not_done:
            self.check()
        return frame, future.result()


def most_ahead(at_once: int, every: int = 1) -> int:
    """Frames that may be asked and not yet given out, where only every n-th is asked."""
    return max(1, min(_AHEAD * at_once, _MOST_HELD // every))

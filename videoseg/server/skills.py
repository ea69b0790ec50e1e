"""Moondream's skills, answered by any model: detect, point and segment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from videoseg.errors import (
    LimitReachedError,
    MissingDependencyError,
    ModelError,
    OutOfMemoryError,
    UnknownPhraseError,
    UsageError,
    VideosegError,
)
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.server import moondream_answers as answers
from videoseg.server import moondream_schema as schema
from videoseg.server.asgi import Refusal, RefusedError
from videoseg.server.model_thread import ModelThread
from videoseg.server.operations import Operation, as_json, read
from videoseg.server.pictures import encoded
from videoseg.server.pixel_budget import PixelBudget
from videoseg.types import Cue, Instance, Prompt, RgbImage

T = TypeVar("T")
_log = logging.getLogger(__name__)

PIXELS = 1 << 27
"""Of all pictures that are decoded at once: 400 MB."""
_HELPERS = 2
"""Threads that decode pictures and make outlines."""
_NOT_DONE = (
    "this server segments: it answers /v1/detect, /v1/point and /v1/segment; it writes no text"
)
_STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (LimitReachedError, 429),
    (MissingDependencyError, 503),
    (OutOfMemoryError, 503),
    (MemoryError, 503),
    (ModelError, 502),
    (UsageError, 422),
)


@dataclass
class Skills:
    """The skills of one model.

    Attributes:
        thread: The model on its thread.
        outlines: How masks become outlines.
        seconds: Until a question counts as not answered.
    """

    thread: ModelThread
    outlines: Vectorizer
    seconds: float = 120.0
    _budget: PixelBudget = field(init=False, default_factory=lambda: PixelBudget(PIXELS))
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(_HELPERS, thread_name_prefix="videoseg-pictures")

    def close(self) -> None:
        """Let go of threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def operations(self) -> list[Operation]:
        """What can be asked."""
        model = self.thread.model.card.name
        failing = (502, 504)
        return [
            Operation(
                "POST",
                "/v1/detect",
                self.detect,
                f"Boxes of all that a phrase names, found by {model}.",
                schema.DetectAnswer,
                schema.Located,
                problems=failing,
            ),
            Operation(
                "POST",
                "/v1/point",
                self.point,
                f"A point on each thing that a phrase names, found by {model}.",
                schema.PointAnswer,
                schema.Located,
                problems=failing,
            ),
            Operation(
                "POST",
                "/v1/segment",
                self.segment,
                f"The outline of one object, found by {model}.",
                schema.SegmentAnswer,
                schema.Segmented,
                media=("text/event-stream",),
                problems=failing,
            ),
            *(
                Operation("POST", f"/v1/{skill}", not_done, "Not done: answers 501.", status=501)
                for skill in ("caption", "query")
            ),
        ]

    async def detect(self, request: Request) -> Response:
        """Boxes of all objects."""
        asked = await read(request, schema.Located)
        found = await self._all(asked)
        boxes = [answers.region_of(one.mask) for one in found]
        return as_json(schema.DetectAnswer(objects=boxes))

    async def point(self, request: Request) -> Response:
        """A point on each object."""
        asked = await read(request, schema.Located)
        found = await self._all(asked)
        places = [await self._helped(answers.place_of, one.mask) for one in found]
        return as_json(schema.PointAnswer(points=places))

    async def segment(self, request: Request) -> Response:
        """The outline of one object."""
        asked = await read(request, schema.Segmented)
        picture = await self._helped(encoded, asked.image_url)
        async with self._budget.take(picture.pixels):
            image = await self._helped(picture.decoded)
            found = await self._one(image, asked.object, asked.spatial_refs or ())
        if not asked.stream:
            return as_json(await self._helped(answers.segmented, found, self.outlines))
        lines = await self._helped(lambda: [e.line() for e in answers.events(found, self.outlines)])
        return StreamingResponse(_each(lines), media_type="text/event-stream")

    async def _all(self, asked: schema.Located) -> Sequence[Instance]:
        picture = await self._helped(encoded, asked.image_url)
        async with self._budget.take(picture.pixels):
            image = await self._helped(picture.decoded)
            most = asked.settings.max_objects if asked.settings is not None else None
            return await self._asked(image, Prompt(text=asked.object, max_instances=most))

    async def _one(
        self, image: RgbImage, subject: str, refs: Sequence[Sequence[float]]
    ) -> Instance | None:
        """The object that words and references mean together; None where there is none."""
        cue = _cue(refs, image)
        kinds = self.thread.model.card.kinds
        if cue is None or not cue.kinds <= kinds:
            found = await self._asked(image, Prompt(text=subject))
            return next(iter(found), None) if cue is None else answers.nearest_to(found, refs)
        marked = Prompt(label=subject, cues=(cue,), max_instances=1)
        if "text" in kinds:
            named = Prompt(text=subject, cues=(cue,), max_instances=1)
            try:
                return next(iter(await self._asked(image, named)), None)
            except UnknownPhraseError:
                pass  # the references say which object is meant
        return next(iter(await self._asked(image, marked)), None)

    async def _asked(self, image: RgbImage, prompt: Prompt) -> tuple[Instance, ...]:
        missing = prompt.kinds - self.thread.model.card.kinds
        if missing:
            raise RefusedError(
                Refusal(422, f"the model of this server takes no {' or '.join(sorted(missing))}")
            )
        answer = self.thread.ask(image, prompt)
        try:
            async with asyncio.timeout(self.seconds):
                found = await asyncio.wrap_future(answer)
        except TimeoutError:
            raise RefusedError(
                Refusal(504, f"the model did not answer in {self.seconds:g} s; ask again later")
            ) from None
        return found[: prompt.max_instances]

    async def _helped(self, work: Callable[..., T], *given: Any) -> T:
        """Have work done beside the loop, so that other requests go on."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)


async def not_done(_: Request) -> Response:
    """Refuse what is no skill of a segmenter."""
    raise RefusedError(Refusal(501, _NOT_DONE))


def refusal_of(error: VideosegError | MemoryError) -> Refusal:
    """What a client is told about an error that was raised on purpose."""
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    if status >= 500:
        _log.warning("a request failed: %s", error)
    later = {"retry-after": "5"} if status in (429, 503) else {}
    return Refusal(status, " ".join(str(error).split()) or "memory ran out", later)


def _cue(refs: Sequence[Sequence[float]], image: RgbImage) -> Cue | None:
    """References in pixels; a box without an inside is a point."""
    height, width = image.shape[:2]
    points, boxes = [], []
    for ref in refs:
        x1, y1, x2, y2 = ref[0] * width, ref[1] * height, ref[-2] * width, ref[-1] * height
        if x1 < x2 and y1 < y2:
            boxes.append((x1, y1, x2, y2))
        else:
            points.append(((x1 + x2) / 2, (y1 + y2) / 2))
    return Cue(points=points, boxes=boxes) if refs else None


async def _each(lines: Sequence[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line

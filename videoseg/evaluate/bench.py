"""How long a model takes for an image, and what a thousand of them cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from videoseg.errors import LimitReachedError, SourceError
from videoseg.evaluate.metrics.latency import Latency, cost_per_thousand, latency
from videoseg.prompts import Refused
from videoseg.protocols import Metered, Remote, Segmenter
from videoseg.stages.known_phrases import prepare_known
from videoseg.types import Detections, Frame, Prompt
from videoseg.types.usage import Usage


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model took for some images, one at a time.

    Attributes:
        times: Seconds from handing over an image to having its answer.
        found: Instances found on all images.
        usage: What a service was used for, else None.
        cost: US dollars for a thousand images, or None where that is not known.
        basis: What the cost rests on, or what to say for it to be known.
        stopped: Why not all images were asked about, else None.
        refused: Prompts that the model cannot ground, and was not asked.
    """

    times: Latency
    found: int
    usage: Usage | None
    cost: float | None
    basis: str
    stopped: str | None = None
    refused: tuple[Refused, ...] = ()


def measure(
    model: Segmenter,
    frames: Iterable[Frame],
    prompts: Sequence[Prompt],
    *,
    price_per_hour: float | None = None,
    on_image: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Ask about every frame, each for itself, and time it.

    A model of this machine sees the first frame once before; a service is paid for and is not
    asked twice. Its cache must be off: an answer from disk takes no time.

    Args:
        model: Opened here, closed by the caller.
        frames: At least one.
        prompts: Asked on each.
        price_per_hour: Of this machine, for models that run on it.
        on_image: Called with the number of images done.

    Raises:
        SourceError: There is no frame.
        LimitReachedError: A limit of the user's does not allow even one image.
        UnknownPhraseError: The model can ground none of the prompts.
    """
    refused = prepare_known(model, prompts)
    unknown = {each.prompt for each in refused}
    known = [prompt for place, prompt in enumerate(prompts) if place not in unknown]
    times: list[float] = []
    found, stopped = 0, None
    for frame in frames:
        if not times and not isinstance(model, Remote):
            model.segment((frame,), (known,))
        try:
            seconds, answer = _timed(model, frame, known)
        except LimitReachedError as error:
            if not times:
                raise
            stopped = str(error)
            break
        times.append(seconds)
        found += len(answer.instances)
        on_image(len(times))
    if not times:
        raise SourceError("the input holds no image to measure with")
    measured = latency(times)
    usage = model.usage if isinstance(model, Metered) else None
    cost, basis = _cost(measured, usage, price_per_hour)
    return Measured(measured, found, usage, cost, basis, stopped, refused)


def _timed(model: Segmenter, frame: Frame, prompts: Sequence[Prompt]) -> tuple[float, Detections]:
    """How many seconds an answer takes, and the answer."""
    start = time.perf_counter()
    (answer,) = model.segment((frame,), (prompts,))
    return time.perf_counter() - start, answer


def _cost(
    measured: Latency, usage: Usage | None, price_per_hour: float | None
) -> tuple[float | None, str]:
    if usage is not None and usage.cost is not None:
        return usage.cost / measured.count * 1000, usage.priced
    if price_per_hour is not None:
        cost = cost_per_thousand(measured.mean, price_per_hour)
        return cost, f"a machine at ${price_per_hour:g} an hour"
    if usage is not None:
        return None, "no price is known for this model; name a file with its setting `prices`"
    return None, "say what an hour of this machine costs with --price"

"""How long an image takes, and what a thousand of them cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Latency:
    """Time from handing over an image to having its answer, seconds.

    Attributes:
        count: Number of images timed.
        mean: Mean.
        p50: Median.
        p90: 90th percentile.
        p95: 95th percentile.
        p99: 99th percentile.
        maximum: The slowest.
    """

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    maximum: float


def latency(seconds: npt.ArrayLike) -> Latency:
    """Percentiles, linear between the two nearest values.

    Args:
        seconds: float (n >= 1,), one per image; leave warm-up runs out.

    Raises:
        ValueError: Nothing was timed, or a time is negative or not finite.
    """
    times = np.asarray(seconds, dtype=np.float64)
    if times.ndim != 1 or not len(times):
        raise ValueError(f"percentiles need at least one time, got {times.shape = }")
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise ValueError("a time is negative or not finite")
    p50, p90, p95, p99 = np.percentile(times, [50, 90, 95, 99]).tolist()
    return Latency(len(times), float(times.mean()), p50, p90, p95, p99, float(times.max()))


def cost_per_thousand(seconds_per_image: float, price_per_hour: float) -> float:
    """Cost of 1,000 images on a machine rented by time, in the price's currency.

    Args:
        seconds_per_image: Wall time of the run over its number of images. With batches or
            several workers that is less than the latency.
        price_per_hour: Of the machine.

    Raises:
        ValueError: A value is negative.
    """
    if seconds_per_image < 0 or price_per_hour < 0:
        raise ValueError(f"negative: {seconds_per_image = } {price_per_hour = }")
    return 1000 * seconds_per_image * price_per_hour / 3600

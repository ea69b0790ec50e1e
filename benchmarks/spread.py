"""How benchmarks print a mean: with its 95 % bootstrap interval and how many it is of."""

from __future__ import annotations

from collections.abc import Sequence

from videoseg.evaluate.metrics.intervals import bootstrap, mean_columns


def mean_text(values: Sequence[float], units: Sequence[str] | None = None) -> str:
    """A mean as ``0.712 [0.580, 0.831] (n = 10)``.

    Args:
        values: What it is of.
        units: The sequence or scene that each is of, which are drawn whole; default: each alone.
    """
    interval = bootstrap(mean_columns(values), units=units)
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}] (n = {len(values)})"

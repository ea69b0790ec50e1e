"""Figures that others have published, each with its metric and its source."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("published.toml")
EVERY_SET = "all"
"""Stands for the name of a data set where a figure is of none in particular."""


@dataclass(frozen=True, slots=True)
class Published:
    """One figure.

    Attributes:
        model: Name of the column.
        data: Name of the data set.
        metric: What it measures; only figures of one metric may be compared.
        value: Per cent, seconds or US dollars.
        source: Where it was published.
    """

    model: str
    data: str
    metric: str
    value: float
    source: str


@functools.cache
def published() -> tuple[Published, ...]:
    """All of them, in the order of the file."""
    content = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Published(model, data, entry["metric"], float(value), content["sources"][entry["source"]])
        for entry in content["figures"]
        for model, values in entry.items()
        if isinstance(values, dict)
        for data, value in values.items()
    )


def published_for(model: str, data: str, metric: str) -> Sequence[Published]:
    """The figures of one model for one data set by exactly this metric."""
    wanted = (model, data, metric)
    return [one for one in published() if (one.model, one.data, one.metric) == wanted]

"""Recordings for Rerun, as its own package reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def columns(path: Path) -> dict[str, dict[str, list[Any]]]:
    """Values of each column by entity, in the order of the file."""
    reading = pytest.importorskip("rerun.chunk")
    found: dict[str, dict[str, list[Any]]] = {}
    for chunk in reading.RrdReader(path).stream():
        batch = chunk.to_record_batch()
        entity = found.setdefault(chunk.entity_path, {})
        for name in batch.schema.names:
            values = batch.column(name)
            plain = name in ("frame", "stamp", "time", "video_time")
            entity.setdefault(name, []).extend(
                values.cast("int64").to_pylist() if plain else values.to_pylist()
            )
    return found

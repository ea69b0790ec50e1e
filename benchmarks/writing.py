"""What a writer costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from videoseg.protocols import Writer
from videoseg.types import Frame, Scene, StreamInfo


def written(
    writer: Writer, streams: Mapping[str, StreamInfo], steps: Sequence[tuple[Scene, Frame]]
) -> tuple[float, float, float]:
    """Milliseconds of CPU a frame, frames a second of the clock, and megabytes a frame."""
    with tempfile.TemporaryDirectory() as folder:
        writer.open(Path(folder), streams, ())
        begun, cpu = time.perf_counter(), time.process_time()
        for scene, frame in steps:
            writer.write(scene, frame if writer.needs_image else None)
        writer.close(complete=True)
        passed, worked = time.perf_counter() - begun, time.process_time() - cpu
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    count = len(steps)
    return 1000 * worked / count, count / passed, size / count / 1e6

"""How soon the page answers: outlines of clicks, frames while somebody scrubs, and memory.

usage: python -m benchmarks.page CLIP [CLICKS]

Times are of the wall and of the processor: on a machine that does other things, too, only the
latter says what one thread would take by itself (set OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import math
import mmap
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from videoseg.config.run_config import load
from videoseg.jobs.inputs import Input
from videoseg.server.page.asking import Asker
from videoseg.server.page.frames import FrameService
from videoseg.types import Cue, Prompt

_SERVED = 1000
"""Frames that are served for the measure of memory."""


def main(location: str, clicks: int) -> None:
    """Measure one clip and print a line for each thing."""
    config = load()
    begun = time.perf_counter()
    opened = Input.opened(location, config)
    try:
        with FrameService(opened) as frames, Asker(config, opened.first) as asker:
            frames.picture(0, 1)
            print(f"first frame after {time.perf_counter() - begun:.2f} s")
            _scrub(frames, "first time")
            _scrub(frames, "again")
            print(f"memory after {_SERVED} frames: {_resident() >> 20} MB")
            _click(frames, asker, clicks)
            print(f"memory with the model: {_resident() >> 20} MB")
    finally:
        opened.close()


def _scrub(frames: FrameService, name: str) -> None:
    """There and back through the clip, as the handle of the page is dragged."""
    last = (frames.frame_count or 300) - 1
    half = _SERVED // 2
    places = [round(last * (0.5 - 0.5 * math.cos(2 * math.pi * n / half))) for n in range(half)]
    wall, work = _timed(lambda: [frames.picture(place, 1) for place in places])
    print(f"scrubbing, {name}: {half / wall:.0f} frames/s, {half / work:.0f} for a core by itself")


def _click(frames: FrameService, asker: Asker, clicks: int) -> None:
    info, chance = frames.info, random.Random(5)  # noqa: S311 - a place, no secret
    spent: dict[str, list[tuple[float, float]]] = {"look ahead": [], "draft": [], "outline": []}
    for _ in range(clicks):
        index = chance.randrange(frames.frame_count or 1)
        frame = frames.frame(index)
        at = (chance.uniform(0, info.width - 1), chance.uniform(0, info.height - 1))
        asked = [Prompt("it", cues=[Cue(index, points=[at])])]
        spent["look ahead"].append(_timed(partial(asker.look_ahead, frame)))
        for name in ("draft", "outline"):
            answer = partial(asker.answer, frame, asked, draft=name == "draft")
            spent[name].append(_timed(answer))
    for name, times in spent.items():
        walls, works = zip(*times[1:], strict=True)  # the first one loads the networks
        print(
            f"{name}: p50 {statistics.median(walls):.2f} s, p95 {_p95(walls):.2f} s; for a core by "
            f"itself p50 {statistics.median(works):.2f} s, p95 {_p95(works):.2f} s"
        )


def _resident() -> int:
    """Bytes of this process in memory now; Linux alone."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * mmap.PAGESIZE


def _timed(do: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    wall, work = time.perf_counter(), time.process_time()
    do()
    return time.perf_counter() - wall, time.process_time() - work


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", help="a video")
    parser.add_argument("clicks", type=int, nargs="?", default=50, help="clicks, default 50")
    given = parser.parse_args()
    main(given.clip, given.clicks)

"""How much memory work takes, and Scenes that come without end to try it with."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from tests.support import scenes
from videoseg.types import Scene

SPAN = 5
"""Frames after which a track ends and the next begins."""


def peak(work: Callable[[int], object], length: int) -> int:
    """Most bytes that were in use at once for what Python and numpy made meanwhile."""
    gc.collect()
    tracemalloc.start()
    try:
        work(length)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def passing(frames: int) -> Iterator[Scene]:
    """One object after another: each has an id and masks of its own, and goes."""
    boxes = [scenes.tracked(scenes.rectangle(10, 10, right, 60)) for right in (80, 82)]
    for index in range(frames):
        tracked = boxes[index % 2]
        mask = replace(tracked.instance.mask, bitmap=np.copy(tracked.instance.mask.bitmap))
        instance = replace(tracked.instance, mask=mask)
        shown = replace(tracked, track_id=1 + index // SPAN, instance=instance)
        yield scenes.scene(shown, index=index)

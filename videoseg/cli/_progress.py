"""A progress bar on stderr: rate, time to go, and the stage that everything waits for."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Self

from tqdm import tqdm

from videoseg.pipeline import Tally
from videoseg.threads import Stopwatch

_NOT_WORK = frozenset({"wait", "load model"})


class Progress(AbstractContextManager["Progress"]):
    """Shows how far a run is; quiet where stderr is not a terminal."""

    def __init__(self, total: int | None, clock: Stopwatch, *, quiet: bool) -> None:
        self._clock = clock
        hidden = quiet or not sys.stderr.isatty()
        self._bar = tqdm(total=total, unit=" frames", disable=hidden, dynamic_ncols=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, tally: Tally) -> None:
        """Move on to the number of frames that are done."""
        objects = sum(len(ids) for ids in tally.tracks)
        self._bar.set_postfix_str(f"{objects} objects, slowest: {slowest(self._clock)}", False)
        self._bar.update(tally.frames - self._bar.n)


def slowest(clock: Stopwatch) -> str:
    """Name of the stage that has taken most time."""
    work = {name: spent for name, spent in clock.seconds.items() if name not in _NOT_WORK}
    return max(work, key=lambda name: work[name], default="-")

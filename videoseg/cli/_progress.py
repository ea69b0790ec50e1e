"""How far a run is, on stderr: a bar for people, lines for logs, JSON for machines.

``--progress json`` writes one object a line, the last one with ``"event": "end"``:

========  ==========================================================================
event     ``progress``, or ``end`` for the last
input     names of the streams that are read, or the folder of a run
status    of the last alone: ``done``, ``failed`` or ``interrupted``
frames    frames written so far
total     frames that the input promises, or null
rate      frames per second lately, or null
eta       seconds to go at that rate, or null
elapsed   seconds since the run began
objects   objects followed so far
slowest   the stage that has taken most time, or null: ``decode``, ``model``, ``track``, a writer
writing   the output of the whole run that is written now, after the last frame, or null
back      while marks are followed back, before frames can be written: frames of those, or null
backs     how many frames these are, or null
========  ==========================================================================
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from videoseg.cli._terminal import remark, tell, tell_event

if TYPE_CHECKING:
    from videoseg.pipeline import Tally
    from videoseg.system.threads import Stopwatch

_LATELY_SECONDS = 30.0
_BAR_SECONDS = 0.1
"""Time between two moves of the bar."""
_JSON_SECONDS = 1.0
"""Time between two reports in JSON."""
_LINE_SECONDS = 5.0
"""Time between two lines that were asked for."""
_LOG_SECONDS = 30.0
"""Time between two lines that nobody asked for, in the log of a job."""


class Mode(StrEnum):
    """What ``--progress`` takes."""

    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Report:
    """One look at a run; the module's docstring says what the fields are."""

    frames: int
    total: int | None
    rate: float | None
    eta: float | None
    elapsed: float
    objects: int
    slowest: str | None
    writing: str | None = None
    back: int | None = None
    backs: int | None = None


class _Display(Protocol):
    """Shows reports."""

    def show(self, report: Report) -> None:
        """Show one while the run goes on."""
        ...

    def end(self, report: Report, status: str) -> None:
        """Show the last one."""
        ...


class Progress(AbstractContextManager["Progress"]):
    """Shows how far a run is.

    Args:
        total: Frames that the input promises, or None.
        clock: What takes the time of the stages.
        quiet: Whether to show nothing at all.
        name: What is read; tells the inputs of one command apart.
        mode: How to show it; ``AUTO`` is a bar on a terminal, and else a line every half minute.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        total: int | None,
        clock: Stopwatch,
        *,
        quiet: bool,
        name: str = "",
        mode: Mode = Mode.AUTO,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._clock = clock
        self._now = now
        self._display, self._every = _display(Mode.NONE if quiet else mode, total, name)
        self._frames = self._objects = 0
        self._begin = self._last = now()
        self._lately = deque([(self._begin, 0)])
        self._back: tuple[int, int] | None = None
        clock.on_alone = self._begin_writing
        clock.on_ahead = self._follow_back

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        status = "failed" if kind is not None else "done"
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            status = "interrupted"
        self._display.end(self._report(), status)

    def show(self, tally: Tally) -> None:
        """Move on to the number of frames that are done."""
        if self._back is not None:
            self._back, self._lately = None, deque([(self._now(), self._frames)])
        self._frames = tally.frames
        self._objects = sum(len(ids) for ids in tally.tracks)
        if self._now() - self._last >= self._every:
            self._last = self._now()
            self._display.show(self._report())

    def _begin_writing(self) -> None:
        """Say what is written after the last frame, which may take as long as all before."""
        asked = self._every < _LOG_SECONDS
        if asked or self._now() - self._last >= self._every:
            self._last = self._now()
            self._display.show(self._report())

    def _follow_back(self, done: int, total: int) -> None:
        """Say how far marks are followed back, which comes before the frames there are written."""
        if self._back is None or done <= self._back[0]:
            self._lately = deque([(self._now(), done)])
        self._back = done, total
        if self._now() - self._last >= self._every:
            self._last = self._now()
            self._display.show(self._report())

    def _report(self) -> Report:
        now = self._now()
        frames, total = self._back or (self._frames, self._total)
        self._lately.append((now, frames))
        while len(self._lately) > 2 and now - self._lately[0][0] > _LATELY_SECONDS:
            self._lately.popleft()
        since, before = self._lately[0]
        rate = (frames - before) / (now - since) if now > since and frames > before else None
        left = None if total is None else max(0, total - frames)
        return Report(
            frames=self._frames,
            total=self._total,
            rate=rate,
            # Frames of the way back say nothing about all the others.
            eta=None if rate is None or left is None or self._back else left / rate,
            elapsed=now - self._begin,
            objects=self._objects,
            slowest=self._clock.slowest,
            writing=self._clock.alone,
            back=None if self._back is None else self._back[0],
            backs=None if self._back is None else self._back[1],
        )


def _display(mode: Mode, total: int | None, name: str) -> tuple[_Display, float]:
    """What shows reports, and how many seconds there are between two."""
    if mode is Mode.NONE:
        return _Nothing(), float("inf")
    if mode is Mode.JSON:
        return _JsonLines(name), _JSON_SECONDS
    if mode is Mode.PLAIN:
        return _Lines(always_ends=True), _LINE_SECONDS
    if sys.stderr.isatty():
        return _Bar(total), _BAR_SECONDS
    return _Lines(always_ends=False), _LOG_SECONDS


class _Nothing:
    def show(self, report: Report) -> None:
        pass

    def end(self, report: Report, status: str) -> None:
        pass


class _Bar:
    def __init__(self, total: int | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit=" frames", dynamic_ncols=True)

    def show(self, report: Report) -> None:
        now = f"slowest: {report.slowest or '-'}"
        if report.writing is not None:
            now = f"writing {report.writing}"
        elif report.back is not None:
            now = _way_back(report)
        said = f"{report.objects} objects, {now}"
        remark(self._bar, said, refresh=False)
        self._bar.update(report.frames - self._bar.n)

    def end(self, report: Report, status: str) -> None:
        del status
        self.show(report)
        self._bar.close()


class _JsonLines:
    def __init__(self, name: str) -> None:
        self._name = name

    def show(self, report: Report) -> None:
        self._write("progress", {"input": self._name, **asdict(report)})

    def end(self, report: Report, status: str) -> None:
        self._write("end", {"input": self._name, "status": status, **asdict(report)})

    def _write(self, event: str, fields: dict[str, object]) -> None:
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in fields.items()}
        tell_event(event, rounded)


class _Lines:
    """Lines for a log.

    Args:
        always_ends: Whether a run so short that it has shown nothing shows its end.
    """

    def __init__(self, *, always_ends: bool) -> None:
        self._ends = always_ends

    def show(self, report: Report) -> None:
        self._ends = True
        tell(f"progress: {_words(report)}", err=True)

    def end(self, report: Report, status: str) -> None:
        if self._ends:
            tell(f"{status}: {_words(report)}", err=True)


def _words(report: Report) -> str:
    of = "" if report.total is None else f"/{report.total} ({_percent(report)})"
    rate = "" if report.rate is None else f", {report.rate:.2f} frames/s"
    left = "" if not report.eta else f", {_span(report.eta)} to go"
    objects = f", {report.objects} object{'' if report.objects == 1 else 's'}"
    slow = "" if report.slowest is None else f", slowest: {report.slowest}"
    if report.writing is not None:
        slow = f", writing {report.writing}"
    elif report.back is not None:
        rate, slow = "", f", {_way_back(report)}"
    return f"{report.frames}{of} frames after {_span(report.elapsed)}{rate}{left}{objects}{slow}"


def _way_back(report: Report) -> str:
    rate = "" if report.rate is None else f", {report.rate:.2f} frames/s"
    return f"following marks back: {report.back}/{report.backs} frames{rate}"


def _percent(report: Report) -> str:
    return f"{100 * report.frames // max(1, report.total or 0)} %"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

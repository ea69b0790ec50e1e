"""When each frame of a replay is due, and how frames that are due wait for a slower model."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Drop: TypeAlias = Literal["oldest", "newest", "none"]
"""Which frame is left out where the queue is full; none = whoever brings it waits."""
_POLL_SECONDS = 0.05
"""How often whoever waits looks whether the replay was stopped."""

_REWOUND_SECONDS = 1
"""Times that go back further have begun anew; by less, a frame is out of order."""
_JUMPED_SECONDS = 3600
"""Times that go on by more are those of another clock: nobody waits for them."""


class Clock(Protocol):
    """What a replay takes its time from."""

    def now(self) -> float:
        """Seconds since a moment that does not change."""

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""


class SystemClock:
    """The time of this machine, which is never set back."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


@dataclass(slots=True)
class Pacer:
    """Says when frames are due: as far apart as their times are, over a rate.

    The first frame is due when it is asked about, so that what comes before it costs no time. Where
    times go back by more than a second, as from one episode to the next, or jump forward by more
    than an hour, as where a stamp is missing, they count anew.

    Attributes:
        rate: Seconds of the input in a second; 0 = every frame is due as soon as it is there.
        clock: The time.
        waits: Whether frames may be asked about only once they are there, as of what is still
            recorded: one that comes too late is due when it comes, and all after it are later, too.
    """

    rate: float
    clock: Clock
    waits: bool = False
    _begun: tuple[Fraction, float] | None = field(init=False, repr=False, default=None)
    _latest: tuple[Fraction, float] = field(init=False, repr=False, default=(Fraction(0), 0.0))

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"a rate is 0 or more, got {self.rate = }")

    def due(self, seconds: Fraction) -> float:
        """The moment at which a frame is due, by the clock.

        Args:
            seconds: The frame's time in its input.
        """
        if not self.rate:
            return self.clock.now()
        if self._begun is None:
            self._begun = self._latest = seconds, self.clock.now()
        elif not -_JUMPED_SECONDS <= self._latest[0] - seconds <= _REWOUND_SECONDS:
            self._begun = self._latest = seconds, self._latest[1]
        first, begun = self._begun
        due = begun + float((seconds - first) / Fraction(self.rate))
        if self.waits and (late := self.clock.now() - due) > 0:
            if seconds >= self._latest[0]:  # one that is out of order delays no others
                self._begun = first, begun + late
            due += late
        self._latest = max(self._latest, (seconds, due))
        return due

    def wait(self, moment: float, stopped: Callable[[], bool]) -> None:
        """Wait for a moment, or until the replay is stopped."""
        while not stopped() and (left := moment - self.clock.now()) > 0:
            self.clock.sleep(min(left, _POLL_SECONDS))


class FrameQueue(AbstractContextManager["FrameQueue[T]"], Generic[T]):
    """Hands things from one thread to another; where too many wait, some are dropped.

    Leaving its context reads no more.

    Args:
        size: How many of each stream may wait, at least 1.
        drop: Which one goes where one more comes.
        keeps: Whether something must not be dropped; the queue grows by what it has to keep.
        stream: Names the stream of something, so that no stream loses its place to another one.

    Attributes:
        dropped: How many were dropped.
        stopped: Whether it was stopped, with or without things that wait.
        closed: Whether nothing that is added will be read any more.
    """

    def __init__(
        self,
        size: int,
        drop: Drop,
        keeps: Callable[[T], bool] = lambda _: False,
        stream: Callable[[T], str] = lambda _: "",
    ) -> None:
        if size < 1:
            raise ValueError(f"a queue holds at least one, got {size = }")
        self._size, self._drop, self._keeps, self._stream = size, drop, keeps, stream
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._ended = False
        self.dropped = 0
        self.stopped = self.closed = False

    def __exit__(self, *_: object) -> None:
        self.leave()

    def put(self, item: T) -> None:
        """Add one; waits only where nothing may be dropped."""
        with self._changed:
            stream = self._stream(item)
            while self._drop == "none" and self._is_full(stream) and not self.closed:
                self._changed.wait(_POLL_SECONDS)
            drops = self._drop != "none" and self._is_full(stream)
            self._waiting.append(item)
            if drops:
                self._drop_one(stream)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more will come, and why if something went wrong."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """Want no more, not even what waits. Takes no lock: a signal's handler may call it."""
        self.stopped = self.closed = True

    def leave(self) -> None:
        """Read no more, for whatever reason."""
        self.closed = True

    def get(self) -> T | None:
        """The one that has waited longest; None at the end.

        Raises:
            BaseException: What went wrong where they come from, after all that came before.
        """
        with self._changed:
            while not self.closed:
                if self._waiting:
                    item = self._waiting.popleft()
                    self._changed.notify_all()
                    return item
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    return None
                self._changed.wait(_POLL_SECONDS)
        return None

    def _is_full(self, stream: str) -> bool:
        return sum(self._stream(item) == stream for item in self._waiting) >= self._size

    def _drop_one(self, stream: str) -> None:
        order = range(len(self._waiting))
        for place in order if self._drop == "oldest" else reversed(order):
            item = self._waiting[place]
            if self._stream(item) == stream and not self._keeps(item):
                del self._waiting[place]
                self.dropped += 1
                return

"""When the pictures of a topic were taken: times that rise, of stamps that may not."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Literal, TypeAlias

Stamp: TypeAlias = Literal["header", "log", "publish"]
_SET_BACK = 10**9
"""Nanoseconds; a stamp that lies further back means that the sender's clock was set, as where a
simulation begins anew, and a smaller step that messages have overtaken each other."""
_GAP = 1.5
"""Usual distances of two pictures from which one is missing between them."""
LATE = "with a stamp that is not later than the one before"
NO_STAMP = "messages without a stamp, whose times go on as the log does"
NUDGED = "times moved by 1 ns, to be later than the one before"
SET_BACK = "places where the clock went back, from where on times go on as the log does"


@dataclass
class TopicClock:
    """Gives each message of a topic its time, in ns.

    By header stamps, a message whose stamp is that of the one before, or a little earlier, is left
    out: it is a duplicate, or was overtaken. Where stamps go back by more than a second, times go
    on by what passed in the log, and so do all after it; so does a message alone that has no stamp,
    which is 0. By log or publish times nothing is left
    out: equal times are moved by 1 ns.

    Attributes:
        kind: Which of a message's times to take.
        usual: Usual distance of two pictures, ns; None where it is not known.
        counts: What was done about times, by its name.
        gaps: Places where pictures are missing.
        missing: About how many, all together.
    """

    kind: Stamp
    usual: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    missing: int = 0
    _last: int | None = None
    _last_logged: int = 0
    _shift: int = 0

    def time(self, stamp: int, log_time: int, publish_time: int) -> int | None:
        """Time of the next message, later than the one before; None to leave it out."""
        said = {"header": stamp, "log": log_time, "publish": publish_time}[self.kind]
        time, last = said + self._shift, self._last
        if last is not None and stamp == 0 and self.kind == "header":
            self.counts[NO_STAMP] += 1
            time = last + max(1, log_time - self._last_logged)
        elif last is not None and time <= last:
            if last - time > _SET_BACK:
                self.counts[SET_BACK] += 1
                time = last + max(1, log_time - self._last_logged)
                self._shift = time - said
            elif self.kind == "header":
                self.counts[LATE] += 1
                return None
            else:
                self.counts[NUDGED] += 1
                time = last + 1
        if last is not None and self.usual and time - last > _GAP * self.usual:
            self.gaps += 1
            self.missing += round((time - last) / self.usual) - 1
        self._last, self._last_logged = time, log_time
        return time


def usual_distance(times: Sequence[int]) -> int | None:
    """Median distance, ns, of times that follow each other; None of fewer than two."""
    steps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    return round(statistics.median(steps)) if steps else None


def rate_of(distance: int | None) -> Fraction | None:
    """Pictures a second, to a thousandth, at a distance in ns."""
    return Fraction(max(1, round(10**12 / distance)), 1000) if distance else None

"""Where to begin to read a log for what lies late in it, so that what is before is not read.

A place will do if frames come out as where the log is read from its beginning. Before the first
frame that is wanted there must be a few messages, by which a clock knows which ones are late, of
video a key frame, and the sender's clock must not have been set in between, which moves all times
that follow.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from videoseg.formats.robotics.decoding import TopicDecoder
from videoseg.formats.robotics.log_messages import Damage, Entrance
from videoseg.formats.robotics.messages import MessageError
from videoseg.sources._logs.log import Log

_SETTLED = 12
"""Messages of a topic after which its clock knows which are late."""
_CLOCK_WAS_SET = 5 * 10**8
"""Nanoseconds by which a stamp comes to lie earlier or later in its log's time where the sender's
clock was set; half of what counts as set back."""


@dataclass(frozen=True)
class Sought:
    """A topic to be read from a later place on.

    Attributes:
        decoder: Makes a new decoder of its messages.
        lag: Log time of its first message minus its stamp, ns; None where stamps are not used.
    """

    decoder: Callable[[], TopicDecoder]
    lag: int | None


def entrance_for_index(log: Log, topics: Mapping[str, Sought], start: int) -> Entrance | None:
    """The last place from which frame ``start`` of each topic can be read; None = the beginning."""
    if start <= _SETTLED:
        return None
    places = log.entrances(topics.keys())
    last = bisect.bisect_right(places, start - _SETTLED, key=lambda p: max(p.before.values())) - 1
    without_key = {name for name, topic in topics.items() if topic.decoder().needs_key}
    for at in range(last, 0, -1):
        without_key = {
            name for name in without_key if not _has_key(log, places, at, name, topics[name])
        }
        if not without_key:
            return places[at] if _is_same_clock(log, places[at], topics) else None
    return None


def entrance_for_time(log: Log, name: str, topic: Sought, time: int) -> Entrance | None:
    """A place before the first frame of a topic at ``time`` ns or later; None = the beginning."""
    places = log.entrances({name})
    last = bisect.bisect_left(
        range(1, len(places)), time, key=lambda at: _stamp_at(log, places[at], name, topic)
    )
    if last == 0:
        return None
    settled = places[last].before[name] - _SETTLED
    at = bisect.bisect_right(places, settled, key=lambda p: p.before[name]) - 1
    return places[at] if at > 0 and _is_same_clock(log, places[at], {name: topic}) else None


def _has_key(log: Log, places: Sequence[Entrance], at: int, name: str, topic: Sought) -> bool:
    """Whether there is a key frame between a place and the next one."""
    after = places[at + 1].before[name] if at + 1 < len(places) else None
    count = None if after is None else after - places[at].before[name]
    decoder = topic.decoder()
    with closing(log.messages({name}, Damage(), places[at])) as entries:
        for entry in islice(entries, count):
            try:
                if decoder.is_key(decoder.read(entry.data)):
                    return True
            except MessageError:
                continue
    return False


def _is_same_clock(log: Log, place: Entrance, topics: Mapping[str, Sought]) -> bool:
    """Whether stamps lie as far from the times of the log as they did at its beginning."""
    for name, topic in topics.items():
        if topic.lag is None:
            continue
        found = _first_at(log, place, name, topic)
        if found is not None and abs(found[1] - found[0] - topic.lag) > _CLOCK_WAS_SET:
            return False
    return True


def _stamp_at(log: Log, place: Entrance, name: str, topic: Sought) -> int:
    """Time of the first message behind a place; one after all others where there is none."""
    found = _first_at(log, place, name, topic)
    return 1 << 63 if found is None else found[0 if topic.lag is not None else 1]


def _first_at(log: Log, place: Entrance, name: str, topic: Sought) -> tuple[int, int] | None:
    """Stamp and log time of the first message of a topic behind a place; None without one."""
    decoder = topic.decoder()
    with closing(log.messages({name}, Damage(), place)) as entries:
        for entry in entries:
            try:
                return decoder.read(entry.data).stamp, entry.log_time
            except MessageError:
                continue
    return None

"""Timecodes (SMPTE ST 12-1) as numbers of frames, and back."""

from __future__ import annotations

import re
from fractions import Fraction

from videoseg.errors import UsageError

TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{1,3})")
"""Hours, minutes, seconds, frames; ``;`` or ``.`` before the frames where numbers are dropped."""


def frame_number(timecode: str, rate: Fraction) -> int:
    """Frames since 00:00:00:00.

    Drop-frame counting leaves out the first numbers (2 at 29.97 Hz, 4 at 59.94 Hz) of every minute
    but each tenth.

    Raises:
        UsageError: It is no timecode, or there is none like it at this rate.
    """
    match = TIMECODE.fullmatch(timecode)
    if match is None:
        raise UsageError(f"{timecode!r} is not a timecode such as 01:00:00:12")
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    nominal = round(rate)
    if minutes > 59 or seconds > 59 or frames >= nominal:
        raise UsageError(f"there is no timecode {timecode} at {nominal} frames per second")
    passed = 60 * hours + minutes
    dropped = 0
    if match[4] in ";.":
        each = _dropped(nominal)
        if minutes % 10 and not seconds and frames < each:
            raise UsageError(f"drop-frame timecode skips {timecode}; the next is {each:02d}")
        dropped = each * (passed - passed // 10)
    return (60 * passed + seconds) * nominal + frames - dropped


def timecode_of(index: int, start: str | None, rate: Fraction | None) -> str | None:
    """The timecode of a frame, counted as that of the first frame is; 24 hours are followed by 0.

    Args:
        index: The frame, from 0.
        start: The timecode of the first frame, or None.
        rate: Frames per second, or None.

    Returns:
        None where there is no start, or none that fits the rate.
    """
    match = TIMECODE.fullmatch(start or "")
    if match is None or rate is None:
        return None
    try:
        number = frame_number(match[0], rate) + index
    except UsageError:
        return None
    nominal, mark = round(rate), match[4]
    if mark in ";.":
        number = _with_dropped(number, nominal)
    seconds, left = divmod(number, nominal)
    minutes, seconds = divmod(seconds, 60)
    digits = 3 if nominal > 100 else 2
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}:{seconds:02d}{mark}{left:0{digits}d}"


def by_fields(timecode: str) -> str:
    """The same moment at twice the frame rate."""
    match = TIMECODE.fullmatch(timecode)
    if match is None:
        return timecode
    return f"{timecode[: match.start(5)]}{2 * int(match[5]):02d}"


def _dropped(nominal: int) -> int:
    """Numbers that drop-frame counting leaves out in a minute."""
    return round(nominal / 15)


def _with_dropped(number: int, nominal: int) -> int:
    """The number that a frame has once the dropped ones are counted, too."""
    each = _dropped(nominal)
    minute = 60 * nominal - each
    ten = 10 * minute + each
    tens, left = divmod(number, ten)
    minutes = max(0, left - each) // minute
    return number + each * (9 * tens + minutes)

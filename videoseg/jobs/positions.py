"""Places in a stream as people write them: a frame, seconds, or a timecode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from videoseg.errors import SourceError, UsageError
from videoseg.formats.frame_numbers import time_of
from videoseg.formats.timecode import TIMECODE, frame_number
from videoseg.protocols import Timed
from videoseg.types import StreamInfo

# As many digits as any place needs: Python turns no text of thousands into a number.
_FRAME = re.compile(r"(\d{1,18})f")
_CLOCK = re.compile(r"(?:(?:(\d{1,18}):)?(\d{1,2}):)?(\d{1,18}(?:\.\d{1,18})?)s?")


@dataclass(frozen=True, slots=True)
class Position:
    """One of the three is given.

    Attributes:
        frame: Index of a frame.
        seconds: Time since the stream's first frame.
        timecode: Hours, minutes, seconds and frames as the camera counts them, ``;`` before the
            frames where it drops numbers.
    """

    frame: int | None = None
    seconds: Fraction | None = None
    timecode: str | None = None


def parse_position(text: str) -> Position:
    """Read ``250f`` (frame), ``12.5``, ``12.5s``, ``1:02.5``, ``1:00:02`` or ``01:00:00:12``.

    Raises:
        UsageError: It is none of these.
    """
    text = text.strip()
    if match := _FRAME.fullmatch(text):
        return Position(frame=int(match[1]))
    if (match := TIMECODE.fullmatch(text)) and match[4] != ".":
        return Position(timecode=text)
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
        if match[2] is None or seconds < 60:
            return Position(seconds=3600 * hours + 60 * minutes + seconds)
    raise UsageError(
        f"{text!r} is not a time or frame number; give seconds (12.5), a frame (250f), a time "
        "(1:02.5) or a timecode (01:00:00:12)"
    )


def frame_index(position: Position, info: StreamInfo, source: object) -> int:
    """Index of the frame at a position: the first that begins there or later.

    A timecode counts from the stream's own start timecode where it has one, else from zero, and
    leads to the frame that has it (``formats.frame_numbers``).

    Raises:
        UsageError: The timecode lies before the stream's, or the stream has no frame rate.
        SourceError: The source cannot look a time up.
    """
    if position.frame is not None:
        return position.frame
    if position.timecode is not None:
        return _counted(position.timecode, info, source)
    if not isinstance(source, Timed):
        raise SourceError(
            f"{info.stream}: this kind of source does not know times; give a frame (250f)"
        )
    return source.index_at((position.seconds or 0) + info.start_pts * info.time_base)


def _counted(timecode: str, info: StreamInfo, source: object) -> int:
    if info.frame_rate is None:
        raise UsageError(f"{info.stream} has no frame rate, so no timecode; give seconds or 250f")
    start = frame_number(info.timecode, info.frame_rate) if info.timecode else 0
    number = frame_number(timecode, info.frame_rate) - start
    if number < 0:
        raise UsageError(f"timecode {timecode} is before the start of the video, {info.timecode}")
    if not isinstance(source, Timed):
        return number
    try:
        return source.index_at(time_of(number, info))
    except SourceError:
        return number  # of a pipe, which is read once, frames can only be counted

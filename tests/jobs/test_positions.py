"""Seconds, frames and timecodes become frame indices."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import media
from videoseg.errors import SourceError, UsageError
from videoseg.formats.timecode import by_fields, frame_number, timecode_of
from videoseg.jobs.positions import Position, frame_index, parse_position
from videoseg.sources.video import VideoSource
from videoseg.types import StreamInfo

NTSC = Fraction(30000, 1001)
INFO = StreamInfo(stream="a", width=1, height=1, time_base=1 / NTSC, frame_rate=NTSC)


class Steady:
    """Frames at a constant rate from 0."""

    def index_at(self, seconds: Fraction) -> int:
        return -int(-seconds * NTSC // 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250f", Position(frame=250)),
        ("12.5", Position(seconds=Fraction(25, 2))),
        ("0.1s", Position(seconds=Fraction(1, 10))),
        ("90", Position(seconds=Fraction(90))),
        ("1:02.5", Position(seconds=Fraction(125, 2))),
        ("1:00:02", Position(seconds=Fraction(3602))),
        ("1:00:02.040", Position(seconds=Fraction(360204, 100))),
        ("01:00:00:12", Position(timecode="01:00:00:12")),
        ("01:00:00;12", Position(timecode="01:00:00;12")),
    ],
)
def test_what_people_write(text: str, expected: Position) -> None:
    assert parse_position(text) == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "-5", "1:99", "12:", "1:2:3:4", "5 f", "1e3", "nan", "9" * 5000]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time or frame number; give seconds"):
        parse_position(text)


@pytest.mark.parametrize(
    ("timecode", "start", "expected"),
    [
        ("00:00:59;29", None, 1799),
        ("00:01:00;02", None, 1800),
        ("00:10:00;00", None, 17982),
        ("01:00:00;00", None, 107892),
        ("01:00:01:00", "01:00:00:00", 30),
        ("01:00:00;02", "01:00:00;00", 2),
    ],
)
def test_timecodes(timecode: str, start: str | None, expected: int) -> None:
    info = replace(INFO, timecode=start)
    assert frame_index(parse_position(timecode), info, Steady()) == expected


@given(st.integers(0, 24 * 107892 - 1))
def test_drop_frame_numbers_come_back(number: int) -> None:
    """Against the usual way back, from a count to a timecode."""
    tens, rest = divmod(number, 17982)
    shown = number + 18 * tens + (2 * ((rest - 2) // 1798) if rest > 1 else 0)
    seconds, frames = divmod(shown, 30)
    timecode = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d};{frames:02d}"
    assert frame_index(parse_position(timecode), INFO, Steady()) == number


@given(st.integers(0, 2_589_407), st.sampled_from(":;"))
def test_a_frame_has_the_timecode_that_leads_to_it(number: int, mark: str) -> None:
    rate = Fraction(30000, 1001)
    timecode = timecode_of(number, f"00:00:00{mark}00", rate)
    assert timecode is not None
    assert frame_number(timecode, rate) == number
    day = frame_number(f"23:59:59{mark}29", rate) + 1
    assert timecode_of(number + day, f"00:00:00{mark}00", rate) == timecode


@pytest.mark.parametrize(
    ("frames", "fields"),
    [
        ("10:00:00:12", "10:00:00:24"),
        ("01:01:00;02", "01:01:00;04"),
        ("01:00:59;29", "01:00:59;58"),
    ],
)
def test_fields_have_a_timecode_of_twice_the_rate(frames: str, fields: str) -> None:
    assert by_fields(frames) == fields
    assert frame_number(fields, 2 * NTSC) == 2 * frame_number(frames, NTSC)


@pytest.mark.parametrize("timecode", ["00:01:00;01", "00:00:00:30", "00:60:00:00"])
def test_timecodes_that_do_not_exist(timecode: str) -> None:
    with pytest.raises(UsageError, match=timecode):
        frame_index(parse_position(timecode), INFO, Steady())


def test_a_timecode_before_the_start() -> None:
    with pytest.raises(UsageError, match="is before the start"):
        frame_index(parse_position("00:59:00:00"), replace(INFO, timecode="01:00:00:00"), Steady())
    with pytest.raises(UsageError, match="no frame rate"):
        frame_index(parse_position("00:59:00:00"), replace(INFO, frame_rate=None), Steady())


class Pipe:
    """A source that is read once, so that nothing can be looked up in it."""

    def index_at(self, seconds: Fraction) -> int:
        raise SourceError("a pipe is read once")


@pytest.mark.parametrize("source", [Pipe(), object()], ids=["a pipe", "one without times"])
def test_timecodes_are_counted_where_nothing_can_be_looked_up(source: object) -> None:
    info = replace(INFO, timecode="01:00:00;00")
    assert frame_index(parse_position("01:01:00;02"), info, source) == 1800


def test_seconds_count_from_the_first_frame() -> None:
    source = VideoSource()
    (info,) = source.open(str(media.film(name="a.mp4", offset=25))).values()
    assert info.start_pts > 0
    for index in range(6):
        position = parse_position(f"{index * 0.04:.2f}")
        assert frame_index(position, info, source) == index
    assert frame_index(parse_position("3f"), info, source) == 3
    assert frame_index(parse_position("99"), info, source) == 6

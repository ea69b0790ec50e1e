"""Topics of H.264 and H.265: pictures come with their messages, from a key frame on."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from tests.support import media, robot_logs
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.formats.robotics.video_stream import VideoStream, is_key

WIDTH, HEIGHT, COUNT, EVERY = 192, 128, 12, 5


IMAGES = robot_logs.squares(COUNT, WIDTH, HEIGHT)


def messages(codec: str) -> list[ImageMessage]:
    units = robot_logs.access_units(IMAGES, codec, EVERY)
    return [ImageMessage(0, "", memoryview(unit), codec) for unit in units]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_each_message_gives_its_picture_at_once(codec: str) -> None:
    stream = VideoStream("#000000")
    made = messages(codec)
    assert [is_key(bytes(each.data), {"h265": "hevc"}.get(codec, codec)) for each in made] == [
        index % EVERY == 0 for index in range(COUNT)
    ]
    for index, message in enumerate(made):
        image = stream.rgb(message)
        assert media.read_index(image) == index
        assert np.abs(image.astype(int) - IMAGES[index]).mean() < 3


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_passed_messages_are_decoded_where_a_later_one_needs_them(codec: str) -> None:
    made = messages(codec)
    whole = VideoStream("#000000")
    expected = [whole.rgb(message) for message in made]
    for wanted in ([8], [3, 4, 9], [5], [1, 11]):
        stream = VideoStream("#000000")
        for index, message in enumerate(made):
            if index in wanted:
                assert (stream.rgb(message) == expected[index]).all()
            else:
                stream.skip(message)


def test_few_passed_messages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videoseg.formats.robotics.video_stream._MOST_PASSED", 2)
    made = messages("h264")
    whole, part = VideoStream("#000000"), VideoStream("#000000")
    expected = [whole.rgb(message) for message in made]
    for message in made[:4]:
        part.skip(message)
        assert len(part._passed) < 2
    assert (part.rgb(made[4]) == expected[4]).all()


@pytest.mark.parametrize("data", [b"\0\0\1\x41rubbish", b""])
def test_damage_among_passed_messages_costs_no_later_picture(data: bytes) -> None:
    made = messages("h264")
    made[2] = ImageMessage(0, "", memoryview(data), "h264")
    whole, part = VideoStream("#000000"), VideoStream("#000000")
    for message in made[:4]:
        with contextlib.suppress(MessageError):
            whole.rgb(message)
        part.skip(message)
    assert (part.rgb(made[4]) == whole.rgb(made[4])).all()


def test_what_comes_before_the_first_key_frame_is_left_out() -> None:
    stream = VideoStream("#000000")
    for message in messages("h264")[2:5]:
        with pytest.raises(MessageError, match="before the first key frame"):
            stream.rgb(message)
    assert media.read_index(stream.rgb(messages("h264")[5])) == 5


def test_damage_and_unknown_formats_are_said() -> None:
    stream = VideoStream("#000000")
    made = messages("h264")
    stream.rgb(made[0])
    with pytest.raises(MessageError, match="empty"):
        stream.rgb(ImageMessage(0, "", memoryview(b""), "h264"))
    with pytest.raises(MessageError, match="damaged"):
        stream.rgb(ImageMessage(0, "", memoryview(b"\0\0\1\x41rubbish"), "h264"))
    with pytest.raises(MessageError, match="unknown format 'theora'"):
        stream.rgb(ImageMessage(0, "", memoryview(b"abc"), "theora"))
    assert media.read_index(stream.rgb(made[5])) == 5

"""Video files: times, colour, tags, rotation, and what is said of files that are broken."""

from __future__ import annotations

import gc
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import media
from videoseg.errors import SourceError
from videoseg.sources.video import VideoSource
from videoseg.types import Colour, Frame, StreamInfo


def decoded(path: Path) -> tuple[StreamInfo, list[Frame]]:
    source = VideoSource()
    (info,) = source.open(str(path)).values()
    return info, list(source.frames())


def seconds(frames: list[Frame]) -> list[Fraction]:
    return [frame.seconds for frame in frames]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov"])
def test_variable_rate_keeps_every_time_and_duration(name: str) -> None:
    pts = (0, 40, 100, 140, 300, 301, 500)
    _, frames = decoded(media.clip(name=name, pts=pts))
    assert seconds(frames) == [Fraction(value, 1000) for value in pts]
    for frame, now, later in zip(frames, pts, pts[1:], strict=False):
        assert frame.duration
        assert frame.duration * frame.time_base == Fraction(later - now, 1000)
    assert frames[-1].duration


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
def test_rational_rates_are_exact(rate: Fraction) -> None:
    info, frames = decoded(media.clip(rate=rate))
    assert info.frame_rate == rate
    assert seconds(frames) == [index / rate for index in range(12)]


def test_matroska_promises_no_frame_count() -> None:
    info, frames = decoded(media.clip(name="clip.mkv"))
    assert info.frame_count is None
    assert len(frames) == 12


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_a_colour_card_comes_back(matrix: int, full_range: bool, pixel_format: str) -> None:
    info, frames = decoded(
        media.clip(
            width=288,
            height=96,
            frames=2,
            crf=0,
            picture=media.colour_card,
            matrix=matrix,
            full_range=full_range,
            pixel_format=pixel_format,
        )
    )
    assert (info.colour.matrix, info.colour.full_range) == (matrix, full_range)
    assert_is_colour_card(frames[1])


def test_full_range_is_told_by_the_tag_where_the_pixel_format_is_the_same() -> None:
    card: dict[str, Any] = {"picture": media.colour_card, "frames": 1, "width": 288, "height": 96}
    _, frames = decoded(media.clip(name="clip.mkv", codec="ffv1", full_range=True, **card))
    assert frames[0].native.format.name == "yuv420p"
    assert_is_colour_card(frames[0])


def assert_is_colour_card(frame: Frame) -> None:
    """Every patch's middle is within 3 levels; 8-bit YUV alone costs up to 2."""
    expected = media.colour_card(0, frame.width, frame.height)
    middle = (slice(frame.height // 6, None, frame.height // 3), slice(16, None, 32))
    worst = np.abs(frame.image[middle].astype(int) - expected[middle]).max()
    assert worst <= 3, f"a patch is {worst} levels off"


@pytest.mark.parametrize("height", [96, 720])
def test_an_untagged_stream_is_read_as_players_guess(height: int) -> None:
    card: dict[str, Any] = {"picture": media.colour_card, "crf": 0, "frames": 1, "width": 288}
    info, frames = decoded(media.clip(height=height, matrix=None, full_range=None, **card))
    assert info.colour == Colour()
    assert_is_colour_card(frames[0])


def test_sound_timecode_and_depth_are_told() -> None:
    info, _ = decoded(media.clip(audio=True, timecode="01:02:03:04"))
    assert (info.has_audio, info.timecode, info.bit_depth) == (True, "01:02:03:04", 8)
    assert not info.live
    assert not info.still
    bare, _ = decoded(media.clip(name="clip.mov", timecode="10:00:00:00"))
    assert (bare.has_audio, bare.timecode) == (False, "10:00:00:00")
    assert decoded(media.clip())[0].timecode is None


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_all_four_rotations_with_oblong_pixels(rotation: int) -> None:
    info, frames = decoded(
        media.clip(rotation=rotation, sample_aspect_ratio=Fraction(4, 3), frames=3)
    )
    assert info.rotation == rotation
    assert (info.width, info.height) == (96, 64)
    assert info.sample_aspect_ratio == Fraction(4, 3)
    for frame in frames:
        expected = media.moving_square(frame.index, 96, 64)
        assert np.abs(frame.image.astype(int) - expected).mean() < 3


def test_the_rotated_films_here_are_rotated_as_cameras_do_it() -> None:
    """An upright phone writes this matrix (ISO 14496-12, tkhd): show it turned 90 clockwise."""
    turn = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 1 << 16, 0, -(1 << 16), 0, 0)
    )
    assert turn in media.clip(rotation=90).read_bytes()
    assert turn not in media.clip(rotation=270).read_bytes()


def test_a_stream_that_changes_size_is_rescaled(tmp_path: Path) -> None:
    small = media.clip(name="small.h264").read_bytes()
    large = media.clip(name="large.h264", width=192, height=128).read_bytes()
    path = tmp_path / "both.h264"
    path.write_bytes(small + large)
    info, frames = decoded(path)
    assert {frame.image.shape for frame in frames} == {(info.height, info.width, 3)}
    assert [media.read_index(frame.image) for frame in frames] == [*range(12), *range(12)]
    assert [frame.index for frame in frames] == list(range(24))


def test_frames_whose_time_falls_back_are_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "twice.ts"
    path.write_bytes(media.clip(name="once.ts").read_bytes() * 2)
    source = VideoSource()
    source.open(str(path))
    assert [media.read_index(frame.image) for frame in source.frames()] == list(range(12))
    assert source.dropped == 12


def test_damage_in_the_middle_costs_single_frames_only(tmp_path: Path) -> None:
    data = bytearray(media.clip(name="clip.mkv", frames=60).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = np.random.default_rng(0).bytes(64)
    path = tmp_path / "scratched.mkv"
    path.write_bytes(data)
    _, frames = decoded(path)
    assert 40 < len(frames) <= 60
    assert media.read_index(frames[-1].image) == 59


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.flv", "clip.ivf"])
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_every_container_says_that_it_is_truncated(name: str, keep: float) -> None:
    codec = "libvpx" if name == "clip.ivf" else "libx264"
    whole = media.clip(name=name, codec=codec, frames=60, audio=name == "clip.mp4")
    assert len(decoded(whole)[1]) == 60
    source = VideoSource()
    source.open(str(media.truncated(whole, keep)))
    seen: list[int] = []
    with pytest.raises(SourceError, match=r"breaks off after .* frames; the file is incomplete"):
        seen.extend(media.read_index(frame.image) for frame in source.frames())
    assert 0.1 * 60 < len(seen) < 60
    assert seen == sorted(seen)
    assert len(list(source.frames(stop=len(seen)))) == len(seen), "stops before the break"


@pytest.mark.parametrize("name", ["long_sound.mkv", "long_sound.flv"])
def test_sound_that_outlasts_the_picture_is_no_truncation(tmp_path: Path, name: str) -> None:
    import av

    path = tmp_path / name
    with (
        av.open(str(media.clip())) as picture,
        av.open(str(media.tone(seconds=4))) as sound,
        av.open(str(path), "w") as sink,
    ):
        pairs: Any = [
            (source, source.streams[0], sink.add_stream_from_template(source.streams[0]))
            for source in (picture, sound)
        ]
        for source, stream, copy in pairs:
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    sink.mux(packet)
    assert len(decoded(path)[1]) == 12


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("text.mp4", b"This is no film.\n" * 200, "is not a video that can be read"),
        ("notes.txt", b"This is no film.\n" * 200, "holds no video"),
        ("empty.mp4", b"", "is empty"),
        ("zeros.mp4", bytes(5000), "is not a video that can be read"),
        ("titles.srt", b"1\n00:00:00,000 --> 00:00:02,000\nHello\n", "holds no video"),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    assert_refused(write(tmp_path / name, data), message)


def test_no_picture_no_index_no_frame(tmp_path: Path) -> None:
    assert_refused(media.tone(), "holds no video, only audio")
    assert_refused(tmp_path, "is a folder")
    unfinished = media.clip(name="clip.mov").read_bytes().replace(b"moov", b"gone")
    assert_refused(write(tmp_path / "unfinished.mov", unfinished), "its index is missing")
    assert_refused(film_without_frames(tmp_path / "none.mp4"), "holds no video, only a header")
    unknown = media.clip(name="clip.mov").read_bytes().replace(b"avc1", b"zzzz")
    assert_refused(write(tmp_path / "unknown.mov", unknown), "codec cannot be decoded")
    head = media.clip(name="clip.mkv").read_bytes()[:700]
    assert_refused(write(tmp_path / "head.mkv", head), "breaks off|no frame|not a video")


def film_without_frames(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.start_encoding()
    return path


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        VideoSource().open(str(path))
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert ";" in text, "says what to do"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts files in /proc")
def test_no_file_stays_open() -> None:
    def open_files() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    path = str(media.clip())
    before = open_files()
    for _ in range(3):
        source = VideoSource()
        source.open(path)
        next(source.frames())
        running = source.frames()
        next(running)
        source.close()
        assert next(running, None) is None
    assert open_files() == before


def test_decoded_pictures_do_not_wait_for_the_garbage_collector() -> None:
    """Gigabytes of them would, in a long run at 4K."""
    import gc

    from av import VideoFrame

    from tests.support.media import clip

    path = str(clip(frames=20, width=160, height=96))
    gc.collect()
    before = sum(type(each) is VideoFrame for each in gc.get_objects())
    gc.disable()
    try:
        source = VideoSource()
        source.open(path)
        for _ in source.frames():
            pass
        source.close()
        alive = sum(type(each) is VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert alive - before <= 4  # of 20

"""Video that breaks off, is damaged, or is none: what is said, and what is still read."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import media
from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.formats.images.orientation import Orientation
from videoseg.sources.video import VideoSource

BREAKS_OFF = r"breaks off after \d+ frames; the file is incomplete"
SIXTY: dict[str, Any] = {"times": tuple(range(60))}
SHORT_GROUPS = {"options": (("g", "6"),)}

TRUNCATED: dict[str, dict[str, Any]] = {
    "mp4": {"name": "a.mp4", "container": (("movflags", "faststart"),)},
    "mov of ProRes": {
        "name": "a.mov",
        "codec": "prores_ks",
        "pixel_format": "yuv422p10le",
        "container": (("movflags", "faststart"),),
    },
    "mkv": {"name": "a.mkv"},
    "webm": {"name": "a.webm", "codec": "libvpx"},
    "avi": {"name": "a.avi", "codec": "mpeg4"},
    "transport stream": {"name": "a.ts"},
    "raw H.264": {"name": "a.h264"},
    "raw HEVC": {"name": "a.hevc", "codec": "libx265"},
    "raw MPEG-2": {"name": "a.m2v", "codec": "mpeg2video"},
    "raw frames": {"name": "a.y4m", "codec": "wrapped_avframe"},
    "ivf": {"name": "a.ivf", "codec": "libvpx"},
    "flv": {"name": "a.flv"},
}


@pytest.mark.parametrize("keep", [0.52, 0.83])
@pytest.mark.parametrize("name", TRUNCATED)
def test_truncation_is_said_or_accepted(name: str, keep: float) -> None:
    whole = media.film(**TRUNCATED[name], **SIXTY, **SHORT_GROUPS)
    source = VideoSource()
    source.open(str(whole))
    assert [media.read_index(frame.image) for frame in source.frames()] == [*range(60)]
    assert source.notes == ()

    cut = media.truncated(whole, keep)
    seen: list[int] = []
    source.open(str(cut))
    with pytest.raises(SourceError, match=BREAKS_OFF) as caught:
        seen.extend(media.read_index(frame.image) for frame in source.frames())
    assert str(caught.value).startswith(str(cut))
    assert 0.1 * 60 < len(seen) < 60
    assert seen == sorted(set(seen))

    tolerant = VideoSource(on_truncation="accept")
    tolerant.open(str(cut))
    assert [media.read_index(frame.image) for frame in tolerant.frames()] == seen
    assert any("breaks off" in note for note in tolerant.notes)


@pytest.mark.parametrize("name", ["sound.nut", "sound.flv", "sound.mkv", "sound.ts", "sound.avi"])
def test_truncation_beside_sound(name: str) -> None:
    whole = media.clip(name=name, frames=60, audio=True)
    source = VideoSource()
    source.open(str(whole))
    assert len(list(source.frames())) == 60
    assert source.dropped == 0
    source.open(str(media.truncated(whole, 0.6)))
    with pytest.raises(SourceError, match=BREAKS_OFF):
        list(source.frames())


def scratched(name: str = "a.mkv", frame: int = 20, **spec: Any) -> Path:
    """A film with one frame's data overwritten; frames stand for themselves."""
    import av

    path = media.film(name=name, codec="mjpeg", pixel_format="yuvj420p", **SIXTY, **spec)
    with av.open(str(path)) as container:
        packet = next(itertools.islice(container.demux(video=0), frame, None))
        data, content = path.read_bytes(), bytes(packet)
    assert data.count(content) == 1
    copy = path.with_name(f"scratched_{name}")
    copy.write_bytes(data.replace(content, bytes(len(content))))
    return copy


def test_a_frame_that_cannot_be_decoded_is_left_out_and_counted() -> None:
    source = VideoSource()
    source.open(str(scratched()))
    frames = list(source.frames())
    assert [media.read_index(frame.image) for frame in frames] == [*range(20), *range(21, 60)]
    assert [frame.index for frame in frames] == [*range(20), *range(21, 60)]
    assert frames[19].duration == 80, "the frame before lasts until the next"
    assert (source.dropped, source.repeated) == (1, 0)
    assert "1 damaged or misplaced frames were left out" in source.notes[0]


@pytest.mark.parametrize("frame", [20, 58, 59])
def test_or_shows_the_one_before_again(frame: int) -> None:
    source = VideoSource(on_bad_frame="repeat")
    source.open(str(scratched(frame=frame)))
    frames = list(source.frames())
    expected = [*range(frame), frame - 1, *range(frame + 1, 60)]
    assert [media.read_index(frame.image) for frame in frames] == expected
    assert [frame.seconds for frame in frames] == [Fraction(i, 25) for i in range(60)]
    assert (source.dropped, source.repeated) == (0, 1)
    assert source.notes == ("1 damaged frames were replaced by the one before them",)


def test_or_fails() -> None:
    source = VideoSource(on_bad_frame="fail")
    source.open(str(scratched()))
    seen: list[int] = []
    with pytest.raises(SourceError, match=r"a frame cannot be decoded; .*on_bad_frame=skip"):
        seen.extend(frame.index for frame in source.frames())
    assert len(seen) <= 20


def concealed() -> Path:
    """H.264 with holes in the data of some frames, which the decoder fills by guessing."""
    path = media.film(name="a.h264", options=(("bf", "0"), ("g", "10")), **SIXTY)
    data = bytearray(path.read_bytes())
    for where in (0.4, 0.6):
        middle = int(len(data) * where)
        data[middle : middle + 24] = np.random.default_rng(1).bytes(24)
    copy = path.with_name("concealed.h264")
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize("policy", ["skip", "repeat", "fail"])
def test_frames_that_the_decoder_guessed_count_as_damaged(policy: Any) -> None:
    path = concealed()
    source = VideoSource(on_bad_frame=policy)
    source.open(str(path))
    if policy == "fail":
        with pytest.raises(SourceError, match=r"a frame (is damaged|cannot be decoded)"):
            list(source.frames())
        return
    frames = list(source.frames())
    assert not any(frame.native.is_corrupt for frame in frames)
    if policy == "skip":
        assert source.dropped > 0
        assert 50 < len(frames) < 60
    else:
        assert source.repeated > 0
    assert media.read_index(frames[-1].image) == 59


def test_a_recording_from_the_middle_begins_at_its_first_whole_frame(tmp_path: Path) -> None:
    whole = media.film(name="a.ts", options=(("bf", "0"), ("g", "20")), **SIXTY).read_bytes()
    path = tmp_path / "middle.ts"
    path.write_bytes(whole[: 3 * 188] + whole[len(whole) // 188 // 2 * 188 :])
    for policy in ("skip", "fail", "repeat"):
        source = VideoSource(on_bad_frame=policy)
        source.open(str(path))
        seen = [media.read_index(frame.image) for frame in source.frames()]
        assert seen[-1] == 59
        assert seen == list(range(seen[0], 60))


def joined(name: str, *parts: Path) -> Path:
    path = parts[0].with_name(name)
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_size_and_shape_may_change_in_mid_stream() -> None:
    small = media.film(name="a.h264")
    wide = media.film(name="b.h264", width=288, height=96)
    tall = media.film(name="c.h264", width=96, height=144)
    source = VideoSource()
    (info,) = source.open(str(joined("all.h264", small, wide, tall, small))).values()
    frames = list(source.frames())
    assert {frame.image.shape for frame in frames} == {(96, 144, 3)}
    assert [media.read_index(frame.image) for frame in frames] == [*range(6)] * 4
    assert {(frame.native.width, frame.native.height) for frame in frames} == {
        (144, 96),
        (288, 96),
        (96, 144),
    }
    assert (info.width, info.height) == (144, 96)


def test_frames_that_begin_to_lie_otherwise_are_laid_upright(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def orientation_of(frame: Any) -> Orientation:
        return Orientation(90 if frame.pts >= 80 else 0)

    monkeypatch.setattr("videoseg.sources.video.orientation_of", orientation_of)
    source = VideoSource()
    (info,) = source.open(str(media.film(width=96, picture=media.moving_square))).values()
    frames = list(source.frames())
    assert (info.rotation, info.width, info.height) == (0, 96, 96)
    for frame in frames:
        drawn = media.moving_square(frame.index, 96, 96)
        expected = np.rot90(drawn, -1) if frame.index >= 2 else drawn
        assert np.abs(frame.image.astype(int) - expected).mean() < 4
        assert (frame.native is None) == (frame.index >= 2)


def test_nothing_of_a_mirrored_frame_is_passed_through() -> None:
    from tests.hostile.test_inputs import laid

    source = VideoSource()
    source.open(str(laid(-1, 0, 0, 1)()))
    assert all(frame.native is None for frame in source.frames())


def garbled(name: str, **spec: Any) -> Path:
    """A film whose container is whole and whose every packet is noise."""
    import av

    path = media.film(name=name, **spec)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            content = bytes(packet)
            data = data.replace(content, b"\xa5" * len(content)) if content else data
    copy = path.with_name(f"garbled_{name}")
    copy.write_bytes(data)
    return copy


def cover_alone() -> Path:
    """Sound with a cover picture."""
    path = media.tone("song.m4a")
    return media.covered(path, path.with_name("album.m4a"))


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    copy = path.with_name(f"replaced_{path.name}")
    copy.write_bytes(path.read_bytes().replace(old, new))
    return copy


def written(name: str, data: bytes) -> Callable[[], Path]:
    def make() -> Path:
        path = media.film().with_name(name)
        path.write_bytes(data)
        return path

    return make


REFUSED: dict[str, tuple[Callable[[], Path], str]] = {
    "an empty file": (written("empty.mp4", b""), "is empty"),
    "zeros": (written("zeros.mp4", bytes(5000)), "is not a video that can be read"),
    "text": (written("text.mp4", b"This is no film.\n" * 200), "is not a video that can be read"),
    "subtitles": (written("a.srt", b"1\n00:00:00,000 --> 00:00:02,000\nHi\n"), "holds no video"),
    "sound alone": (media.tone, "holds no video, only audio"),
    "sound with a cover": (cover_alone, "holds no video, only a cover picture and audio"),
    "no index": (
        lambda: replaced(media.film(name="a.mov"), b"moov", b"gone"),
        "its index is missing",
    ),
    "an unknown codec": (
        lambda: replaced(media.film(name="a.mov"), b"avc1", b"zzzz"),
        "codec cannot be decoded",
    ),
    "noise in place of frames": (
        lambda: garbled("a.mkv", codec="mjpeg", pixel_format="yuvj420p"),
        "holds no frame that can be decoded",
    ),
    "a head without a body": (
        lambda: media.truncated(
            media.film(name="a.mp4", container=(("movflags", "faststart"),)), 0.5
        ),
        "breaks off before its first frame",
    ),
    "a folder": (lambda: media.film().parent, "is a folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    make, message = REFUSED[name]
    path = make()
    capfd.readouterr()
    with pytest.raises(SourceError, match=message) as caught:
        VideoSource().open(str(path))
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert ";" in text, "says what to do"
    assert capfd.readouterr() == ("", ""), "nothing but the error speaks"


def test_a_stream_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="has no picture stream 2; they are numbered 0 to 1"):
        VideoSource(stream=2).open(str(media.film(streams=2)))
    with pytest.raises(SourceNotFoundError, match="no such file"):
        VideoSource().open("nowhere.mp4")

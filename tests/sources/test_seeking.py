"""A late start: the same frames, numbers and times as by decoding from the first, and sooner."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sources.test_damage import joined, scratched
from tests.support import media
from videoseg.errors import SourceError
from videoseg.sources._av.decoding import Decoding
from videoseg.sources._av.index import read_index
from videoseg.sources.video import VideoSource
from videoseg.types import Frame

GROUPS = (("g", "12"), ("keyint_min", "12"), ("sc_threshold", "0"))
NOT_SHIFTED = (("avoid_negative_ts", "disabled"),)
STEADY = tuple(range(60))
JUMPY = tuple(int(t) for t in np.cumsum(np.random.default_rng(5).integers(1, 200, 60)))
MILLISECONDS = Fraction(1, 1000)


@dataclass(frozen=True)
class Case:
    """A film, and whether a late start jumps in it."""

    make: Callable[[], Path]
    jumps: bool = True
    settings: tuple[tuple[str, Any], ...] = ()


def film(*options: tuple[str, str], **spec: Any) -> Callable[[], Path]:
    spec = {"times": STEADY, "options": (*GROUPS, *options), "width": 96, "height": 64, **spec}
    return functools.partial(media.film, **spec)


def twice() -> Path:
    once = film(name="a.ts")()
    return joined("twice.ts", once, once)


def from_the_middle() -> Path:
    whole = film(("bf", "0"), name="a.ts")().read_bytes()
    path = media.film().with_name("middle.ts")
    path.write_bytes(whole[: 3 * 188] + whole[len(whole) // 188 // 3 * 188 :])
    return path


B_FRAMES = ("x264-params", "b-adapt=0:bframes=5:b-pyramid=normal:ref=5")
OPEN = ("x264-params", "open-gop=1:b-adapt=0:bframes=3")
REFRESH = ("x264-params", "intra-refresh=1:bframes=0")
CASES = {
    "mp4": Case(film(name="a.mp4")),
    "mov": Case(film(name="a.mov")),
    "matroska": Case(film(name="a.mkv")),
    "variable rate": Case(film(name="a.mp4", times=JUMPY, time_base=MILLISECONDS)),
    "variable rate in matroska": Case(film(name="a.mkv", times=JUMPY, time_base=MILLISECONDS)),
    "B-frames": Case(film(B_FRAMES, name="a.mp4")),
    "B-frames in matroska": Case(film(B_FRAMES, name="a.mkv")),
    "B-frames of variable rate": Case(
        film(B_FRAMES, name="a.mp4", times=JUMPY, time_base=MILLISECONDS)
    ),
    "open groups": Case(film(OPEN, name="a.mp4")),
    "open groups in matroska": Case(film(OPEN, name="a.mkv")),
    "open groups of HEVC": Case(
        film(
            ("x265-params", "open-gop=1:bframes=3:keyint=12:min-keyint=12:log-level=none"),
            name="a.mp4",
            codec="libx265",
        )
    ),
    "open groups of MPEG-2": Case(
        film(("bf", "2"), name="a.mkv", codec="mpeg2video", pixel_format="yuv420p")
    ),
    "no key frames but the first": Case(film(REFRESH, name="a.mkv"), jumps=False),
    "one group": Case(film(("g", "999"), name="a.mp4"), jumps=False),
    "edit list that cuts": Case(film(("bf", "0"), name="a.mp4", offset=-17, container=NOT_SHIFTED)),
    "edit list that cuts between B-frames": Case(
        film(B_FRAMES, name="a.mp4", offset=-17, container=NOT_SHIFTED)
    ),
    "edit list that begins late": Case(film(name="a.mp4", offset=25)),
    "negative times": Case(
        film(("bf", "0"), name="a.ts", offset=-30, container=(*NOT_SHIFTED, ("mpegts_copyts", "1")))
    ),
    "negative times in a transport stream with B-frames": Case(
        film(B_FRAMES, name="a.ts", offset=-30, container=(*NOT_SHIFTED, ("mpegts_copyts", "1")))
    ),
    "negative times in QuickTime": Case(
        film(
            ("bf", "0"),
            name="a.mov",
            offset=-3,
            container=(*NOT_SHIFTED, ("use_editlist", "0")),
        )
    ),
    "transport stream": Case(film(name="a.ts")),
    "transport stream with B-frames": Case(film(B_FRAMES, name="a.ts")),
    "program stream": Case(film(name="a.mpg", codec="mpeg2video"), jumps=False),
    "fragments": Case(film(name="a.mp4", container=(("movflags", "frag_keyframe+empty_moov"),))),
    "VP9": Case(film(name="a.webm", codec="libvpx-vp9")),
    "VP8 hides packets": Case(film(name="a.webm", codec="libvpx"), jumps=False),
    "AV1": Case(film(name="a.mp4", codec="libsvtav1", options=(("g", "12"),))),
    "ProRes": Case(film(name="a.mov", codec="prores_ks", pixel_format="yuv422p10le")),
    "motion JPEG in AVI": Case(film(name="a.avi", codec="mjpeg", pixel_format="yuvj420p")),
    "packed B-frames in AVI": Case(film(("bf", "2"), name="a.avi", codec="mpeg4"), jumps=False),
    "raw H.264": Case(film(name="a.h264"), jumps=False),
    "FLV": Case(film(name="a.flv")),
    "the second of two streams": Case(film(name="a.mkv", streams=2), settings=(("stream", 1),)),
    "every third": Case(film(name="a.mp4"), settings=(("every", 3),)),
    "fields": Case(
        film(("x264-params", "tff=1:keyint=12"), name="a.mp4", field_order="tff"),
        jumps=False,
        settings=(("deinterlace", "bob"),),
    ),
    "damage that is left out": Case(functools.partial(scratched)),
    "damage that is replaced": Case(
        functools.partial(scratched), settings=(("on_bad_frame", "repeat"),)
    ),
    "damage late": Case(functools.partial(scratched, frame=40)),
    "two films in a row": Case(twice, jumps=False),
    "a recording from the middle": Case(from_the_middle),
    "turned": Case(lambda: media.clip(frames=60, rotation=90, width=96, height=64)),
    "with sound": Case(lambda: media.clip(frames=60, audio=True, width=96, height=64)),
}


@pytest.fixture
def jumped(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each pass that was opened began with a jump."""
    real, found = Decoding.open, list[bool]()

    def opening(self: Decoding) -> None:
        real(self)
        found.append(self.jump is not None)

    monkeypatch.setattr(Decoding, "open", opening)
    return found


def opened(case: Case, **settings: Any) -> VideoSource:
    source = VideoSource(**{**dict(case.settings), **settings})
    source.open(str(case.make()))
    return source


def known(frame: Frame) -> tuple[Any, ...]:
    return (frame.index, frame.pts, frame.duration, frame.seconds)


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_from_the_first_frame(name: str, jumped: list[bool]) -> None:
    case = CASES[name]
    whole = list(opened(case, every=1).frames())
    source = opened(case)
    last = whole[-1].index
    jumped.clear()
    for start in (1, 13, 20, 21, 24, 30, 37, 40, 41, last - 1, last, last + 5):
        late = [frame for frame in whole if frame.index >= start]
        expected = [frame for frame in late if (frame.index - start) % source.every == 0]
        found = list(source.frames(start))
        assert [known(frame) for frame in found] == [known(frame) for frame in expected]
        for one, other in zip(found, expected, strict=True):
            assert (one.image == other.image).all(), (start, one.index)
    assert any(jumped) == case.jumps


@pytest.mark.parametrize("name", CASES)
def test_the_frame_at_a_time_is_found_without_decoding(name: str, jumped: list[bool]) -> None:
    case = CASES[name]
    whole = list(opened(case, every=1).frames())
    source = opened(case)
    jumped.clear()
    for frame in whole[::7]:
        assert source.index_at(frame.seconds) == frame.index
    assert source.index_at(whole[0].seconds - 1) == 0
    assert source.index_at(whole[-1].seconds + 1) == whole[-1].index + 1
    if case.jumps:
        assert not jumped, "no pass was needed"


def test_few_frames_are_decoded_for_a_late_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from videoseg.sources._av.container import Opened

    decode, decoded = Opened.decode, list[int | None]()

    def counted(self: Opened, packet: Any) -> Any:
        decoded.append(packet.pts)
        return decode(self, packet)

    monkeypatch.setattr(Opened, "decode", counted)
    source = VideoSource()
    source.open(str(film(("bf", "0"), name="a.mp4", times=tuple(range(600)))()))
    decoded.clear()
    frames = source.frames(590, 592)
    assert [media.read_index(frame.image) for frame in frames] == [590 % 256, 591 % 256]
    assert len(decoded) < 40


def test_a_break_is_said_alike(jumped: list[bool]) -> None:
    whole = film(name="a.mp4", container=(("movflags", "faststart"),), times=tuple(range(200)))()
    cut = str(media.truncated(whole, 0.8))
    said: list[str] = []
    for start in (0, 30):
        source = VideoSource()
        source.open(cut)
        with pytest.raises(SourceError, match="breaks off after") as caught:
            list(source.frames(start))
        said.append(str(caught.value))
    assert jumped == [False, False, True]
    assert said[0] == said[1]


def test_a_late_start_does_not_count_damage_before_it() -> None:
    policy: Any
    for policy in ("skip", "repeat", "fail"):
        source = VideoSource(on_bad_frame=policy)
        source.open(str(scratched()))
        assert [frame.index for frame in source.frames(30)] == [*range(30, 60)]
        assert (source.dropped, source.repeated) == (0, 0)


def test_a_start_that_is_damaged_is_left_out() -> None:
    source = VideoSource()
    source.open(str(scratched()))
    assert [frame.index for frame in source.frames(20, 23)] == [21, 22]
    assert source.dropped == 1


def test_packets_that_were_read_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[int]()

    def counting(*given: Any) -> Any:
        read.append(given[-1].number)
        return read_index(*given)

    monkeypatch.setattr("videoseg.sources.video.read_index", counting)
    path = media.film(name="b.mp4", times=tuple(range(400)), options=GROUPS, width=96, height=64)
    source = VideoSource()
    source.open(str(path))
    order = [30, 12, 25, 390, 100, 399, 0]
    found = [next(iter(source.frames(index))).index for index in order]
    source.close()
    assert found == order
    assert len(read) == 2

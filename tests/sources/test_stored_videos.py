"""Videos in object storage: the frames of the file, by the ranges that they need."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

import videoseg
from tests.support.media import clip
from tests.support.storage import emptied, put
from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.sources._av.index import Until, read_index
from videoseg.sources.video import VideoSource


@pytest.fixture(autouse=True)
def _empty() -> None:
    emptied()


def noise(path: Path, codec: str, frames: int, format_: str = "yuv420p", gop: int = 12) -> Path:
    chance = np.random.default_rng(0)
    with av.open(str(path), "w") as film:
        stream: VideoStream = film.add_stream(  # type: ignore[assignment]
            codec, rate=25, width=160, height=96, pix_fmt=format_
        )
        stream.codec_context.gop_size, stream.bit_rate = gop, 8_000_000
        for index in range(frames):
            image = chance.integers(0, 256, (96, 160, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_frames_are_those_of_the_file(ending: str) -> None:
    path = clip(name=f"clip.{ending}", audio=True)
    there = put(path, f"memory://bucket/clips/{path.name}")
    here, stored = VideoSource(), VideoSource()
    one, other = here.open(str(path)), stored.open(there)
    assert list(one) == list(other)
    for a, b in zip(here.frames(), stored.frames(), strict=True):
        assert (a.index, a.pts, a.duration) == (b.index, b.pts, b.duration)
        assert (a.image == b.image).all()
    assert next(iter(other.values())).location == there


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_frame_in_the_middle_reads_a_twentieth_at_most(codec: str, tmp_path: Path) -> None:
    path = noise(tmp_path / "noise.mp4", codec, 1500)
    there = put(path, "memory://bucket/noise.mp4")
    stored, here = VideoSource(), VideoSource()
    stored.open(there), here.open(str(path))
    frame = next(iter(stored.frames(750, 751)))
    expected = next(iter(here.frames(750, 751)))
    assert frame.pts == expected.pts
    assert (frame.image == expected.image).all()
    assert stored._place is not None
    assert stored._place.blocks is not None
    share = stored._place.blocks.bytes_read / path.stat().st_size
    if codec == "libx264":
        assert share <= 0.05, share


def test_tables_say_what_packets_say(tmp_path: Path) -> None:
    path = noise(tmp_path / "noise.mp4", "libx264", 60)
    stored, here = VideoSource(), VideoSource()
    stored.open(put(path, "memory://bucket/noise.mp4")), here.open(str(path))
    assert here._place is not None
    assert stored._place is not None
    assert here._first is not None
    indices = [
        read_index(place, None, 20.0, here._first, Until(10**9))
        for place in (here._place, stored._place)
    ]
    assert indices[0] is not None
    assert indices[0] == indices[1]


def test_fragments_are_followed(tmp_path: Path) -> None:
    path, whole = tmp_path / "fragments.mp4", noise(tmp_path / "whole.mp4", "libx264", 60)
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(whole)) as film, av.open(str(path), "w", options=options) as out:
        stream = out.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(film.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    stored, here = VideoSource(), VideoSource()
    stored.open(put(path, "memory://bucket/fragments.mp4")), here.open(str(path))
    assert [f.pts for f in stored.frames(30)] == [f.pts for f in here.frames(30)]


def test_a_playlist_opens_no_file(tmp_path: Path) -> None:
    film = clip(frames=3)
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{film}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(text)
    concat = f"ffconcat version 1.0\nfile '{film}'\n"
    (tmp_path / "list.ffconcat").write_text(concat)
    for name in ("list.m3u8", "list.ffconcat"):
        there = put(tmp_path / name, f"memory://bucket/{name}")
        with pytest.raises(SourceError, match=f"memory://bucket/{name}: "):
            list(videoseg.info(there))


def test_a_film_of_png_is_not_decoded(tmp_path: Path) -> None:
    path = noise(tmp_path / "png.mov", "png", 3, "rgb24")
    with pytest.raises(SourceError, match=r"memory://bucket/png\.mov"):
        videoseg.info(put(path, "memory://bucket/png.mov"))


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(SourceNotFoundError, match=r"memory://bucket/no\.mp4: no such object"):
        videoseg.info("memory://bucket/no.mp4")

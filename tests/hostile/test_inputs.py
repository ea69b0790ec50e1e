"""Inputs that phones, cameras, editors and accidents make, each with what becomes of it.

All of them are read by ``videoseg segment``, as a user would. Everything that can be read is
compared with another reader of the same file, FFmpeg's own programs: number of frames, their times,
how they lie, and the colours of a test card. What cannot is in ``test_hostile_refused.py``.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import media
from tests.support.commandline import Ran, command, segmented
from videoseg.types import Frame, RgbImage, StreamInfo

Images = npt.NDArray[np.uint8]
WITHOUT_B_FRAMES = (("bf", "0"),)
DEEP_B_FRAMES = (("bf", "8"), ("x264-params", "b-adapt=0:b-pyramid=normal:ref=5"))
NOT_SHIFTED = (("avoid_negative_ts", "disabled"),)
SD, HD, UNTAGGED = (6, 6, 6, 1), (1, 1, 1, 1), (2, 2, 2, 0)


@functools.cache
def _programs() -> tuple[str, str]:
    found = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if not all(found):
        if os.environ.get("VIDEOSEG_REQUIRE_BROWSER"):
            pytest.fail("this run requires ffmpeg and ffprobe on PATH")
        pytest.skip("needs ffmpeg and ffprobe on PATH")
    return str(found[0]), str(found[1])


@dataclass(frozen=True)
class Probed:
    """What ffprobe reads.

    Attributes:
        stream: Its fields of a picture stream.
        times: Seconds of each frame; None where the file has none.
    """

    stream: dict[str, Any]
    times: list[float | None]


@functools.cache
def probed(path: Path, stream: int) -> Probed:
    """Ask ffprobe about one picture stream of a file."""
    command = [_programs()[1], "-v", "quiet", "-select_streams", f"v:{stream}", "-show_streams"]
    command += ["-show_frames", "-show_entries", "frame=best_effort_timestamp_time"]
    command += ["-show_entries", "stream", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    texts = [frame.get("best_effort_timestamp_time") for frame in found["frames"]]
    return Probed(found["streams"][0], [None if text is None else float(text) for text in texts])


def ffmpeg_images(
    path: Path,
    size: tuple[int, int],
    *,
    stream: int = 0,
    pixel_format: str = "rgb24",
    before: tuple[str, ...] = (),
    filters: str = "null",
) -> npt.NDArray[Any]:
    """uint8 (N, H, W, channels): every frame as ffmpeg decodes, turns and converts it."""
    command = [_programs()[0], "-nostdin", "-v", "quiet", *before, "-i", str(path)]
    command += ["-map", f"0:v:{stream}", "-fps_mode", "passthrough", "-vf", filters]
    command += ["-sws_flags", "bilinear+accurate_rnd+full_chroma_int"]
    command += ["-pix_fmt", pixel_format, "-f", "rawvideo", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    kind = np.uint16 if pixel_format.endswith("le") else np.uint8
    channels = 4 if pixel_format.startswith("rgba") else 3
    return np.frombuffer(data, kind).reshape(-1, size[1], size[0], channels)


def patches(images: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(N, 3, 9, 3): the mean of each patch of upright cards, away from all edges.

    Readers differ in where between two samples of colour they look, which shows at edges only.
    """
    count, height, width = images.shape[:3]
    tall, wide = height // 3, width // 9
    tiles = images[:, : 3 * tall, : 9 * wide, :3].reshape(count, 3, tall, 9, wide, 3)
    edge = height // 8 + 4  # the index is written there
    inner = tiles[:, :, edge - 2 : tall - tall // 8, :, wide // 4 : wide - wide // 4]
    means: npt.NDArray[np.float64] = inner.mean(axis=(2, 4))
    return means


@dataclass(frozen=True)
class Readable:
    """An input that is read to its end, and what is known of it.

    Attributes:
        make: Makes the file.
        indices: What is written on its frames, in order; None = it is not marked.
        settings: Settings of the source.
        info: Fields of ``StreamInfo`` to check.
        note: Part of one of the source's notes; None = it has none.
        dropped: Frames left out.
        colour: Largest difference from ffmpeg's reading at patch centres; None = not compared.
        original: Largest difference from the card as it was drawn; codecs cost some.
        stream: The picture stream for ffmpeg to read.
        before: Options of ffmpeg's input.
        filters: Filters of ffmpeg's output.
    """

    make: Callable[[], Path]
    indices: tuple[int, ...] | None = tuple(range(6))
    settings: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    note: str | None = None
    dropped: int = 0
    colour: int | None = 2
    original: int = 12
    stream: int = 0
    before: tuple[str, ...] = ()
    filters: str = "null"


def film(**spec: Any) -> Callable[[], Path]:
    return functools.partial(media.film, **spec)


def clip(**spec: Any) -> Callable[[], Path]:
    return functools.partial(
        media.clip, width=144, height=96, frames=6, picture=media.indexed_card, **spec
    )


def laid(a: int, b: int, c: int, d: int) -> Callable[[], Path]:
    """A film that is upright once x, y has been taken to ``a x + c y, b x + d y``."""
    sideways = a == 0

    def coded(index: int, width: int, height: int) -> RgbImage:
        card = media.indexed_card(index, *((height, width) if sideways else (width, height)))
        if sideways:
            card = card.transpose(1, 0, 2)
        return card[:: b + d, :: a + c]

    def entry(*values: int) -> bytes:
        return b"".join((value << 16).to_bytes(4, "big", signed=True) for value in values)

    def make() -> Path:
        size = {"width": 96, "height": 144} if sideways else {}
        path = media.film(name="a.mp4", picture=coded, **size)
        data, unturned = path.read_bytes(), entry(1, 0, 0, 0, 1)
        track = data.index(unturned, data.index(b"tkhd"))
        turned = data[:track] + entry(a, b, 0, c, d) + data[track + len(unturned) :]
        copy = path.with_name("laid.mp4")
        copy.write_bytes(turned)
        return copy

    return make


def with_cover() -> Path:
    """An MP4 with a cover picture beside its picture stream."""
    path = film(name="a.mp4")()
    return media.covered(path, path.with_name("covered.mp4"))


def fields(index: int, width: int, height: int, first: int) -> RgbImage:
    """Two moments woven together: lines of one kind show what comes half a frame later."""
    image = media.moving_square(2 * index, width, height)
    image[1 - first :: 2] = media.moving_square(2 * index + 1, width, height)[1 - first :: 2]
    return image


def see_through(index: int, width: int, height: int) -> Images:
    alpha = np.linspace(0, 255, 3).astype(np.uint8)[np.arange(height) * 3 // height]
    alpha = np.broadcast_to(alpha[:, None, None], (height, width, 1))
    return np.concatenate([media.colour_card(index, width, height), alpha], axis=2)


MIRROR = "is marked as mirrored"
VFR = (0, 40, 100, 140, 300, 301)
READABLE = {
    "plain mp4": Readable(film(name="a.mp4"), info={"frame_count": 6}),
    "plain mov": Readable(film(name="a.mov"), info={"frame_rate": Fraction(25)}),
    "matroska": Readable(film(), info={"frame_count": None}),
    "variable rate in mp4": Readable(
        film(name="a.mp4", times=VFR, time_base=Fraction(1, 1000)), info={"frame_count": 6}
    ),
    "variable rate in matroska": Readable(film(times=VFR, time_base=Fraction(1, 1000))),
    "variable rate in a transport stream": Readable(
        film(name="a.ts", times=(0, 40, 100, 140, 300, 360), time_base=Fraction(1, 1000))
    ),
    "B-frames eight deep": Readable(
        film(name="a.mp4", options=DEEP_B_FRAMES, times=tuple(range(24))), tuple(range(24))
    ),
    "B-frames without any time (raw H.264)": Readable(
        film(name="a.h264", options=DEEP_B_FRAMES, times=tuple(range(24))), tuple(range(24))
    ),
    "B-frames of MPEG-2 without times": Readable(
        film(name="a.m2v", codec="mpeg2video", options=(("bf", "2"),)), original=30
    ),
    "packed B-frames in AVI": Readable(
        film(name="a.avi", codec="mpeg4", options=(("bf", "2"),), tags=SD), original=30
    ),
    "HEVC": Readable(film(name="a.mp4", codec="libx265"), original=30),
    "AV1": Readable(film(name="a.mp4", codec="libsvtav1"), original=30),
    "edit list that cuts the first frames away": Readable(
        film(name="a.mp4", options=WITHOUT_B_FRAMES, offset=-2, container=NOT_SHIFTED),
        (2, 3, 4, 5),
    ),
    "edit list that begins late": Readable(
        film(name="a.mp4", offset=25), info={"start_pts": 12800}
    ),
    "fragmented mp4": Readable(
        film(name="a.mp4", container=(("movflags", "frag_keyframe+empty_moov"),))
    ),
    "transport stream whose clock wraps": Readable(
        film(
            name="a.ts", offset=2386088, container=(("mpegts_copyts", "1"),), times=tuple(range(9))
        ),
        tuple(range(9)),
    ),
    "program stream": Readable(film(name="a.mpg", codec="mpeg2video"), original=30),
    "one frame": Readable(film(name="a.mp4", times=(0,)), (0,)),
    "turned by 90": Readable(clip(rotation=90), info={"rotation": 90, "width": 144}),
    "turned by 180": Readable(clip(rotation=180), info={"rotation": 180}),
    "turned by 270": Readable(clip(rotation=270), info={"rotation": 270, "height": 96}),
    "mirrored left to right": Readable(laid(-1, 0, 0, 1), note=MIRROR, info={"rotation": 0}),
    "mirrored top to bottom": Readable(laid(1, 0, 0, -1), note=MIRROR, info={"rotation": 180}),
    "mirrored along the diagonal": Readable(laid(0, 1, 1, 0), note=MIRROR, info={"width": 144}),
    "mirrored along the other diagonal": Readable(
        laid(0, -1, -1, 0), note=MIRROR, info={"width": 144}
    ),
    "oblong pixels": Readable(
        clip(sample_aspect_ratio=Fraction(4, 3)), info={"sample_aspect_ratio": Fraction(4, 3)}
    ),
    "oblong pixels, turned": Readable(
        clip(sample_aspect_ratio=Fraction(4, 3), rotation=90),
        info={"sample_aspect_ratio": Fraction(4, 3)},
    ),
    "interlaced, as it is": Readable(
        film(options=(("x264-params", "tff=1"),), field_order="tff"),
        note="interlaced and is read as it is",
    ),
    "10 bits": Readable(film(pixel_format="yuv420p10le"), info={"bit_depth": 10}),
    "10 bits of BT.2020": Readable(
        film(pixel_format="yuv420p10le", tags=(9, 14, 9, 1)), info={"bit_depth": 10}
    ),
    "12 bits of ProRes": Readable(
        film(name="a.mov", codec="prores_ks", pixel_format="yuv422p10le")
    ),
    "4:2:2": Readable(film(pixel_format="yuv422p")),
    "4:4:4": Readable(film(pixel_format="yuv444p")),
    "full range": Readable(film(tags=(1, 1, 1, 2))),
    "full range of a motion JPEG": Readable(
        film(codec="mjpeg", pixel_format="yuvj420p", tags=(1, 1, 5, 2)), original=60
    ),
    "BT.601": Readable(film(tags=SD)),
    "untagged, small": Readable(film(tags=UNTAGGED)),
    "untagged, 720 lines": Readable(
        film(
            width=1280,
            height=720,
            tags=UNTAGGED,
            times=(0, 1),
            picture=lambda *size: media.indexed_card(*size),
        ),
        (0, 1),
        filters="scale=in_color_matrix=bt709",
        original=300,
    ),
    "grey": Readable(film(codec="ffv1", pixel_format="gray"), original=300),
    "RGB": Readable(film(name="a.mov", codec="qtrle", pixel_format="rgb24"), original=0),
    "uncompressed BGRA": Readable(
        film(name="a.avi", codec="rawvideo", pixel_format="bgra"), original=0
    ),
    "GIF": Readable(film(name="a.gif", codec="gif", pixel_format="rgb8"), original=60),
    "odd size": Readable(film(codec="ffv1", width=145, height=97)),
    "tiny": Readable(film(codec="ffv1", width=16, height=2), None, colour=None),
    "one pixel": Readable(
        film(name="a.mov", codec="png", pixel_format="rgb24", width=1, height=1), None, colour=None
    ),
    "one pixel wide": Readable(
        film(name="a.mov", codec="png", pixel_format="rgb24", width=1), None, colour=None
    ),
    "uncompressed stream": Readable(film(name="a.y4m", codec="wrapped_avframe", tags=UNTAGGED)),
    "two picture streams": Readable(film(streams=2), note="holds 2 picture streams; stream 0"),
    "the second of two picture streams": Readable(
        film(streams=2),
        tuple(range(100, 106)),
        settings={"stream": 1},
        note="holds 2 picture streams; stream 1",
        stream=1,
    ),
    "cover picture beside the video": Readable(with_cover, info={"frame_rate": Fraction(25)}),
    "timecode": Readable(clip(timecode="10:00:00:00"), info={"timecode": "10:00:00:00"}),
    "drop-frame timecode": Readable(
        clip(timecode="01:00:00;02", rate=Fraction(30000, 1001)), info={"timecode": "01:00:00;02"}
    ),
    "a name of many scripts": Readable(film(name="ein Film — 映画 #1 100%.mp4")),
}


def decoded(path: Path, **settings: Any) -> tuple[Ran, StreamInfo, tuple[Frame, ...]]:
    ran = segmented(path, **settings)
    assert ran.code == 0, ran.lines
    assert ran.info is not None
    return ran, ran.info, ran.frames


@pytest.mark.parametrize("name", READABLE)
def test_readable(name: str) -> None:
    case = READABLE[name]
    path = case.make()
    ran, info, frames = decoded(path, **case.settings)
    images = np.stack([frame.image for frame in frames])

    for key, expected in case.info.items():
        assert getattr(info, key) == expected, key
    assert ran.dropped == case.dropped
    *notes, not_found, spent, stages, wrote = ran.lines
    assert len(notes) == (case.note is not None), notes
    assert (case.note or "") in "".join(notes)
    assert not_found.startswith(f"not found: thing (on none of {counted(len(frames))})")
    assert spent.startswith(f"{counted(len(frames))} in ")
    assert stages.startswith("stages, some at the same time: ")
    assert wrote.startswith("wrote kept, run, run.json in ")
    assert [frame.index for frame in frames] == list(range(len(frames)))
    if case.indices is not None:
        assert [media.read_index(image) for image in images] == [*case.indices]
        drawn = media.indexed_card(0, info.width, info.height)[None]
        assert np.abs(patches(images) - patches(drawn)).max() <= case.original

    times = probed(path, case.stream).times
    assert len(frames) == len(times)
    for frame, time in zip(frames, times, strict=True):
        assert time is None or float(frame.seconds) == pytest.approx(time, abs=1e-5)
    size = (info.width, info.height)
    others = ffmpeg_images(path, size, stream=case.stream, before=case.before, filters=case.filters)
    assert others.shape == images.shape
    if case.colour is not None:
        assert np.abs(patches(images) - patches(others)).max() <= case.colour
        assert np.abs(images.astype(int) - others).mean() < 3


def counted(frames: int) -> str:
    return "1 frame" if frames == 1 else f"{frames} frames"


@pytest.mark.parametrize("name", READABLE)
def test_info_says_what_ffprobe_says(name: str) -> None:
    case = READABLE[name]
    path = case.make()
    settings = [f"--set=sources.video.{name}={value}" for name, value in case.settings.items()]
    ran = command("info", str(path), "--json", *settings)
    assert (ran.code, ran.lines) == (0, ())
    (shown,) = json.loads(ran.out).values()
    said = probed(path, case.stream).stream
    lies = said.get("side_data_list", [{}])[0].get("rotation", 0)
    sides = (said["width"], said["height"])
    if lies % 180:
        sides = sides[::-1]
    assert (shown["width"], shown["height"]) == sides
    assert Fraction(shown["time_base"]) == Fraction(said["time_base"])
    assert shown["frame_count"] in (None, int(said.get("nb_frames", 0)) or None)
    if case.note is None:  # what is mirrored has no rotation that FFmpeg and we would call alike
        assert shown["rotation"] == -lies % 360
    aspect = Fraction(said.get("sample_aspect_ratio", "1:1").replace(":", "/"))
    assert Fraction(shown["sample_aspect_ratio"]) == (1 / aspect if lies % 180 else aspect)
    if "color_range" in said and not said["pix_fmt"].startswith("rgb"):
        assert (shown["colour"] or {}).get("full_range") == (said["color_range"] == "pc")


@pytest.mark.parametrize(
    ("start", "end"),
    [("10:00:00:03", "10:00:00:07"), ("3f", "7f"), ("0.12", "0.28"), ("0:00.1", "0:00:00.28s")],
)
def test_a_part_by_timecode_frame_or_seconds(start: str, end: str) -> None:
    path = media.clip(timecode="10:00:00:00", frames=12)
    ran = segmented(path, "--start", start, "--end", end)
    assert ran.code == 0
    assert [frame.index for frame in ran.frames] == [3, 4, 5, 6]
    assert [media.read_index(frame.image) for frame in ran.frames] == [3, 4, 5, 6]
    assert [frame.seconds for frame in ran.frames] == [Fraction(i, 25) for i in (3, 4, 5, 6)]
    assert all(frame.native is not None for frame in ran.frames)


def test_fields_become_frames_at_their_own_times() -> None:
    for order in ("tff", "bff"):
        first = 0 if order == "tff" else 1

        def woven(index: int, width: int, height: int, first: int = first) -> RgbImage:
            return fields(index, width, height, first)

        path = media.film(
            name=f"{order}.mp4",
            options=(("x264-params", f"{order}=1"), ("qp", "4")),
            field_order=order,
            pixel_format="yuv444p",
            picture=woven,
            times=tuple(range(10)),
        )
        ran, info, frames = decoded(path, deinterlace="bob")
        assert ran.notes == ()
        assert (info.frame_rate, info.frame_count) == (Fraction(50), 20)
        assert [frame.seconds for frame in frames] == [Fraction(i, 50) for i in range(20)]
        for frame in frames:
            x1, _, x2, _ = media.square_box(frame.index, 144, 96)
            assert orange_centre(frame.image) == pytest.approx((x1 + x2) / 2, abs=0.9)
        others = ffmpeg_images(path, (144, 96), filters="bwdif=mode=send_field")
        differences = np.abs(np.stack([f.image for f in frames]).astype(int) - others)
        assert differences.mean() < 2
        marked, _, automatic = decoded(path, deinterlace="auto")
        assert "every field becomes a frame" in marked.notes[0]
        assert all((a.image == b.image).all() for a, b in zip(frames, automatic, strict=True))


def orange_centre(image: RgbImage) -> float:
    """Mean x of the orange square's pixels; it moves by 2 from field to field."""
    orange = (image[..., 0] > 130) & (image[..., 2] < 80)
    return float(np.nonzero(orange)[1].mean() + 0.5)


def test_only_marked_frames_are_split_by_auto() -> None:
    _, info, frames = decoded(media.film(), deinterlace="auto")
    assert (info.frame_rate, len(frames)) == (Fraction(25), 6)
    _, info, frames = decoded(media.film(), deinterlace="bob")
    assert (info.frame_rate, len(frames)) == (Fraction(50), 12)


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq.mkv"), (18, "hlg.mkv")])
def test_hdr_is_shown_as_on_an_sdr_screen(transfer: int, name: str) -> None:
    def ramp(index: int, width: int, height: int) -> RgbImage:
        return np.asarray(media.colour_card(index, width, height) // 4 * 3, dtype=np.uint8)

    path = media.film(
        name=name,
        codec="libx265",
        pixel_format="yuv420p10le",
        tags=(9, transfer, 9, 1),
        options=(("x265-params", "lossless=1:bframes=0:log-level=none"),),
        picture=ramp,
        times=(0, 1),
    )
    ran, info, frames = decoded(path)
    assert "HDR" in ran.notes[0]
    assert (info.colour.transfer, info.bit_depth) == (transfer, 10)
    assert frames[0].native.format.name == "yuv420p10le"
    coded = ffmpeg_images(path, (144, 96), pixel_format="rgb48le") / 65535
    expected = sdr_signal(coded, transfer) * 255
    images = np.stack([frame.image for frame in frames])
    assert np.abs(patches(images) - patches(expected)).max() <= 2


def sdr_signal(coded: npt.NDArray[Any], transfer: int) -> npt.NDArray[Any]:
    """What BT.2100, BT.2390 and BT.1886 make of code values in [0, 1], computed straight."""

    def pq(light: npt.NDArray[Any]) -> npt.NDArray[Any]:
        power = (light / 10000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375

    def pq_inverse(code: npt.NDArray[Any]) -> npt.NDArray[Any]:
        power = code ** (1 / 78.84375)
        ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        return 10000 * ratio ** (1 / 0.1593017578125)

    if transfer == 16:
        light = pq_inverse(coded)
    else:
        low = coded**2 / 3
        high = (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = 1000 * np.where(coded <= 0.5, low, high) ** 1.2
    scaled = np.minimum(pq(light) / pq(np.array(1000.0)), 1)
    most = float(pq(np.array(203.0)) / pq(np.array(1000.0)))
    knee = 1.5 * most - 0.5
    t = np.maximum(scaled - knee, 0) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    shown = pq_inverse(np.where(scaled < knee, scaled, spline) * pq(np.array(1000.0))) / 203
    red, green, blue = np.moveaxis(shown, -1, 0)
    linear = [
        1.6605 * red - 0.5876 * green - 0.0728 * blue,
        -0.1246 * red + 1.1329 * green - 0.0083 * blue,
        -0.0182 * red - 0.1006 * green + 1.1187 * blue,
    ]
    signal: npt.NDArray[Any] = np.clip(np.stack(linear, axis=-1), 0, 1) ** (1 / 2.4)
    return signal


TRANSPARENT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "vp9": (
        {
            "name": "a.webm",
            "codec": "libvpx-vp9",
            "pixel_format": "yuva420p",
            "options": (("auto-alt-ref", "0"), ("crf", "4")),
        },
        ("-c:v", "libvpx-vp9"),
    ),
    "vp8": (
        {
            "name": "a.webm",
            "codec": "libvpx",
            "pixel_format": "yuva420p",
            "options": (("auto-alt-ref", "0"), ("crf", "4")),
        },
        ("-c:v", "libvpx"),
    ),
    "prores": ({"name": "a.mov", "codec": "prores_ks", "pixel_format": "yuva444p10le"}, ()),
    "png": ({"name": "a.mov", "codec": "png", "pixel_format": "rgba"}, ()),
    "qtrle": ({"name": "a.mov", "codec": "qtrle", "pixel_format": "argb"}, ()),
}


@pytest.mark.parametrize("name", TRANSPARENT)
@pytest.mark.parametrize("background", ["#000000", "#40ff80"])
def test_transparency_shows_the_background(name: str, background: str) -> None:
    spec, before = TRANSPARENT[name]
    path = media.film(picture=see_through, **spec)
    _, _, frames = decoded(path, background=background)
    images = np.stack([frame.image for frame in frames])
    others = ffmpeg_images(path, (144, 96), pixel_format="rgba", before=before)
    part = others[..., 3:] / 255
    behind = np.array([int(background[i : i + 2], 16) for i in (1, 3, 5)])
    expected = others[..., :3] * part + behind * (1 - part)
    assert images.shape == expected.shape
    assert np.abs(patches(images) - patches(expected)).max() <= 2
    assert np.ptp(patches(others[..., 3:].repeat(3, axis=-1))) > 200, "there is transparency"

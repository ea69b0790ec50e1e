"""Overlay videos, decoded again: times, tags, sound, sizes and what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import media, scenes
from videoseg.errors import OutputError, UsageError
from videoseg.formats.palette import colour_of
from videoseg.sources.video import VideoSource
from videoseg.types import Colour, Frame, Recorded, RgbImage, Scene, StreamInfo
from videoseg.writers.overlay import Overlay, OverlayPng

Objects = Callable[[Frame], Scene]


def empty(frame: Frame) -> Scene:
    return Scene(frame.stream, frame.index, frame.pts, frame.time_base, frame.duration)


def squared(frame: Frame) -> Scene:
    """A square where ``media.moving_square`` has one."""
    box = media.square_box(frame.index, frame.width, frame.height)
    mask = scenes.rectangle(*box, width=frame.width, height=frame.height)
    return replace(empty(frame), instances=(scenes.tracked(mask),))


def overlay(
    path: Path,
    out: Path,
    objects: Objects = squared,
    *,
    start: int = 0,
    stop: int | None = None,
    **settings: Any,
) -> Path:
    """Draw on a clip and give the film."""
    source = VideoSource()
    streams = source.open(str(path))
    writer = Overlay(**settings)
    writer.open(out, streams, ())
    for frame in source.frames(start, stop):
        writer.write(objects(frame), frame)
    writer.close(complete=True)
    source.close()
    return out / "overlay.mp4"


def overlay_of(
    images: Sequence[RgbImage], out: Path, info: StreamInfo, pts: Sequence[int], **settings: Any
) -> Path:
    """Draw nothing on pictures."""
    writer = Overlay(**settings)
    writer.open(out, {info.stream: info}, ())
    for index, (image, time) in enumerate(zip(images, pts, strict=True)):
        frame = Frame(info.stream, index, time, info.time_base, image)
        writer.write(empty(frame), frame)
    writer.close(complete=True)
    return out / "overlay.mp4"


def frames_of(path: Path) -> list[Frame]:
    source = VideoSource()
    source.open(str(path))
    frames = list(source.frames())
    source.close()
    return frames


def info_of(path: Path) -> StreamInfo:
    source = VideoSource()
    (info,) = source.open(str(path)).values()
    source.close()
    return info


def packets_of(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time and content of each packet of sound."""
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None and packet.time_base is not None
        ]


def boxes_of(data: bytes) -> list[bytes]:
    """Names of the outermost boxes of an MP4, in order."""
    names, place = [], 0
    while place < len(data):
        names.append(data[place + 4 : place + 8])
        place += int.from_bytes(data[place : place + 4], "big")
    return names


def grey(info: StreamInfo, level: int = 128) -> RgbImage:
    return np.full((info.height, info.width, 3), level, np.uint8)


def times(frames: Sequence[Frame]) -> list[Fraction]:
    return [frame.seconds for frame in frames]


def test_plays_in_browsers(tmp_path: Path) -> None:
    path = overlay(media.clip(), tmp_path)
    boxes = boxes_of(path.read_bytes())
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    with av.open(str(path)) as container:
        (stream,) = container.streams
        assert isinstance(stream, av.VideoStream)
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.profile in ("High", "Main", "Constrained Baseline")


@pytest.mark.parametrize(
    "spec",
    [
        {"rate": Fraction(25)},
        {"rate": Fraction(30000, 1001)},
        {"pts": (0, 40, 45, 200, 1200, 1240, 1241), "name": "clip.mkv"},
        {"pts": (700, 740, 800, 811)},
        {"pts": (90123, 93000, 99001), "time_base": Fraction(1, 90000)},
    ],
    ids=["25", "ntsc", "variable", "late start", "late start in mp4"],
)
def test_times_are_those_of_the_source(spec: dict[str, Any], tmp_path: Path) -> None:
    clip = media.clip(**spec)
    assert times(frames_of(overlay(clip, tmp_path))) == times(frames_of(clip))


def test_a_part_keeps_its_times(tmp_path: Path) -> None:
    clip = media.clip(frames=12)
    assert times(frames_of(overlay(clip, tmp_path, start=3, stop=9))) == times(frames_of(clip)[3:9])


def test_last_frame_is_shown_as_long_as_in_the_source(tmp_path: Path) -> None:
    info = scenes.stream()
    writer = Overlay()
    writer.open(tmp_path, {info.stream: info}, ())
    for scene in scenes.moving(pts=(0, 24, 48), duration=24):
        writer.write(scene, scenes.frame_of(scene))
    last = scenes.scene(index=3, pts=72, duration=300)
    writer.write(last, scenes.frame_of(last))
    writer.close(complete=True)
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == Fraction(372, 600)


def test_a_source_that_starts_before_zero_is_moved_as_a_whole(tmp_path: Path) -> None:
    info = scenes.stream()
    path = overlay_of([grey(info)] * 3, tmp_path, info, (-30, 0, 24))
    assert times(frames_of(path)) == [0, Fraction(30, 600), Fraction(54, 600)]


@pytest.mark.parametrize(
    "origin",
    [{"recorded": Recorded("/cam", "cam", 0, 0, 0)}, {"name": "1772000000050141859.png"}],
    ids=["message of a log", "file of its own"],
)
def test_stamps_that_count_from_1970_begin_at_zero(origin: dict[str, Any], tmp_path: Path) -> None:
    first = 1_772_000_000_050_141_859
    info = replace(scenes.stream(), time_base=Fraction(1, 10**9), start_pts=first)
    writer = Overlay()
    writer.open(tmp_path, {info.stream: info}, ())
    for index, pts in enumerate((first, first + 40_000_000)):
        frame = Frame(info.stream, index, pts, info.time_base, grey(info), **origin)
        writer.write(empty(frame), frame)
    writer.close(complete=True)
    assert times(frames_of(tmp_path / "overlay.mp4")) == [0, Fraction(4, 100)]


def test_a_time_base_finer_than_the_container_is_rounded(tmp_path: Path) -> None:
    info = replace(scenes.stream(), time_base=Fraction(1, 10**12))
    path = overlay_of([grey(info)] * 2, tmp_path, info, (0, 40_000_000_004))
    assert times(frames_of(path)) == [0, Fraction(4, 100)]


@pytest.mark.parametrize("native", [True, False], ids=["planes", "rgb"])
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5, 9])
def test_colours_do_not_shift(matrix: int, full_range: bool, native: bool, tmp_path: Path) -> None:
    card = media.colour_card(0, 144, 96)
    if native:
        clip = media.clip(
            width=144,
            height=96,
            frames=2,
            matrix=matrix,
            full_range=full_range,
            crf=1,
            picture=media.colour_card,
        )
        colour = info_of(clip).colour
        path = overlay(clip, tmp_path, empty, crf=1)
    else:
        colour = Colour(matrix=matrix, full_range=full_range)
        info = replace(scenes.stream(width=144, height=96), colour=colour)
        path = overlay_of([card], tmp_path, info, (0,), crf=1)
    shown = frames_of(path)[0].image
    inner = np.zeros((96, 144), bool)
    inner[4::32, 4::16] = inner[16::32, 8::16] = inner[27::32, 11::16] = True
    assert np.abs(shown[inner].astype(int) - card[inner]).max() <= 3
    assert info_of(path).colour == colour
    assert (colour.matrix, colour.full_range) == (matrix, full_range)


def test_planes_of_the_decoder_pass_unchanged(tmp_path: Path) -> None:
    clip = media.clip(frames=3)
    before = [frame.native.to_ndarray() for frame in frames_of(clip)]
    after = [
        frame.native.to_ndarray() for frame in frames_of(overlay(clip, tmp_path, empty, crf=1))
    ]
    difference = np.abs(np.subtract(before, after, dtype=int))
    assert difference.max() <= 4
    assert difference.mean() < 0.2


def test_what_the_source_does_not_tag_stays_untagged(tmp_path: Path) -> None:
    clip = media.clip(matrix=None, full_range=None)
    path = overlay(clip, tmp_path, empty, crf=1)
    assert info_of(path).colour == info_of(clip).colour == Colour()
    shown, given = frames_of(path)[0].image, frames_of(clip)[0].image
    assert np.abs(shown.astype(int) - given).mean() < 1


def test_tags_of_rgb_pictures_become_those_of_what_is_written(tmp_path: Path) -> None:
    info = replace(scenes.stream(), colour=Colour(primaries=1, transfer=13, matrix=0))
    image = media.colour_card(0, info.width, info.height)
    path = overlay_of([image], tmp_path, info, (0,), crf=1)
    assert info_of(path).colour == Colour(1, 13, 1, full_range=False)


@pytest.mark.parametrize("transfer", [16, 18])
def test_what_was_hdr_is_tagged_as_what_is_drawn(transfer: int, tmp_path: Path) -> None:
    info = replace(scenes.stream(), bit_depth=10, colour=Colour(9, transfer, 9, False))
    path = overlay_of([grey(info)], tmp_path, info, (0,))
    assert info_of(path).colour == Colour(1, 1, 1, False)


def test_odd_sizes_gain_a_copy_of_the_last_column_and_row(tmp_path: Path) -> None:
    info = scenes.stream(width=33, height=17)
    image = grey(info)
    image[:, -1] = 200
    image[-1, :] = 60
    shown = frames_of(overlay_of([image], tmp_path, info, (0,), crf=1))[0].image.astype(int)
    assert shown.shape == (18, 34, 3)
    assert np.abs(shown[:14, 32:] - 200).max() <= 6
    assert np.abs(shown[16:, :] - 60).max() <= 6


def test_a_single_pixel_makes_a_film(tmp_path: Path) -> None:
    info = scenes.stream(width=1, height=1)
    path = overlay_of([grey(info, 255)], tmp_path, info, (0,))
    assert frames_of(path)[0].image.shape == (4, 4, 3)


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    clip = media.clip(sample_aspect_ratio=Fraction(64, 45))
    assert info_of(overlay(clip, tmp_path)).sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_applied(rotation: int, tmp_path: Path) -> None:
    path = overlay(media.clip(rotation=rotation), tmp_path, empty)
    info = info_of(path)
    assert (info.width, info.height, info.rotation) == (96, 64, 0)
    assert [media.read_index(frame.image) for frame in frames_of(path)] == list(range(12))


def test_packets_of_sound_are_copied(tmp_path: Path) -> None:
    clip = media.clip(audio=True, frames=50)
    copied, given = packets_of(overlay(clip, tmp_path)), packets_of(clip)
    assert len(given) > 80
    assert copied == given


def test_only_the_sound_of_the_part_is_copied(tmp_path: Path) -> None:
    clip = media.clip(audio=True, frames=75)
    path = overlay(clip, tmp_path, start=25, stop=50)
    assert packets_of(path) == [(time, data) for time, data in packets_of(clip) if 1 <= time < 2]


def test_sound_moves_with_a_picture_that_starts_before_zero(tmp_path: Path) -> None:
    clip = media.clip(audio=True)
    info = replace(info_of(clip), stream="clip", start_pts=-10, time_base=Fraction(1, 100))
    path = overlay_of([grey(info)] * 2, tmp_path, info, (-10, 0))
    moved, given = packets_of(path), packets_of(clip)
    assert moved[0][1] == given[0][1]
    assert moved[0][0] - given[0][0] == pytest.approx(Fraction(1, 10), abs=1e-4)


def with_sound(path: Path, codec: str, layout: str = "stereo") -> Path:
    """Two seconds of film with a tone of 440 Hz in this codec."""
    with av.open(str(media.clip(frames=50))) as given, av.open(str(path), "w") as made:
        picture = made.add_stream_from_template(given.streams.video[0])
        sound: Any = made.add_stream(codec, rate=48000, layout=layout)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                made.mux(packet)
        context = sound.codec_context
        tone = 0.25 * np.sin(np.arange(96000) * 440 / 48000 * 2 * np.pi)
        samples = np.repeat(tone[None], context.layout.nb_channels, axis=0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
        frame.sample_rate = 48000
        frame.pts = 0
        resampler = av.AudioResampler(
            context.format.name, layout, 48000, frame_size=context.frame_size or 1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            made.mux(sound.encode(piece))
    return path


@pytest.mark.parametrize(
    ("codec", "name"),
    [("aac", "a.mkv"), ("libmp3lame", "a.mkv"), ("libopus", "a.mkv"), ("flac", "a.mkv")],
)
def test_sound_that_browsers_play_is_copied(codec: str, name: str, tmp_path: Path) -> None:
    clip = with_sound(tmp_path / name, codec)
    copied, given = packets_of(overlay(clip, tmp_path)), packets_of(clip)
    assert [data for _, data in copied] == [data for _, data in given]
    late = [float(one - other) for (one, _), (other, _) in zip(copied, given, strict=True)]
    assert max(map(abs, late)) <= 0.001  # Matroska counts milliseconds


def test_a_part_of_a_film_that_cannot_be_searched(tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.ts", "aac")
    frames = frames_of(clip)
    path = overlay(clip, tmp_path, start=25, stop=40)
    begin, end = frames[25].seconds, frames[40].seconds
    wanted = [time for time, _ in packets_of(clip) if begin <= time < end]
    assert [float(time) for time, _ in packets_of(path)] == pytest.approx(
        [float(time) for time in wanted], abs=0.001
    )
    assert times(frames_of(path)) == times(frames[25:40])


@pytest.mark.parametrize(
    ("codec", "name", "layout"),
    [
        ("pcm_s16le", "a.mov", "mono"),
        ("pcm_s16le", "a.mkv", "5.1"),
        ("ac3", "a.mkv", "stereo"),
        ("alac", "a.mp4", "stereo"),
    ],
)
def test_sound_that_browsers_do_not_play_becomes_aac(
    codec: str, name: str, layout: str, tmp_path: Path
) -> None:
    path = overlay(with_sound(tmp_path / name, codec, layout), tmp_path)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert stream.codec_context.layout.nb_channels == (1 if layout == "mono" else 2)
        frames = list(container.decode(audio=0))
    heard = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    begin = frames[0].time
    assert begin is not None
    # An encoder may put silence before and after the two seconds.
    assert begin + len(heard) / 48000 == pytest.approx(2, abs=0.05)
    spectrum = np.abs(np.fft.rfft(heard[24000:72000]))
    assert np.argmax(spectrum) == 440


def test_a_film_may_claim_sound_that_it_has_not(tmp_path: Path) -> None:
    info = replace(info_of(media.clip()), has_audio=True)
    with av.open(str(overlay_of([grey(info)], tmp_path, info, (0,)))) as container:
        assert not container.streams.audio


def test_a_silent_source_makes_a_silent_film(tmp_path: Path) -> None:
    with av.open(str(overlay(media.clip(), tmp_path))) as container:
        assert not container.streams.audio


def test_colour_belongs_to_the_track(tmp_path: Path) -> None:
    info = scenes.stream()
    writer = Overlay(opacity=1, labels=False, crf=1)
    writer.open(tmp_path, {info.stream: info}, ())
    for index, x in enumerate((10, 50)):
        mask = scenes.rectangle(x, 20, x + 30, 50)
        made = scenes.scene(scenes.tracked(mask, 7), index=index)
        frame = scenes.frame_of(made)
        writer.write(made, replace(frame, image=grey(info)))
    writer.close(complete=True)
    for index, x in enumerate((10, 50)):
        shown = frames_of(tmp_path / "overlay.mp4")[index].image.astype(int)
        assert np.abs(shown[35, x + 15] - colour_of(7)).max() <= 3
        assert np.abs(shown[35, 100 - x - 10] - 128).max() <= 3


def test_fill_mixes_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    clip = media.clip(frames=2, crf=1)
    given = frames_of(clip)[1]
    shown = frames_of(overlay(clip, tmp_path, opacity=0.25, crf=1, labels=False))[1].image
    x1, y1, x2, y2 = media.square_box(1, 96, 64)
    inside = shown[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5].astype(float)
    mixed = 0.75 * given.image[y1 + 5 : y2 - 5, x1 + 5 : x2 - 5] + 0.25 * np.array(colour_of(1))
    assert np.abs(inside - mixed).max() <= 4
    far = np.ones((64, 96), bool)
    far[y1 - 6 : y2 + 6, x1 - 4 : x2 + 6] = False
    assert np.abs(shown[far].astype(int) - given.image[far]).max() <= 6


def test_incomplete_close_leaves_nothing(tmp_path: Path) -> None:
    writer = Overlay()
    info = scenes.stream()
    writer.open(tmp_path, {info.stream: info}, ())
    for scene in scenes.moving():
        writer.write(scene, scenes.frame_of(scene))
    writer.close(complete=False)
    writer.close(complete=False)
    assert not list(tmp_path.iterdir())


def test_no_frame_makes_no_film(tmp_path: Path) -> None:
    writer = Overlay()
    writer.open(tmp_path, scenes.streams(), ())
    writer.close(complete=True)
    assert not list(tmp_path.iterdir())


def test_two_runs_make_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(overlay(media.clip(audio=True), folder).read_bytes())
    assert made[0] == made[1]


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^cannot write .*overlay\.mp4: No such file"):
        Overlay().open(tmp_path / "missing", scenes.streams(), ())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"^cannot write .*overlay\.mp4: Not a directory"):
        Overlay().open(tmp_path / "file", scenes.streams(), ())


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    (tmp_path / "overlay.mp4").symlink_to("/dev/full")
    info = scenes.stream()
    writer = Overlay()
    noise: npt.NDArray[np.uint8] = np.random.default_rng(1).integers(
        0, 255, (info.height, info.width, 3), np.uint8
    )
    writer.open(tmp_path, {info.stream: info}, ())

    def work() -> None:
        for index in range(60):
            frame = Frame(info.stream, index, index * 24, info.time_base, noise)
            writer.write(empty(frame), frame)
        writer.close(complete=True)

    with pytest.raises(OutputError, match=r"^cannot write .*overlay\.mp4: No space left"):
        work()
    writer.close(complete=False)
    assert not list(tmp_path.iterdir())


def test_several_streams_make_several_films(tmp_path: Path) -> None:
    infos = [scenes.stream("/camera/left"), scenes.stream("camera left"), scenes.stream("b")]
    streams = scenes.streams(*infos)
    writer = Overlay()
    names = writer.produces(streams)
    assert len({name.casefold() for name in names}) == 3
    writer.open(tmp_path, streams, ())
    for info in infos:
        for scene in scenes.moving(stream=info.stream):
            writer.write(scene, scenes.frame_of(scene))
    writer.close(complete=True)
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_photographs_and_videos_have_a_part_each() -> None:
    still = scenes.streams(replace(scenes.stream(), still=True))
    with pytest.raises(UsageError, match="write overlay-png instead"):
        Overlay().produces(still)
    with pytest.raises(UsageError, match="write overlay instead"):
        OverlayPng().produces(scenes.streams())


def test_a_photograph_becomes_a_picture(tmp_path: Path) -> None:
    info = replace(scenes.stream(), still=True)
    writer = OverlayPng(opacity=0.5)
    writer.open(tmp_path, {info.stream: info}, ())
    scene = scenes.scene(scenes.tracked(scenes.rectangle(20, 25, 60, 55)))
    frame = scenes.frame_of(scene)
    before = frame.image.copy()
    writer.write(scene, frame)
    writer.close(complete=True)
    (shown,) = frames_of(tmp_path / "overlay.png")
    assert (frame.image == before).all()
    mixed = (frame.image[40, 40].astype(float) + colour_of(1)) / 2
    assert np.abs(shown.image[40, 40] - mixed).max() <= 1
    assert (shown.image[:, 80:] == frame.image[:, 80:]).all()


def test_an_incomplete_picture_is_removed(tmp_path: Path) -> None:
    info = replace(scenes.stream(), still=True)
    writer = OverlayPng()
    writer.open(tmp_path, {info.stream: info}, ())
    scene = scenes.scene()
    writer.write(scene, scenes.frame_of(scene))
    writer.close(complete=False)
    assert not list(tmp_path.iterdir())

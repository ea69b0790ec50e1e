"""Tiny films, made in code and kept for the session, whose every pixel and time is known.

``clip(width=64, rotation=90)`` gives the path of such a film; ask ``moving_square``, ``square_box``
and ``read_index`` what is on a frame. Colour is turned into YUV here with numpy, from the formulas
of ITU-T H.273, so that a decoder is not tested against the library that it calls.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from videoseg.types import Box, RgbImage

Picture: TypeAlias = Callable[[int, int, int], RgbImage]
"""Frame index, width, height -> uint8 (height, width, 3) RGB, upright."""

_LUMA = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""matrix_coefficients -> weights of red and blue in luma."""
_INDEX_BITS = 8
_SAMPLE_RATE = 44100


def moving_square(index: int, width: int, height: int) -> RgbImage:
    """An orange square on blue-green shades, 2 pixels further right each frame.

    Along the upper edge the frame's index stands in binary, for ``read_index``.
    """
    rows, columns = np.mgrid[:height, :width]
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = 30
    image[..., 1] = 60 + 60 * columns // width
    image[..., 2] = 90 + 60 * rows // height
    x1, y1, x2, y2 = square_box(index, width, height)
    image[y1:y2, x1:x2] = (230, 120, 20)
    cell_width, cell_height = width // _INDEX_BITS, height // _INDEX_BITS
    for bit in range(_INDEX_BITS):
        left = bit * cell_width
        image[:cell_height, left : left + cell_width] = 235 if index >> bit & 1 else 20
    return image


def square_box(index: int, width: int, height: int) -> Box:
    """Where ``moving_square`` has its square; it comes back to the left when it reaches the end."""
    side = height // 3
    x = 4 + 2 * index % max(1, width - side - 8)
    return (x, height // 3, x + side, height // 3 + side)


def read_index(image: RgbImage) -> int:
    """The index that ``moving_square`` wrote into this upright frame."""
    height, width = image.shape[:2]
    middle = np.arange(_INDEX_BITS) * (width // _INDEX_BITS) + width // _INDEX_BITS // 2
    bits = image[height // _INDEX_BITS // 2, middle].mean(axis=-1) > 128
    return int((bits << np.arange(_INDEX_BITS)).sum())


def colour_card(index: int, width: int, height: int) -> RgbImage:
    """27 even patches, 9 across and 3 down: every mix of the levels 16, 128 and 235."""
    levels = np.array([16, 128, 235], np.uint8)
    patches = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    rows = np.arange(height) * 3 // height
    columns = np.arange(width) * 9 // width
    return np.ascontiguousarray(patches.reshape(3, 9, 3)[rows][:, columns])


@dataclass(frozen=True)
class ClipSpec:
    """What a film is like. Sizes and the pixel's aspect are those of the upright picture.

    Attributes:
        name: File name; its ending chooses the container.
        width: Pixels across, even.
        height: Pixels down, even.
        frames: Number of frames.
        rate: Frames per second; with ``pts`` only what the header says.
        pts: Time of each frame in units of ``time_base``, for a variable rate; sets ``frames``.
        time_base: Seconds per unit of ``pts``.
        rotation: Degrees clockwise that a player has to turn the coded frames by.
        sample_aspect_ratio: Width over height of a pixel.
        matrix: matrix_coefficients to encode with and to write down; None = not written, and as
            players then guess: BT.601 below 720 lines, else BT.709.
        full_range: Range to encode in and to write down; None = limited, not written.
        pixel_format: FFmpeg's name, yuv420p or yuv444p.
        codec: FFmpeg's name of the encoder.
        crf: Quality of x264, 0 is lossless.
        audio: Whether a tone of 440 Hz goes along.
        timecode: Start timecode for MP4 and QuickTime.
        picture: Draws the frames.
    """

    name: str = "clip.mp4"
    width: int = 96
    height: int = 64
    frames: int = 12
    rate: Fraction = Fraction(25)
    pts: tuple[int, ...] | None = None
    time_base: Fraction = Fraction(1, 1000)
    rotation: int = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    matrix: int | None = 1
    full_range: bool | None = False
    pixel_format: str = "yuv420p"
    codec: str = "libx264"
    crf: int = 12
    audio: bool = False
    timecode: str | None = None
    picture: Picture = moving_square


def clip(**spec: Any) -> Path:
    """The path of a film with these fields of ``ClipSpec``; made once, not to be changed."""
    return _make(ClipSpec(**spec))


def indexed_card(index: int, width: int, height: int) -> RgbImage:
    """``colour_card`` with the frame's index along the upper edge, for ``read_index``."""
    image = colour_card(index, width, height)
    edge = height // _INDEX_BITS
    image[:edge] = moving_square(index, width, height)[:edge]
    return image


@dataclass(frozen=True)
class FilmSpec:
    """What a film in any codec is like; libswscale makes its samples, so that any format will do.

    Attributes:
        name: File name; its ending chooses the container.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name.
        width: Pixels across, as coded.
        height: Pixels down, as coded.
        times: Time of each frame in units of ``time_base``.
        time_base: Seconds per unit.
        rate: Frames per second that the header says.
        options: Options of the encoder.
        container: Options of the container.
        tags: primaries, transfer, matrix and range (1 limited, 2 full) by H.273 and FFmpeg.
        picture: Draws the frames, RGB or RGBA.
        offset: Added to the times of the packets, after encoding, where it may be negative.
        streams: How many picture streams with the same content, later ones 100 frames on.
        keep: Packets to mux, by their number; the others are lost. None = all.
        field_order: tff or bff for interlaced frames; x264 must be told as well.
    """

    name: str = "film.mkv"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    width: int = 144
    height: int = 96
    times: tuple[int, ...] = tuple(range(6))
    time_base: Fraction = Fraction(1, 25)
    rate: Fraction = Fraction(25)
    options: tuple[tuple[str, str], ...] = ()
    container: tuple[tuple[str, str], ...] = ()
    tags: tuple[int, int, int, int] = (1, 1, 1, 1)
    picture: Callable[[int, int, int], npt.NDArray[np.uint8]] = indexed_card
    offset: int = 0
    streams: int = 1
    keep: tuple[int, ...] | None = None
    field_order: str | None = None


def cut(source: Path, target: Path, first: int, stop: int) -> None:
    """Write some frames of a video as a video of their own."""
    with av.open(str(source)) as film, av.open(str(target), "w") as sink:
        stream = film.streams.video[0]
        made = sink.add_stream("libx264", rate=stream.average_rate)
        made.width, made.height, made.pix_fmt = stream.width, stream.height, "yuv420p"
        for frame in itertools.islice(film.decode(stream), first, stop):
            sink.mux(made.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"))))
        sink.mux(made.encode())


def film(**spec: Any) -> Path:
    """The path of a film with these fields of ``FilmSpec``; made once, not to be changed."""
    return _make_film(FilmSpec(**spec))


@functools.cache
def _make_film(spec: FilmSpec) -> Path:
    path = _folder() / spec.name
    with av.open(
        str(path), "w", container_options=dict(spec.container), options=dict(spec.container)
    ) as sink:
        streams = [_film_stream(sink, spec) for _ in range(spec.streams)]
        count = 0
        for index, time in [*enumerate(spec.times), (None, None)]:
            for number, stream in enumerate(streams):
                frame = None
                if index is not None:
                    frame = _film_frame(index + 100 * number, spec)
                    frame.pts, frame.time_base = time, spec.time_base
                for packet in stream.encode(frame):
                    if packet.pts is not None and packet.dts is not None:
                        shift = round(spec.offset * spec.time_base / packet.time_base)
                        packet.pts += shift
                        packet.dts += shift
                    if spec.keep is None or count in spec.keep:
                        sink.mux(packet)
                    count += 1
    return path


def _film_stream(sink: Any, spec: FilmSpec) -> Any:
    stream = sink.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options))
    stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, spec.pixel_format
    context = stream.codec_context
    _unthreaded_vp8(context)
    context.time_base = spec.time_base
    if "a" in spec.pixel_format and spec.codec.startswith("libvpx"):
        stream.metadata["alpha_mode"] = "1"
    _tag(context, spec)
    return stream


def _unthreaded_vp8(context: Any) -> None:
    """Keep VP8 to one thread: its threads spin, and on busy cores wait for each other for minutes.

    Encoding 60 small frames took 15 times as long with two threads on two cores in use.
    """
    if context.name == "libvpx":
        context.thread_count = 1


def _tag(target: Any, spec: FilmSpec) -> None:
    target.color_primaries, target.color_trc, target.colorspace, target.color_range = spec.tags


def _film_frame(index: int, spec: FilmSpec) -> Any:
    image = np.ascontiguousarray(spec.picture(index, spec.width, spec.height))
    frame: Any = av.VideoFrame.from_ndarray(image, "rgba" if image.shape[2] == 4 else "rgb24")
    matrix = {2: 5, 6: 5}.get(spec.tags[2], spec.tags[2])
    if spec.pixel_format not in ("rgb24", "rgba", "bgra", "argb"):
        frame = frame.reformat(
            format=spec.pixel_format,
            dst_colorspace=matrix,
            src_color_range=2,
            dst_color_range=max(1, spec.tags[3]),
            interpolation="ACCURATE_RND",
        )
    else:
        frame = frame.reformat(format=spec.pixel_format)
    if spec.field_order is not None:
        frame = _marked(frame, spec.field_order)
    _tag(frame, spec)
    return frame


def _marked(frame: Any, field_order: str) -> Any:
    """The frame, marked as interlaced, which only a filter can do here."""
    graph = av.filter.Graph()
    entry = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    mark = graph.add("setfield", field_order)
    graph.link_nodes(entry, mark, graph.add("buffersink")).configure()
    frame.pts = 0
    graph.vpush(frame)
    return graph.vpull()


@functools.cache
def truncated(path: Path, keep: float = 0.6) -> Path:
    """A copy of a file that ends after this part of its bytes."""
    data = path.read_bytes()
    copy = _folder() / path.name
    copy.write_bytes(data[: int(len(data) * keep)])
    return copy


@functools.cache
def tone(name: str = "tone.m4a", seconds: int = 1) -> Path:
    """A file with sound and no picture."""
    path = _folder() / name
    with av.open(str(path), "w") as container:
        _mux_tone(container, _tone_stream(container), seconds)
    return path


@functools.cache
def covered(path: Path, copy: Path) -> Path:
    """An MP4 of a file's first stream behind a cover picture, as ``copy``."""
    picture = film(name="c.mov", codec="png", pixel_format="rgb24", times=(0,))
    with (
        av.open(str(path)) as source,
        av.open(str(picture)) as cover,
        av.open(str(copy), "w", format="mp4") as sink,
    ):
        pairs: list[Any] = [
            (given, sink.add_stream_from_template(given.streams[0])) for given in (cover, source)
        ]
        pairs[0][1].disposition = 1 << 10
        for given, stream in pairs:
            for packet in given.demux(given.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    sink.mux(packet)
    return copy


def _root() -> Path:
    root = Path(tempfile.mkdtemp(prefix="videoseg-media-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root


def _folder() -> Path:
    return Path(tempfile.mkdtemp(dir=_root()))


@functools.cache
def _make(spec: ClipSpec) -> Path:
    path = _folder() / spec.name
    options = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        if spec.timecode:
            container.metadata["timecode"] = spec.timecode
        stream = _video_stream(container, spec)
        sound = _tone_stream(container) if spec.audio else None
        times = spec.pts or range(spec.frames)
        for index, pts in enumerate(times):
            frame = _frame(index, spec)
            frame.pts = pts
            frame.time_base = spec.time_base if spec.pts else 1 / spec.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _mux_tone(container, sound, seconds=max(1, round(spec.frames / spec.rate)))
    return path


def _video_stream(container: Any, spec: ClipSpec) -> Any:
    options = {"crf": str(spec.crf), "preset": "veryfast"} if spec.codec == "libx264" else {}
    stream = container.add_stream(spec.codec, rate=spec.rate, options=options)
    sideways = spec.rotation in (90, 270)
    stream.width, stream.height = (
        (spec.height, spec.width) if sideways else (spec.width, spec.height)
    )
    stream.pix_fmt = spec.pixel_format
    if spec.rotation:
        stream.set_display_rotation(-spec.rotation)
    context = stream.codec_context
    _unthreaded_vp8(context)
    context.gop_size = 12
    if spec.pts:
        context.time_base = spec.time_base
    if spec.sample_aspect_ratio != 1:
        ratio = spec.sample_aspect_ratio
        context.sample_aspect_ratio = 1 / ratio if sideways else ratio
    if spec.matrix is not None:
        context.colorspace = spec.matrix
        context.color_primaries = context.color_trc = 1 if spec.matrix == 1 else 6
    if spec.full_range is not None:
        context.color_range = 2 if spec.full_range else 1
    return stream


def _frame(index: int, spec: ClipSpec) -> av.VideoFrame:
    upright = spec.picture(index, spec.width, spec.height)
    stored = np.rot90(upright, spec.rotation // 90)
    matrix = spec.matrix or (5 if stored.shape[0] < 720 else 1)
    planes = to_yuv(stored, matrix, full_range=bool(spec.full_range))
    frame = av.VideoFrame(stored.shape[1], stored.shape[0], spec.pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        across = stored.shape[1] // plane.width
        down = stored.shape[0] // plane.height
        mean = values.reshape(plane.height, down, plane.width, across).mean(axis=(1, 3))
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = np.rint(mean)
        plane.update(padded.tobytes())
    return frame


def to_yuv(
    image: RgbImage, matrix: int, *, full_range: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Luma and the two colour differences of RGB in [0, 255], each (H, W), not rounded."""
    red_weight, blue_weight = _LUMA[matrix]
    red, green, blue = np.moveaxis(image / 255, -1, 0)
    luma = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
    towards_blue = (blue - luma) / (2 * (1 - blue_weight))
    towards_red = (red - luma) / (2 * (1 - red_weight))
    if full_range:
        return 255 * luma, 255 * towards_blue + 128, 255 * towards_red + 128
    return 219 * luma + 16, 224 * towards_blue + 128, 224 * towards_red + 128


def _tone_stream(container: Any) -> Any:
    return container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")


def _mux_tone(container: Any, stream: Any, seconds: int) -> None:
    times = np.arange(_SAMPLE_RATE * seconds) / _SAMPLE_RATE
    samples = (0.2 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
        frame.sample_rate = _SAMPLE_RATE
        frame.time_base = Fraction(1, _SAMPLE_RATE)
        frame.pts = start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))

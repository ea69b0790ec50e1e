"""What every source keeps to: the contract of ``FrameSource``, over all registered sources."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import lerobot_sets, media, robot_logs
from tests.support.waiting import PATIENCE
from videoseg import registry
from videoseg.cli._inputs import expand
from videoseg.config.run_config import RunConfig
from videoseg.errors import MissingDependencyError, SourceError, SourceNotFoundError
from videoseg.jobs.inputs import open_source, source_name
from videoseg.protocols import FrameSource

WIDTH, HEIGHT, COUNT = 192, 128, 12
SIZE = {"width": WIDTH, "height": HEIGHT}
UPRIGHT_BY_QUARTER_TURN = 6
"""EXIF orientation: turn 90 degrees clockwise."""


@dataclass(frozen=True)
class Samples:
    """Makes inputs of one kind in a folder: 12 frames of ``media.moving_square``.

    Attributes:
        plain: Whole.
        sideways: Stored turned by a quarter; None for what knows no rotation.
        truncated: Cut off; None for what cannot be.
        strict: Settings by which the source refuses what is truncated, where it does not anyway.
    """

    plain: Callable[[Path], Path]
    sideways: Callable[[Path], Path] | None = None
    truncated: Callable[[Path], Path] | None = None
    strict: Mapping[str, str] = field(default_factory=dict)


def exif_jpeg(image: np.ndarray[Any, np.dtype[np.uint8]], orientation: int) -> bytes:
    """A JPEG of an RGB image with this EXIF orientation."""
    jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    tag = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    body = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + tag + b"\x00\x00\x00\x00"
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    return bytes(jpeg[:2] + segment + jpeg[2:])


def image_folder(folder: Path) -> Path:
    for index in range(COUNT):
        image = media.moving_square(index, WIDTH, HEIGHT)[..., ::-1]
        assert cv2.imwrite(str(folder / f"frame{index}.png"), image)
    return folder


def sideways_images(folder: Path) -> Path:
    for index in range(COUNT):
        stored = np.rot90(media.moving_square(index, WIDTH, HEIGHT), 1)
        (folder / f"{index}.jpg").write_bytes(exif_jpeg(stored, UPRIGHT_BY_QUARTER_TURN))
    return folder


def image_folder_with_a_broken_one(folder: Path) -> Path:
    broken = image_folder(folder) / "frame7.png"
    broken.write_bytes(broken.read_bytes()[:-200])
    return folder


def sideways_jpeg(image: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    return exif_jpeg(np.rot90(image, 1), UPRIGHT_BY_QUARTER_TURN)


def truncated_log(folder: Path) -> Path:
    log = robot_logs.squares_mcap(folder / "log.mcap", chunk_size=2000)
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    return log


def bag(folder: Path, *, sideways: bool = False) -> Path:
    pictures = robot_logs.squares(COUNT, WIDTH, HEIGHT)
    written = [
        robot_logs.Written("/camera", time, time, sideways_jpeg(image) if sideways else image)
        for time, image in zip(robot_logs.stamps(COUNT), pictures, strict=True)
    ]
    return robot_logs.ros_bag(folder / "bag", written, "sqlite3")


def bag_with_a_damaged_chunk(folder: Path) -> Path:
    pictures = robot_logs.squares(COUNT, WIDTH, HEIGHT)
    written = [
        robot_logs.Written("/camera", time, time, image)
        for time, image in zip(robot_logs.stamps(COUNT), pictures, strict=True)
    ]
    path = robot_logs.ros_bag(
        folder / "damaged.bag", written, "ros1", compression="LZ4", chunk=60_000
    )
    data = bytearray(path.read_bytes())
    where = [match.start() for match in re.finditer(rb"compression=lz4", data)][7]
    data[where + 60 : where + 260] = bytes(200)
    path.write_bytes(data)
    return path


SAMPLES = {
    "video": Samples(
        plain=lambda folder: media.clip(**SIZE),
        sideways=lambda folder: media.clip(rotation=90, **SIZE),
        truncated=lambda folder: media.truncated(media.clip(frames=30, **SIZE)),
    ),
    "decord": Samples(
        plain=lambda folder: media.clip(**SIZE),
        sideways=lambda folder: media.clip(rotation=90, **SIZE),
        truncated=lambda folder: media.truncated(media.clip(frames=30, **SIZE)),
    ),
    "images": Samples(
        plain=image_folder,
        sideways=sideways_images,
        truncated=image_folder_with_a_broken_one,
    ),
    "lerobot": Samples(
        plain=lambda folder: lerobot_sets.make(folder, lengths=(COUNT,), **SIZE),
        sideways=lambda folder: lerobot_sets.make(
            folder, lengths=(COUNT,), video=media.clip(rotation=90, **SIZE)
        ),
        truncated=lambda folder: lerobot_sets.make(
            folder, lengths=(30,), video=media.truncated(media.clip(frames=30, **SIZE))
        ),
    ),
    "mcap": Samples(
        plain=lambda folder: robot_logs.squares_mcap(folder / "log.mcap"),
        sideways=lambda folder: robot_logs.squares_mcap(folder / "log.mcap", coded=sideways_jpeg),
        truncated=truncated_log,
        strict={"on_truncation": "fail"},
    ),
    "rosbag": Samples(
        plain=bag,
        sideways=lambda folder: bag(folder, sideways=True),
        truncated=bag_with_a_damaged_chunk,
    ),
}
NEEDS = {
    "decord": ("decord", "decord2 (videoseg[decord])"),
    "lerobot": ("pyarrow", "pyarrow (videoseg[robotics])"),
    "mcap": ("mcap", "mcap (videoseg[robotics])"),
    "rosbag": ("rosbags", "rosbags (videoseg[robotics])"),
}
"""Source -> module that it needs beside those of the core, and where that comes from."""


@pytest.fixture(params=registry.names("sources"))
def name(request: pytest.FixtureRequest) -> str:
    assert request.param in SAMPLES, f"a new source needs samples in {__file__}"
    module, package = NEEDS.get(request.param, ("numpy", "numpy"))
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {package}")
    return str(request.param)


def named(has: Callable[[str], Any]) -> pytest.MarkDecorator:
    """Those sources alone of which something is true."""
    found = [each for each in registry.names("sources") if each not in SAMPLES or has(each)]
    return pytest.mark.parametrize("name", found, indirect=True)


@pytest.fixture
def source(name: str) -> Any:
    return registry.find("sources", name).make()


def test_is_a_frame_source(source: Any) -> None:
    assert isinstance(source, FrameSource)


def test_frames_agree_with_what_open_says(name: str, source: Any, tmp_path: Path) -> None:
    (info,) = source.open(str(SAMPLES[name].plain(tmp_path))).values()
    frames = list(source.frames())
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.frame_count in (None, COUNT)
    assert [frame.index for frame in frames] == list(range(COUNT))
    assert [media.read_index(frame.image) for frame in frames] == list(range(COUNT))
    assert frames[0].pts == info.start_pts
    assert all(earlier.pts < later.pts for earlier, later in itertools.pairwise(frames))
    for frame in frames:
        assert (frame.stream, frame.time_base) == (info.stream, info.time_base)
        assert frame.image.shape == (info.height, info.width, 3)
        expected = media.moving_square(frame.index, WIDTH, HEIGHT)
        assert np.abs(frame.image.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 1, [0]),
        (5, 8, [5, 6, 7]),
        (10, None, [10, 11]),
        (11, 40, [11]),
        (12, None, []),
        (4, 4, []),
    ],
)
def test_start_and_stop(
    name: str, source: Any, tmp_path: Path, start: int, stop: int | None, expected: list[int]
) -> None:
    source.open(str(SAMPLES[name].plain(tmp_path)))
    whole = list(source.frames())
    frames = list(source.frames(start, stop))
    assert [frame.index for frame in frames] == expected
    assert [media.read_index(frame.image) for frame in frames] == expected
    assert [frame.pts for frame in frames] == [whole[index].pts for index in expected]


@named(lambda each: hasattr(registry.find("sources", each).cls, "every"))
def test_every_third_frame(name: str, tmp_path: Path) -> None:
    source = registry.find("sources", name).make(every=3)
    source.open(str(SAMPLES[name].plain(tmp_path)))
    for start, expected in ((0, [0, 3, 6, 9]), (1, [1, 4, 7, 10])):
        frames = list(source.frames(start))
        assert [frame.index for frame in frames] == expected
        assert [media.read_index(frame.image) for frame in frames] == expected


@named(lambda each: SAMPLES[each].sideways)
def test_rotation_is_applied_once(name: str, source: Any, tmp_path: Path) -> None:
    sideways = SAMPLES[name].sideways
    assert sideways is not None
    (info,) = source.open(str(sideways(tmp_path))).values()
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    for frame in source.frames(stop=2):
        expected = media.moving_square(frame.index, WIDTH, HEIGHT)
        assert np.abs(frame.image.astype(int) - expected).mean() < 4


@named(lambda each: SAMPLES[each].truncated)
def test_truncation_is_said_after_the_last_good_frame(name: str, tmp_path: Path) -> None:
    truncated = SAMPLES[name].truncated
    assert truncated is not None
    location = str(truncated(tmp_path))
    source = registry.find("sources", name).make(**SAMPLES[name].strict)
    source.open(location)
    seen: list[int] = []
    with pytest.raises(SourceError, match="incomplete") as caught:
        seen.extend(media.read_index(frame.image) for frame in source.frames())
    assert seen == list(range(len(seen)))
    assert seen
    assert location in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [frame.index for frame in source.frames(stop=2)] == [0, 1]


def test_missing_input(source: Any, tmp_path: Path) -> None:
    location = str(tmp_path / "nothing.png")
    with pytest.raises(SourceNotFoundError, match=r"nothing\.png: no such file") as caught:
        source.open(location)
    assert isinstance(caught.value, FileNotFoundError)


def test_close_twice_then_open_again(name: str, source: Any, tmp_path: Path) -> None:
    location = str(SAMPLES[name].plain(tmp_path))
    source.close()
    source.open(location)
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    with pytest.raises(SourceError, match="open"):
        next(iter(source.frames()))
    source.open(location)
    assert sum(1 for _ in source.frames()) == COUNT


def test_two_iterations_do_not_disturb_each_other(name: str, source: Any, tmp_path: Path) -> None:
    source.open(str(SAMPLES[name].plain(tmp_path)))
    for one, two in zip(source.frames(), source.frames(), strict=True):
        assert one.index == two.index
        assert (one.image == two.image).all()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
@pytest.mark.parametrize("place", ["pipe", "pipe.bin", "metadata.yaml", "meta/info.json"])
def test_asking_whose_a_location_is_waits_for_nobody(tmp_path: Path, place: str) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    pipe = tmp_path / place
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    asked = [
        threading.Thread(target=registry.source_for, args=(str(each),), daemon=True)
        for each in (pipe, tmp_path)
    ]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_every_location_finds_exactly_its_source(tmp_path: Path) -> None:
    def taken(location: str) -> list[str]:
        return [
            name
            for name in registry.names("sources")
            if registry.find("sources", name).cls.accepts(location)
        ]

    for location in (str(tmp_path), "a/photo.JPG", "shot.%04d.png", "shot.####.tiff", "a.HEIC"):
        assert taken(location) == ["images", "video"]
        assert registry.source_for(location) == "images"
    for location in ("clip.mp4", "clip.MKV", "rtsp://camera/1", "clip", "loop.gif"):
        assert taken(location) == ["video"]
        assert registry.source_for(location) == "video"


PLUGIN = """
from pathlib import Path
from videoseg.sources.images import ImageSource

class Bag(ImageSource):
    "A folder with a bag.yaml in it."

    @classmethod
    def accepts(cls, location):
        return {answer} if (Path(location) / "bag.yaml").is_file() else 0

class Silent(ImageSource):
    accepts = None
"""


@pytest.mark.parametrize(
    ("answer", "wins"), [("1", True), ("True", True), ("0.41", True), ("0.2", False)]
)
def test_a_source_of_another_package_wins_for_its_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, wins: bool
) -> None:
    info = tmp_path / "site" / "bags-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bags\nVersion: 1.0\n")
    # A name that sorts behind "images".
    (info / "entry_points.txt").write_text(
        "[videoseg.sources]\nzbag = bags_for_test:Bag\nsilent = bags_for_test:Silent\n"
    )
    (info.parent / "bags_for_test.py").write_text(PLUGIN.format(answer=answer))
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.delitem(sys.modules, "bags_for_test", raising=False)
    registry._outside.cache_clear()
    try:
        plain, bag = tmp_path / "plain", tmp_path / "bag"
        for folder in (plain, bag):
            folder.mkdir()
            image_folder(folder)
        (bag / "bag.yaml").write_text("")
        (bag / "clip.mp4").write_bytes(b"")
        assert source_name(str(plain), RunConfig()) == "images"
        assert source_name(str(bag), RunConfig()) == ("zbag" if wins else "images")
        assert source_name(str(bag / "frame1.png"), RunConfig()) == "images"
        assert source_name("clip.mp4", RunConfig()) == "video"
        if wins:  # one input, not the videos in it
            assert expand([str(bag)], "auto").locations == (str(bag),)
            source, streams = open_source(bag, RunConfig())
            assert type(source).__name__ == "Bag"
            assert [info.frame_count for info in streams.values()] == [COUNT]
    finally:
        registry._outside.cache_clear()


def test_decord_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    source = registry.find("sources", "decord").make()
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[decord\]'"):
        source.open(str(SAMPLES["decord"].plain(tmp_path)))


def test_decord_yields_the_same_frames_as_video(tmp_path: Path) -> None:
    pytest.importorskip("decord", reason="needs decord2 (videoseg[decord])")
    for path in (
        media.film(name="a.mp4", times=(0, 40, 100, 140, 300, 301), **SIZE),
        media.film(name="a.mkv", options=(("bf", "4"),), times=tuple(range(30)), **SIZE),
    ):
        plain = registry.find("sources", "video").make()
        sparse = registry.find("sources", "decord").make(every=3)
        assert plain.open(str(path)) == sparse.open(str(path))
        expected = list(plain.frames(1))[::3]
        for one, two in zip(expected, sparse.frames(1), strict=True):
            assert (one.index, one.pts) == (two.index, two.pts)
            assert np.abs(one.image.astype(int) - two.image).max() <= 3
    for refused in (
        media.film(name="a.h264", **SIZE),
        media.film(name="a.mp4", offset=-2, container=(("avoid_negative_ts", "disabled"),), **SIZE),
    ):
        with pytest.raises(SourceError, match="read it with the video source"):
            registry.find("sources", "decord").make().open(str(refused))

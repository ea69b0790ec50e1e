"""Cut-outs hold the source's own samples and colours, with straight alpha."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support import mattes, media, scenes
from videoseg.sources.images import ImageSource
from videoseg.sources.video import VideoSource
from videoseg.types import Colour, Frame, Scene, StreamInfo
from videoseg.writers.cutout_png import CutoutPng


def read(path: Path) -> mattes.Array:
    """RGBA."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA))


def chunk(path: Path, kind: bytes) -> bytes | None:
    data = path.read_bytes()
    at = data.find(kind)
    return None if at < 0 else data[at + 4 : at + 4 + struct.unpack(">I", data[at - 4 : at])[0]]


def cut(
    folder: Path, location: Path, **settings: Any
) -> tuple[StreamInfo, list[Frame], list[Path]]:
    """The frames of a film and their cut-outs by one disc."""
    source = ImageSource() if location.suffix == ".png" else VideoSource()
    (info,) = source.open(str(location)).values()
    frames = list(source.frames())
    source.close()
    mask = scenes.disc(30, 30, 20, width=info.width, height=info.height)
    made = [
        Scene(info.stream, each.index, each.pts, each.time_base, each.duration,
              instances=(mattes.soft(scenes.tracked(mask)),))
        for each in frames
    ]  # fmt: skip
    names = mattes.write(CutoutPng(**settings), folder, made, info, frames=frames)
    return info, frames, [folder / name for name in names]


@pytest.mark.parametrize("form", ["hard", "soft"])
def test_colours_are_the_picture_s_and_alpha_is_the_matte(tmp_path: Path, form: str) -> None:
    made = mattes.even() if form == "hard" else mattes.softened(mattes.even())
    names = mattes.write(CutoutPng(), tmp_path, made)
    assert names == [f"cutouts/all/clip_all.{1001 + n}.png" for n in range(6)]
    for name, scene in zip(names, made, strict=True):
        found, alpha = read(tmp_path / name), np.rint(mattes.coverage(scene) / 257)
        assert found.dtype == np.uint8
        assert (found[..., 3] == alpha).all()
        shown = alpha > 0
        assert (found[shown][:, :3] == scenes.frame_of(scene).image[shown]).all()
        assert not found[~shown].any()
        with Image.open(tmp_path / name) as image:
            assert image.mode == "RGBA"
            assert (np.asarray(image) == found).all()
        with av.open(str(tmp_path / name)) as film:
            (frame,) = film.decode(video=0)
            assert (frame.to_ndarray(format="rgba") == found).all()


def test_each_object_may_have_its_own(tmp_path: Path) -> None:
    made = mattes.even()
    names = mattes.write(CutoutPng(objects="each"), tmp_path, made)
    assert len(names) == 12
    for scene in made:
        found = read(tmp_path / f"cutouts/ring_002/clip_ring_002.{1001 + scene.index}.png")
        assert (found[..., 3] == mattes.coverage(scene, 2) // 257).all()


def test_an_object_that_comes_late_has_clear_pictures_before(tmp_path: Path) -> None:
    track = scenes.tracked(scenes.rectangle(4, 4, 9, 9))
    made = [scenes.scene(*([track] if n == 2 else []), index=n) for n in range(4)]
    names = mattes.write(CutoutPng(objects="each"), tmp_path, made)
    assert [read(tmp_path / name).any() for name in names] == [False, False, True, False]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_deep_sources_keep_their_samples_upright(tmp_path: Path, rotation: int) -> None:
    path = media.clip(
        name=f"deep{rotation}.mp4",
        width=96,
        height=64,
        frames=3,
        rotation=rotation,
        pixel_format="yuv444p",
    )
    info, frames, paths = cut(tmp_path / "8", path)
    assert (info.width, info.height) == (96, 64)
    for frame, each in zip(frames, paths, strict=True):
        found = read(each)
        shown = found[..., 3] > 0
        assert found.dtype == np.uint8
        assert (found[shown][:, :3] == frame.image[shown]).all()
    deep = replace(info, bit_depth=10)
    scene = Scene(info.stream, 0, frames[0].pts, info.time_base, instances=(
        scenes.tracked(scenes.disc(30, 30, 20, width=96, height=64)),))  # fmt: skip
    (name,) = mattes.write(CutoutPng(), tmp_path / "16", [scene], deep, frames=frames[:1])
    found = read(tmp_path / "16" / name)
    shown = found[..., 3] > 0
    assert found.dtype == np.uint16
    difference = found[shown][:, :3] / 257 - frames[0].image[shown]
    assert np.abs(difference).max() <= 2


def film(name: str, transfer: int) -> Path:
    return media.film(
        name=name,
        codec="ffv1",
        pixel_format="yuv444p10le",
        tags=(9, transfer, 9, 1),
    )


@pytest.mark.parametrize("transfer", [14, 16, 18])
def test_ten_bits_stay_and_hdr_is_as_coded(tmp_path: Path, transfer: int) -> None:
    info, frames, paths = cut(tmp_path, film(f"hdr{transfer}.mkv", transfer))
    assert info.bit_depth == 10
    for frame, path in zip(frames, paths, strict=True):
        found = read(path)
        assert found.dtype == np.uint16
        assert chunk(path, b"cICP") == bytes((9, transfer, 0, 1))
        wanted = frame.native.to_ndarray(format="gbrpf32le") * 65535
        shown = found[..., 3] > 0
        assert np.abs(found[shown][:, :3] - wanted[shown]).max() <= 65535 / 1023
        assert (found[shown] % 257).any()


def test_hdr_without_its_own_samples_is_tagged_as_it_was_mapped(tmp_path: Path) -> None:
    info = replace(scenes.stream(), colour=Colour(9, 16, 9, False), bit_depth=10)
    made = mattes.even(2)
    for name in mattes.write(CutoutPng(), tmp_path, made, info):
        assert read(tmp_path / name).dtype == np.uint8
        assert chunk(tmp_path / name, b"cICP") == bytes((1, 1, 0, 1))


@pytest.mark.parametrize(
    ("colour", "tag"),
    [
        (Colour(), None),
        (Colour(1, None, 1), None),
        (Colour(1, 2, 1), None),
        (Colour(1, 1, 1, False), bytes((1, 1, 0, 1))),
        (Colour(9, 14, 9, False), bytes((9, 14, 0, 1))),
    ],
)
def test_colours_are_tagged_where_the_source_says_them(
    tmp_path: Path, colour: Colour, tag: bytes | None
) -> None:
    info = replace(scenes.stream(), colour=colour, sample_aspect_ratio=Fraction(2))
    for name in mattes.write(CutoutPng(), tmp_path, mattes.even(2), info):
        assert chunk(tmp_path / name, b"cICP") == tag
        assert chunk(tmp_path / name, b"pHYs") == struct.pack(">IIB", 1, 2, 0)
        assert chunk(tmp_path / name, b"gAMA") is None


def test_deep_pictures_keep_their_samples(tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 65536, (64, 96, 3), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), image)
    _, _, (path,) = cut(tmp_path / "out", tmp_path / "deep.png")
    found = read(path)
    shown = found[..., 3] > 0
    assert (found[shown][:, 2::-1] == image[shown]).all()


def test_bytes_depend_on_nothing_but_the_scenes(tmp_path: Path) -> None:
    made = mattes.softened(mattes.even())
    for number, threads in enumerate((1, 1, 3)):
        mattes.write(CutoutPng(threads=threads, objects="each"), tmp_path / str(number), made)
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "1")
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "2")

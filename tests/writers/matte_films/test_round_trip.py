"""What films of mattes hold, read back: mattes, colours, and which objects there are."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import films, mattes, scenes
from tests.support.films import LOSSLESS, WRITERS
from videoseg.types import WHOLE, Alpha, Scene

ERRORS = {"prores4444": 1, "ffv1": 0, "vp9-alpha": 4, "qtrle": 0, "png-mov": 0}
"""How far a soft matte may be off, of 255."""


def soft_edges(count: int = 4) -> list[Scene]:
    """A disc that moves, with an edge some pixels wide."""
    made = []
    for index in range(count):
        x = 30 + 6 * index
        drawn = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.float32)
        cv2.circle(drawn, (x, 32), 18, 1.0, -1)
        ramp = np.rint(cv2.GaussianBlur(drawn, (0, 0), 4) * 255) * (WHOLE // 255)
        alpha = Alpha(0, 0, scenes.WIDTH, scenes.HEIGHT, ramp.astype(np.uint16))
        tracked = replace(scenes.tracked(scenes.disc(x, 32, 18)), alpha=alpha)
        made.append(scenes.scene(tracked, index=index))
    return made


@pytest.mark.parametrize("content", ["cutout", "matte"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_soft_matte_comes_back(name: str, content: str, tmp_path: Path) -> None:
    made = soft_edges()
    (shown,) = films.of_scenes(tmp_path, films.writer(name, content=content), made).values()
    for picture, scene in zip(shown, made, strict=True):
        found = picture.alpha() if content == "cutout" else picture.grey()
        off = np.abs(found - mattes.coverage(scene) / 257).max()
        assert off <= ERRORS[name] + 1e-6


@pytest.mark.parametrize("content", ["cutout", "matte"])
@pytest.mark.parametrize("name", WRITERS)
def test_masks_come_back(name: str, content: str, tmp_path: Path) -> None:
    made = mattes.even()
    writer = films.writer(name, content=content, objects="each")
    for path, shown in films.of_scenes(tmp_path, writer, made).items():
        track_id = 1 if "disc_001" in path else 2
        for picture, scene in zip(shown, made, strict=True):
            found = (picture.alpha() if content == "cutout" else picture.grey()) > 127
            wanted = mattes.coverage(scene, track_id) > 0
            union = (found | wanted).sum()
            iou = (found & wanted).sum() / union if union else 1
            assert iou == 1 if name in LOSSLESS else iou >= 0.98


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["ffv1", "png-mov"])
def test_a_matte_may_have_16_bits(name: str, bits: int, tmp_path: Path) -> None:
    made = mattes.softened(mattes.even(2))
    writer = films.writer(name, content="matte", bits=bits)
    (shown,) = films.of_scenes(tmp_path, writer, made).values()
    for picture, scene in zip(shown, made, strict=True):
        (plane,) = picture.planes()
        wanted = mattes.coverage(scene)
        assert plane.dtype.itemsize == bits // 8
        assert (plane == (wanted if bits == 16 else np.rint(wanted / 257))).all()


@pytest.mark.parametrize("form", ["straight", "premultiplied"])
@pytest.mark.parametrize("name", ["qtrle", "png-mov", "ffv1"])
def test_colours_of_a_cutout_are_the_picture_s(name: str, form: str, tmp_path: Path) -> None:
    made = mattes.softened(mattes.even(3))
    writer = films.writer(name, alpha=form)
    (shown,) = films.of_scenes(tmp_path, writer, made).values()
    for picture, scene in zip(shown, made, strict=True):
        found = picture.frame.to_ndarray(format="rgba")
        image, alpha = scenes.frame_of(scene).image, np.rint(mattes.coverage(scene) / 257)
        share = mattes.coverage(scene) / WHOLE if form == "premultiplied" else alpha > 0
        assert (found[..., :3] == np.rint(image * share[..., None])).all()
        assert (found[..., 3] == alpha).all()


@pytest.mark.parametrize("form", ["straight", "premultiplied"])
@pytest.mark.parametrize("name", ["prores4444", "vp9-alpha"])
def test_colours_stay_where_codecs_lose_something(name: str, form: str, tmp_path: Path) -> None:
    made = soft_edges()
    writer = films.writer(name, alpha=form)
    (shown,) = films.of_scenes(tmp_path, writer, made).values()
    for picture, scene in zip(shown, made, strict=True):
        luma = picture.planes()[0] / (1 << picture.frame.format.components[0].bits - 8)
        grey = scenes.frame_of(scene).image[..., 0] * (219 / 255)
        covered = mattes.coverage(scene) / WHOLE
        wanted = 16 + grey * (covered if form == "premultiplied" else 1)
        seen = covered > 0
        assert np.abs(luma - wanted)[seen].max() <= 4
        assert np.abs(luma - wanted)[seen].mean() <= 1


def test_a_cutout_does_not_fray_at_the_edge_of_the_object(tmp_path: Path) -> None:
    """Straight colours inside are those of the picture, up to the last pixel."""
    (made,) = mattes.even(1)
    (shown,) = films.of_scenes(tmp_path, films.writer("prores4444"), [made]).values()
    luma = shown[0].planes()[0] / 16
    wanted = 16 + scenes.frame_of(made).image[..., 0] * (219 / 255)
    assert np.abs(luma - wanted)[mattes.coverage(made) > 0].max() <= 1
    far = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    far[:, 88:] = True
    assert (np.abs(luma - 16)[far] < 0.5).all()


@pytest.mark.parametrize("name", WRITERS)
def test_two_objects_with_one_label_have_a_film_each(name: str, tmp_path: Path) -> None:
    made = mattes.even(labels=("dog", "dog"))
    writer = films.writer(name, objects="each", content="matte")
    found = films.of_scenes(tmp_path, writer, made)
    suffix = writer.suffix
    assert list(found) == [f"{name}/clip_dog_001{suffix}", f"{name}/clip_dog_002{suffix}"]
    for track_id, shown in enumerate(found.values(), 1):
        assert (shown[0].grey()[mattes.coverage(made[0], track_id) > 0] > 200).all()


@pytest.mark.parametrize("content", ["cutout", "matte"])
@pytest.mark.parametrize("name", WRITERS)
def test_an_object_that_comes_late_has_empty_pictures_before(
    name: str, content: str, tmp_path: Path
) -> None:
    track = scenes.tracked(scenes.rectangle(16, 16, 48, 48), 7)
    made = [scenes.scene(*([track] if n == 3 else []), index=n) for n in range(5)]
    writer = films.writer(name, objects="each", content=content)
    (shown,) = films.of_scenes(tmp_path, writer, made).values()
    assert [picture.seconds for picture in shown] == [each.seconds for each in made]
    for index, picture in enumerate(shown):
        found = picture.alpha() if content == "cutout" else picture.grey()
        assert (found.max() > 128) == (index == 3)


@pytest.mark.parametrize("name", WRITERS)
def test_where_nothing_ever_appears(name: str, tmp_path: Path) -> None:
    made = [scenes.scene(index=n) for n in range(3)]
    for objects in ("each", "all"):
        (tmp_path / objects).mkdir()
    assert films.of_scenes(tmp_path / "each", films.writer(name, objects="each"), made) == {}
    (shown,) = films.of_scenes(tmp_path / "all", films.writer(name), made).values()
    assert len(shown) == 3
    assert not any(picture.alpha().any() for picture in shown)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (33, 17), (97, 63)])
def test_any_size_can_be_written(name: str, width: int, height: int, tmp_path: Path) -> None:
    info = scenes.stream(width=width, height=height)
    mask = scenes.rectangle(0, 0, width, max(1, height // 2), width=width, height=height)
    scene = scenes.scene(scenes.tracked(mask))
    frame = scenes.frame_of(scene, width=width, height=height)
    (path,) = mattes.write(films.writer(name), tmp_path, [scene], info, frames=[frame])
    (picture,) = films.read(tmp_path / path)
    assert picture.alpha().shape == (height, width)
    assert ((picture.alpha() > 127) == mask.to_array()).all()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="there is no ffmpeg")
@pytest.mark.parametrize("name", WRITERS)
def test_ffmpeg_reads_the_same(name: str, tmp_path: Path) -> None:
    made = soft_edges()
    (path,) = mattes.write(films.writer(name), tmp_path, made)
    decoder = ["-c:v", "libvpx-vp9"] if name == "vp9-alpha" else []
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *decoder, "-i", str(tmp_path / path),
         "-vf", "format=rgba64le,extractplanes=a", "-f", "rawvideo", "-"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert not done.stderr
    found = np.frombuffer(done.stdout, "<u2").reshape(len(made), scenes.HEIGHT, scenes.WIDTH)
    for alpha, scene in zip(found, made, strict=True):
        off = np.abs(alpha.astype(float) - mattes.coverage(scene)).max() / 257
        assert off <= ERRORS[name] + 0.5

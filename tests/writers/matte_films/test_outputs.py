"""Files of films: names, bytes, what is refused, and what is left when something goes wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support import films, mattes, scenes
from tests.support.films import WRITERS
from videoseg.errors import OutputError, UsageError
from videoseg.protocols import Writer
from videoseg.types import Frame

SIDE = 256


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_writer_needs(name: str) -> None:
    cutout, matte = films.writer(name), films.writer(name, content="matte")
    assert isinstance(cutout, Writer)
    assert (cutout.needs_image, matte.needs_image) == (True, False)
    assert cutout.needs_alpha
    assert matte.needs_alpha


@pytest.mark.parametrize("name", WRITERS)
def test_a_film_says_what_its_alpha_is(name: str, tmp_path: Path) -> None:
    for content, alpha, wanted in (
        ("cutout", "straight", "alpha straight"),
        ("cutout", "premultiplied", "alpha premultiplied"),
        ("matte", "straight", "matte, linear"),
    ):
        folder = tmp_path / f"{content}-{alpha}"
        folder.mkdir()
        writer = films.writer(name, content=content, alpha=alpha)
        (path,) = mattes.write(writer, folder, mattes.even(1))
        with av.open(str(folder / path)) as film:
            found = {key.lower(): value for key, value in film.metadata.items()}
        assert found["comment"] == wanted


@pytest.mark.parametrize("name", WRITERS)
def test_names_follow_the_template(name: str, tmp_path: Path) -> None:
    suffix = WRITERS[name].suffix
    writer = films.writer(name,
        objects="each", shot="SC010", version=3, content="matte",
        template="{object}/{shot}_{label}_{track:02}_v{version:03}" + suffix,
    )  # fmt: skip
    assert mattes.write(writer, tmp_path, mattes.even(2, labels=("The Cat", "../x"))) == [
        f"{name}/the_cat_001/SC010_the_cat_01_v003{suffix}",
        f"{name}/x_002/SC010_x_02_v003{suffix}",
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_templates_that_give_no_names_are_refused(name: str) -> None:
    suffix = WRITERS[name].suffix
    for template, objects in (
        ("{shot}.avi", "all"),
        ("{shot}" + suffix, "each"),
        ("{shot}.{frame}" + suffix, "all"),
        ("../{shot}" + suffix, "all"),
    ):
        writer = films.writer(name, template=template, objects=objects)
        with pytest.raises(UsageError, match="the template"):
            writer.produces(scenes.streams())


@pytest.mark.parametrize("name", WRITERS)
def test_several_streams_have_a_folder_each(name: str, tmp_path: Path) -> None:
    infos = [scenes.stream("/camera/left"), scenes.stream("camera left")]
    made = [each for info in infos for each in mattes.even(2, stream=info.stream)]
    found = mattes.write(films.writer(name), tmp_path, made, *infos)
    suffix = WRITERS[name].suffix
    assert found == [
        f"{name}/camera_left-2/camera_left_all{suffix}",
        f"{name}/camera_left/camera_left_all{suffix}",
    ]
    assert all(len(films.read(tmp_path / path)) == 2 for path in found)


@pytest.mark.parametrize("content", ["cutout", "matte"])
def test_a_photograph_is_for_others(content: str) -> None:
    streams = scenes.streams(replace(scenes.stream(), still=True))
    other = {"cutout": "cutout-png", "matte": "matte-png"}[content]
    for name in WRITERS:
        with pytest.raises(UsageError, match=f"is a photograph: write {other} instead"):
            films.writer(name, content=content).produces(streams)


def noisy(index: int) -> Frame:
    image = np.random.default_rng(index).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    return Frame("clip", index, 24 * index, scenes.TIME_BASE, image, 24)


@pytest.mark.parametrize("name", WRITERS)
def test_bytes_do_not_depend_on_threads(name: str, tmp_path: Path) -> None:
    info = scenes.stream(width=SIDE, height=SIDE)
    frames = [noisy(n) for n in range(8)]
    made = [films.soft_disc(each) for each in frames]
    given = []
    for number, threads in enumerate((1, 2, 8, 8)):
        folder = tmp_path / str(number)
        folder.mkdir()
        mattes.write(films.writer(name, threads=threads), folder, made, info, frames=frames)
        given.append(mattes.contents(folder))
    assert all(each == given[0] for each in given)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_says_so(name: str, tmp_path: Path) -> None:
    path = tmp_path / name / f"clip_all{WRITERS[name].suffix}"
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    info = scenes.stream(width=SIDE, height=SIDE)
    writer = films.writer(name)
    writer.open(tmp_path, scenes.streams(info), ())

    def work() -> None:
        for index in range(60):
            frame = noisy(index)
            writer.write(films.soft_disc(frame), frame)
        writer.close(complete=True)

    with pytest.raises(OutputError, match=rf"^cannot write .*{path.name}: No space left"):
        work()
    writer.close(complete=False)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_cannot_be_written_says_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"^cannot write .*Not a directory"):
        films.writer(name).open(tmp_path / "file", scenes.streams(), ())


@pytest.mark.parametrize("name", WRITERS)
def test_incomplete_close_leaves_no_film(name: str, tmp_path: Path) -> None:
    writer = films.writer(name, objects="each")
    writer.open(tmp_path, scenes.streams(), ())
    for scene in mattes.even():
        writer.write(scene, scenes.frame_of(scene))
    writer.close(complete=False)
    writer.close(complete=False)
    assert not mattes.files(tmp_path)

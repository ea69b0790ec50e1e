"""Films of many objects: few are encoded at once, and all are what they would be by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import films, labels, mattes, scenes
from tests.support.films import WRITERS
from tests.support.limits import limited
from videoseg.errors import OutputError
from videoseg.types import Scene
from videoseg.writers._matte_films import writer as matte_films

HIGH = 70_001
"""A track id that no 16 bits hold."""


def crowded(count: int, frames: int = 2) -> list[Scene]:
    """Frames of many small objects with high ids, which are all there but on the first frame."""
    late = [
        replace(labels.crowd(count, first=HIGH), index=index, pts=24 * index, duration=24)
        for index in range(1, frames)
    ]
    return [scenes.scene(index=0, pts=0, duration=24), *late]


@pytest.fixture
def few_files() -> Iterator[None]:
    """As few open files as a small machine allows."""
    with limited("open files", 96):
        yield


@pytest.mark.parametrize("content", ["cutout", "matte"])
@pytest.mark.parametrize("name", WRITERS)
def test_films_that_wait_are_the_same(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = mattes.softened([*crowded(5, 4), *crowded(3, 3)])
    made = [replace(each, index=n, pts=24 * n) for n, each in enumerate(made)]
    given = []
    for most in (0, 2, 100):
        monkeypatch.setattr(matte_films, "MOST_OPEN", most)
        folder = tmp_path / str(most)
        folder.mkdir()
        mattes.write(films.writer(name, content=content, objects="each"), folder, made)
        given.append(mattes.contents(folder))
    assert len(given[0]) == 5
    assert all(each == given[0] for each in given)


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize("name", ["prores4444", "ffv1", "qtrle"])
def test_500_objects(name: str, tmp_path: Path) -> None:
    info = scenes.stream(width=96, height=64)
    made = crowded(500)
    found = mattes.write(films.writer(name, content="matte", objects="each"), tmp_path, made, info)
    assert len(found) == 500
    for place in (0, 1, 15, 16, 17, 250, 499):
        label = "disc" if place % 2 else "ring"
        path = f"{name}/clip_{label}_{HIGH + place}{WRITERS[name].suffix}"
        assert path in found
        first, second = films.read(tmp_path / path)
        assert first.grey().max() <= 1
        mask = made[1].instances[place].instance.mask.to_array()
        assert np.abs(second.grey() - 255 * mask).max() <= 3


@pytest.mark.parametrize("settings", [{}, {"objects": "each"}], ids=["all", "each"])
@pytest.mark.parametrize("name", WRITERS)
def test_an_object_that_never_appears_has_no_film(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    asked = scenes.prompts("ring", "unicorn")
    found = mattes.write(films.writer(name, **settings), tmp_path, crowded(1), prompts=asked)
    stem = f"ring_{HIGH}" if settings else "all"
    assert found == [f"{name}/clip_{stem}{WRITERS[name].suffix}"]


def test_a_disk_that_is_full_for_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matte_films, "MOST_OPEN", 0)
    writer = films.writer("ffv1", objects="each")
    writer.open(tmp_path, scenes.streams(), ())
    made = crowded(10, 40)

    def work() -> None:
        for scene in made:
            writer.write(scene, scenes.frame_of(scene))
        writer.close(complete=True)

    with limited("bytes of a file", 2000):
        with pytest.raises(OutputError, match=r"^cannot write .*File too large"):
            work()
        writer.close(complete=False)  # the disk is still full
    assert mattes.files(tmp_path) == []

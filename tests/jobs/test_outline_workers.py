"""Outlines made in processes: the same as here, in order, and errors where they are waited for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.scenes import rectangle
from tests.support.tracked import bare_scene, disc
from videoseg.errors import VideosegError
from videoseg.formats.svg_path import format_path
from videoseg.jobs.outline_workers import OutlineWorkers
from videoseg.outlines.vectorize import outlines_of
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.types import Instance, Scene

CURVES = Vectorizer(curves=True)


@pytest.fixture(scope="module")
def workers() -> Iterator[OutlineWorkers]:
    with OutlineWorkers(CURVES, 2) as made:
        yield made


def texts(scene: Scene) -> list[str]:
    return [format_path(each.shape, precision=9) for each in scene.instances]


def test_outlines_are_the_same_as_here_and_each_scene_has_its_own(workers: OutlineWorkers) -> None:
    scenes = [
        bare_scene(
            Instance(disc(40 + n, 60, 20 + n), 0.9, 0),
            Instance(disc(100, 50, 9 + n), 0.9, 0),
            index=n,
        )
        for n in range(12)
    ]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(workers.vectorized, scenes))
    assert [scene.index for scene in made] == list(range(12))
    assert [texts(scene) for scene in made] == [texts(CURVES.vectorized(each)) for each in scenes]


def test_an_outline_of_the_models_own_is_kept(workers: OutlineWorkers) -> None:
    square = rectangle(3, 4, 13, 14)
    (own,) = outlines_of([square], tolerance=0)
    instances = Instance(square, 0.9, 0, outline=own), Instance(disc(90, 60, 9), 0.9, 0)
    first, second = workers.vectorized(bare_scene(*instances)).instances
    assert first.shape is own
    assert second.shape.parts


def test_a_scene_without_objects_waits_for_nobody() -> None:
    with OutlineWorkers(CURVES, 1) as made:
        busy = made._idle.get()
        assert made.vectorized(bare_scene()).instances == ()
        made._idle.put(busy)


def test_an_error_is_raised_here_and_the_process_goes_on() -> None:
    scene = bare_scene(Instance(disc(40, 60, 20), 0.9, 0))
    with OutlineWorkers(Vectorizer(tolerance=-1.0), 1) as made:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"from 0, got tolerance = -1\.0"):
                made.vectorized(scene)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_killed_process_is_told_of_and_none_is_left() -> None:
    scene = bare_scene(Instance(disc(40, 60, 20), 0.9, 0))
    with OutlineWorkers(CURVES, 2) as made:
        made.vectorized(scene)
        for each in made._processes:
            each._process.kill()
        with pytest.raises(VideosegError, match=r"outlines was killed, .*; fewer \(--jobs\)"):
            made.vectorized(scene)
    assert not any(each._process.is_alive() for each in made._processes)

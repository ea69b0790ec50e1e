"""Runs that are hard to write down as labels, and masks as other programs read them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_masks

from tests.support import scenes
from videoseg import registry
from videoseg.errors import MissingDependencyError
from videoseg.outlines.vectorize import outline_of
from videoseg.types import Scene, StreamInfo, TrackedInstance

READERS = "VIDEOSEG_READERS"
"""Names the Python of an environment with programs that read data sets."""
CLIMBING = "../../cat/..\n\ud800 :#\\,"
"""A label that leaves folders, ends lines, is no text, and holds marks of lists."""
Picture = npt.NDArray[np.bool_]
"""bool (H, W)."""


def mixed(stream: str = "clip") -> list[Scene]:
    """A disc, a ring that is away for a while, and a thing of two parts, one with a hole."""
    parts = scenes.disc(20, 42, 17, hole=8).to_array() | scenes.disc(60, 46, 14).to_array()
    two = scenes.tracked(scenes.mask_of(parts), 3, label="disc", score=0.6, tolerance=0.2)
    made = []
    for scene in scenes.moving(labels=("disc", "ring"), stream=stream):
        close = [
            replace(each, shape=outline_of(each.instance.mask, tolerance=0.2))
            for each in scene.instances
        ]
        made.append(replace(scene, instances=(*close, two)))
    return made


def run_of(made: Sequence[Scene], *labels: str, **changes: Any) -> scenes.Run:
    """A finished run; ``changes`` are of the stream."""
    info = replace(scenes.stream(), **changes)
    return scenes.Run(scenes.streams(info), scenes.prompts(*labels), made)


def export(name: str, run: scenes.Run, folder: Path, **settings: Any) -> Path:
    """Write an output into a folder, which is made if need be."""
    folder.mkdir(exist_ok=True)
    exporter = registry.find("exporters", name).make(**settings)
    try:
        exporter.produces(run.streams)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    exporter.export(run, folder)
    return folder


def objects(made: Sequence[Scene]) -> Iterator[tuple[Scene, TrackedInstance, Picture]]:
    """Every object of every frame with its mask."""
    for scene in made:
        for tracked in scene.instances:
            yield scene, tracked, tracked.instance.mask.to_array()


def decoded(segmentation: Any, info: StreamInfo) -> Picture:
    """What pycocotools sees in a segmentation of COCO's."""
    if isinstance(segmentation, list):
        parts = coco_masks.frPyObjects(segmentation, info.height, info.width)
        segmentation = coco_masks.merge(parts)
    elif isinstance(segmentation["counts"], list):
        segmentation = coco_masks.frPyObjects(segmentation, info.height, info.width)
    return np.asarray(coco_masks.decode(segmentation), dtype=np.bool_)


def filled(rings: Sequence[Sequence[Sequence[float]]]) -> Picture:
    """Pixels whose centres lie in an odd number of rings, each (P, 2), of a frame of scenes."""
    rows, columns = np.mgrid[: scenes.HEIGHT, : scenes.WIDTH] + 0.5
    inside = np.zeros(rows.shape, np.bool_)
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
            crosses = (y1 > rows) != (y2 > rows)
            if y1 != y2:
                inside ^= crosses & (columns < x1 + (rows - y1) * (x2 - x1) / (y2 - y1))
    return inside


def iou(a: Picture, b: Picture) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def read_elsewhere(kind: str, path: Path) -> Any:
    """What a program of others reads, as ``readers.py`` says it."""
    python = os.environ.get(READERS)
    if python is None:
        pytest.skip(
            f"set {READERS} to the Python of an environment with datumaro, trackeval and others"
        )
    script = Path(__file__).with_name("readers.py")
    done = subprocess.run(
        [python, script, kind, path, str(scenes.HEIGHT), str(scenes.WIDTH)],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def crowd(count: int, first: int = 1) -> Scene:
    """One frame of many small objects."""
    objects = []
    for number in range(count):
        label = "disc" if number % 2 else "ring"
        small = _small(number % 24, number // 24 % 21, label)
        objects.append(replace(small, track_id=first + number))
    return scenes.scene(*objects)


@functools.cache
def _small(column: int, row: int, label: str) -> TrackedInstance:
    """A small object in a grid of them; each outline takes some milliseconds."""
    x, y = 4 * column, 3 * row
    return scenes.tracked(scenes.rectangle(x, y, x + 3, y + 2), label=label, score=0.5)


def hard_runs() -> Mapping[str, Callable[[], scenes.Run]]:
    """Runs that a format must hold, by what is hard about them."""

    def two_streams() -> scenes.Run:
        names = ("../up/a b", "..\\up\\a b\n")
        streams = scenes.streams(*(scenes.stream(name) for name in names))
        made = [scene for name in names for scene in mixed(name)]
        return scenes.Run(streams, scenes.prompts(), made)

    def odd_labels() -> scenes.Run:
        labels = (CLIMBING, scenes.HOSTILE)
        return scenes.Run(scenes.streams(), scenes.prompts(*labels), scenes.moving(labels=labels))

    def one_label() -> scenes.Run:
        made = scenes.moving(labels=("cup", "cup"))
        return scenes.Run(scenes.streams(), scenes.prompts("cup", "cup"), made)

    pixel = scenes.rectangle(95, 63, 96, 64)
    return {
        "no frames": lambda: run_of([]),
        "no objects": lambda: run_of([scenes.scene(index=n) for n in range(3)]),
        "never found": lambda: run_of(scenes.moving(), "disc", "ring", "unicorn"),
        "high ids": lambda: run_of([crowd(4, first=70_000), *_later(crowd(4, first=70_002))]),
        "500 objects": lambda: run_of([crowd(500), *_later(crowd(500))]),
        "two of one label": one_label,
        "odd labels": odd_labels,
        "two streams": two_streams,
        "one pixel": lambda: run_of([scenes.scene(scenes.tracked(pixel))]),
        "no rate": lambda: run_of(mixed(), frame_rate=None),
        "late start": lambda: run_of([replace(s, index=s.index + 900) for s in mixed()]),
        "odd names": lambda: run_of([replace(s, name=f"a{s.index}\x01 <b>.jpg") for s in mixed()]),
        "29.97": lambda: run_of(
            mixed(), frame_rate=Fraction(30000, 1001), timecode="00:59:59;28", location="a b/c.mov"
        ),
    }


def _later(scene: Scene) -> list[Scene]:
    return [replace(scene, index=1, pts=24)]

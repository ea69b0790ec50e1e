"""The shapes for Silhouette, read as its coordinates are described."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from tests.support import roto_runs, scenes
from videoseg.exporters.silhouette import Silhouette
from videoseg.formats.svg_markup import plain
from videoseg.types import Bitmap


def root_of(run: scenes.Run, folder: Path, **settings: Any) -> etree._Element:
    return etree.fromstring(roto_runs.written(Silhouette(**settings), run, folder).encode())


def value(shape: etree._Element, name: str) -> str:
    return str(shape.findtext(f"Properties/Property[@id='{name}']/Value"))


def keys(shape: etree._Element, name: str, interp: str) -> dict[int, etree._Element]:
    found = shape.findall(f"Properties/Property[@id='{name}']/Key")
    assert {key.attrib["interp"] for key in found} <= {interp}
    return {int(key.attrib["frame"]): key for key in found}


def there(shape: etree._Element, frame: int) -> bool:
    opacity = {at: float(str(key.text)) for at, key in keys(shape, "opacity", "hold").items()}
    before = [at for at in opacity if at <= frame]
    return opacity[max(before) if before else min(opacity)] == 100


def _pairs(text: str) -> list[list[float]]:
    return [[float(each) for each in pair.split(",")] for pair in re.findall(r"\((.*?)\)", text)]


def points(shape: etree._Element, frame: int) -> Any:
    """Float64 (N, places, 2) on a frame, linear between keys."""
    lines = {
        at: np.array([_pairs(str(point.text)) for point in key.findall("Path/Point")])
        for at, key in keys(shape, "path", "linear").items()
    }
    stacked = np.array(list(lines.values()))
    shares = [np.interp(frame, list(lines), row) for row in np.eye(len(lines))]
    return np.tensordot(shares, stacked, 1)


def matrix(layer: etree._Element, frame: int) -> Any:
    """How a layer lies on a frame, float64 (4, 4); at rest outside its keys, of every frame."""
    found = {
        at: np.array(_pairs(str(key.text))[0]).reshape(4, 4).T
        for at, key in keys(layer, "transform.matrix", "linear").items()
    }
    return found[min(max(frame, min(found)), max(found))] if found else np.eye(4)


def segments(shape: etree._Element, frame: int, root: etree._Element, layer: etree._Element) -> Any:
    """Bézier segments in pixels."""
    width, height, aspect = (
        float(root.attrib[name]) for name in ("width", "height", "pixelAspect")
    )
    inner, moving = points(shape, frame), matrix(layer, frame)
    found = (inner @ moving[:2, :2].T + moving[:2, 3]) * height
    found[..., 0] /= aspect
    found += (width / 2, height / 2)
    if shape.attrib["shape_type"] == "Bezier":
        return roto_runs.segments_of(
            found[:, 0], found[:, 1] - found[:, 0], found[:, 2] - found[:, 0]
        )
    # A uniform cubic B-spline as Bézier curves.
    one = found[:, 0]
    before, two, three = (np.roll(one, shift, axis=0) for shift in (1, -1, -2))
    return np.stack(
        [
            (before + 4 * one + two) / 6,
            (2 * one + two) / 3,
            (one + 2 * two) / 3,
            (one + 4 * two + three) / 6,
        ],
        axis=1,
    )


def matte_of(root: etree._Element) -> roto_runs.Matte:
    """What the layers of a track show: the last of the list first, each over it."""

    def matte(name: str, number: int) -> Bitmap:
        frame = number - int(str(root.attrib["sessionStartFrame"]))
        found = np.zeros((roto_runs.HEIGHT, roto_runs.WIDTH), np.bool_)
        for layer in root.findall("Layer"):
            shapes = layer.findall("Properties/Property[@id='objects']/Object")
            if str(shapes[0].attrib["label"]).rpartition("_part")[0] == name:
                rings = [
                    (value(shape, "mode") == "Add", segments(shape, frame, root, layer))
                    for shape in reversed(shapes)
                    if there(shape, frame)
                ]
                found |= roto_runs.drawn(rings)
        return found

    return matte


@pytest.mark.parametrize("bezier", [False, True])
def test_tracks_look_as_they_are_on_every_frame(bezier: bool, tmp_path: Path) -> None:
    run = roto_runs.known_motion()
    roto_runs.check(run, matte_of(root_of(run, tmp_path, bezier=bezier)))


@pytest.mark.parametrize("bezier", [False, True])
def test_motion_is_on_the_layer(bezier: bool, tmp_path: Path) -> None:
    run = roto_runs.placed()
    root = root_of(run, tmp_path, start_frame=1001, bezier=bezier)
    roto_runs.check(run, matte_of(root), least=0.98)
    turning = root.find("Layer[@label='turning 1']")
    assert turning is not None
    assert list(keys(turning, "transform.matrix", "linear")) == list(range(2, 17))
    for shape in turning.findall("Properties/Property[@id='objects']/Object"):
        assert len(keys(shape, "path", "linear")) == 2


def test_motion_is_in_the_points_where_pixels_are_not_square(tmp_path: Path) -> None:
    run = roto_runs.placed(Fraction(64, 45))
    root = root_of(run, tmp_path, start_frame=1001)
    roto_runs.check(run, matte_of(root), least=0.98)
    assert root.find(".//Property[@id='transform.matrix']") is None


def test_frames_count_from_the_session_start(tmp_path: Path) -> None:
    root = root_of(roto_runs.known_motion(), tmp_path)
    assert {str(name): str(text) for name, text in root.attrib.items()} == {
        "width": "320",
        "height": "240",
        "pixelAspect": "1",
        "workRangeStart": "1001",
        "workRangeEnd": "1020",
        "sessionStartFrame": "1001",
    }
    (shape,) = root.findall("Layer[@label='the cat 4']/Properties/Property/Object")
    assert list(keys(shape, "path", "linear")) == [19]
    assert list(keys(shape, "opacity", "hold")) == [18, 19, 20]


def test_labels_are_kept_as_far_as_xml_can(tmp_path: Path) -> None:
    labels = [layer.attrib["label"] for layer in root_of(roto_runs.known_motion(), tmp_path)]
    assert f"{plain(scenes.HOSTILE)} 2" in labels
    assert "two\nparts 3" in labels

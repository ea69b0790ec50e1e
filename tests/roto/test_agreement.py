"""Shapes show the run's masks on every frame, however small or restless an object is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support import scenes
from videoseg.geometry import masks
from videoseg.outlines.raster import rasterise
from videoseg.outlines.vectorize import outline_of
from videoseg.roto.interpolation import mask_on
from videoseg.roto.layers import roto_layers
from videoseg.roto.ring_tracks import ring_groups, ring_tracks
from videoseg.roto.tolerance import LEAST_IOU, Tolerance
from videoseg.types import Instance, Mask, Scene, TrackedInstance

SIZE = {"width": 120, "height": 90}


def run_of(found: Sequence[Mask]) -> list[Scene]:
    """A run with the outlines that are made of masks."""
    return [
        scenes.scene(TrackedInstance(1, Instance(mask, 1, 0), outline_of(mask), "x"), index=index)
        for index, mask in enumerate(found)
    ]


def overlaps(found: Sequence[Mask], tolerance: float) -> list[float]:
    (layer,) = roto_layers(run_of(found), tolerance)
    drawn = [mask_on(layer, frame, **SIZE) for frame in range(len(found))]
    return [
        0.0 if one is None else masks.iou(one, mask) for one, mask in zip(drawn, found, strict=True)
    ]


def trembling(radius: float, count: int = 10) -> list[Mask]:
    """A disc that lies a little elsewhere on each frame."""
    rng = np.random.default_rng(5)
    moves = rng.normal(0, 1.2, (count, 2))
    return [scenes.disc(60 + x, 45 + y, radius, **SIZE) for x, y in moves.tolist()]


def both(one: Mask, other: Mask) -> Mask:
    made = masks.union([one, other])
    assert made is not None
    return made


@pytest.mark.parametrize("radius", [6, 9, 14])
@pytest.mark.parametrize("tolerance", [1.0, 2.0])
def test_what_is_small_agrees_with_its_masks(radius: float, tolerance: float) -> None:
    found = trembling(radius)
    outlines = [rasterise(outline_of(mask), **SIZE) for mask in found]
    reached = [masks.iou(one, mask) for one, mask in zip(outlines, found, strict=True) if one]
    least = LEAST_IOU if tolerance == 1 else 0.915
    for overlap, outline in zip(overlaps(found, tolerance), reached, strict=True):
        assert overlap >= min(least, outline - 0.005)


def test_small_parts_stay_where_they_matter() -> None:
    """A part that is left out beside a large one is a tenth of a small one."""
    speck = scenes.rectangle(80, 20, 83, 23, **SIZE)
    large = [both(scenes.disc(45, 45, 30, **SIZE), speck)] * 3
    small = [both(scenes.disc(60, 60, 5, **SIZE), speck)] * 3
    counts = [len(list(ring_tracks(run_of(found), 1))) for found in (large, small)]
    assert counts == [1, 2]
    assert min(overlaps(small, 1)) >= 0.9


def test_an_object_that_changes_its_outline_at_once_is_shown() -> None:
    one = [scenes.disc(40 + 2 * n, 45, 25, **SIZE) for n in range(4)]
    other = [
        both(
            scenes.rectangle(30 + 2 * n, 20, 46 + 2 * n, 74, **SIZE),
            scenes.rectangle(30 + 2 * n, 60, 80 + 2 * n, 74, **SIZE),
        )
        for n in range(4)
    ]
    assert min(overlaps([*one, *other], 1)) >= LEAST_IOU


def test_a_ring_is_divided_with_its_holes() -> None:
    """Programs take a hole from one shape, so a part has one, also where its outline changes."""
    speck = masks.to_bitmap(scenes.rectangle(52, 38, 60, 46, **SIZE))
    round_one = masks.to_bitmap(scenes.disc(55, 45, 25, **SIZE))
    comb = np.zeros_like(round_one)
    comb[20:60, 30:80] = True
    for x in range(34, 80, 8):
        comb[50:86, x : x + 4] = True
    found = [masks.from_bitmap(each & ~speck) for each in [round_one] * 4 + [comb] * 4]
    (layer,) = roto_layers(run_of([each for each in found if each]), 0.5)
    parts = sorted({shape.part for shape in layer.shapes})
    assert len(parts) > 1
    assert parts == list(range(len(parts)))
    for part in parts:
        outer, *holes = [shape for shape in layer.shapes if shape.part == part]
        assert outer.op == "add"
        for hole in holes:
            assert hole.op == "subtract"
            assert outer.visible[0] <= hole.visible[0] <= hole.visible[1] <= outer.visible[1]
    seen = [
        frame
        for shape in layer.shapes
        if shape.op == "subtract"
        for frame in (range(shape.visible[0], shape.visible[1] + 1))
    ]
    assert sorted(seen) == list(range(8))


def test_what_outlines_miss_of_masks_is_measured() -> None:
    mask = scenes.disc(60, 45, 20, **SIZE)
    wrong = scenes.disc(60, 45, 18, **SIZE)
    tracked = TrackedInstance(1, Instance(mask, 1, 0), outline_of(wrong), "x")
    ((_, (ring_track,)),) = ring_groups([scenes.scene(tracked, index=4)])
    expected = 1 - masks.iou(wrong, mask)
    assert ring_track.missing == pytest.approx({4: expected}, abs=0.01)


def test_outlines_that_miss_their_masks_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """Shapes are made of outlines, and so are no closer."""
    mask, wrong = (scenes.disc(60, 45, radius, **SIZE) for radius in (20, 18))
    good, bad = (
        TrackedInstance(3, Instance(mask, 1, 0), outline_of(each), "the cat")
        for each in (mask, wrong)
    )
    found = [scenes.scene(each, index=n) for n, each in enumerate((good, bad, good, bad))]
    list(roto_layers(found, 1))
    (record,) = caplog.records
    assert "track 3 (the cat): on 2 frames" in record.getMessage()
    assert "outlines.tolerance" in record.getMessage()
    caplog.clear()
    list(roto_layers(found[:1], 1))
    assert not caplog.records


def test_a_tolerance_shrinks_to_nothing_where_it_is_too_much() -> None:
    tolerance = Tolerance(2.0)
    found = []
    while not tolerance.exact(7):
        found.append(tolerance.on([6, 7]).tolist())
        tolerance = tolerance.tighter({7: 0.9})
    assert found[0] == [2, 2]
    assert [one for one, _ in found] == [2] * len(found)
    assert [other for _, other in found] == sorted({other for _, other in found}, reverse=True)
    assert tolerance.tighter({7: 0.5}).on([6, 7]).tolist() == [2, 0]
    assert Tolerance(2.0).tighter({7: 0.5}).on([7]).tolist() == [1]

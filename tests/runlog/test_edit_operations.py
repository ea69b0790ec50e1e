"""Edits of one Scene: each operation, and chains of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.support.scenes import disc, rectangle, scene, tracked
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.vectorize import outline_of
from videoseg.runlog.edit_operations import (
    NOT_SHAPED,
    Delete,
    Hide,
    Merge,
    Operation,
    Outline,
    Rename,
    Split,
    apply,
    with_shapes,
)
from videoseg.types import Scene

SIZE = (96, 64)


def two(index: int = 0) -> Scene:
    """Track 3 to the left, track 7 to the right."""
    left = tracked(disc(20, 30, 10), 3, label="hand", score=0.6)
    right = tracked(disc(70, 30, 10), 7, label="arm", score=0.8, prompt=1)
    return scene(left, right, index=index)


def ids(made: Scene) -> dict[int, str]:
    return {each.track_id: each.label for each in made.instances}


def test_a_scene_that_no_edit_concerns_is_itself() -> None:
    before = two()
    after = apply(before, [Rename(4, "x"), Delete(3, start=5), Split(7, at=1, new=8), Hide(9)])
    assert after is before
    assert with_shapes(after, lambda _: pytest.fail("nothing has changed")) is before


def test_a_track_gets_another_label() -> None:
    assert ids(apply(two(), [Rename(3, "left hand")])) == {3: "left hand", 7: "arm"}


def test_merged_tracks_are_united_where_both_are() -> None:
    (made,) = apply(two(), [Merge(3, 7, "hand", 0)]).instances
    both = masks.union([each.instance.mask for each in two().instances])
    assert both is not None
    assert np.array_equal(made.instance.mask.to_array(), both.to_array())
    assert (made.track_id, made.label, made.instance.prompt, made.instance.score) == (
        3,
        "hand",
        0,
        0.8,
    )
    assert made.shape is NOT_SHAPED


def test_a_merged_track_alone_takes_the_other_ones_name_and_keeps_its_shape() -> None:
    right = two().instances[1]
    (made,) = apply(scene(right), [Merge(3, 7, "hand", 0)]).instances
    assert (made.track_id, made.label, made.instance.prompt) == (3, "hand", 0)
    assert made.shape is right.shape
    assert made.instance.mask is right.instance.mask


def test_a_split_track_has_the_new_id_from_the_frame_on() -> None:
    split = [Split(3, at=2, new=8)]
    assert [set(ids(apply(two(index), split))) for index in (1, 2, 3)] == [{3, 7}, {7, 8}, {7, 8}]
    made = apply(two(2), split)
    assert all(a.track_id < b.track_id for a, b in pairwise(made.instances))


def test_a_split_takes_no_id_and_no_frame_of_another_track() -> None:
    before = two(2)
    assert apply(before, [Split(3, at=2, new=7)]) is before


@pytest.mark.parametrize(
    ("start", "stop", "left"),
    [(None, None, ""), (2, None, "01"), (None, 2, "23"), (1, 3, "03")],
)
def test_a_track_is_deleted_on_frames_from_the_first_to_before_the_last(
    start: int | None, stop: int | None, left: str
) -> None:
    made = [apply(two(index), [Delete(3, start, stop)]) for index in range(4)]
    assert "".join(str(each.index) for each in made if 3 in ids(each)) == left
    assert all(7 in ids(each) for each in made)


def test_a_hidden_track_stays_and_says_so() -> None:
    made = [apply(two(index), [Hide(3, 1, 2)]) for index in range(3)]
    assert [[each.hidden for each in one.instances] for one in made] == [
        [False, False],
        [True, False],
        [False, False],
    ]


def test_a_drawn_outline_replaces_the_one_of_its_frame_alone() -> None:
    drawn = Outline(3, 1, SIZE, path="M10 20H40V50H10Z")
    assert (
        apply(two(0), [drawn]).instances[0].instance.mask.area
        == two().instances[0].instance.mask.area
    )
    made = with_shapes(apply(two(1), [drawn]), lambda one: one.outline or outline_of(one.mask))
    assert np.array_equal(
        made.instances[0].instance.mask.to_array(), rectangle(10, 20, 40, 50).to_array()
    )
    assert flatten(made.instances[0].shape.rings[0]).tolist() == [
        [10, 20],
        [40, 20],
        [40, 50],
        [10, 50],
    ]
    assert made.instances[0].label == "hand"


def test_a_drawn_outline_adds_the_track_where_it_was_missing() -> None:
    drawn = Outline(3, 0, SIZE, path="M10 20H40V50H10Z", stream="clip", label="hand", prompt=0)
    made = apply(scene(two().instances[1]), [drawn])
    assert ids(made) == {3: "hand", 7: "arm"}
    assert apply(scene(stream="other"), [drawn]).instances == ()


@pytest.mark.parametrize(
    ("path", "is_kept"),
    [
        ("M10 20H40V50H10Z", True),
        ("M10 20V50H40V20Z", True),  # the other way round
        ("M10 20C20 0 40 0 50 20C40 50 20 50 10 20Z", True),
        ("M10 20C20 50 40 50 50 20C40 0 20 0 10 20Z", True),
        ("M10 20H40V50H10Z M20 30H30V40H20Z", False),  # a hole
        ("M10 10L50 50H10L50 10Z", False),  # crosses itself
        ("M10 10H40V40H20V20H50V50H10Z", False),  # crosses itself, some of it counts twice
        ("M-10 10H40V40H-10Z", False),  # leaves the frame
    ],
)
def test_a_drawn_line_is_kept_where_it_can_be(path: str, is_kept: bool) -> None:
    found = Outline(3, 1, SIZE, path=path).drawn()
    assert found is not None
    mask, shape = found
    assert (shape is not None) is is_kept
    if shape is not None:
        assert signed_area(shape.rings[0]) == pytest.approx(mask.area, rel=0.05)


def test_a_drawn_outline_outside_of_the_frame_is_none() -> None:
    assert Outline(3, 1, SIZE, path="M200 10H240V40H200Z").drawn() is None


def test_pixels_are_an_outline_too() -> None:
    mask = disc(40, 30, 12)
    found = Outline(3, 1, SIZE, counts=masks.encode_rle(mask)).drawn()
    assert found is not None
    assert np.array_equal(found[0].to_array(), mask.to_array())
    assert found[1] is None


@pytest.mark.parametrize(
    ("chain", "left"),
    [
        ([Merge(3, 7, "hand", 0), Rename(3, "both")], {3: "both"}),
        ([Rename(3, "left"), Merge(3, 7, "left", 0)], {3: "left"}),
        ([Merge(3, 7, "hand", 0), Delete(7)], {3: "hand"}),
        ([Delete(7), Merge(3, 7, "hand", 0)], {3: "hand"}),
        ([Merge(3, 7, "hand", 0), Split(3, 0, 8), Rename(8, "late")], {8: "late"}),
        ([Split(3, 0, 8), Merge(7, 8, "arm", 1)], {7: "arm"}),
        ([Split(3, 0, 8), Delete(3)], {7: "arm", 8: "hand"}),
    ],
)
def test_each_edit_sees_what_those_before_it_have_left(
    chain: list[Operation], left: dict[int, str]
) -> None:
    assert ids(apply(two(), chain)) == left


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Merge(3, 3),
        lambda: Delete(3, 5, 5),
        lambda: Hide(3, None, 0),
        lambda: Outline(3, 0, SIZE),
        lambda: Outline(3, 0, SIZE, path="M0 0H1V1Z", counts="x"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"merged with itself|no frames|one of the two"):
        wrong()

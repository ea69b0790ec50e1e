"""No hole of a group takes anything from another part of it."""

from __future__ import annotations

from tests.support.roto_runs import box, moved, nested, shape
from videoseg.roto.matte_groups import matte_groups
from videoseg.types import RotoLayer, RotoShape


def names(layer: RotoLayer) -> list[list[tuple[str, int]]]:
    return [[(each.op, each.part) for each in group] for group in matte_groups(layer)]


def layer(*shapes: RotoShape) -> RotoLayer:
    return RotoLayer("clip", 7, "x", shapes)


def test_a_part_in_a_hole_follows_in_another_group() -> None:
    assert names(nested()) == [[("add", 1), ("add", 2), ("subtract", 1)], [("add", 0)]]


def test_a_hole_beside_other_parts_is_in_their_group() -> None:
    ring = shape({0: box(0, 0, 90, 90)}), shape({0: box(20, 20, 60, 60)}, op="subtract")
    touching = shape({0: box(90, 0, 120, 90)}, part=1)
    assert names(layer(*ring, touching)) == [[("add", 0), ("add", 1), ("subtract", 0)]]


def test_what_is_in_a_hole_at_another_time_is_not_in_it() -> None:
    ring = shape({0: box(0, 0, 90, 90)}), shape({0: box(20, 20, 60, 60)}, op="subtract")
    later = shape({1: box(30, 30, 50, 50)}, part=1)
    assert len(names(layer(*ring, later))) == 1


def test_what_crosses_a_hole_between_keys_is_in_it() -> None:
    hole = box(100, 100, 140, 140)
    ring = (
        shape({0: box(60, 60, 180, 180), 10: box(60, 60, 180, 180)}),
        shape({0: hole, 10: hole}, op="subtract"),
    )
    small = box(0, 110, 20, 130)
    crossing = shape({0: small, 10: moved(small, 250, 0)}, part=1)
    assert len(names(layer(*ring, crossing))) == 2


def test_a_ring_around_a_ring_is_no_conflict_of_the_inner_hole() -> None:
    inner = shape({0: box(70, 70, 130, 130)}), shape({0: box(90, 90, 110, 110)}, op="subtract")
    outer = (
        shape({0: box(20, 20, 180, 180)}, part=1),
        shape({0: box(50, 50, 150, 150)}, op="subtract", part=1),
    )
    assert names(layer(*inner, *outer)) == [
        [("add", 1), ("subtract", 1)],
        [("add", 0), ("subtract", 0)],
    ]


def test_parts_in_holes_of_each_other_are_apart() -> None:
    large, hole, small = box(0, 0, 200, 200), box(50, 50, 150, 150), box(80, 80, 120, 120)
    one = shape({0: large, 1: large, 9: small}), shape({0: hole, 1: hole}, op="subtract")
    other = (
        shape({0: small, 8: large, 9: large}, part=1),
        shape({8: hole, 9: hole}, op="subtract", part=1),
    )
    assert len(names(layer(*one, *other))) == 2

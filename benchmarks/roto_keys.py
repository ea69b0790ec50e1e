"""How many keys tracks take: naive ones, shapes alone, and shapes on layers that move.

    python -m benchmarks.roto_keys DATA [--frames N] [--sets davis hard rigid] [--tolerances 1 2 5]

Sequences are those of ``benchmarks.vector_time``: DAVIS, hard ones, and objects that move as a
whole. Each ring of a track on each frame, holes too, is one outline; keys are counted over all of
them. ``naive`` is explained there. Of layers, keys of shapes and of placements are counted apart,
and together at what they cost: a placement ``PLACEMENT_COST`` of a shape.

All are held to the same: on each frame, 95 % of points all along the outlines, and of those along
the shapes, are no further from the others than the tolerance. ``over`` counts the frames on which
the layers do not hold to it. IoU is with the run's masks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from benchmarks.vector_time import (
    Masks,
    davis_sequences,
    hard_sequences,
    moved_sequences,
    naive_keys,
    scenes_of,
)
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.roto.interpolation import mask_on, shapes_on
from videoseg.roto.layers import PLACEMENT_COST, roto_layers, roto_shapes
from videoseg.roto.ring_tracks import RingTrack, ring_tracks
from videoseg.roto.target_ring import TargetRing, evenly
from videoseg.types import RotoLayer, Scene

SPACING = 1.0
"""Pixels between points of outlines whose distances are looked at."""


@dataclass(frozen=True)
class Counts:
    """Of one sequence at one tolerance.

    Attributes:
        outlines: Rings on frames.
        naive: Keys without correspondence.
        shapes: Keys of shapes alone.
        layered: Keys of shapes on layers.
        placements: Keys of placements of layers.
        over: Frames on which more than 5 % of the boundary are further off than the tolerance.
        frames: Frames.
        seconds: Time of the layers.
    """

    outlines: int
    naive: int
    shapes: int
    layered: int
    placements: int
    over: int
    frames: int
    seconds: float


@dataclass
class Table:
    """Counts of a set at one tolerance, and IoUs of its frames."""

    rows: list[Counts] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--frames", type=int, default=24, help="of each sequence, default 24")
    parser.add_argument("--sets", nargs="+", default=["davis", "hard", "rigid"])
    parser.add_argument("--tolerances", nargs="+", type=float, default=[1.0, 2.0, 5.0])
    arguments = parser.parse_args()
    for name in arguments.sets:
        tables: dict[float, Table] = {each: Table() for each in arguments.tolerances}
        for sequence, found in sequences_of(name, arguments.data, arguments.frames):
            for tolerance, table in tables.items():
                row = counted(found, tolerance, table.overlaps)
                table.rows.append(row)
                print_row(f"{name}/{sequence} {tolerance:g} px", row)
        for tolerance, table in tables.items():
            print_table(f"{name}, all, {tolerance:g} px", table)


def sequences_of(name: str, data: Path, frames: int) -> Iterator[tuple[str, Masks]]:
    """Name and masks of each sequence of a set."""
    if name == "hard":
        return hard_sequences(data, frames)
    if name == "rigid":
        return moved_sequences(frames, shear=False)
    return davis_sequences(data / name, frames)


def counted(found: Masks, tolerance: float, overlaps: list[float]) -> Counts:
    """Count the keys of a sequence; adds IoUs of its frames."""
    scenes = scenes_of(found)
    began = time.process_time()
    layers = list(roto_layers(scenes, tolerance))
    seconds = time.process_time() - began
    shapes = list(roto_shapes(scenes, tolerance))
    tracks = [each for _, each in ring_tracks(scenes, tolerance)]
    rings = [ring for each in tracks for ring in (each, *each.holes)]
    over = 0
    for scene, mask in zip(scenes, found, strict=True):
        if mask is not None:
            drawn = mask_on(layers[0], scene.index, mask.frame_width, mask.frame_height)
            overlaps.append(0.0 if drawn is None else masks.iou(drawn, mask))
            over += distance(layers[0], scene, tracks) > tolerance
    return Counts(
        sum(len(ring.rings) for ring in rings),
        sum(naive_keys(ring, tolerance) for ring in rings),
        sum(len(shape.keys) for shape in shapes),
        sum(len(shape.keys) for layer in layers for shape in layer.shapes),
        sum(len(layer.placements) for layer in layers),
        over,
        len(found),
        seconds,
    )


def distance(layer: RotoLayer, scene: Scene, tracks: Sequence[RingTrack]) -> float:
    """How far 95 % of the boundary on a frame are off, pixels."""
    parts = [each.part(scene.index) for each in tracks if each.spans(scene.index)]
    real = [flatten(ring) for part in parts for ring in (part.outer, *part.holes)]
    drawn = [ring.points for ring in shapes_on(layer, scene.index)]
    apart = []
    for one, other in ((real, drawn), (drawn, real)):
        targets = [TargetRing.of(ring) for ring in other]
        for ring in one:
            target = TargetRing.of(ring)
            points = evenly(ring, max(round(target.length / SPACING), 3))
            apart.append(np.min([each.distances(points) for each in targets], axis=0))
    return float(np.percentile(np.concatenate(apart), 95))


def print_row(name: str, row: Counts) -> None:
    """One line: counts, and how many times fewer keys than naive ones."""
    cost = row.layered + PLACEMENT_COST * row.placements
    print(
        f"{name:32} outlines {row.outlines:5} naive {row.naive:5} shapes {row.shapes:5} "
        f"layers {row.layered:5} + {row.placements:4} placements; "
        f"{row.naive / row.shapes:.2f}, {row.naive / cost:.2f} times fewer than naive, "
        f"{row.outlines / cost:.2f} than outlines; over {row.over} of {row.frames}; "
        f"{1000 * row.seconds / row.frames:.0f} ms a frame",
        flush=True,
    )


def print_table(name: str, table: Table) -> None:
    """The sums of a set, means of its sequences' shares, and IoU."""
    sums = dict.fromkeys((each.name for each in fields(Counts)), 0)
    for row in table.rows:
        sums = {key: value + getattr(row, key) for key, value in sums.items()}
    print_row(name, Counts(**sums))
    shares = means_of(table.rows)
    texts = (f"{key} {value:.3f}" for key, value in shares.items())
    print(f"  mean share of outlines that are keys: {', '.join(texts)}")
    times = [row.naive / (row.layered + PLACEMENT_COST * row.placements) for row in table.rows]
    print(
        "  times fewer than naive, by sequence: geometric mean "
        f"{np.exp(np.mean(np.log(times))):.2f}, at least 2 for "
        f"{sum(each >= 2 for each in times)} of {len(times)}"
    )
    print(
        f"  naive by layers: {shares['naive'] / shares['layers']:.2f}; IoU lowest "
        f"{min(table.overlaps):.4f}, median {np.median(table.overlaps):.4f}"
    )


def means_of(rows: Sequence[Counts]) -> Mapping[str, float]:
    """Keys of a sequence's outlines, on average over sequences, each counting alike."""
    made = {
        "naive": [row.naive / row.outlines for row in rows],
        "shapes": [row.shapes / row.outlines for row in rows],
        "layers": [(row.layered + PLACEMENT_COST * row.placements) / row.outlines for row in rows],
    }
    return {key: float(np.mean(values)) for key, values in made.items()}


if __name__ == "__main__":
    main()

"""Outlines through time, for ``benchmarks/vectors.py``: keys, files, and how still knots lie.

Sequences are DAVIS, objects that move as a whole, and the hard sequences of
``benchmarks.identity`` (one of each kind, of the half that nothing is tuned on). The outer rings of
all parts count, each frame of each; a key is one of them that is kept.

Naive keys are what is made without correspondence: as many knots as the keyed shape has, evenly
along the ring, curves fitted between them alike, the first knot where it is nearest to that of the
frame before; a key is the outline of its frame, and each comes as late as the tolerance allows.
Both are held to the same: on every frame, 95 % of points all along both outlines no further off.
Which part is which one a frame later is told to both.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.identity.cutouts import Stock
from benchmarks.identity.sequences import KINDS, make
from videoseg.exporters.animated_svg import AnimatedSvg
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.outlines.vectorize import outline_of
from videoseg.protocols import ReviewItem
from videoseg.roto.correspondence import corresponding_points
from videoseg.roto.keyframes import KeyedRing
from videoseg.roto.knotted_rings import CURVE_SHARES
from videoseg.roto.layers import roto_layers, roto_shapes
from videoseg.roto.ring_tracks import RingTrack, ring_tracks
from videoseg.roto.shared_knots import shared_curves
from videoseg.roto.target_ring import TargetRing, evenly
from videoseg.roto.tolerance import Tolerance
from videoseg.types import (
    Instance,
    Mask,
    Part,
    Prompt,
    RotoLayer,
    RotoShape,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)
from videoseg.writers.svg import Svg

TOLERANCES = (1.0, 2.0, 5.0)
SMALLEST = 1000
"""Pixels that the object of a hard sequence has on some frame at least."""
Points = npt.NDArray[np.float64]
Masks: TypeAlias = Sequence[Mask | None]
"""Of one object, frame by frame; None where it is not seen."""


def report(data: Path, frames: int) -> None:
    """Print all of it."""
    sets = {
        "DAVIS": dict(davis_sequences(data / "davis", frames)),
        "hard": dict(hard_sequences(data, frames)),
        "rigid": dict(moved_sequences(frames, shear=False)),
        "affine": dict(moved_sequences(frames, shear=True)),
    }
    for name, sequences in sets.items():
        report_keys(name, sequences)
    report_slip({**sets["rigid"], **sets["affine"]})
    report_files(sets)


def davis_sequences(folder: Path, frames: int) -> Iterator[tuple[str, Masks]]:
    """Each sequence's object."""
    for sequence in sorted(folder.glob("*/masks")):
        pictures = (
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            for path in sorted(sequence.glob("*.png"))[:frames]
        )
        yield (
            sequence.parent.name,
            [
                None if picture is None else masks.from_bitmap(np.asarray(picture > 127))
                for picture in pictures
            ],
        )


def hard_sequences(data: Path, frames: int) -> Iterator[tuple[str, Masks]]:
    """The objects of hard sequences, but for those that are small on all frames."""
    stock = Stock.read(data, "held-out")
    for number in range(len(KINDS)):
        made = make(stock, "held-out", number)
        truth = made.truth[:frames]
        for identity in sorted({identity for seen in truth for identity in seen}):
            found = [seen.get(identity) for seen in truth]
            if max(masks.area(mask) for mask in found if mask is not None) >= SMALLEST:
                yield f"{made.kind} {identity}", found


def motion(frame: float, *, shear: bool) -> Points:
    """Where generated objects are on a frame: (2, 3), from their own pixels to the frame's."""
    share = frame / 75
    turn = 0.9 * np.sin(2.2 * share)
    matrix = (1 + 0.3 * share) * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    if shear:
        matrix = matrix @ np.array([[1 + 0.2 * np.sin(3 * share), 0.35 * share], [0, 1]])
    place = np.array([220 + 400 * share, 240 + 50 * np.sin(5 * share)])
    return np.hstack([matrix, place[:, None]])


def moved_sequences(frames: int, *, shear: bool) -> Iterator[tuple[str, Masks]]:
    """Objects with corners and curves that move as a whole, in a frame of 854 x 480."""
    for seed in range(4):
        ring = body(seed)
        found = []
        for frame in range(frames):
            matrix = motion(frame, shear=shear)
            moved = ring @ matrix[:, :2].T + matrix[:, 2]
            # Drawn from a copy four times as large, so that steps are those of a camera.
            large = np.zeros((480 * 4, 854 * 4), np.uint8)
            cv2.fillPoly(large, [np.rint(moved * 4 - 0.5).astype(np.int32)], 255)
            shares = cv2.resize(large, (854, 480), interpolation=cv2.INTER_AREA)
            mask = masks.from_bitmap(np.asarray(shares > 127))
            assert mask is not None
            found.append(mask)
        yield f"{'affine' if shear else 'rigid'} {seed}", found


def body(seed: int, count: int = 720) -> Points:
    """An outline about the origin, of about 100 px."""
    rng = np.random.default_rng(seed)
    angle = np.arange(count) * (2 * np.pi / count)
    radius = 80 + sum(
        rng.uniform(-14, 14) / (1 + k / 4) * np.cos(k * angle + rng.uniform(0, 6))
        for k in range(2, 9)
    )
    ring = np.stack([radius * np.cos(angle) * 1.3, radius * np.sin(angle)], axis=1)
    ring[(angle > 0.4) & (angle < 0.9)] *= 1.25  # a step with two corners
    return np.asarray(ring)


def scenes_of(found: Masks) -> list[Scene]:
    """The Scenes of one track."""
    return [
        Scene(
            "clip",
            index,
            index,
            Fraction(1, 25),
            instances=()
            if mask is None
            else (TrackedInstance(1, Instance(mask, 1.0, 0), outline_of(mask), "object"),),
        )
        for index, mask in enumerate(found)
    ]


def report_keys(name: str, sequences: dict[str, Masks]) -> None:
    """Share of frames that are keys, and the naive one."""
    shares: dict[float, list[tuple[float, float]]] = {each: [] for each in TOLERANCES}
    overlaps: list[float] = []
    print(f"{name}: keys of frames at 1, 2 and 5 px, naive in brackets")
    for sequence, found in sequences.items():
        scenes = scenes_of(found)
        texts = []
        for tolerance in TOLERANCES:
            parts = [part for _, part in ring_tracks(scenes, tolerance)]
            made = [each for part in parts for each in part.keyed(Tolerance(tolerance))]
            frames = sum(len(part.rings) for part in parts)
            keys = sum(len(each.keys) for _, each in made)
            naive = sum(naive_keys(part, tolerance) for part in parts)
            shares[tolerance].append((keys / frames, naive / frames))
            texts.append(f"{keys} ({naive}) of {frames}")
            if tolerance == TOLERANCES[0]:
                overlaps.extend(drawn_overlaps(made, found))
        print(f"  {sequence:18} {'; '.join(texts)}", flush=True)
    for tolerance, rows in shares.items():
        ours, naive_share = np.mean(rows, axis=0)
        print(
            f"  mean at {tolerance:g} px: {ours:.3f} against {naive_share:.3f}, "
            f"{naive_share / ours:.2f} times"
        )
    print(
        f"  IoU of the shapes at 1 px with the masks: lowest {min(overlaps):.4f}, mean "
        f"{np.mean(overlaps):.4f}"
    )


def drawn_overlaps(made: Sequence[tuple[RingTrack, KeyedRing]], found: Masks) -> Iterator[float]:
    """IoU of keyed parts, without their holes, with those of the outlines, frame by frame."""
    size = next((mask.frame_width, mask.frame_height) for mask in found if mask is not None)
    for frame in range(len(found)):
        there = [(part, each) for part, each in made if part.spans(frame)]
        if there:
            drawn, real = (
                rasterise(Shape(tuple(map(Part, rings))), *size)
                for rings in (
                    [each.ring(part.place(frame)) for part, each in there],
                    [part.ring(frame) for part, _ in there],
                )
            )
            yield 0.0 if drawn is None or real is None else masks.iou(drawn, real)


def uniform(rings: Sequence[Points], targets: Sequence[TargetRing], count: int) -> Points:
    """Evenly spaced points of each ring, the first aligned to the frame before."""
    made = [evenly(rings[0], count)]
    for target in targets[1:]:
        first = int(np.argmin(np.linalg.norm(target.places - made[-1][0], axis=1)))
        made.append(evenly(np.roll(target.places, -first, axis=0), count))
    return np.stack(made)


def naive_keys(found: RingTrack, tolerance: float) -> int:
    """How many keys evenly spaced knots take, as many as the keyed shape has."""
    knots = shared_curves(found.followed.points, CURVE_SHARES[0] * tolerance).knots
    rings = [flatten(ring) for ring in found.rings]
    targets = [TargetRing.of(ring) for ring in rings]
    points = uniform(rings, targets, 8 * knots)
    chosen = points[:, ::8]
    tangent = (np.roll(chosen, -1, axis=1) - np.roll(chosen, 1, axis=1)) / 6
    t = (np.arange(8) / 8)[:, None]
    ends, into = np.roll(chosen, -1, axis=1), np.roll(tangent, -1, axis=1)
    drawn = (
        (1 - t) ** 3 * chosen[:, :, None]
        + 3 * (1 - t) ** 2 * t * (chosen + tangent)[:, :, None]
        + 3 * (1 - t) * t**2 * (ends - into)[:, :, None]
        + t**3 * ends[:, :, None]
    ).reshape(len(points), -1, 2)

    def fits(first: int, last: int) -> bool:
        for frame in range(first + 1, last):
            share = (frame - first) / (last - first)
            ring = (1 - share) * drawn[first] + share * drawn[last]
            there, _ = targets[frame].tree.query(ring)
            back, _ = TargetRing.of(ring).tree.query(points[frame])
            if np.percentile(np.concatenate([there, back]), 95) > tolerance:
                return False
        return True

    keys = [0]
    while keys[-1] < len(drawn) - 1:
        last = keys[-1] + 1
        while last + 1 < len(drawn) and fits(keys[-1], last + 1):
            last += 1
        keys.append(last)
    return len(keys)


def report_slip(sequences: dict[str, Masks]) -> None:
    """How far knots slip along the outline from a frame to the next, where the motion is known."""
    slips: list[tuple[float, float]] = []
    for name, found in sequences.items():
        shear = name.startswith("affine")
        rings = [flatten(outline_of(mask).parts[0].outer) for mask in found if mask is not None]
        targets = [TargetRing.of(ring) for ring in rings]
        count = 240
        pair = []
        for points in (uniform(rings, targets, count), corresponding_points(rings, targets, count)):
            chosen = points[:, :: count // shared_curves(points, 0.4).knots or 1]
            slip = []
            for frame, (one, other) in enumerate(itertools.pairwise(chosen)):
                before, after = (motion(frame + n, shear=shear) for n in (0, 1))
                own = (one - before[:, 2]) @ np.linalg.inv(before[:, :2]).T
                expected = own @ after[:, :2].T + after[:, 2]
                along = np.roll(expected, -1, axis=0) - np.roll(expected, 1, axis=0)
                along /= np.maximum(np.linalg.norm(along, axis=1), 1e-9)[:, None]
                slip.append(np.abs(((other - expected) * along).sum(axis=1)).mean())
            pair.append(float(np.mean(slip)))
        slips.append((pair[0], pair[1]))
    before, after = np.mean(slips, axis=0)
    print(f"knot slip a frame, known motions: {before:.2f} px before alignment, {after:.2f} after")


class Made:
    """A run of Scenes in memory (``RunReader``)."""

    def __init__(self, info: StreamInfo, scenes: Sequence[Scene]) -> None:
        self.streams: Mapping[str, StreamInfo] = {info.stream: info}
        self.prompts: Sequence[Prompt] = (Prompt("object", text="object"),)
        self.labels: Sequence[str] = ("object",)
        self.review: Sequence[ReviewItem] = ()
        self.made_with: Mapping[str, str] = {}
        self.frames_in: Path | None = None
        self.made = scenes

    def detections(self) -> Iterator[tuple[str, int, None]]:
        """Nothing."""
        yield from ()

    def scenes(self) -> Iterator[Scene]:
        """All."""
        yield from self.made

    def tracks(self, tolerance: float = 1.0) -> Iterator[RotoShape]:
        """All."""
        return roto_shapes(self.made, tolerance)

    def layers(self, tolerance: float = 1.0) -> Iterator[RotoLayer]:
        """All, by track."""
        return roto_layers(self.made, tolerance)


def report_files(sets: dict[str, dict[str, Masks]]) -> None:
    """Bytes of the animated file at each tolerance beside those of all files of single frames."""
    for name, sequences in sets.items():
        totals = dict.fromkeys(("frames", 0.0, *TOLERANCES), 0)
        for found in sequences.values():
            width, height = next(
                (mask.frame_width, mask.frame_height) for mask in found if mask is not None
            )
            info = StreamInfo("clip", width, height, Fraction(1, 25))
            scenes = scenes_of(found)
            with tempfile.TemporaryDirectory() as folder:
                writer = Svg()
                writer.open(Path(folder), {"clip": info}, ())
                for scene in scenes:
                    writer.write(scene, None)
                totals["frames"] += sum(path.stat().st_size for path in Path(folder).rglob("*.svg"))
                for tolerance in (0.0, *TOLERANCES):
                    AnimatedSvg(tolerance=tolerance).export(Made(info, scenes), Path(folder))
                    totals[tolerance] += (Path(folder) / "animated.svg").stat().st_size
        shares = ", ".join(
            f"{totals[each] / totals['frames']:.3f} at {each:g} px" for each in (0.0, *TOLERANCES)
        )
        print(
            f"{name}: animated SVG of the bytes of all frames' SVGs ({totals['frames']}): {shares}"
        )

"""What outlines take and how close they are: stills, time, animated files and speed, in one run.

    python -m benchmarks.vectors DATA [--potrace BINARY] [--vtracer PYTHON] [--picture FILE]
                                      [--every N] [--frames N]

DATA holds ``davis/SEQUENCE/masks/*.png`` and COCO-style ``images/{coco_val,clothing}``. Potrace and
VTracer run as processes of their own: a binary, and an interpreter that has the package.

Stills: bytes of path data, all written by the same writer with one decimal, against IoU of the
rasterised outline and the 95th percentile of the boundary error: the distances of the middles of
the mask's pixel edges from the outline, or of the outline from the mask's edge, what is greater.
Each way from mask to outline is swept over its setting; means are over instances of at least 1,000
px. Time: see ``benchmarks.vector_time``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco
from scipy.spatial import cKDTree

from benchmarks import vector_rivals, vector_time
from videoseg.formats.svg_path import format_path
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.outlines.subpixel_edges import edges_of
from videoseg.outlines.trace import trace
from videoseg.outlines.vectorize import outline_of, outlines_of
from videoseg.types import Mask, Shape

SMALLEST = 1000
"""Pixels of the smallest instance that counts."""
BAR = 0.995
Points = npt.NDArray[np.float64]
Way = Callable[[Sequence[Mask]], list[Shape]]


def main() -> None:
    """Measure and print."""
    arguments = parse()
    cv2.setNumThreads(1)
    found = list(stills(arguments.data, arguments.every))
    print(f"stills: {len(found)} instances of at least {SMALLEST} px")
    curves = sweep(found, arguments.potrace, arguments.vtracer)
    compare(curves)
    default = curves["videoseg"][0.5]
    print(f"default, lowest IoU: {default.lowest:.4f} ({'ok' if default.lowest >= BAR else 'LOW'})")
    if arguments.picture:
        draw(curves, arguments.picture)
    speed()
    vector_time.report(arguments.data, arguments.frames)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--potrace", type=Path, help="its binary")
    parser.add_argument("--vtracer", type=Path, help="a Python that has it")
    parser.add_argument("--picture", type=Path, help="where to draw the curves, .png")
    parser.add_argument("--every", type=int, default=1, help="take each Nth instance")
    parser.add_argument("--frames", type=int, default=40, help="of each sequence in time")
    return parser.parse_args()


def stills(data: Path, every: int) -> Iterator[Mask]:
    """Masks of all sets."""
    taken = 0
    for mask in every_mask(data):
        if mask is not None and masks.area(mask) >= SMALLEST:
            if taken % every == 0:
                yield mask
            taken += 1


def every_mask(data: Path) -> Iterator[Mask | None]:
    """Masks of COCO, of clothing (each 20th) and of DAVIS (each 25th frame)."""
    for name, step in (("coco_val", 1), ("clothing", 20)):
        made = json.loads((data / "images" / name / "annotations.json").read_text())
        for annotation in made["annotations"][::step]:
            counts = annotation["segmentation"]
            if isinstance(counts["counts"], list):
                counts = coco.frPyObjects(counts, *counts["size"])
            yield masks.from_bitmap(coco.decode(counts).astype(np.bool_))
    for path in sorted((data / "davis").glob("*/masks/*.png"))[::25]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        yield None if picture is None else masks.from_bitmap(np.asarray(picture > 127))


@dataclass(frozen=True, slots=True)
class Score:
    """Means over instances, and the tails."""

    size: float
    overlap: float
    overlap_low: float
    lowest: float
    error: float
    error_high: float


def sweep(
    found: Sequence[Mask], potrace: Path | None, vtracer: Path | None
) -> dict[str, dict[float, Score]]:
    """Scores of each way by setting."""
    ways: dict[str, dict[float, Way]] = {
        "videoseg": {
            setting: partial(outlines, tolerance=setting)
            for setting in (0, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12)
        },
        "approxPolyDP": {
            setting: partial(vector_rivals.approximated, epsilon=setting)
            for setting in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.5, 2.0, 3.0, 5.0)
        },
        "shapely": {
            setting: partial(vector_rivals.simplified, tolerance=setting)
            for setting in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.5, 2.0, 3.0, 5.0)
        },
    }
    if potrace:
        settings = [(0.0, 0.0), (0.2, 0.0), (0.2, 0.7), (0.2, 1.0), (1.0, 1.0), (5.0, 1.33)]
        ways["potrace"] = {
            number: partial(vector_rivals.potraced, binary=potrace, optimality=o, corner=a)
            for number, (o, a) in enumerate(settings)
        }
    if vtracer:
        modes = [("polygon", 60, 4.0, 45), ("spline", 60, 3.5, 45), ("spline", 60, 10.0, 45)]
        modes += [("spline", 30, 3.5, 30), ("spline", 100, 10.0, 90)]
        ways["vtracer"] = {
            number: partial(
                vector_rivals.vtraced, python=vtracer, mode=m, corner=c, length=s, splice=p
            )
            for number, (m, c, s, p) in enumerate(modes)
        }
    references = [Reference.of(mask) for mask in found]
    print(f"{'':14}{'setting':>8}{'bytes':>9}{'IoU':>9}{'5th %':>9}{'error':>8}{'95th %':>8}")
    scores: dict[str, dict[float, Score]] = {}
    for name, settings_of in ways.items():
        for setting, way in settings_of.items():
            score = measured(found, references, way(found))
            scores.setdefault(name, {})[setting] = score
            print(
                f"{name:14}{setting:8g}{score.size:9.1f}{score.overlap:9.5f}"
                f"{score.overlap_low:9.5f}{score.error:8.3f}{score.error_high:8.3f}",
                flush=True,
            )
    return scores


def outlines(found: Sequence[Mask], tolerance: float) -> list[Shape]:
    """This project's."""
    return [outline_of(mask, tolerance=tolerance) for mask in found]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A mask's edge: the middles of its pixel edges, and points all along them."""

    middles: Points
    edge: cKDTree

    @classmethod
    def of(cls, mask: Mask) -> Reference:
        """The edge of a mask."""
        offset = np.array([mask.x, mask.y], dtype=np.float64)
        middles = edges_of(trace([mask.bitmap])).exact + offset
        return cls(middles, cKDTree(dense(outline_of(mask, tolerance=0))))


def dense(shape: Shape, step: float = 0.5) -> Points:
    """Points along all rings."""
    made = [np.zeros((0, 2))]
    for ring in shape.rings:
        points = flatten(ring)
        way = np.roll(points, -1, axis=0) - points
        counts = np.maximum(1, np.ceil(np.linalg.norm(way, axis=1) / step)).astype(np.int64)
        edge = np.repeat(np.arange(len(points)), counts)
        place = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
        made.append(points[edge] + (place / counts[edge])[:, None] * way[edge])
    return np.concatenate(made)


def measured(
    found: Sequence[Mask], references: Sequence[Reference], shapes: Sequence[Shape]
) -> Score:
    """The score of some outlines."""
    rows = []
    for mask, reference, shape in zip(found, references, shapes, strict=True):
        drawn = rasterise(shape, mask.frame_width, mask.frame_height)
        overlap = 0.0 if drawn is None else masks.iou(mask, drawn)
        points = dense(shape)
        error = float("inf")
        if len(points):
            there, _ = cKDTree(points).query(reference.middles)
            back, _ = reference.edge.query(points)
            error = max(np.percentile(there, 95), np.percentile(back, 95))
        rows.append((len(format_path(shape)), overlap, error))
    size, overlap, error = np.array(rows).T
    return Score(
        size=float(size.mean()),
        overlap=float(overlap.mean()),
        overlap_low=float(np.percentile(overlap, 5)),
        lowest=float(overlap.min()),
        error=float(error.mean()),
        error_high=float(np.percentile(error, 95)),
    )


MEASURES = {"overlap": 1, "overlap_low": 1, "error": -1, "error_high": -1}


def compare(curves: dict[str, dict[float, Score]]) -> None:
    """At each point of each rival, whether this project's curve is on it or above it."""
    ours = sorted(curves["videoseg"].values(), key=lambda score: score.size)
    sizes = np.log([score.size for score in ours])
    for name, scores in curves.items():
        if name == "videoseg":
            continue
        for measure, sign in MEASURES.items():
            best = np.maximum.accumulate([sign * getattr(score, measure) for score in ours])
            below = [
                score
                for score in scores.values()
                if np.log(score.size) >= sizes[0]
                and np.interp(np.log(score.size), sizes, best)
                < sign * getattr(score, measure) - 1e-6
            ]
            points = ", ".join(f"{score.size:.0f} B" for score in below) or "none"
            print(f"{name}: better in {measure} at {points} of {len(scores)} points")


def speed(count: int = 6, repeats: int = 5) -> None:
    """Outlines a second of bodies in 1080p, one process; each half of the time is one core's."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:1080, :1920] + 0.5
    made = []
    for number in range(count):
        x, y = 300 + 260 * number, 540 + 20 * number
        angle = np.arctan2(rows - y, columns - x)
        wobble = 1 + sum(
            rng.uniform(0.02, 0.12) / (1 + k / 6) * np.sin(k * angle + rng.uniform(0, 6.3))
            for k in (2, 3, 5, 7, 11, 17, 23, 31)
        )
        mask = masks.from_bitmap(np.hypot((columns - x) / 140, (rows - y) / 330) < wobble)
        assert mask is not None
        made.append(mask)
    lengths = [sum(len(flatten(r)) for r in outline_of(m, tolerance=0).rings) for m in made]
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        outlines_of(made)
        times.append(time.process_time() - begin)
    low, middle, high = (count / float(np.percentile(times, q)) for q in (100, 50, 0))
    print(
        f"speed: {middle:.1f} outlines a second of one core ({low:.1f} to {high:.1f}), so about "
        f"{2 * middle:.0f} of two; bodies of about 280 x 660 px in 1080p, {np.mean(lengths):.0f} "
        "corners each"
    )


def draw(curves: dict[str, dict[float, Score]], path: Path) -> None:
    """Bytes against mean IoU, and against mean error, as a picture."""
    width, height, margin = 640, 520, 60
    picture = np.full((height, 2 * width, 3), 255, np.uint8)
    colours = [(40, 40, 220), (200, 120, 0), (0, 140, 0), (150, 0, 150), (90, 90, 90)]
    panels = (("mean IoU", "overlap", 0.94, 1.0), ("mean error, px", "error", 0.0, 2.0))
    for panel, (title, measure, low, high) in enumerate(panels):
        left = panel * width + margin
        cv2.rectangle(picture, (left, 30), (left + width - 80, height - margin), (0, 0, 0), 1)
        cv2.putText(picture, f"{title} ({low} to {high})", (left, 22), 0, 0.5, (0, 0, 0), 1, 16)
        text = "bytes of path data, 100 to 2000, logarithmic"
        cv2.putText(picture, text, (left, height - 30), 0, 0.5, (0, 0, 0), 1, 16)
        for number, (name, scores) in enumerate(curves.items()):
            chosen = sorted(scores.values(), key=lambda score: score.size)
            points = [
                (
                    left + (width - 80) * np.log(score.size / 100) / np.log(20),
                    height
                    - margin
                    - (height - margin - 30)
                    * (np.clip(getattr(score, measure), low, high) - low)
                    / (high - low),
                )
                for score in chosen
            ]
            line = np.rint(points).astype(np.int32)
            colour = colours[number % len(colours)]
            if name in ("potrace", "vtracer"):
                for x, y in line.tolist():
                    cv2.circle(picture, (x, y), 4, colour, 2, 16)
            else:
                cv2.polylines(picture, [line], False, colour, 2, 16)
            place = (left + width - 220, 60 + 20 * number + (300 if panel == 0 else 0))
            cv2.putText(picture, name, place, 0, 0.5, colour, 1, 16)
    cv2.imwrite(str(path), picture)


if __name__ == "__main__":
    main()

"""How well per-frame SVG files show their masks, how many points they take, and how fast.

    python benchmarks/svg_fidelity.py [--masks FOLDER] [--every N] [--tolerance PX] [--precision N]

Each mask is outlined, written by the ``svg`` writer, and the file rasterised by resvg; a pixel
counts as drawn where it is covered by half. ``--masks`` takes the PNGs in all folders called
``masks`` below a folder (anything above 127 is object); without it the masks are rough blobs made
here. Times are the processor's, of ``outlines_of`` alone, for five objects of about 200 x 300 px in
a 720p frame.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import resvg_py

from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.outlines.vectorize import outlines_of
from videoseg.types import Instance, Mask, Prompt, Scene, StreamInfo, TrackedInstance
from videoseg.writers.svg import Svg

SMALLEST = 1000
"""Pixels below which an instance is left out: there a single pixel is too large a share."""
BAR = 0.99


def main() -> None:
    """Measure, print, and exit with 1 where the worst instance misses the bar."""
    arguments = parse()
    cv2.setNumThreads(1)
    rows = []
    for name, mask in read(arguments.masks, arguments.every) if arguments.masks else blobs():
        if masks.area(mask) >= SMALLEST:
            overlap, points = fidelity(
                mask, arguments.tolerance, arguments.precision, arguments.curves
            )
            rows.append((overlap, points, name))
    if not rows:
        sys.exit(f"no mask of at least {SMALLEST} px")
    overlaps, counts = [row[0] for row in rows], [row[1] for row in rows]
    worst = min(rows)
    print(f"instances of at least {SMALLEST} px: {len(rows)}")
    print(f"IoU, lowest: {worst[0]:.4f} ({worst[2]})   mean: {statistics.mean(overlaps):.4f}")
    print(f"points an outline, median: {statistics.median(counts):.0f}   most: {max(counts)}")
    milliseconds = speed(arguments.tolerance, arguments.curves)
    print(f"five objects of about 200 x 300 px: {milliseconds:.2f} ms of CPU a frame, median")
    sys.exit(0 if worst[0] >= BAR else 1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=Path, help="folder with mask pictures")
    parser.add_argument("--every", type=int, default=1, help="take each Nth of them")
    parser.add_argument("--tolerance", type=float, default=0.5, help="of the outlines, in pixels")
    parser.add_argument("--curves", action="store_true", help="curves, not polygons")
    parser.add_argument("--precision", type=int, default=Svg.precision, help="decimals")
    return parser.parse_args()


def read(folder: Path, every: int) -> Iterator[tuple[str, Mask]]:
    """Masks from pictures."""
    for path in sorted(folder.rglob("masks/*.png"))[::every]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        mask = None if picture is None else masks.from_bitmap(picture > 127)
        if mask is not None:
            yield f"{path.parent.parent.name}/{path.name}", mask


def blobs(count: int = 60) -> Iterator[tuple[str, Mask]]:
    """Rough shapes, from coarse to fine."""
    rng = np.random.default_rng(0)
    for number in range(count):
        smooth = cv2.GaussianBlur(rng.standard_normal((360, 640)), (0, 0), 3 + number % 20)
        mask = masks.from_bitmap(smooth > np.quantile(smooth, 0.9))
        assert mask is not None
        yield f"blob {number}", mask


def fidelity(mask: Mask, tolerance: float, precision: int, curves: bool) -> tuple[float, int]:
    """IoU of the rasterised file with the mask, and the outline's number of points."""
    (shape,) = outlines_of([mask], tolerance=tolerance, curves=curves)
    tracked = TrackedInstance(1, Instance(mask, 1.0, 0), shape, "object")
    info = StreamInfo("clip", mask.frame_width, mask.frame_height, Fraction(1, 25))
    writer = Svg(precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        writer.open(Path(folder), {"clip": info}, [Prompt("object", text="object")])
        writer.write(Scene("clip", 0, 0, info.time_base, instances=(tracked,)), None)
        svg = (Path(folder) / "svg" / "000000.svg").read_text(encoding="utf-8")
    png = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_string=svg)), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert picture is not None
    drawn = masks.from_bitmap(np.asarray(picture[..., 3] > 127))
    points = sum(len(flatten(ring)) for ring in shape.rings)
    return (0.0 if drawn is None else masks.iou(mask, drawn)), points


def speed(tolerance: float, curves: bool, repeats: int = 60) -> float:
    """Milliseconds to outline five bodies of about 200 x 300 px, median of all repeats."""
    rows, columns = np.mgrid[:720, :1280] + 0.5
    made = []
    for number in range(5):
        x, y = 150 + 240 * number, 360
        angle = np.arctan2(rows - y, columns - x)
        wobble = 1 + 0.06 * np.sin(7 * angle + number) + 0.03 * np.sin(23 * angle)
        mask = masks.from_bitmap(np.hypot((columns - x) / 100, (rows - y) / 150) < wobble)
        assert mask is not None
        made.append(mask)
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        for mask in made:
            outlines_of([mask], tolerance=tolerance, curves=curves)
        times.append(time.process_time() - begin)
    return 1000 * statistics.median(times)


if __name__ == "__main__":
    main()

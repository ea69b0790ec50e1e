"""Other ways from a mask to a vector outline, for ``benchmarks/vectors.py``.

Tracers that are not this project's run as processes of their own. Simplifiers get the exact ring
along the pixels' edges, which serves them better than the chain of pixel centres.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from videoseg.formats import svg_path as paths
from videoseg.geometry.rings import flatten
from videoseg.outlines.vectorize import outline_of
from videoseg.types import Bezier, Mask, Part, Polygon, Ring, Shape

_VTRACER = """
import sys, numpy, vtracer
masks = numpy.load(sys.argv[1])
mode, corner, length, splice = sys.argv[2], *map(float, sys.argv[3:6])
for name in masks:
    mask = masks[name]
    height, width = mask.shape
    grey = numpy.where(mask, 0, 255).astype(numpy.uint8)
    rgba = numpy.dstack([grey, grey, grey, numpy.full_like(grey, 255)]).reshape(-1, 4)
    svg = vtracer.convert_pixels_to_svg(
        [tuple(each) for each in rgba.tolist()], (width, height), colormode="binary", mode=mode,
        filter_speckle=0, corner_threshold=int(corner), length_threshold=length,
        splice_threshold=int(splice), path_precision=3)
    print(svg.replace("\\n", " "))
"""


def approximated(masks: Sequence[Mask], epsilon: float) -> list[Shape]:
    """OpenCV's ``approxPolyDP``."""

    def shorter(ring: Ring) -> np.ndarray:
        points = flatten(ring).astype(np.float32)[:, None]
        return np.asarray(cv2.approxPolyDP(points, epsilon, closed=True))[:, 0]

    return [_polygons(map(shorter, outline_of(mask, tolerance=0).rings)) for mask in masks]


def simplified(masks: Sequence[Mask], tolerance: float) -> list[Shape]:
    """Shapely's ``simplify``."""
    import shapely

    def shorter(ring: Ring) -> np.ndarray:
        polygon = shapely.Polygon(flatten(ring)).simplify(tolerance)
        return shapely.get_coordinates(polygon)[:-1]

    return [_polygons(map(shorter, outline_of(mask, tolerance=0).rings)) for mask in masks]


def potraced(masks: Sequence[Mask], binary: Path, optimality: float, corner: float) -> list[Shape]:
    """Potrace, its coordinates in tenths of pixels."""
    made = []
    for mask in masks:
        height = mask.bitmap.shape[0]
        packed = np.packbits(mask.bitmap, axis=1).tobytes()
        header = f"P4\n{mask.bitmap.shape[1]} {height}\n".encode()
        command = [binary, "-b", "svg", "-t", "0", "-O", optimality, "-a", corner, "-u", "10"]
        command += ["-o", "-", "-"] if optimality > 0 else ["-n", "-o", "-", "-"]
        run = subprocess.run(
            [str(word) for word in command], input=header + packed, capture_output=True, check=True
        )
        found = _paths(run.stdout.decode())
        made.append(_moved(found, (mask.x, mask.y), (0.1, -0.1), (0, height)))
    return made


def vtraced(
    masks: Sequence[Mask], python: Path, mode: str, corner: int, length: float, splice: int
) -> list[Shape]:
    """VTracer, by the interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "masks.npz"
        np.savez(file, *(mask.bitmap for mask in masks))
        command = [python, "-c", _VTRACER, file, mode, corner, length, splice]
        run = subprocess.run(
            [str(word) for word in command], capture_output=True, check=True, text=True
        )
    lines = [line for line in run.stdout.splitlines() if line.strip()]
    return [
        _moved(_paths(line), (mask.x, mask.y), (1, 1), (0, 0))
        for mask, line in zip(masks, lines, strict=True)
    ]


def _polygons(rings: Iterator[np.ndarray]) -> Shape:
    return Shape(tuple(Part(Polygon(ring.astype(np.float32))) for ring in rings if len(ring) > 2))


def _paths(svg: str) -> list[tuple[str, tuple[float, float]]]:
    """Path data in an SVG text, each with its translation."""
    found = []
    for tag in re.findall(r"<path[^>]*>", svg):
        data = re.search(r'\bd="([^"]*)"', tag)
        moved = re.search(r'transform="translate\(([-\d.]+)[ ,]([-\d.]+)\)"', tag)
        offset = (float(moved[1]), float(moved[2])) if moved else (0.0, 0.0)
        if data:
            found.append((data[1], offset))
    return found


def _moved(
    found: Sequence[tuple[str, tuple[float, float]]],
    corner: tuple[int, int],
    scale: tuple[float, float],
    shift: tuple[int, int],
) -> Shape:
    rings: list[Part] = []
    for data, offset in found:
        for ring in paths.parse_path(data):
            where = np.array(offset) + shift + corner
            if isinstance(ring, Polygon):
                rings.append(Part(Polygon((ring.points * scale + where).astype(np.float32))))
            else:
                rings.append(Part(Bezier((ring.segments * scale + where).astype(np.float32))))
    return Shape(tuple(rings))

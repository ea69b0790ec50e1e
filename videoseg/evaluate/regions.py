"""Masks from the ways that annotation files write regions: polygons and run lengths.

Polygons are filled as COCO's own tools do (``rleFrPoly`` in ``maskApi.c`` of pycocotools): vertices
rounded to a grid five times as fine, edges walked on it, and a pixel column's boundary taken where
the walk crosses the column's centre. Filling them any other way moves the truth by up to a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.evaluate.readers import shown
from videoseg.geometry import masks
from videoseg.geometry.sizes import check_pixels
from videoseg.types import Bitmap, Mask

_FINE = 5
"""Grid lines per pixel on which polygon edges are walked."""
_MOST_CORNERS = 1 << 16
"""Corners of all polygons of one object."""
_MOST_STEPS = 1 << 22
"""Grid points on the edges of one polygon: an outline of 800,000 pixels."""
_MOST_FILLED = 1 << 30
"""Pixels to fill for one object, counted for each of its polygons."""


def region(segmentation: object, *, width: int, height: int, where: str) -> Mask | None:
    """Mask of a COCO ``segmentation``: polygons, run lengths, or compressed run lengths.

    Raises:
        SourceError: It is none of these, or does not fit the image; ``where`` is named.
    """
    try:
        check_pixels(width, height)
    except ValueError as error:
        raise SourceError(f"{where}: {error}") from error
    if isinstance(segmentation, list):
        return _filled(segmentation, width, height, where)
    if isinstance(segmentation, dict):
        size, counts = segmentation.get("size"), segmentation.get("counts")
        if size is not None and size not in ([height, width], (height, width)):
            raise SourceError(
                f"{where}.size: must be [{height}, {width}] like the image, got {shown(size)}"
            )
        return _run_lengths(counts, width, height, where)
    raise SourceError(
        f"{where}: must be polygons or an object with counts, got {shown(segmentation)}"
    )


def fill_polygon(
    vertices: npt.NDArray[np.float64], *, width: int, height: int
) -> npt.NDArray[np.bool_]:
    """Pixels of one polygon as COCO's tools count them.

    Args:
        vertices: float64 (P, 2), x and y on the pixel-edge grid.
        width: Of the image, pixels.
        height: Of the image, pixels.

    Returns:
        bool (height, width).

    Raises:
        ValueError: It reaches so far outside, or is so long, that nobody has drawn it.
    """
    longest = np.abs(vertices - np.roll(vertices, -1, axis=0)).max(axis=1).sum() * _FINE
    if not longest + len(vertices) <= _MOST_STEPS:
        raise ValueError("a polygon is far longer than any outline")
    fine = np.trunc(vertices * _FINE + 0.5).astype(np.int64)
    walked = np.concatenate(
        [_walk(a, b) for a, b in zip(fine, np.roll(fine, -1, axis=0), strict=True)]
    )
    x, y = walked[:, 0], walked[:, 1]
    step = np.flatnonzero(x[1:] != x[:-1]) + 1
    across = (np.minimum(x[step], x[step - 1]) + 0.5) / _FINE - 0.5
    down = np.ceil(np.clip((np.minimum(y[step], y[step - 1]) + 0.5) / _FINE - 0.5, 0, height))
    on_centre = (across == np.floor(across)) & (across >= 0) & (across <= width - 1)
    # Each crossing switches between inside and outside from its row downwards, column by column.
    toggles = across[on_centre].astype(np.int64) * height + down[on_centre].astype(np.int64)
    places, counts = np.unique(toggles, return_counts=True)
    switched = np.zeros(width * height, dtype=np.bool_)
    switched[places[(counts % 2 == 1) & (places < width * height)]] = True
    inside: Bitmap = np.logical_xor.accumulate(switched, out=switched).reshape(width, height).T
    return inside


def _filled(polygons: list[object], width: int, height: int, where: str) -> Mask | None:
    """The mask of some polygons.

    Raises:
        SourceError: One is none, or all together are too many.
    """
    full = np.zeros((height, width), dtype=np.bool_)
    corners = sum(len(each) // 2 for each in polygons if isinstance(each, list))
    if corners > _MOST_CORNERS or len(polygons) * full.size > _MOST_FILLED:
        raise SourceError(
            f"{where}: {len(polygons):,} polygons with {corners:,} corners are too many for one "
            "object; write it as run lengths"
        )
    for polygon in polygons:
        try:
            full |= fill_polygon(_vertices(polygon, where), width=width, height=height)
        except ValueError as error:
            raise SourceError(f"{where}: {error}") from error
    return masks.from_bitmap(full)


def _walk(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Grid points of one edge, ends included, one per step along its longer side."""
    length_x, length_y = abs(int(end[0] - start[0])), abs(int(end[1] - start[1]))
    longer = 0 if length_x >= length_y else 1
    flipped = bool(start[longer] > end[longer])
    low, high = (end, start) if flipped else (start, end)
    length = max(length_x, length_y)
    along = np.arange(length, -1, -1) if flipped else np.arange(length + 1)
    slope = float(high[1 - longer] - low[1 - longer]) / length if length else 0.0
    points = np.empty((length + 1, 2), dtype=np.int64)
    points[:, longer] = low[longer] + along
    points[:, 1 - longer] = np.trunc(low[1 - longer] + slope * along + 0.5).astype(np.int64)
    return points


def _vertices(polygon: object, where: str) -> npt.NDArray[np.float64]:
    try:
        flat = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"{where}: a polygon must be numbers x, y, x, y, ..., got {shown(polygon)}"
        ) from error
    if flat.ndim != 1 or len(flat) < 6 or len(flat) % 2 or not np.isfinite(flat).all():
        raise SourceError(
            f"{where}: a polygon must be at least three pairs x, y, got {shown(polygon)}"
        )
    return flat.reshape(-1, 2)


def _run_lengths(counts: object, width: int, height: int, where: str) -> Mask | None:
    try:
        if isinstance(counts, bytes):
            counts = counts.decode("ascii")
        if isinstance(counts, str):
            return masks.decode_rle(counts, width=width, height=height)
        if isinstance(counts, Sequence):
            return masks.from_bitmap(_expand(counts, width, height))
    except (ValueError, TypeError, OverflowError) as error:
        raise SourceError(f"{where}.counts: {error}") from error
    raise SourceError(f"{where}.counts: must be run lengths, got {shown(counts)}")


def _expand(counts: Sequence[object], width: int, height: int) -> Bitmap:
    runs = np.asarray(counts)
    if not np.issubdtype(runs.dtype, np.integer) or runs.ndim != 1 or (runs < 0).any():
        raise ValueError(f"run lengths must be whole numbers, got {shown(counts)}")
    if (runs > width * height).any() or int(runs.sum()) != width * height:
        raise ValueError(f"run lengths add up to {int(runs.sum())}, not {width} x {height}")
    inside = np.zeros(len(runs), dtype=np.bool_)
    inside[1::2] = True
    full: Bitmap = np.repeat(inside, runs).reshape(width, height).T
    return full

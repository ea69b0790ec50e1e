"""From instances to what Moondream's clients read: shares of the picture, paths within boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from videoseg.geometry.rings import scaled
from videoseg.outlines.vectorize import outlines_of
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.server.moondream_schema import Event, Place, Region, SegmentAnswer
from videoseg.types import Bezier, Instance, Mask, Part, Polygon, Ring, Shape

_DIGITS = 4
"""Decimals in paths: a tenth of a pixel in a box of a thousand."""
_BOX_DIGITS = 6
_COARSE = 0.01
"""How far a coarse outline may run from the edge, in shares of the box's longer side."""
_PIECES = 8
"""Pieces in which a coarse outline is sent, at most."""


def region_of(mask: Mask) -> Region:
    """The tight box around a mask."""
    x1, y1, x2, y2 = mask.box
    wide, high = mask.frame_width, mask.frame_height
    sides = (x1 / wide, y1 / high, x2 / wide, y2 / high)
    x_min, y_min, x_max, y_max = (round(side, _BOX_DIGITS) for side in sides)
    return Region(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)


def place_of(mask: Mask) -> Place:
    """The middle of the pixel of a mask that lies deepest inside of it."""
    import cv2

    inside = cv2.copyMakeBorder(mask.bitmap.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    _, _, _, (column, row) = cv2.minMaxLoc(depth)
    x = (mask.x + column - 0.5) / mask.frame_width
    y = (mask.y + row - 0.5) / mask.frame_height
    return Place(x=round(x, _BOX_DIGITS), y=round(y, _BOX_DIGITS))


def segmented(instance: Instance | None, outlines: Vectorizer) -> SegmentAnswer:
    """The outline of an object, or that there is none."""
    if instance is None:
        return SegmentAnswer(path="")
    (shape,) = outlines.shapes([instance])
    mask = instance.mask
    return SegmentAnswer(path=_in_box(shape, mask), bbox=region_of(mask))


def events(instance: Instance | None, outlines: Vectorizer) -> Iterator[Event]:
    """The same as a stream: the box, a coarse outline in pieces, the outline."""
    if instance is not None:
        yield Event(type="bbox", bbox=region_of(instance.mask))
        for chunk in _coarse(instance.mask):
            yield Event(type="path_delta", chunk=chunk, completed=False)
    found = segmented(instance, outlines)
    yield Event(type="final", path=found.path, bbox=found.bbox, completed=True)


def nearest_to(found: Sequence[Instance], refs: Sequence[Sequence[float]]) -> Instance | None:
    """The instance that holds most of some points, and shares most with some boxes.

    For models that take words alone.
    """

    def hits(instance: Instance) -> float:
        mask = instance.mask
        wide, high = mask.frame_width, mask.frame_height
        score = 0.0
        for ref in refs:
            x1, y1, x2, y2 = (ref[0] * wide, ref[1] * high, ref[-2] * wide, ref[-1] * high)
            if len(ref) == 2:
                column, row = int(x1) - mask.x, int(y1) - mask.y
                rows, columns = mask.bitmap.shape
                inside = 0 <= column < columns and 0 <= row < rows
                score += float(inside and bool(mask.bitmap[row, column]))
            else:
                score += _shared((x1, y1, x2, y2), mask.box)
        return score

    best = max(found, key=hits, default=None)
    return best if best is not None and hits(best) > 0 else None


def _shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return across * down / (areas - across * down)


def _in_box(shape: Shape, mask: Mask, digits: int = _DIGITS) -> str:
    """Path data in units of a mask's tight box: absolute M, L, C and Z alone, as clients read."""
    x1, y1, x2, y2 = mask.box

    def placed(ring: Ring) -> Ring:
        offset = np.array([x1, y1], np.float32)
        moved: Ring
        if isinstance(ring, Polygon):
            moved = Polygon(ring.points - offset)
        else:
            moved = Bezier(ring.segments - offset)
        return scaled(moved, 1 / (x2 - x1), 1 / (y2 - y1))

    parts = (Part(placed(p.outer), tuple(map(placed, p.holes))) for p in shape.parts)
    return Shape(tuple(parts)).to_svg(digits)


def _coarse(mask: Mask) -> Iterator[str]:
    """A rough outline, in pieces that join to path data."""
    x1, y1, x2, y2 = mask.box
    tolerance = max(1.0, _COARSE * max(x2 - x1, y2 - y1))
    (shape,) = outlines_of([mask], tolerance=tolerance, curves=False)
    path = _in_box(shape, mask, digits=3)
    commands = path.replace("L", "\nL").replace("M", "\nM").replace("Z", "\nZ").split("\n")[1:]
    step = -(-len(commands) // _PIECES)
    for begin in range(0, len(commands), step):
        yield " ".join(commands[begin : begin + step])

"""What tasks share in reading the truth of an image and measuring one mask against it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from videoseg.errors import SourceError
from videoseg.evaluate.metrics.boundary import boundary_f
from videoseg.evaluate.metrics.region import overlap_of
from videoseg.evaluate.samples import ImageSample, Target, VideoSample
from videoseg.evaluate.tables import Picture, Row, overlap_columns
from videoseg.geometry import masks
from videoseg.types import Bitmap, Cue, Frame, Mask

_SMALL = 32**2
"""Area in pixels below which COCO calls an object small."""
_LARGE = 96**2
"""Area in pixels from which COCO calls an object large; between the two it is medium."""


OUTCOMES = ("tp", "fp", "tn", "fn")
"""Columns of ``outcome_columns`` in the order that ``matthews`` takes them."""


def single_objects(sample: ImageSample) -> Iterator[tuple[Target, Mask]]:
    """Yield the countable objects of an image that have pixels, crowds left out."""
    for target in sample.targets:
        if target.thing and not target.crowd:
            mask = target.mask()
            if mask is not None:
                yield target, mask


def absent_names(sample: ImageSample | VideoSample, count: int, seed: int) -> list[str]:
    """Some names that are not there, the same for a sample whatever else is measured.

    Args:
        sample: The sample.
        count: How many at most; -1 = all that are known, in the data set's order.
        seed: Of the choice; each sample draws for itself.
    """
    if count < 0:
        return list(sample.absent)
    draw = random.Random(f"{seed}:{sample.key}")  # noqa: S311 - not for secrets
    return draw.sample(sample.absent, min(count, len(sample.absent)))


def outcome_columns(*, present: bool, found: bool) -> dict[str, float]:
    """The four outcomes of a question about presence, and whether it was answered rightly."""
    columns = {
        "tp": present and found,
        "fp": not present and found,
        "tn": not present and not found,
        "fn": present and not found,
        "right": present == found,
    }
    return {name: float(value) for name, value in columns.items()}


def size_group(mask: Mask) -> str:
    """``small``, ``medium`` or ``large`` as COCO parts objects by their area."""
    area = masks.area(mask)
    if area < _SMALL:
        return "small"
    return "medium" if area < _LARGE else "large"


def box_cue(mask: Mask, *, frame: int | None = None) -> Cue:
    """The tight box of a mask as a cue."""
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return Cue(frame=frame, boxes=((float(x1), float(y1), float(x2), float(y2), True),))


def check_size(frame: Frame, truth: Iterable[Mask], where: str) -> None:
    """Refuse a picture of another size than its truth.

    Raises:
        SourceError: The sizes differ.
    """
    for mask in truth:
        if (mask.frame_width, mask.frame_height) != (frame.width, frame.height):
            raise SourceError(
                f"{where}: the picture is {frame.width} x {frame.height}, "
                f"its truth {mask.frame_width} x {mask.frame_height}"
            )


def mask_row(
    unit: str,
    question: str,
    label: str,
    groups: tuple[str, ...],
    predicted: Mask | None,
    truth: Mask,
    ignore: Bitmap | None = None,
) -> Row:
    """The row of one mask against its truth: IoU, areas, P@X and boundary F."""
    values = overlap_columns(overlap_of(predicted, truth, ignore=ignore))
    values["f"] = boundary_f(predicted, truth, ignore=ignore)
    return Row(unit, question, label, groups, values, Picture(0, truth, predicted))

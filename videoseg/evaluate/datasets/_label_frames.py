"""Label images of a sequence: a palette PNG a frame, whose index is the object's number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.evaluate.readers import Labels, read_labels
from videoseg.formats.file_names import is_picture
from videoseg.geometry import masks
from videoseg.types import Mask

VOID = 255
"""Label of pixels that belong to nothing where objects are numbered (the border of a palette)."""


class LastLabels:
    """Keeps the label image read last: several objects of a frame share it."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._labels: Labels = np.zeros((1, 1), dtype=np.uint8)

    def read(self, path: Path) -> Labels:
        """The labels, uint8 (H, W).

        Raises:
            SourceError: They cannot be read.
        """
        if path != self._path:
            self._labels = read_labels(path)
            self._path = path
        return self._labels


def lacks_masks(path: Path) -> bool:
    """Whether a video below ``JPEGImages`` has frames without a label image."""
    labels = path / "Annotations"
    first = next((each for each in sorted(labels.glob("*")) if any(each.glob("*.png"))), None)
    if first is None:
        return False
    marked = {file.stem for file in first.glob("*.png")}
    pictures = (path / "JPEGImages" / first.name).glob("*")
    return any(file.stem not in marked for file in pictures if is_picture(file))


def object_mask(
    cached: LastLabels, annotated: Sequence[Path], number: int, index: int
) -> Mask | None:
    """Mask of an object on a frame; number 0 means anything that is not background."""
    labels = cached.read(annotated[index])
    return masks.from_bitmap(labels == number if number else labels > 0)

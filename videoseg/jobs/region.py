"""Where objects may lie, as people give it: a box, and a picture of pixels to ignore."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from videoseg.errors import SourceNotFoundError, UsageError
from videoseg.formats.images.picture import decoded_image
from videoseg.geometry.region import Bounds
from videoseg.system.addresses import local_path
from videoseg.types import Bitmap, Box, StreamInfo


def read_bounds(
    region: Box | None, ignore_mask: Path | None, streams: Iterable[StreamInfo]
) -> Bounds:
    """The bounds for some streams.

    Args:
        region: The part of the frame to look at, pixels; None = all of it.
        ignore_mask: A picture for ``read_ignored``, or None.
        streams: What they are meant for.

    Raises:
        SourceNotFoundError: There is no such picture.
        SourceError: It cannot be read.
        UsageError: The picture has another size than a stream, or the region none of its pixels.
    """
    infos = tuple(streams)
    ignored = None if ignore_mask is None else read_ignored(ignore_mask, infos)
    bounds = Bounds(region, ignored)
    for info in infos:
        bounds.window(info.width, info.height)
    return bounds


def read_ignored(path: Path, streams: Iterable[StreamInfo]) -> Bitmap:
    """Bool (H, W): where a picture, usually a PNG, is neither black nor fully transparent.

    Args:
        path: The picture.
        streams: What it is meant for; all have its size.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: It cannot be read as a picture.
        UsageError: It has another size.
    """
    path = Path(local_path(str(path)))
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file; check the path of the ignore mask")
    image = decoded_image(path)
    height, width = image.shape[:2]
    for info in streams:
        if (width, height) != (info.width, info.height):
            raise UsageError(
                f"{path}: is {width} x {height}, but {info.stream} is {info.width} x "
                f"{info.height}; an ignore mask has the size of the frame"
            )
    found = (image[..., :3] > 0).any(axis=2)
    if image.shape[2] == 4:
        found &= image[..., 3] > 0
    return np.asarray(found, dtype=np.bool_)

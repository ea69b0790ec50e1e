"""Where objects may lie, as people give it: a box, and a picture of pixels to ignore.

Marks on objects must lie there, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from videoseg.errors import PromptError, SourceNotFoundError, UsageError
from videoseg.formats.images.picture import decoded_image
from videoseg.geometry.region import Bounds
from videoseg.system.addresses import local_path
from videoseg.types import Bitmap, Box, Prompt, StreamInfo


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


def check_marks(prompts: Sequence[Prompt], bounds: Bounds, streams: Iterable[StreamInfo]) -> None:
    """Refuse marks on an object where none may lie, before any work.

    Raises:
        PromptError: A point or box that marks an object lies outside the region, or a point on a
            pixel to ignore.
    """
    cues = [(prompt.label, cue) for prompt in prompts for cue in prompt.cues]
    for info in streams:
        window = bounds.window(info.width, info.height)
        region = "lies outside the region {},{},{},{} (roi)".format(*window)
        for label, cue in cues:
            for x, y, positive in cue.points:
                inside = window[0] <= x <= window[2] and window[1] <= y <= window[3]
                if positive and not inside:
                    raise PromptError(f"point {x:g},{y:g} of {label!r} {region}")
                if positive and bounds.ignores(x, y):
                    raise PromptError(
                        f"point {x:g},{y:g} of {label!r} lies on a pixel to ignore (ignore_mask)"
                    )
            for x1, y1, x2, y2, positive in cue.boxes:
                apart = x1 >= window[2] or y1 >= window[3] or x2 <= window[0] or y2 <= window[1]
                if positive and apart:
                    raise PromptError(f"box {x1:g},{y1:g},{x2:g},{y2:g} of {label!r} {region}")
            if cue.mask is not None and bounds.clipped(cue.mask) is None:
                raise PromptError(f"no pixel of the mask of {label!r} lies where objects may lie")


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

"""Masks that people give as files: pictures and SVG.

In a picture with transparency the object is what is opaque. Without, white is the object and black
is not; the edge is at half brightness. A label picture holds ids instead, 0 for the background: a
palette of colours, or grey that stays below half brightness. Where it has several ids, ``FILE#ID``
names one. Of an SVG everything that it draws is the object (``formats/svg_drawing.py``), or with
``FILE#ID`` the element of that id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import PromptError, SourceError
from videoseg.formats.images.header import check_claims
from videoseg.formats.images.picture import decoded_image
from videoseg.formats.images.png import SIGNATURE
from videoseg.formats.svg_drawing import drawn_mask
from videoseg.geometry import masks
from videoseg.types import Bitmap, Cue, Mask, Prompt, StreamInfo

_INDEXED = b"\x03"
_COLOURED = 8
"""A picture is in colour where channels differ by more than one part in so many."""
_NAMED = 8
"""A message lists at most so many ids."""


def with_masks(prompts: Sequence[Prompt], info: StreamInfo) -> tuple[Prompt, ...]:
    """The same prompts with the masks that their files hold.

    Raises:
        PromptError: A file is missing, cannot be read, does not fit the stream's frames, or does
            not say which pixels are meant.
    """
    return tuple(
        replace(prompt, cues=tuple(_read(cue, info) for cue in prompt.cues)) for prompt in prompts
    )


def read_mask(file: Path, info: StreamInfo) -> Mask:
    """The mask that a file holds, for frames of a stream.

    Args:
        file: A picture or an SVG, with ``#ID`` behind its name where it holds several objects.
        info: The stream.

    Raises:
        PromptError: As in ``with_masks``.
    """
    path, wanted = _parted(file)
    if not path.is_file():
        raise PromptError(f"{path}: no such file; check the path of the mask")
    try:
        with path.open("rb") as opened:
            begin = opened.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")
    except OSError as error:
        raise PromptError(f"{path}: cannot be read: {error.strerror or error}") from error
    if path.suffix.lower() in (".svg", ".svgz") or begin.startswith(b"<"):
        return drawn_mask(path, info.width, info.height, only=wanted)
    found = _picture(path, wanted, info)
    mask = masks.from_bitmap(found)
    if mask is None:
        raise PromptError(f"{path}: no pixel of it is set; white, opaque or an id is the object")
    return mask


def _read(cue: Cue, info: StreamInfo) -> Cue:
    if cue.mask_file is None:
        return cue
    return replace(cue, mask=read_mask(cue.mask_file, info), mask_file=None)


def _parted(file: Path) -> tuple[Path, str | None]:
    """The file's own path, and what stands behind the last ``#`` where that is not part of it."""
    name, mark, wanted = file.name.rpartition("#")
    if file.exists() or not mark or not name or not wanted:
        return file, None
    return file.with_name(name), wanted


def _picture(path: Path, wanted: str | None, info: StreamInfo) -> Bitmap:
    if wanted is not None and not (wanted.isascii() and wanted.isdigit()):
        raise PromptError(f"{path}#{wanted}: behind # stands an id of a label picture, a number")
    try:
        labels = _labels(path)
        values = decoded_image(path) if labels is None else labels
    except SourceError as error:
        raise PromptError(str(error)) from error
    height, width = values.shape[:2]
    if (width, height) != (info.width, info.height):
        raise PromptError(
            f"{path}: is {width} x {height}, but {info.stream} is {info.width} x {info.height}; a "
            "mask has the size of the frame"
        )
    if labels is not None:
        return _labelled(path, labels, wanted)
    top = _brightest(values)
    if values.shape[2] == 4 and wanted is None and int(values[..., 3].min()) < top:
        return np.asarray(values[..., 3] > top / 2)
    colours = values[..., :3].astype(np.float64)
    if np.ptp(colours, axis=2).max() > top / _COLOURED:
        raise PromptError(
            f"{path}: is a picture in colour; a mask is black and white, has a transparent "
            "background, or is a label picture (palette or grey)"
        )
    grey = values[..., 1]
    if wanted is None and grey.max() > top / 2:
        return np.asarray(grey > top / 2)
    return _labelled(path, grey, wanted)


def _labelled(path: Path, labels: npt.NDArray[Any], wanted: str | None) -> Bitmap:
    """The pixels of one id."""
    ids = [int(each) for each in np.unique(labels) if each > 0]
    listed = ", ".join(map(str, ids[:_NAMED])) + (", ..." if len(ids) > _NAMED else "")
    if wanted is not None:
        if int(wanted) not in ids:
            raise PromptError(f"{path}: has no id {wanted}; it holds {listed or 'none'}")
        return np.asarray(labels == int(wanted))
    if len(ids) > 1:
        raise PromptError(f"{path}: holds the ids {listed}; name one, such as {path}#{ids[0]}")
    return np.asarray(labels > 0)


def _labels(path: Path) -> npt.NDArray[Any] | None:
    """The indices of a PNG with a palette of colours, (H, W); None for any other picture."""
    data = path.read_bytes()
    if data[:8] != SIGNATURE or data[25:26] != _INDEXED:
        return None
    try:
        check_claims(memoryview(data))
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from error
    import av

    decoder = av.CodecContext.create("png", "r")
    try:
        (frame,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError):
        return None  # said by the decoder of all other pictures
    if frame.format.name != "pal8":
        return None
    height, width = frame.height, frame.width
    indices = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(height, -1)[:, :width]
    colours = np.frombuffer(memoryview(frame.planes[1]), np.uint8).reshape(-1, 4)[
        np.unique(indices)
    ]
    if (np.ptp(colours[:, :3], axis=1) == 0).all():
        return None  # a picture in grey that was saved with few colours
    return np.array(indices)


def _brightest(image: npt.NDArray[Any]) -> float:
    return float(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else 1.0

"""The JSON in which Gemini gives boxes and masks, in all the forms in which it has been seen.

A box is ``[y1, x1, y2, x2]`` in thousandths of the picture. A mask is one of three:

* a PNG in base64: how sure the model is of each point of the *box*, 0 to 255;
* ``<seg_N>`` tokens: 512 of them are the bytes of a 64 x 64 bitmap of the box, row by row, the
  highest bit first (this has been worked out from answers; no document says so). 16 of them are
  codes that only Google can decode;
* a polygon, or several, ``[[x, y], ...]`` in thousandths of the whole *picture*.

Fences around the JSON are taken off. Of JSON that was cut off, whole entries are kept.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.png import SIGNATURE
from videoseg.geometry import masks
from videoseg.geometry.arrays import ByteMap
from videoseg.models._hosted.reading import Limits, Tally, UnreadableError, number
from videoseg.models._hosted.shapes import (
    UNSTATED_SCORE,
    Extent,
    apart,
    extent_of,
    instance_of,
    scaled_polygon,
)
from videoseg.types import Instance, Polygon, Ring

_FENCED = re.compile(r"```(?:\w*)\s*\n?(.*?)(?:```|\Z)", re.DOTALL)
_PNG = SIGNATURE + b"\0\0\0\rIHDR"
_ENTRIES = re.compile(r"\[\s*(?=\{)")
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_TOKEN = re.compile(r"<seg_(\d{1,4})>", re.ASCII)
_SIDE = 64
"""Points along each side of a bitmap that tokens code."""
_BYTES = 512
"""Bytes of such a bitmap."""
_STEP_BLUR = 0.9
"""Points of the bitmap by which its steps are smoothed, so that a slanted edge has none."""
_SURE = 127
_LONGEST_SIDE = 1 << 14
"""Of a picture of a mask: OpenCV lays no picture of twice that over another."""
_LAID_AT_ONCE = 1 << 20
"""Pixels of a frame under which a mask is laid at once."""
_THOUSAND = 1000.0
"""Coordinates of answers run from 0 to this."""
_FAR = 2000.0
"""Coordinates further out than this are no place near the frame."""
_KEYS = ("boxes", "masks", "segmentation_masks", "objects", "items", "results")

_LIMITS = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One object of an answer, in units of the picture.

    Attributes:
        box: Where it is.
        mask: Over the box, 0 = surely not and 255 = surely, or rings in units of the picture.
        score: In [0, 1].
    """

    box: Extent
    mask: ByteMap | tuple[Ring, ...]
    score: float

    def size(self, width: int, height: int) -> int:
        """Pixels of a frame of this size that have to be looked at to draw it."""
        x1, y1, x2, y2 = extent_of(self.mask) if isinstance(self.mask, tuple) else self.box
        across, down = min(x2, 1.0) - max(x1, 0.0), min(y2, 1.0) - max(y1, 0.0)
        return math.ceil(max(0.0, across) * width) * math.ceil(max(0.0, down) * height)

    def instance(self, prompt: int, *, width: int, height: int) -> Instance | None:
        """The object on a frame of this size; None where it has no pixel.

        Raises:
            UnreadableError: To draw it is far more work than any honest outline is.
        """
        if isinstance(self.mask, tuple):
            rings = tuple(
                scaled_polygon(ring.points.astype(np.float64), width, height)
                for ring in self.mask
                if isinstance(ring, Polygon)
            )
            return instance_of(rings, self.score, prompt, width=width, height=height)
        mask = masks.from_bitmap(_laid(self.mask, self.box, width, height))
        return Instance(mask, self.score, prompt) if mask is not None else None


def read_entries(text: str, limits: Limits = _LIMITS) -> tuple[tuple[Entry, ...], int]:
    """The objects of an answer, and how many more could not be read.

    Raises:
        UnreadableError: It holds no JSON, objects of which none can be read, or too many.
    """
    found, lost, tally = [], 0, Tally(limits)
    values = _values(text, limits.entries)
    tally.add("entries", len(values))
    for value in values:
        try:
            found.append(_entry(value, tally))
        except UnreadableError as error:
            lost += 1
            reason = error
    if lost and not found:
        raise reason
    return tuple(found), lost


def _values(text: str, most: int) -> list[Any]:
    """The entries of a list, whatever stands around it; of one that breaks off ``most`` + 1."""
    fenced = _FENCED.search(text)
    inner = (fenced.group(1) if fenced else text).strip()
    begin = min((at for at in (inner.find("["), inner.find("{")) if at >= 0), default=-1)
    if begin < 0:
        raise UnreadableError("it answered without JSON")
    try:
        value, _ = json.JSONDecoder().raw_decode(inner, begin)
    except (ValueError, RecursionError):
        whole = list(islice(_whole_entries(inner), most + 1))
        if not whole:
            raise UnreadableError("it answered with JSON that breaks off") from None
        return whole
    if isinstance(value, dict):
        lists = (value[key] for key in _KEYS if isinstance(value.get(key), list))
        return next(lists, [value] if "box_2d" in value else [])
    return list(value)


def _whole_entries(text: str) -> Iterator[Any]:
    """The objects of a list that breaks off, up to the last whole one."""
    match = _ENTRIES.search(text)
    if match is None:
        return
    decoder, at = json.JSONDecoder(), match.end()
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value
        between = _BETWEEN.match(text, at)
        at = between.end() if between is not None else at


def _entry(value: Any, tally: Tally) -> Entry:
    if not isinstance(value, dict):
        raise UnreadableError("it answered with an entry that is no object")
    given = value.get("mask", value.get("polygon", value.get("segmentation")))
    box = _box(value.get("box_2d"))
    return Entry(box, _mask(given, box, tally), _score(value.get("confidence")))


def _box(value: Any) -> Extent:
    try:
        y1, x1, y2, x2 = (number(side, 0, 1.1 * _THOUSAND) / _THOUSAND for side in value)
    except (TypeError, ValueError) as error:
        raise UnreadableError("it answered with a box that is none") from error
    if not (x1 < min(x2, 1.0) and y1 < min(y2, 1.0)):
        raise UnreadableError("it answered with a box that encloses nothing")
    return (x1, y1, min(x2, 1.0), min(y2, 1.0))


def _score(value: Any) -> float:
    try:
        return number(value, 0, 1)
    except ValueError:
        return UNSTATED_SCORE


def _mask(value: Any, box: Extent, tally: Tally) -> ByteMap | tuple[Ring, ...]:
    if isinstance(value, list):
        return _rings(value, box, tally)
    if not isinstance(value, str):
        raise UnreadableError("it answered with a box and no mask")
    if "<seg_" in value or "<start_of_mask>" in value:
        return _from_tokens(value)
    return _from_png(value, tally)


def _from_png(text: str, tally: Tally) -> ByteMap:
    import cv2

    data = text.rpartition("base64,")[2].strip()
    try:
        raw = base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnreadableError("it answered with a mask that is no base64") from error
    # Only a PNG, whose size is known before it is unpacked.
    width, height = (int.from_bytes(raw[at : at + 4], "big") for at in (16, 20))
    if not raw.startswith(_PNG) or not 0 < max(width, height) <= _LONGEST_SIDE:
        raise UnreadableError("it answered with a mask that is no picture")
    tally.add("pixels", width * height)
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        image = None
    if image is None:
        raise UnreadableError("it answered with a mask that is a damaged picture")
    return np.asarray(image, dtype=np.uint8)


def _from_tokens(text: str) -> ByteMap:
    import cv2

    count = text.count("<seg_")
    codes = [int(code) for code in _TOKEN.findall(text)] if count == _BYTES else []
    if len(codes) != _BYTES or max(codes) > 255:
        raise UnreadableError(
            f"it answered with {count} mask tokens that only Google can decode; "
            "set models.gemini.form=polygon"
        )
    bits = np.unpackbits(np.array(codes, dtype=np.uint8)).reshape(_SIDE, _SIDE)
    soft = cv2.GaussianBlur(
        bits * np.uint8(255), (0, 0), _STEP_BLUR, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(soft, dtype=np.uint8)


def _rings(value: list[Any], box: Extent, tally: Tally) -> tuple[Ring, ...]:
    """One polygon, or several, in units of the picture. One in y, x order is turned."""
    first = value[0] if value else None
    several = isinstance(first, list) and bool(first) and isinstance(first[0], list)
    if isinstance(first, int | float) and not isinstance(first, bool):
        value = [value[at : at + 2] for at in range(0, len(value), 2)]
    given = value if several else [value]
    tally.add("rings", len(given))
    tally.add("segments", sum(len(one) for one in given if isinstance(one, list)))
    rings = tuple(map(_polygon, given))
    if apart(extent_of(rings), box) > apart(extent_of(_turned(rings)), box) + 0.05:
        return _turned(rings)
    return rings


def _polygon(value: Any) -> Polygon:
    try:
        points = [[number(side, -_FAR, _FAR) for side in point] for point in value]
        ring = np.array(points, np.float64) / _THOUSAND
    except (TypeError, ValueError) as error:
        raise UnreadableError("it answered with a polygon that is none") from error
    if ring.ndim != 2 or ring.shape[1] != 2 or len(ring) < 3:
        raise UnreadableError("it answered with a polygon that is none")
    return Polygon(ring.astype(np.float32))


def _turned(rings: tuple[Ring, ...]) -> tuple[Ring, ...]:
    return tuple(
        Polygon(ring.points[:, ::-1].copy()) for ring in rings if isinstance(ring, Polygon)
    )


def _laid(mask: ByteMap, box: Extent, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The map over its box in a frame: bilinear between its points, and cut where it is unsure."""
    import cv2

    x1, y1, x2, y2 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    right, bottom = min(width, math.ceil(x2)), min(height, math.ceil(y2))
    rows, columns = mask.shape
    across = (np.arange(left, right) + 0.5 - x1) / (x2 - x1)
    down = (np.arange(top, bottom) + 0.5 - y1) / (y2 - y1)
    inside = np.logical_and.outer((down >= 0) & (down <= 1), (across >= 0) & (across <= 1))
    bitmap = np.zeros((height, width), dtype=np.bool_)
    levels = mask.astype(np.float32)
    band = max(1, _LAID_AT_ONCE // max(1, right - left))
    for begin in range(0, bottom - top, band):
        part = slice(begin, begin + band)
        map_x, map_y = np.meshgrid(
            (across * columns - 0.5).astype(np.float32),
            (down[part] * rows - 0.5).astype(np.float32),
        )
        seen = cv2.remap(levels, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        bitmap[top:bottom, left:right][part] = (np.asarray(seen) > _SURE) & inside[part]
    return bitmap

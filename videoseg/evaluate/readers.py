"""Reads pictures, label images and JSON, and names the file and field that is broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.formats.images.header import check_claims
from videoseg.formats.images.picture import is_torn_jpeg
from videoseg.system.addresses import for_ffmpeg
from videoseg.system.text_files import read_text
from videoseg.types import RgbImage

Labels = npt.NDArray[np.uint8]
T = TypeVar("T")


def read_image(path: Path) -> RgbImage:
    """Read a picture as it is stored: uint8 (H, W, 3) RGB, an orientation tag not applied.

    Truth is drawn on the stored pixels, so they must not be turned.

    Raises:
        SourceError: It is missing or not a picture.
    """
    _must_exist(path, "image")
    try:
        return decode_image(path.read_bytes(), str(path))
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def decode_image(data: bytes, where: str) -> RgbImage:
    """The same as ``read_image`` from bytes in memory.

    Raises:
        SourceError: They are not a picture; ``where`` is named.
    """
    import cv2

    if is_torn_jpeg(data):
        # The decoder would fill in what is missing with grey.
        raise SourceError(f"{where}: the picture is cut short")
    _check_claims(data, where)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags) if data else None
    if decoded is None:
        raise SourceError(f"{where}: not a picture that can be read")
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.uint8)


def read_labels(path: Path) -> Labels:
    """Read a label image: the palette's *indices* where it has one, else grey levels.

    Returns:
        uint8 (H, W).

    Raises:
        SourceError: It is missing, not a picture, or shows colours instead of labels.
    """
    import av

    _must_exist(path, "mask")
    _check_claims(path.read_bytes(), str(path))
    try:
        with av.open(for_ffmpeg(path)) as container:
            frame = next(container.decode(video=0))
            plane = frame.planes[0]
            name, width, height = frame.format.name, frame.width, frame.height
            rows = np.frombuffer(bytes(plane), dtype=np.uint8).reshape(-1, plane.line_size)[:height]
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise SourceError(f"{path}: not a mask that can be read") from error
    if name in ("pal8", "gray"):
        return np.ascontiguousarray(rows[:, :width])
    if name in ("monob", "monow"):
        bits = np.unpackbits(rows, axis=1)[:, :width]
        return bits if name == "monob" else 1 - bits
    if name in ("rgb24", "rgba", "bgr24", "bgra"):
        channels = len(name) if name in ("rgba", "bgra") else 3
        pixels = rows[:, : width * channels].reshape(height, width, channels)
        if (pixels[..., :3] == pixels[..., :1]).all():
            return np.ascontiguousarray(pixels[..., 0])
    raise SourceError(f"{path}: a mask must be a palette or grey picture, got {name} colours")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        SourceError: It is missing or not JSON.
    """
    _must_exist(path, "file")
    text = read_text(path, "data", SourceError)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not JSON: {error}") from error


def field(entry: object, name: str, kind: type[T] | tuple[type[T], ...], where: str) -> T:
    """The value of a field that an entry must have.

    Raises:
        SourceError: Naming ``where`` and the field that is missing or of another type.
    """
    if not isinstance(entry, Mapping):
        raise SourceError(f"{where}: must be an object with fields, got {shown(entry)}")
    if name not in entry:
        raise SourceError(f"{where}: field {name!r} is missing")
    value = entry[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(one.__name__ for one in kinds)
        raise SourceError(f"{where}.{name}: must be {wanted}, got {shown(value)}")
    return value


def shown(value: object) -> str:
    """A value as a message shows it: one line, short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_claims(data: bytes, where: str) -> None:
    try:
        check_claims(memoryview(data))
    except ValueError as error:
        raise SourceError(f"{where}: {error}") from error


def _must_exist(path: Path, what: str) -> None:
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: {what} does not exist")

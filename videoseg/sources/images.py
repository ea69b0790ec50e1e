"""Photographs: one, a folder of them, or a numbered sequence, through OpenCV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.types import Frame, RgbImage, StreamInfo

if TYPE_CHECKING:
    from types import ModuleType

_EXTENSIONS = frozenset({
    ".avif", ".bmp", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
})  # fmt: skip
_COUNTER = re.compile(r"%(?:0(\d+))?d|(#+)")
"""``%d``, ``%04d`` or ``####`` in a file name."""
_DIGITS = re.compile(r"(\d+)")


@dataclass
class ImageSource:
    """Frames from image files, in natural order (``shot2`` before ``shot10``).

    Takes one image (``StreamInfo.still``), a folder, or a pattern for a numbered sequence without
    gaps: ``shot.%04d.png`` or ``shot.####.png``. Images come upright by their EXIF orientation, as
    8-bit RGB: deeper samples are scaled, transparency is left out. ``StreamInfo.rotation`` stays 0,
    because the image decoder has turned them already.

    All images of a sequence have the same size.
    """

    frame_rate: Annotated[Fraction, Doc("images per second of a sequence, > 0"), Gt(0)] = Fraction(
        25
    )
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _paths: Sequence[Path] = field(init=False, repr=False, default=())

    @classmethod
    def accepts(cls, location: str) -> bool:
        """Whether ``location`` is a folder, an image by its ending, or a pattern of images."""
        path = Path(location)
        return path.suffix.lower() in _EXTENSIONS or path.is_dir()

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Find the images and decode the first, to learn their size and depth.

        Raises:
            SourceNotFoundError: There is no such file or folder, or no file fits the pattern.
            SourceError: The folder holds no image, the numbers have a gap, or the first image
                cannot be decoded.
        """
        self.close()
        path = Path(location)
        still = path.is_file()
        if still:
            paths, start_number = [path], 0
        elif path.is_dir():
            paths, start_number = _folder(path)
        elif counter := _COUNTER.search(path.name):
            paths, start_number = _numbered(path, counter)
        else:
            raise SourceNotFoundError(f"{location}: no such file or folder; check the path")
        first = _decoded(paths[0])
        self._paths = paths
        self._info = StreamInfo(
            stream=_COUNTER.sub("", path.stem).strip("._- ") or "images",
            width=first.shape[1],
            height=first.shape[0],
            time_base=1 / Fraction(self.frame_rate),
            frame_rate=None if still else Fraction(self.frame_rate),
            frame_count=len(paths),
            start_number=start_number,
            bit_depth=8 * first.dtype.itemsize,
            still=still,
            location=location,
        )
        return {self._info.stream: self._info}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode images ``start <= index < stop``; each lasts one unit of the time base.

        Raises:
            SourceError: Nothing is open, an image cannot be decoded, or one has another size.
        """
        if self._info is None:
            raise SourceError("no images are open; call open() with a file or folder first")
        return _read(self._info, self._paths, range(len(self._paths))[start:stop])

    def close(self) -> None:
        """Forget the images. A second call does nothing."""
        self._info, self._paths = None, ()


PARTS = {"images": ImageSource}


def _read(info: StreamInfo, paths: Sequence[Path], indices: range) -> Iterator[Frame]:
    for index in indices:
        image = _decoded(paths[index])
        height, width = image.shape[:2]
        if (width, height) != (info.width, info.height):
            raise SourceError(
                f"{paths[index]}: is {width} x {height}, but {paths[0].name} is "
                f"{info.width} x {info.height}; a sequence needs images of one size"
            )
        yield Frame(
            stream=info.stream,
            index=index,
            pts=index,
            time_base=info.time_base,
            image=_rgb8(image),
            duration=1,
        )


def _folder(folder: Path) -> tuple[list[Path], int]:
    """Its images in natural order, and the first one's number where all are numbered in a row."""
    paths = sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in _EXTENSIONS and not path.name.startswith(".")
        ),
        key=lambda path: [
            (int(part), "") if part.isdecimal() else (-1, part.lower())
            for part in _DIGITS.split(path.name)
        ],
    )
    if not paths:
        raise SourceError(
            f"{folder}: holds no image; give a folder of {', '.join(sorted(_EXTENSIONS))}"
        )
    numbers = [int(found[-1]) if (found := _DIGITS.findall(path.stem)) else -1 for path in paths]
    in_a_row = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return paths, numbers[0] if in_a_row and numbers[0] >= 0 else 0


def _numbered(pattern: Path, counter: re.Match[str]) -> tuple[list[Path], int]:
    """The files of a pattern by number, which must rise by one, and the first number."""
    least = int(counter[1] or 1) if counter[2] is None else len(counter[2])
    fits = re.compile(
        re.escape(pattern.name[: counter.start()])
        + rf"(\d{{{least},}})"
        + re.escape(pattern.name[counter.end() :])
    )
    if not pattern.parent.is_dir():
        raise SourceNotFoundError(f"{pattern.parent}: no such folder; check the path")
    found: dict[int, Path] = {}
    for path in sorted(pattern.parent.iterdir()):
        if match := fits.fullmatch(path.name):
            found.setdefault(int(match[1]), path)
    if not found:
        raise SourceNotFoundError(f"{pattern}: no file fits this pattern; check name and digits")
    first, last = min(found), max(found)
    missing = next((number for number in range(first, last) if number not in found), None)
    if missing is not None:
        raise SourceError(
            f"{pattern}: number {missing} is missing between {first} and {last}; add it, or give "
            "the folder to take the images as they come"
        )
    return [found[number] for number in sorted(found)], first


def _decoded(path: Path) -> npt.NDArray[Any]:
    """(H, W, 3) BGR, upright, in the depth of the file."""
    import cv2

    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if not len(data):
        raise SourceError(f"{path}: is empty; copy or export it again")
    image = _quietly_decoded(cv2, data)
    if image is None:
        raise SourceError(
            f"{path}: cannot be decoded as an image; it is damaged, incomplete or something else: "
            "copy or export it again"
        )
    return image


def _quietly_decoded(cv2: ModuleType, data: npt.NDArray[np.uint8]) -> npt.NDArray[Any] | None:
    """Decode without OpenCV's own words on standard error; our error says it."""
    if _is_torn_jpeg(data.tobytes()):
        return None
    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 5, else 4
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    try:
        image: npt.NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # a size beyond its limits, for one
        return None
    finally:
        logging.setLogLevel(level)
    return image


def _is_torn_jpeg(data: bytes) -> bool:
    """Whether this is a JPEG without its end; OpenCV 4 would fill the rest with grey.

    Walks the segments (ITU-T T.81, B.1) up to the picture, past thumbnails with ends of their own.
    """
    position = 2
    while data[:3] == b"\xff\xd8\xff" and data[position : position + 1] == b"\xff":
        if data[position + 1 : position + 2] == b"\xda":
            return data.find(b"\xff\xd9", position) < 0
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _rgb8(image: npt.NDArray[Any]) -> RgbImage:
    """8-bit RGB from BGR of any depth; floating-point samples are taken to lie in [0, 1]."""
    import cv2

    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)

"""Photographs: one, a folder of them, or a numbered sequence, through OpenCV."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.sources._colour import Background, blended
from videoseg.sources.names import COUNTER, PICTURES, is_picture, natural
from videoseg.types import Frame, RgbImage, StreamInfo

if TYPE_CHECKING:
    from types import ModuleType

_DIGITS = re.compile(r"(\d+)")
Gaps: TypeAlias = Literal["fail", "skip", "repeat"]


@dataclass(frozen=True)
class Sequenced:
    """The images to show, in order.

    Attributes:
        paths: One for each frame.
        times: When each is shown, in images from the first; rises by more than 1 over a gap.
        start_number: Number of the first, where they are numbered in a row.
    """

    paths: Sequence[Path]
    times: Sequence[int]
    start_number: int = 0


@dataclass
class ImageSource:
    """Frames from image files, in natural order (``shot2`` before ``shot10``).

    Takes one image (``StreamInfo.still``), a folder, or a pattern for a numbered sequence:
    ``shot.%04d.png`` or ``shot.####.png``. Images come upright by their EXIF orientation, as 8-bit
    RGB: deeper samples are scaled, transparent images are laid over the background (as stored:
    their EXIF orientation is not read).
    ``StreamInfo.rotation`` stays 0, because the image decoder has turned them already.

    All images of a sequence have the same size.

    Attributes:
        notes: Lines for people about what was opened last.
    """

    frame_rate: Annotated[Fraction, Doc("images per second of a sequence, > 0"), Gt(0)] = Fraction(
        25
    )
    gaps: Annotated[
        Gaps, Doc("missing number of a pattern: fail, skip it, or repeat the image before it")
    ] = "fail"
    background: Background = "#000000"
    every: Annotated[int, Ge(1), Doc("yield every n-th frame only, from the first on")] = 1
    notes: tuple[str, ...] = field(init=False, repr=False, default=())
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _images: Sequenced = field(init=False, repr=False, default=Sequenced((), ()))

    @classmethod
    def accepts(cls, location: str) -> bool:
        """Whether ``location`` is a folder, an image by its ending, or a pattern of images."""
        path = Path(location)
        return path.suffix.lower() in PICTURES or path.is_dir()

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
            images = Sequenced([path], [0])
        elif path.is_dir():
            images = _folder(path)
        elif counter := COUNTER.search(path.name):
            images = _numbered(path, counter, self.gaps)
        else:
            raise SourceNotFoundError(f"{location}: no such file or folder; check the path")
        first = decoded_image(images.paths[0])
        self._images, self.notes = images, _remarks(images)
        self._info = StreamInfo(
            stream=COUNTER.sub("", path.stem).strip("._- ") or "images",
            width=first.shape[1],
            height=first.shape[0],
            time_base=1 / Fraction(self.frame_rate),
            frame_rate=None if still else Fraction(self.frame_rate),
            frame_count=len(images.paths),
            start_number=images.start_number,
            bit_depth=8 * first.dtype.itemsize,
            still=still,
            location=location,
        )
        return {self._info.stream: self._info}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode every n-th of the images ``start <= index < stop``.

        Each lasts until the next of all images is shown.

        Raises:
            SourceError: Nothing is open, an image cannot be decoded, or one has another size.
        """
        if self._info is None:
            raise SourceError("no images are open; call open() with a file or folder first")
        indices = range(len(self._images.paths))[start : stop : self.every]
        return _read(self._info, self._images, indices, self.background)

    def index_at(self, seconds: Fraction) -> int:
        """Index of the first image shown at this time or later; their number if none is.

        Raises:
            SourceError: Nothing is open.
        """
        if self._info is None:
            raise SourceError("no images are open; call open() with a file or folder first")
        return bisect.bisect_left(self._images.times, seconds / self._info.time_base)

    def close(self) -> None:
        """Forget the images. A second call does nothing."""
        self._info, self._images = None, Sequenced((), ())


PARTS = {"images": ImageSource}


def _read(info: StreamInfo, images: Sequenced, indices: range, background: str) -> Iterator[Frame]:
    paths, times = images.paths, images.times
    for index in indices:
        image = decoded_image(paths[index])
        height, width = image.shape[:2]
        if (width, height) != (info.width, info.height):
            raise SourceError(
                f"{paths[index]}: is {width} x {height}, but {paths[0].name} is "
                f"{info.width} x {info.height}; a sequence needs images of one size"
            )
        yield Frame(
            stream=info.stream,
            index=index,
            pts=times[index],
            time_base=info.time_base,
            image=_rgb8(image, background),
            duration=times[index + 1] - times[index] if index + 1 < len(times) else 1,
        )


def _remarks(images: Sequenced) -> tuple[str, ...]:
    """What people should know about a sequence."""
    missing = images.times[-1] + 1 - len(images.times)
    repeated = len(images.paths) - len(set(images.paths))
    found = []
    if missing:
        found.append(f"{missing} missing numbers were skipped; the image before lasts longer")
    if repeated:
        found.append(f"{repeated} missing numbers show the image before them again")
    return tuple(found)


def _folder(folder: Path) -> Sequenced:
    """Its images in natural order, and the first one's number where all are numbered in a row."""
    paths = sorted(filter(is_picture, folder.iterdir()), key=lambda path: natural(path.name))
    if not paths:
        raise SourceError(
            f"{folder}: holds no image; give a folder of {', '.join(sorted(PICTURES))}"
        )
    numbers = [int(found[-1]) if (found := _DIGITS.findall(path.stem)) else -1 for path in paths]
    in_a_row = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    start_number = numbers[0] if in_a_row and numbers[0] >= 0 else 0
    return Sequenced(paths, range(len(paths)), start_number)


def _numbered(pattern: Path, counter: re.Match[str], gaps: Gaps) -> Sequenced:
    """The files of a pattern by number, from the first to the last."""
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
    if missing is not None and gaps == "fail":
        raise SourceError(
            f"{pattern}: number {missing} is missing between {first} and {last}; add it, or skip "
            "or repeat over gaps (gaps=skip, gaps=repeat)"
        )
    if missing is not None and gaps == "repeat":
        for number in range(first, last):
            found[number + 1] = found.get(number + 1, found[number])
    numbers = sorted(found)
    return Sequenced(
        [found[number] for number in numbers], [number - first for number in numbers], first
    )


def decoded_image(path: Path) -> npt.NDArray[Any]:
    """(H, W, 3) BGR or (H, W, 4) BGRA, upright, in the depth of the file."""
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
    if is_torn_jpeg(data.tobytes()):
        return None
    logging = getattr(cv2.utils, "logging", cv2)  # OpenCV 5, else 4
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    try:
        if _may_be_transparent(data.tobytes()):
            stored: npt.NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if stored is not None and stored.shape[2:] == (4,):
                return stored
        image: npt.NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # a size beyond its limits, for one
        return None
    finally:
        logging.setLogLevel(level)
    return image


def _may_be_transparent(data: bytes) -> bool:
    """Whether it is worth the time to look for an alpha channel."""
    if data[:4] == b"\x89PNG":
        header = data[: data.find(b"IDAT")]
        return header[25:26] in (b"\x04", b"\x06") or b"tRNS" in header
    if data[:4] == b"RIFF":  # WebP: extended with the alpha flag, or lossless
        return data[12:16] == b"VP8L" or bool(data[12:16] == b"VP8X" and data[20] & 0x10)
    return data[:4] in (b"II*\0", b"MM\0*") or data[4:12] == b"ftypavif"


def is_torn_jpeg(data: bytes) -> bool:
    """Whether this is a JPEG without its end; OpenCV 4 would fill the rest with grey.

    Walks the segments (ITU-T T.81, B.1) up to the picture, past thumbnails with ends of their own.
    """
    position = 2
    while data[:3] == b"\xff\xd8\xff" and data[position : position + 1] == b"\xff":
        if data[position + 1 : position + 2] == b"\xda":
            return data.find(b"\xff\xd9", position) < 0
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data[:3] == b"\xff\xd8\xff" and position >= len(data)


def _rgb8(image: npt.NDArray[Any], background: str) -> RgbImage:
    """8-bit RGB from BGR or BGRA of any depth; floating-point samples should lie in [0, 1]."""
    import cv2

    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    if image.shape[2] == 4:
        return blended(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), background)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)

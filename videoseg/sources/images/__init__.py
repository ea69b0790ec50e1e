"""Photographs: one, a folder of them, or a numbered sequence, through OpenCV."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.formats.file_names import COUNTER, PICTURES, is_log, is_picture, is_video, natural
from videoseg.formats.images.colour import Background
from videoseg.formats.images.picture import decoded_image, is_film, rgb8
from videoseg.settings import Guarded
from videoseg.sources.images.multi_page import Reel, reel_of
from videoseg.sources.images.stamps import AUTO, NAMES, are_sure, stamps_of
from videoseg.system.addresses import is_address
from videoseg.types import Frame, StreamInfo

_MOST_NUMBERS = 10**7
_DIGITS = re.compile(r"(\d+)")
Gaps: TypeAlias = Literal["fail", "skip", "repeat"]


@dataclass(frozen=True)
class Sequenced:
    """The images to show, in order.

    Attributes:
        paths: One for each frame; of a reel the one file.
        times: When each is shown, in units of ``time_base``; without that in images from the first,
            and they rise by more than 1 over a gap.
        start_number: Number of the first, where they are numbered in a row.
        reel: Several images in one file.
        time_base: Seconds per unit of their own times; None where they have none.
        last: How long the last is shown, likewise.
        notes: Lines for people.
        beside: The list that times come from.
    """

    paths: Sequence[Path]
    times: Sequence[int]
    start_number: int = 0
    reel: Reel | None = None
    time_base: Fraction | None = None
    last: int = 1
    notes: tuple[str, ...] = ()
    beside: Path | None = None

    def pictures(self, indices: range) -> Iterator[tuple[Path, npt.NDArray[Any]]]:
        """Decode some of the images, each with its file."""
        if self.reel is not None:
            return ((self.paths[0], image) for image in self.reel.pictures(indices))
        return ((self.paths[index], decoded_image(self.paths[index])) for index in indices)

    def rate(self, otherwise: Fraction) -> Fraction:
        """Images a second on average, to a thousandth; of those without times as given."""
        if self.time_base is None:
            return otherwise
        span = (self.times[-1] - self.times[0] + self.last) * self.time_base
        return Fraction(max(1, round(1000 * len(self.times) / span)), 1000)


@dataclass
class ImageSource:
    """Frames from image files, in natural order (``shot2`` before ``shot10``).

    Takes one image (``StreamInfo.still``), a folder, or a pattern for a numbered sequence:
    ``shot.%04d.png`` or ``shot.####.png``. Images come upright, as their EXIF or HEIF file says, as
    8-bit RGB: deeper samples are scaled, transparent images are laid over the background.
    ``StreamInfo.rotation`` stays 0, because the image decoder has turned them already.

    All images of a sequence have the same size, and ``Frame.name`` says from which file each is. An
    animated WebP is a sequence of its frames with their own times, a TIFF of several pages one of
    these. APNG, GIF and AVIF or HEIC that move are read by the video source.

    A sequence gets its times from stamps in its names or from a list beside it, exactly, where
    there are any (``sources/images/stamps.py``), and else from ``frame_rate``.

    Attributes:
        notes: Lines for people about what was opened last.
        beside: Files that it depends on and that are not in the folder itself.
    """

    frame_rate: Annotated[Fraction, Doc("images per second of a sequence, > 0"), Gt(0)] = Fraction(
        25
    )
    gaps: Annotated[
        Gaps, Doc("missing number of a pattern: fail, skip it, or repeat the image before it")
    ] = "fail"
    times: Annotated[
        str,
        Doc(
            "where times of a sequence come from: auto, names (stamps in file names), none "
            "(frame_rate), or a file with 'name,time' or a time on each line"
        ),
        Guarded("a file", harmless=(AUTO, NAMES, "none")),
    ] = AUTO
    background: Background = "#000000"
    every: Annotated[int, Ge(1), Doc("yield every n-th frame only, from the first on")] = 1
    notes: tuple[str, ...] = field(init=False, repr=False, default=())
    beside: tuple[Path, ...] = field(init=False, repr=False, default=())
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _images: Sequenced = field(init=False, repr=False, default=Sequenced((), ()))

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits: best for an image or a pattern by its ending, less for a folder."""
        if is_address(location):
            return 0
        path = Path(location)
        if path.suffix.lower() in PICTURES:
            return 0 if is_film(path) else 0.5
        return 0.4 if path.is_dir() else 0

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Find the images and decode the first, to learn their size and depth.

        Raises:
            SourceNotFoundError: There is no such file or folder, or no file fits the pattern.
            SourceError: The folder holds no image, the numbers have a gap, times do not rise, or
                the first image cannot be decoded.
        """
        self.close()
        path = Path(location)
        rate = Fraction(self.frame_rate)
        if path.is_file():
            images = _file(path, rate)
        elif path.is_dir():
            images = _timed(_folder(path), self.times)
        elif counter := COUNTER.search(path.name):
            images = _timed(_numbered(path, counter, self.gaps, self.times), self.times)
        else:
            raise SourceNotFoundError(f"{location}: no such file or folder; check the path")
        still = path.is_file() and len(images.times) == 1
        _, first = next(images.pictures(range(1)))
        self._images, self.notes = images, (*_remarks(images), *images.notes)
        listed = images.beside
        self.beside = (listed,) if listed is not None and listed.parent != path else ()
        self._info = StreamInfo(
            stream=COUNTER.sub("", path.stem).strip("._- ") or "images",
            width=first.shape[1],
            height=first.shape[0],
            time_base=images.time_base or 1 / rate,
            frame_rate=None if still else images.rate(rate),
            frame_count=len(images.times),
            start_pts=images.times[0],
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
        indices = range(len(self._images.times))[start : stop : self.every]
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
    times = images.times
    for index, (path, image) in zip(indices, images.pictures(indices), strict=True):
        height, width = image.shape[:2]
        if (width, height) != (info.width, info.height):
            raise SourceError(
                f"{path}: is {width} x {height}, but {images.paths[0].name} is "
                f"{info.width} x {info.height}; a sequence needs images of one size"
            )
        yield Frame(
            stream=info.stream,
            index=index,
            pts=times[index],
            time_base=info.time_base,
            image=rgb8(image, background),
            duration=times[index + 1] - times[index] if index + 1 < len(times) else images.last,
            native=image if image.dtype == np.uint16 else None,
            name=path.name if images.reel is None else None,
        )


def _remarks(images: Sequenced) -> Iterator[str]:
    """What people should know about a sequence."""
    if images.reel is None and images.time_base is None:
        missing = images.times[-1] + 1 - len(images.times)
        if missing:
            yield f"{missing} missing numbers were skipped; the image before lasts longer"
    repeated = len(images.paths) - len(set(images.paths))
    if repeated:
        yield f"{repeated} missing numbers show the image before them again"
    first = images.paths[0]
    if images.reel is None and (is_film(first) or reel_of(first) is not None):
        yield f"{first.name} holds several images; only the first of a file is read here"


def _file(path: Path, rate: Fraction) -> Sequenced:
    """One image, or those of a file that holds several."""
    reel = reel_of(path)
    if reel is None:
        return Sequenced([path], [0])
    if reel.durations is None or reel.time_base is None:
        note = (
            f"the file holds {len(reel)} pages, which are read as frames, {float(rate):g} a second "
            "(--set sources.images.frame_rate=N)"
        )
        return Sequenced([path], range(len(reel)), reel=reel, notes=(note,))
    times = list(itertools.accumulate(reel.durations[:-1], initial=0))
    return Sequenced([path], times, reel=reel, time_base=reel.time_base, last=reel.durations[-1])


def _timed(images: Sequenced, wanted: str) -> Sequenced:
    """The images at times of their own, where they have any.

    Raises:
        SourceError: Times that were asked for are not there, or do not rise.
    """
    stamps, note = stamps_of(images.paths, wanted)
    notes = () if note is None else (note,)
    if stamps is None:
        return replace(images, notes=notes)
    times = stamps.times
    timed = replace(
        images,
        paths=stamps.paths,
        times=times,
        time_base=stamps.time_base,
        last=times[-1] - times[-2] if len(times) > 1 else stamps.time_base.denominator,
        beside=stamps.file,
    )
    about = float(timed.rate(Fraction(1)))
    said = f"times come from {stamps.origin}: about {about:.4g} images a second"
    return replace(timed, notes=(*notes, said))


def _folder(folder: Path) -> Sequenced:
    """Its images in natural order, and the first one's number where all are numbered in a row."""
    paths = sorted(filter(is_picture, folder.iterdir()), key=lambda path: natural(path.name))
    if not paths:
        other = next((each for each in folder.iterdir() if is_video(each) or is_log(each)), None)
        if other is not None:
            raise SourceError(f"{folder}: holds no image; give a file in it, such as {other.name}")
        raise SourceError(
            f"{folder}: holds no image; give a folder of {', '.join(sorted(PICTURES))}"
        )
    numbers = [int(found[-1]) if (found := _DIGITS.findall(path.stem)) else -1 for path in paths]
    in_a_row = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    start_number = numbers[0] if in_a_row and numbers[0] >= 0 else 0
    return Sequenced(paths, range(len(paths)), start_number)


def _numbered(pattern: Path, counter: re.Match[str], gaps: Gaps, times: str) -> Sequenced:
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
    in_order = [found[number] for number in sorted(found)]
    if times == NAMES or (times == AUTO and are_sure(in_order)):
        return Sequenced(in_order, range(len(found)))
    missing = next((number for number in range(first, last) if number not in found), None)
    if missing is not None and gaps == "fail":
        raise SourceError(
            f"{pattern}: number {missing} is missing between {first} and {last}; add it, or skip "
            "or repeat over gaps (gaps=skip, gaps=repeat)"
        )
    if missing is not None and gaps == "repeat":
        if last - first > _MOST_NUMBERS:
            raise SourceError(f"{pattern}: numbers from {first} to {last} are too many to fill")
        for number in range(first, last):
            found[number + 1] = found.get(number + 1, found[number])
    numbers = sorted(found)
    return Sequenced(
        [found[number] for number in numbers], [number - first for number in numbers], first
    )
